"""How sure a figure over users is: users are drawn with all their questions, as those of one are not independent.

Reference: Efron & Tibshirani, An Introduction to the Bootstrap, 1993.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from endcap.arrays import F64

DRAWS: Final = 1_000
_ENDS: Final = (0.025, 0.975)


def interval(values: F64, users: NDArray[np.integer[Any]], draws: int = DRAWS, seed: int = 0) -> tuple[float, float]:
    """95 % bootstrap interval of the mean of `values`, drawing users with all their questions."""
    _, group = np.unique(users, return_inverse=True)
    total = np.bincount(group, values)
    count = np.bincount(group)
    chance = np.random.default_rng([seed, 3])
    n = len(total)
    means = np.empty(draws)
    for draw in range(draws):
        times = np.bincount(chance.integers(n, size=n), minlength=n)
        means[draw] = (times @ total) / (times @ count)
    low, high = np.quantile(means, _ENDS)
    return float(low), float(high)


def drawn_times(n: int, draws: int, seed: int = 0) -> F64:
    """float64 (draws, n): how often each of n users is in each draw; every row adds up to n."""
    chance = np.random.default_rng([seed, 5])
    return chance.multinomial(n, np.full(n, 1 / n), size=draws).astype(np.float64) if n else np.empty((draws, 0))


def ratios(totals: F64, weights: F64, times: F64) -> tuple[F64, F64]:
    """Sums of totals over sums of weights: of all users, float64 (m,), and of each draw, float64 (draws, m).

    Parameters
    ----------
    totals, weights : float64 (users, m), what each user adds to m figures
    times : as `drawn_times` gives them

    NaN where nothing of the weight was drawn.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        return totals.sum(axis=0) / weights.sum(axis=0), (times @ totals) / (times @ weights)


def around(value: float, drawn: F64, bounds: tuple[float, float] = (-np.inf, np.inf)) -> dict[str, float]:
    """A figure with the ends of its 95 % interval: what the draws spread, laid around the figure.

    A draw with replacement lacks a third of the users. That alone lowers how many items are shown and makes exposure
    less even, so the draws' own mean is taken off.

    Parameters
    ----------
    bounds : what the figure can be at all
    """
    usable = drawn[np.isfinite(drawn)]
    low, high = np.quantile(usable, _ENDS) - usable.mean() if len(usable) else (0.0, 0.0)
    low, high = max(value + min(low, 0.0), bounds[0]), min(value + max(high, 0.0), bounds[1])
    return {"value": float(value), "low": float(low), "high": float(high)}
