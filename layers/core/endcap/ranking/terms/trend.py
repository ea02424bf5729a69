"""The term of what is in demand right now."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from endcap.arrays import F32
from endcap.events.counts import Demand
from endcap.index.index import ItemIndex


def live_scores(index: ItemIndex, demand: Demand) -> F32:
    """Float32 (n_items,): log(1 + decayed choices)."""
    return _scores(index, demand).copy()


@lru_cache(maxsize=4)  # the same state of both serves many requests
def _scores(index: ItemIndex, demand: Demand) -> F32:
    scores = np.zeros(index.n_items, dtype=np.float32)
    for item_id, value in demand.decayed.items():
        position = index.position(item_id)
        if position is not None:
            scores[position] = np.log1p(value)
    return scores
