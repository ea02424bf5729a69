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

    def sums(self, names: Sequence[str], from_ms: int, to_ms: int, period_s: int) -> dict[str, float]:
        """What each metric adds up to in a span of time; 0 where nothing was reported.

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
        found = {result["Id"]: float(sum(result["Values"])) for result in answer["MetricDataResults"]}
        return {name: found.get(f"m{k}", 0.0) for k, name in enumerate(names)}
