"""Whether one way of ranking is surely better than another on the same questions.

Questions of one user are not independent, so the standard error is that of sums over users (cluster-robust), and
where a figure is to hold for other items too, that of sums over users and over items. References: Liang & Zeger,
Biometrika 1986; Cameron, Gelbach & Miller, Robust inference with multiway clustering, JBES 2011; for what few or uneven
owners are worth Carter, Schnepel & Steigerwald, Review of Economics and Statistics 2017.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from endcap.arrays import F64

SURELY: Final = 1.645
"""Standard errors that a difference has to exceed in one direction by chance in one of twenty cases."""
CLEARLY: Final = 1.0
"""The same where nothing is lost by a mistake but a little of the gain: one of six."""


def error_of_mean(values: F64, owners: NDArray[np.integer[Any]]) -> float:
    """Standard error of the mean of `values`; infinite with fewer than two owners.

    Parameters
    ----------
    values : float64 (q,), of each question
    owners : int (q,), whose question each is
    """
    _, owner = np.unique(owners, return_inverse=True)
    n = int(owner.max(initial=-1)) + 1
    if n < 2:
        return float("inf")
    sums = np.bincount(owner, values - values.mean())
    return float(np.sqrt(np.square(sums).sum() * n / (n - 1)) / len(values))


def crossed_interval(
    values: F64, users: NDArray[np.integer[Any]], items: NDArray[np.integer[Any]]
) -> tuple[float, float]:
    """95 % interval of the mean of `values` for other users and other items than these.

    Errors by user and by item add up, but for what both count; the ends are Student's, by as many degrees of freedom
    as even owners would give, one at least. With one item in half of the questions that is about three.

    Parameters
    ----------
    values : float64 (q,), of each question
    users, items : int (q,), who asks each question, and what it looks for

    Raises
    ------
    ValueError : fewer than two users or items
    """
    _, user = np.unique(users, return_inverse=True)
    _, item = np.unique(items, return_inverse=True)
    if min(user.max(initial=-1), item.max(initial=-1)) < 1:
        raise ValueError("an interval takes two users and two items")
    by_user, by_item = error_of_mean(values, user), error_of_mean(values, item)
    by_both = error_of_mean(values, user * (int(item.max()) + 1) + item)
    error = np.sqrt(max(by_user**2 + by_item**2 - by_both**2, by_user**2, by_item**2))
    reach = float(error * stdtrit(max(min(_evenly(user), _evenly(item)) - 1, 1.0), 0.975))
    mean = float(values.mean())
    return mean - reach, mean + reach


def _evenly(owner: NDArray[np.integer[Any]]) -> float:
    """How many owners with equally many questions each are worth as much: (Σ n)² / Σ n²."""
    counts = np.bincount(owner).astype(np.float64)
    return float(counts.sum() ** 2 / np.square(counts).sum())


def is_more(new: F64, old: F64, owners: NDArray[np.integer[Any]], errors: float) -> bool:
    """Whether the mean of `new` exceeds that of `old` by more than so many standard errors of the difference."""
    gained = new - old
    return bool(gained.mean() > errors * error_of_mean(gained, owners))
