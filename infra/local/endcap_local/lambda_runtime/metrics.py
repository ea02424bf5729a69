"""What functions count, as CloudWatch makes metrics of it: out of the lines that they print."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

MINUTE_S: Final = 60
KEPT_MINUTES: Final = 24 * 60
"""Without anybody who looks; CloudWatch keeps them longer."""
_MARK: Final = '"_aws"'

Key = tuple[int, str]
"""Minute since 1970, name of the metric."""


class Counted:
    """Sums by minute of the metrics that functions print in the embedded metric format, whatever their dimensions.

    References: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
    """

    def __init__(self) -> None:
        self._lock, self._sums = threading.Lock(), Counter[Key]()

    def read(self, text: str) -> None:
        """Take in what was printed, where it is a metric."""
        if _MARK not in text:
            return
        for line in text.splitlines():
            try:
                self._add(json.loads(line))
            except (ValueError, KeyError, TypeError, AttributeError):
                continue

    def taken(self) -> Iterator[dict[str, Any]]:
        """Data for PutMetricData of all that was counted since the last time."""
        with self._lock:
            sums, self._sums = self._sums, Counter[Key]()
        for (minute, name), total in sums.items():
            yield {
                "MetricName": name,
                "Dimensions": [{"Name": "service", "Value": "endcap"}],
                "Timestamp": datetime.fromtimestamp(minute * MINUTE_S, UTC).replace(tzinfo=None),  # as moto has it
                "Value": float(total),
            }

    def _add(self, document: dict[str, Any]) -> None:
        minute = int(document["_aws"]["Timestamp"]) // 1000 // MINUTE_S
        with self._lock:
            for directive in document["_aws"]["CloudWatchMetrics"]:
                for metric in directive["Metrics"]:
                    values = document[metric["Name"]]
                    total = sum(values) if isinstance(values, list) else values
                    self._sums[minute, metric["Name"]] += total
            for key in [key for key in self._sums if key[0] < minute - KEPT_MINUTES]:
                del self._sums[key]
