"""Variants compared: a sample-ratio check, and a test for one look at the planned end.

The test that holds at every look, and the numbers that all tests compare, are `endcap.experiments.outcomes`'.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from endcap.arrays import F64
from endcap.experiments.outcomes import (
    METRICS,
    MIN_UNITS,
    MISMATCH_P,
    Difference,
    always_valid,
    comparable,
    unit_values,
)

__all__ = [
    "METRICS",
    "MIN_UNITS",
    "MISMATCH_P",
    "Difference",
    "SampleRatio",
    "always_valid",
    "comparable",
    "fixed_horizon",
    "sample_ratio",
    "unit_values",
]


@dataclass(frozen=True, slots=True)
class SampleRatio:
    """Whether shoppers came to the variants in the configured shares: a chi-square test of their numbers."""

    statistic: float
    p_value: float

    @property
    def mismatch(self) -> bool:
        """Whether they did not."""
        return self.p_value < MISMATCH_P


def sample_ratio(seen: Sequence[int], shares: Sequence[float]) -> SampleRatio:
    """The check of numbers of shoppers against shares, which need not add up to 1; shares must be above 0.

    References: Fabijan et al., "Diagnosing sample ratio mismatch in online controlled experiments", KDD 2019.
    """
    from scipy.stats import chisquare

    expected = np.asarray(shares) * (sum(seen) / sum(shares))
    found = chisquare(seen, expected)
    return SampleRatio(float(found.statistic), float(found.pvalue))


def fixed_horizon(control: F64, treatment: F64, metric: str, alpha: float) -> Difference:
    """The usual test of the difference treatment - control; it holds for one look, at an end that was planned before.

    Conversion: z-test of two proportions, Newcombe's interval. The others: Welch's t-test on each shopper's number.
    """
    from statsmodels.stats.proportion import confint_proportions_2indep, proportions_ztest
    from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

    if metric == "conversion":
        counts, sizes = (treatment.sum(), control.sum()), (len(treatment), len(control))
        _, p_value = proportions_ztest(counts, sizes)
        low, high = confint_proportions_2indep(
            counts[0], sizes[0], counts[1], sizes[1], compare="diff", method="newcomb", alpha=alpha
        )
    else:
        means = CompareMeans(DescrStatsW(treatment), DescrStatsW(control))
        _, p_value, _ = means.ttest_ind(usevar="unequal")
        low, high = means.tconfint_diff(alpha=alpha, usevar="unequal")
    return Difference(float(p_value), float(low), float(high))
