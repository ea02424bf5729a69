"""Experiments as they are configured, and what they have shown."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from infra.openapi.answers import Answer, Count, Moment
from infra.openapi.operator.answer import Etag, Interval, Share, example
from infra.openapi.operator.results import Currency, Revenue


class VariantPlan(Answer):
    """A variant as it is configured."""

    name: str
    share: Share
    weights: dict[str, float] | None = None
    scenario: str | None = None
    snapshot: str | None = None


class ExperimentPlan(Answer):
    """An experiment as it is configured, and whether it runs now."""

    name: str
    state: Literal["planned", "running", "over"]
    salt: str | None = None
    variants: list[VariantPlan]
    surfaces: list[str] | None = None
    scenario: str | None = None
    start: Moment | None = None
    end: Moment | None = None


class ExperimentList(Answer):
    """All experiments, in the order in which shoppers are assigned to them."""

    etag: Etag
    experiments: list[ExperimentPlan]
    model_config = example(
        {
            "etag": '"51b0"',
            "experiments": [
                {
                    "name": "variety",
                    "state": "running",
                    "variants": [
                        {"name": "control", "share": 0.5},
                        {"name": "varied", "share": 0.5, "scenario": "varied-home"},
                    ],
                    "start": 1768300000000,
                }
            ],
        }
    )


class VariantReport(Answer):
    """What came of a variant's lists; null where that is about fewer than five shoppers."""

    name: str
    share: Share | None = None
    shoppers: Count | None
    lists: Count | None
    ctr: Interval | None
    conversion: Interval | None
    revenue: float | None
    revenues: Annotated[list[Revenue], Field(description="by currency; revenue is null where there are several")]
    revenue_per_shopper: Interval | None


class VariantDifference(Answer):
    """A variant against the control by one measure; the interval holds at every look."""

    metric: Literal["ctr", "conversion", "revenue"]
    variant: str
    difference: float
    low: float | None
    high: float | None
    p_value: float | None


class SampleRatio(Answer):
    """Whether shoppers came in the configured shares; on a mismatch nothing else can be believed."""

    p_value: Share
    mismatch: bool


class DayOfVariant(Answer):
    """A variant's days, for a chart over time."""

    day: str
    variant: str
    lists: Count
    ctr: Interval | None
    conversion: Interval | None


class ExperimentReport(Answer):
    """An experiment so far."""

    experiment: str
    control: str
    from_ms: Moment | None
    to_ms: Moment | None
    as_of: Moment
    confidence: Share
    currencies: Annotated[
        list[Currency | None],
        Field(description="in which shoppers paid, null for amounts that name none; of several no sums are told"),
    ]
    variants: list[VariantReport]
    sample_ratio: SampleRatio | None
    differences: list[VariantDifference]
    over_time: list[DayOfVariant]
    model_config = example(
        {
            "experiment": "variety",
            "control": "control",
            "from_ms": 1768300000000,
            "to_ms": 1768471200000,
            "as_of": 1768471205000,
            "confidence": 0.95,
            "currencies": ["EUR"],
            "variants": [
                {
                    "name": "control",
                    "share": 0.5,
                    "shoppers": 812,
                    "lists": 2410,
                    "ctr": {"value": 0.111, "low": 0.098, "high": 0.125},
                    "conversion": {"value": 0.031, "low": 0.021, "high": 0.045},
                    "revenue": 1204.5,
                    "revenues": [{"currency": "EUR", "revenue": 1204.5}],
                    "revenue_per_shopper": {"value": 1.483, "low": 0.9, "high": 2.07},
                }
            ],
            "sample_ratio": {"p_value": 0.71, "mismatch": False},
            "differences": [
                {
                    "metric": "ctr",
                    "variant": "varied",
                    "difference": 0.012,
                    "low": -0.004,
                    "high": 0.028,
                    "p_value": 0.31,
                }
            ],
            "over_time": [
                {
                    "day": "2026-01-15",
                    "variant": "control",
                    "lists": 310,
                    "ctr": {"value": 0.12, "low": 0.09, "high": 0.16},
                    "conversion": None,
                }
            ],
        }
    )
