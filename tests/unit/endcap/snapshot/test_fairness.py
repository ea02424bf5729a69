"""Limits on what lists show."""

from __future__ import annotations

import math
from typing import Any

import pytest

from endcap.snapshot.fairness import FairnessLimits

MEASURED = {"lists": 100, "exposure_gini": 0.8, "coverage": 0.3, "popularity_lift": 0.2}


def test_without_limits_nothing_is_refused() -> None:
    assert FairnessLimits().refusals(MEASURED) == FairnessLimits().refusals(None) == []


def test_a_limit_that_is_just_kept_refuses_nothing() -> None:
    assert FairnessLimits(max_gini=0.8, min_coverage=0.3, max_popularity_lift=0.2).refusals(MEASURED) == []


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"max_gini": 0.79}, "exposure_gini is 0.8000, above the limit of 0.79"),
        ({"min_coverage": 0.31}, "coverage is 0.3000, below the limit of 0.31"),
        ({"max_popularity_lift": -0.1}, "popularity_lift is 0.2000, above the limit of -0.1"),
    ],
)
def test_what_is_outside_is_said(limits: dict[str, float], words: str) -> None:
    assert FairnessLimits(**limits).refusals(MEASURED) == [words]


@pytest.mark.parametrize("value", [None, math.nan, math.inf, "0.1", True])
def test_what_is_no_number_keeps_to_no_limit(value: Any) -> None:
    limits = FairnessLimits(max_gini=0.9)
    assert limits.refusals({**MEASURED, "exposure_gini": value}) == [
        "exposure_gini was not measured, and its limit is 0.9"
    ]
    assert limits.refusals(None) == limits.refusals({})


def test_every_limit_speaks_for_itself() -> None:
    assert len(FairnessLimits(0.1, 0.9, -0.5).refusals(MEASURED)) == 3
