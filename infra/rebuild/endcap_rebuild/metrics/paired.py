"""Whether one way of ranking is surely better than another on the same questions.

Questions of one user are not independent, so the standard error is that of sums over users (cluster-robust). Reference:
Liang & Zeger, Biometrika 1986.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

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


def is_more(new: F64, old: F64, owners: NDArray[np.integer[Any]], errors: float) -> bool:
    """Whether the mean of `new` exceeds that of `old` by more than so many standard errors of the difference."""
    gained = new - old
    return bool(gained.mean() > errors * error_of_mean(gained, owners))
