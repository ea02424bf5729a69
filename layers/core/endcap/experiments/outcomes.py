"""What shoppers of an experiment's variants did, one number each, and variants compared by these.

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

METRICS: Final = ("conversion", "ctr", "revenue")
MISMATCH_P: Final = 0.001
"""Below it the shares seen are not those configured, and nothing else can be believed."""
MIN_UNITS: Final = 50
"""Shoppers that a variant needs before it is compared: all tests lean on the mean being about normal."""


@dataclass(frozen=True)
class VariantOutcome:
    """One variant's shoppers; row i of every array is one of them.

    Attributes
    ----------
    lists, clicked : float64 (n,), lists shown, and those of them with a click
    converted : float64 (n,), 1 for those who reached a goal
    revenue : float64 (n,), sum of the values of the goals
    """

    lists: F64
    clicked: F64
    converted: F64
    revenue: F64


@dataclass(frozen=True, slots=True)
class Difference:
    """A two-sided test of no difference, and the interval of the difference at the level 1 - alpha."""

    p_value: float
    low: float
    high: float


def unit_values(outcome: VariantOutcome, metric: str) -> F64:
    """Each shopper's number, float64 (n,), whose mean is the metric."""
    if metric == "conversion":
        return outcome.converted
    if metric == "revenue":
        return outcome.revenue
    rate = outcome.clicked.sum() / outcome.lists.sum()
    return np.asarray(rate + (outcome.clicked - rate * outcome.lists) / outcome.lists.mean(), dtype=np.float64)


def comparable(control: F64, treatment: F64) -> bool:
    """Whether there is enough to compare: shoppers, and any difference between them."""
    return min(len(control), len(treatment)) >= MIN_UNITS and _variance(control, treatment) > 0


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


def sample_ratio_p(seen: Sequence[int], shares: Sequence[float]) -> float:
    """How likely numbers of shoppers are at least so far from the shares: Pearson's chi-square test.

    References: Fabijan et al., "Diagnosing sample ratio mismatch in online controlled experiments", KDD 2019.
    """
    n, whole = sum(seen), sum(shares)
    expected = [n * share / whole for share in shares]
    statistic = sum((found - of) ** 2 / of for found, of in zip(seen, expected, strict=True))
    return _chi_square_tail(statistic, len(seen) - 1)


def _chi_square_tail(statistic: float, degrees: int) -> float:
    """The upper regularised gamma function Q(degrees / 2, statistic / 2), by its recurrence in the first argument."""
    x, odd = statistic / 2, degrees % 2
    a, tail = (0.5, math.erfc(math.sqrt(x))) if odd else (1.0, math.exp(-x))
    while a < degrees / 2:
        tail += math.exp(a * math.log(x) - x - math.lgamma(a + 1)) if x > 0 else 0.0
        a += 1
    return min(1.0, tail)
