"""Metrics as CloudWatch answers with them."""

from __future__ import annotations

from datetime import UTC, datetime

from endcap.aws.meters import Meters
from tests.fakes import moto_stack

BEGAN_S = 1_768_471_200
HOUR_S = 3600


def test_what_was_reported_is_counted_by_the_period_in_which_it_was(stack: None) -> None:
    cloudwatch = moto_stack.client("cloudwatch")
    for after_s, name, value in ((60, "A", 2.0), (120, "A", 3.0), (HOUR_S + 100, "A", 4.0), (0, "C", 9.0)):
        datum = {"MetricName": name, "Value": value, "Timestamp": datetime.fromtimestamp(BEGAN_S + after_s, UTC)}
        cloudwatch.put_metric_data(
            Namespace="shop", MetricData=[{**datum, "Dimensions": [{"Name": "service", "Value": "endcap"}]}]
        )
    first, last = BEGAN_S * 1000, (BEGAN_S + 2 * HOUR_S) * 1000
    found = Meters(cloudwatch, "shop").counted(["A", "B"], first, last, HOUR_S)
    assert found == {"A": {first: 5.0, first + HOUR_S * 1000: 4.0}, "B": {}}
