"""How sure a mean over users is."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from endcap.arrays import F64

DRAWS: Final = 1_000


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
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)
