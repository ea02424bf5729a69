"""What the stack's functions have counted, as CloudWatch has it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from endcap.aws.clients import aws_errors


class Meters:
    """The metrics of one stack.

    Parameters
    ----------
    cloudwatch : a boto3 CloudWatch client
    namespace : of the stack's metrics
    service : the dimension that all of them have
    """

    def __init__(self, cloudwatch: Any, namespace: str, service: str = "endcap") -> None:
        self._cloudwatch, self._namespace, self._service = cloudwatch, namespace, service

    def counted(self, names: Sequence[str], from_ms: int, to_ms: int, period_s: int) -> dict[str, dict[int, float]]:
        """Of each metric when a period began (ms) -> what was counted in it; nothing of periods without a report.

        Raises
        ------
        ThrottledError, DependencyError
        """
        queries = [
            {
                "Id": f"m{k}",
                "MetricStat": {
                    "Metric": {
                        "Namespace": self._namespace,
                        "MetricName": name,
                        "Dimensions": [{"Name": "service", "Value": self._service}],
                    },
                    "Period": period_s,
                    "Stat": "Sum",
                },
            }
            for k, name in enumerate(names)
        ]
        with aws_errors("read metrics"):
            answer = self._cloudwatch.get_metric_data(
                MetricDataQueries=queries,
                StartTime=datetime.fromtimestamp(from_ms / 1000, UTC),
                EndTime=datetime.fromtimestamp(to_ms / 1000, UTC),
            )
        found: dict[str, dict[int, float]] = {name: {} for name in names}
        for result in answer["MetricDataResults"]:
            began = (int(at.timestamp() * 1000) for at in result["Timestamps"])
            found[names[int(result["Id"].removeprefix("m"))]] |= dict(zip(began, result["Values"], strict=True))
        return found
