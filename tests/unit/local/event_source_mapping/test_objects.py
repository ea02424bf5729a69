"""Written objects start a function, at most every two seconds."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from endcap_local.engine.aws_app import Activity
from endcap_local.event_source_mapping.objects import EVERY_S, ObjectPoller, object_pollers
from endcap_local.template.template import EventMapping, StackPlan

MAPPING = EventMapping("Rule", "function", "firehose", "bucket", {})


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_what_is_written_in_between_is_told_of_together() -> None:
    activity, clock, told = Activity(), Clock(), list[Any]()
    engine: Any = SimpleNamespace(activity=activity)
    invoke: Any = lambda name, event: told.append((name, event["detail"]["bucket"]["name"]))  # noqa: E731
    poller = ObjectPoller(MAPPING, engine, invoke, clock)
    assert poller._poll() is None  # nothing was written
    assert told == []
    for _ in range(5):
        activity.signal("firehose")
    poller._poll()
    assert told == [("function", "bucket")]
    activity.signal("firehose")
    assert poller._poll() == EVERY_S
    clock.now_s += EVERY_S
    poller._poll()
    assert len(told) == 2
    assert poller.is_idle()


@pytest.mark.parametrize("qualifier", ["", ":live", ":7"])
def test_rules_about_objects_have_pollers_and_others_none(qualifier: str) -> None:
    function: Any = SimpleNamespace()
    target = {"Arn": f"arn:aws:lambda:us-east-1:123456789012:function:count{qualifier}"}
    detail = {"bucket": {"name": ["bucket"]}, "object": {"key": [{"prefix": "exposures/"}]}}
    rules = {
        "written": {"EventPattern": {"source": ["aws.s3"], "detail": detail}, "Targets": [target, {"Arn": "a:sqs:q"}]},
        "bus": {"EventPattern": {"source": ["storefront"]}, "Targets": [target]},
        "clock": {"ScheduleExpression": "rate(1 day)", "Targets": [target]},
    }
    plan = StackPlan({"count": function}, (), (), rules=rules)
    engine: Any = SimpleNamespace(activity=Activity())
    assert [poller.name for poller in object_pollers(plan, engine, lambda *_: None)] == ["written"]  # type: ignore[arg-type, return-value]
