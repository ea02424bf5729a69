"""The term of what is in demand right now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final, TypeVar

import numpy as np

from endcap.arrays import F32
from endcap.events.counts import Demand
from endcap.index.index import ItemIndex
from endcap.ranking.terms.term import ScoringContext, Term
from endcap.ranking.values import Column, Values

Number = TypeVar("Number", int, float)


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


@lru_cache(maxsize=4)
def by_item(index: ItemIndex, demand: Demand) -> Demand:
    """The same demand with that for a group by its own name added to that for the item which stands for it."""
    if not index.has_parents:
        return demand

    def renamed(counts: Mapping[str, Number]) -> dict[str, Number]:
        found: dict[str, Number] = {}
        for item_id, value in counts.items():
            position = index.position(item_id)
            name = item_id if position is None else index.item_id(position)
            found[name] = found[name] + value if name in found else value
        return found

    kept: dict[str, Any] = {name: renamed(getattr(demand, name)) for name in ("times", "clicked", "shown")}
    return replace(demand, decayed=renamed(demand.decayed), **kept)


LIVE_TREND: Final = Term(name="live_trend", default_weight=0.0, source="popular", values=_values, live=True)
"""Without a weight by default: a snapshot or a scenario may give it one."""
