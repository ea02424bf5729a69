"""Variants compared: a sample-ratio check, a test for one look at the planned end, and one that holds at every look.

All three measures are means of one number per shopper. Conversion and revenue are so as they are. The click-through
rate, clicked lists / lists, is a ratio of two means; to first order (the delta method) it differs from its true value
by the mean of `(clicked - rate * lists) / mean(lists)`, so each shopper's number is that plus the rate (Deng, Knoblich
& Lu, "Applying the delta method in metric analytics", KDD 2018).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from endcap.arrays import F64
from endcap_local.experiments.joining import VariantOutcome

METRICS: Final = ("conversion", "ctr", "revenue")
MISMATCH_P: Final = 0.001
"""Below it the shares seen are not those configured, and nothing else can be believed."""
MIN_UNITS: Final = 50
"""Shoppers that a variant needs before it is compared: all tests lean on the mean being about normal."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A two-sided test of no difference, and the interval of the difference at the level 1 - alpha."""

    p_value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class SampleRatio:
    """Whether shoppers came to the variants in the configured shares: a chi-square test of their numbers."""

    statistic: float
    p_value: float

    @property
    def mismatch(self) -> bool:
        """Whether they did not."""
        return self.p_value < MISMATCH_P


def unit_values(outcome: VariantOutcome, metric: str) -> F64:
    """Each shopper's number, float64 (n,), whose mean is the metric."""
    if metric == "conversion":
        return outcome.converted
    if metric == "revenue":
        return outcome.revenue
    rate = outcome.clicked.sum() / outcome.lists.sum()
    return np.asarray(rate + (outcome.clicked - rate * outcome.lists) / outcome.lists.mean(), dtype=np.float64)


def sample_ratio(seen: Sequence[int], shares: Sequence[float]) -> SampleRatio:
    """The check of numbers of shoppers against shares, which need not add up to 1; shares must be above 0.

    References: Fabijan et al., "Diagnosing sample ratio mismatch in online controlled experiments", KDD 2019.
    """
    from scipy.stats import chisquare

    expected = np.asarray(shares) * (sum(seen) / sum(shares))
    found = chisquare(seen, expected)
    return SampleRatio(float(found.statistic), float(found.pvalue))


def comparable(control: F64, treatment: F64) -> bool:
    """Whether there is enough to compare: shoppers, and any difference between them."""
    return min(len(control), len(treatment)) >= MIN_UNITS and _variance(control, treatment) > 0


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


def always_valid(control: F64, treatment: F64, alpha: float, effect: float) -> Difference:
    """A test of the difference treatment - control that holds at every look, however often one looks or stops.

    The mixture sequential probability ratio test with a normal mixture of variance tau^2 over the true difference, for
    the estimate d with variance v: the p-value is the inverse of the likelihood ratio
    `sqrt(v / (v + tau^2)) * exp(d^2 tau^2 / (2 v (v + tau^2)))`, and the interval holds what it does not refuse. As the
    variance is estimated, this is a confidence sequence in the limit of many shoppers.

    Parameters
    ----------
    effect : tau relative to the mean of all shoppers. The intervals are narrowest when differences of this size begin
        to show; they hold for any choice that does not look at the results.

    References: Johari, Koomen, Pekelis & Walsh, "Peeking at A/B tests", KDD 2017; Waudby-Smith, Arbour, Sinha, Kennedy
    & Ramdas, "Time-uniform central limit theory and asymptotic confidence sequences", Annals of Statistics 2024.
    """
    difference = float(treatment.mean() - control.mean())
    v = _variance(control, treatment)
    mean = float(control.sum() + treatment.sum()) / (len(control) + len(treatment))
    tau2 = (effect * mean) ** 2
    if tau2 == 0:
        return Difference(1.0, -math.inf, math.inf)
    log_ratio = 0.5 * math.log(v / (v + tau2)) + difference**2 * tau2 / (2 * v * (v + tau2))
    radius = math.sqrt(v * (v + tau2) / tau2 * (math.log((v + tau2) / v) - 2 * math.log(alpha)))
    return Difference(math.exp(min(0.0, -log_ratio)), difference - radius, difference + radius)


def _variance(control: F64, treatment: F64) -> float:
    """Of the difference of the means."""
    return float(sum(values.var(ddof=1) / len(values) for values in (control, treatment)))
