"""What functions print becomes metrics."""

from __future__ import annotations

import json

from endcap_local.lambda_runtime.metrics import KEPT_MINUTES, Counted


def printed(at_ms: int, **values: object) -> str:
    names = [{"Name": name, "Unit": "Count"} for name in values]
    head = {
        "Timestamp": at_ms,
        "CloudWatchMetrics": [{"Namespace": "n", "Dimensions": [["service"]], "Metrics": names}],
    }
    return json.dumps({"_aws": head, "service": "endcap", **values}) + "\n"


def test_values_are_added_up_by_the_minute_and_told_once() -> None:
    counted = Counted()
    counted.read(printed(60_000, EventsAccepted=[2.0], Requests=1.0) + printed(61_000, EventsAccepted=[1.0, 4.0]))
    counted.read(printed(120_000, EventsAccepted=[1.0]))
    told = {(datum["Timestamp"].minute, datum["MetricName"]): datum["Value"] for datum in counted.taken()}
    assert told == {(1, "EventsAccepted"): 7.0, (1, "Requests"): 1.0, (2, "EventsAccepted"): 1.0}
    assert list(counted.taken()) == []


def test_lines_that_are_no_metrics_are_passed_over() -> None:
    counted = Counted()
    for text in ("plain", '{"_aws": 3}', '{"_aws": {"Timestamp": "x"}}', '"_aws"', "\n"):
        counted.read(text)
    assert list(counted.taken()) == []


def test_nobody_looking_costs_a_day_at_most() -> None:
    counted = Counted()
    for minute in range(KEPT_MINUTES + 100):
        counted.read(printed(minute * 60_000, Requests=[1.0]))
    assert len(list(counted.taken())) <= KEPT_MINUTES + 1
