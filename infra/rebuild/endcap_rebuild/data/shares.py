"""How much one shopper can say: nobody makes a best-seller, a trend or a neighbour alone.

Of what one shopper does with one item on one day the first `MOST_A_DAY` events count, as in the live counts, and of all
days the newest `MOST_EVENTS`. In demand that adds up to no more than what nineteen of twenty shoppers say for an item:
between one and `MOST_TIMES` times what the strongest event says.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from endcap.arrays import F64, I64
from endcap.events.types import DAY_S
from endcap.profiles.demand import MOST_A_DAY

MOST_EVENTS: Final = 5
MOST_TIMES: Final = 3.0
_USUAL: Final = 0.95
_DAY_MS: Final = int(DAY_S * 1000)


def pairs_of(user: NDArray[Any], item: NDArray[Any]) -> I64:
    """int64 (rows,): a number for each shopper and item."""
    return np.unique(user.astype(np.int64) << 32 | item, return_inverse=True)[1].astype(np.int64)


def counted(pair: I64, time_ms: I64, strength: NDArray[Any]) -> NDArray[np.bool_]:
    """Which rows count: bool (rows,), of those that speak for an item.

    Parameters
    ----------
    pair : as of `pairs_of`; of one moment the rows count in their order
    """
    chosen = np.flatnonzero(strength > 0)
    if len(chosen) and int(np.bincount(pair[chosen]).max()) > MOST_A_DAY:
        chosen = chosen[np.lexsort((time_ms[chosen], pair[chosen]))]
        chosen = chosen[_places(pair[chosen], time_ms[chosen] // _DAY_MS) < MOST_A_DAY]
        chosen = chosen[_places(pair[chosen][::-1])[::-1] < MOST_EVENTS]
    mask = np.zeros(len(pair), dtype=np.bool_)
    mask[chosen] = True
    return mask


def largest_share(pair: I64, strength: NDArray[Any]) -> float:
    """What one shopper may say for one item in all: the strength that nineteen of twenty do not exceed.

    Parameters
    ----------
    strength : of rows that count
    """
    if not len(pair):
        return 0.0
    total, strongest = np.bincount(pair, strength), float(strength.max())
    usual = float(np.quantile(total[total > 0], _USUAL, method="lower"))
    return min(max(usual, strongest), MOST_TIMES * strongest)


def capped(pair: I64, strength: NDArray[Any], most: float) -> F64:
    """float64 (rows,): strengths scaled down where one shopper's for one item would add up to more than `most`."""
    strength = strength.astype(np.float64)
    total = np.bincount(pair, strength)
    if float(total.max(initial=0.0)) <= most:
        return strength
    return np.asarray(strength * np.minimum(1.0, most / np.maximum(total, most))[pair])


def _places(*keys: I64) -> I64:
    """int64 (rows,): the place of each row among its neighbours with the same keys, from 0."""
    n = len(keys[0])
    changes = np.zeros(n, dtype=np.bool_)
    for key in keys:
        changes[1:] |= key[1:] != key[:-1]
    starts = np.maximum.accumulate(np.where(changes, np.arange(n), 0))
    return np.asarray(np.arange(n) - starts, dtype=np.int64)
