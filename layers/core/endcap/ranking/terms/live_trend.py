"""The term of what is in demand right now."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np

from endcap.arrays import F32
from endcap.events.counts import Demand
from endcap.index.index import ItemIndex
from endcap.ranking.terms.term import ScoringContext, Term
from endcap.ranking.values import Column, Values


def _values(context: ScoringContext) -> Values | None:
    return None if context.trend is None else Column(live_scores(context.index, context.trend))


@lru_cache(maxsize=4)  # the same state of both serves many requests
def live_scores(index: ItemIndex, demand: Demand) -> F32:
    """Float32 (n_items,): log(1 + decayed choices); not to be written to."""
    scores = np.zeros(index.n_items, dtype=np.float32)
    for item_id, value in demand.decayed.items():
        position = index.position(item_id)
        if position is not None:
            scores[position] = np.log1p(value)
    return scores


LIVE_TREND: Final = Term(name="live_trend", default_weight=0.0, source="popular", values=_values, live=True)
"""Without a weight by default: a snapshot or a scenario may give it one."""
