"""The stack's alarms, and whether what was reported sets one off: as CloudWatch would decide it, for one moment."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from endcap_local.template.template import expand

ROOT: Final = Path(__file__).parents[2]
NAMESPACE: Final = "endcap"
DAYS: Final = 14
"""Values of the parameters that are no names; those that are names stand for themselves."""


@dataclass(frozen=True)
class Datum:
    """One value that a service, or a function of ours, has reported."""

    namespace: str
    metric: str
    dimensions: Mapping[str, str]
    value: float


@cache
def alarms() -> dict[str, dict[str, Any]]:
    """Properties of every alarm of the stack by its name; references are the names that they refer to."""
    found = {}
    for file in ("monitoring.yaml", "rebuild.yaml", "canaries.yaml"):
        for name, resource in expand(ROOT / "infra" / file)[1]["Resources"].items():
            if resource["Type"] == "AWS::CloudWatch::Alarm":
                found[name] = _named(resource["Properties"])
    return found


@cache
def metric_filter() -> dict[str, Any]:
    """Properties of the one metric that is made of log lines."""
    (found,) = [
        r["Properties"]
        for r in expand(ROOT / "infra" / "monitoring.yaml")[1]["Resources"].values()
        if r["Type"] == "AWS::Logs::MetricFilter"
    ]
    return dict(_named(found))


def goes_off(alarm: str, reported: Iterable[Datum]) -> bool:
    """Whether `reported`, in each of the periods that the alarm looks at, sets it off."""
    properties, data = alarms()[alarm], list(reported)
    assert properties["ComparisonOperator"] == "GreaterThanThreshold"
    value = _value(properties, data)
    return value is not None and value > float(properties["Threshold"])


def emitted(output: str) -> list[Datum]:
    """What functions have reported on their output, in CloudWatch's embedded metric format."""
    lines = [json.loads(line) for line in output.splitlines() if line.startswith("{") and '"_aws"' in line]
    return [
        Datum(block["Namespace"], metric["Name"], {name: line[name] for name in block["Dimensions"][0]}, value)
        for line in lines
        for block in line["_aws"]["CloudWatchMetrics"]
        for metric in block["Metrics"]
        for value in _values(line[metric["Name"]])
    ]


def logged(line: str) -> list[Datum]:
    """What the metric filter makes of a line of the access log."""
    found = metric_filter()
    (name, wanted) = re.fullmatch(r'\{ \$\.(\w+) = "(\w+)" \}', found["FilterPattern"]).groups()  # type: ignore[union-attr]
    (made,) = found["MetricTransformations"]
    if json.loads(line).get(name) != wanted:
        return []
    return [Datum(made["MetricNamespace"], made["MetricName"], {}, float(made["MetricValue"]))]


def _value(properties: Mapping[str, Any], data: list[Datum]) -> float | None:
    if "Metrics" not in properties:
        dimensions = {d["Name"]: d["Value"] for d in properties.get("Dimensions", ())}
        stat = properties.get("Statistic") or properties["ExtendedStatistic"]
        return _of(data, properties["Namespace"], properties["MetricName"], dimensions, stat)
    (expression,) = [metric["Expression"] for metric in properties["Metrics"] if "Expression" in metric]
    parts = [
        _of(
            data,
            m["Namespace"],
            m["MetricName"],
            {d["Name"]: d["Value"] for d in m["Dimensions"]},
            metric["MetricStat"]["Stat"],
        )
        for metric in properties["Metrics"]
        if "MetricStat" in metric
        for m in (metric["MetricStat"]["Metric"],)
    ]
    known = [part for part in parts if part is not None]
    if not known:
        return None
    return {"SUM(METRICS())": sum, "MAX(METRICS())": max}[expression](known)


def _of(data: list[Datum], namespace: str, metric: str, dimensions: Mapping[str, str], stat: str) -> float | None:
    values = [d.value for d in data if (d.namespace, d.metric, d.dimensions) == (namespace, metric, dimensions)]
    if not values:
        return None
    return sum(values) if stat == "Sum" else max(values)


def _values(value: float | list[float]) -> list[float]:
    return value if isinstance(value, list) else [value]


def _named(value: Any) -> Any:
    if isinstance(value, Mapping):
        if set(value) == {"Ref"}:
            return {"MetricsNamespace": NAMESPACE, "SnapshotMaxAgeDays": DAYS}.get(value["Ref"], value["Ref"])
        if set(value) == {"Fn::GetAtt"} and value["Fn::GetAtt"][1] == "Version":
            return re.sub(r"FunctionVersion\w+", "Version", value["Fn::GetAtt"][0])  # SAM adds a hash of its contents
        if set(value) == {"Fn::Sub"}:
            return re.sub(r"\$\{(\w+)\}", r"\1", value["Fn::Sub"])
        return {key: _named(element) for key, element in value.items()}
    return [_named(element) for element in value] if isinstance(value, list) else value
