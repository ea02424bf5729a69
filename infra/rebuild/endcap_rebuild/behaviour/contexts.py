"""Demand in each context that events name: device, country, referrer, or what else a shop counts."""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy import sparse

from endcap.snapshot.parts import ContextDemand, ItemList
from endcap_rebuild.behaviour.popularity import decayed_demand
from endcap_rebuild.data.event_table import EventTable, settled

# A value that fewer shoppers share could name one of them, and says little.
_LEAST_SHOPPERS: Final = 5
_MOST_VALUES: Final = 200


def fit_contexts(table: EventTable, n_items: int, cutoff_ms: int, half_life_days: float | None) -> ContextDemand | None:
    """What is in demand in each context; None where events name none that enough shoppers share.

    Demand is decayed as popularity is, so that `endcap.ranking.terms.context` can compare the two.
    """
    table = settled(table, cutoff_ms)
    whole = decayed_demand(table, n_items, cutoff_ms, half_life_days).sum()
    contexts, shares, rows = [], [], []
    for pair in _shared_pairs(table):
        there = table.rows((table.contexts == pair).any(axis=1))
        own = decayed_demand(there, n_items, cutoff_ms, half_life_days, table.largest_share)
        if own.any():
            contexts.append(table.context_pairs[pair])
            shares.append(own.sum() / whole)
            rows.append(sparse.csr_array(np.log1p(own)[None, :]))
    if not contexts:
        return None
    share = np.minimum(np.asarray(shares), 1).astype(np.float32)
    stacked = sparse.vstack(rows, format="csr")
    parts = (stacked.indptr.astype(np.int64), stacked.indices.astype(np.int32), stacked.data.astype(np.float16))
    return ContextDemand(tuple(contexts), share, ItemList(*parts))


def _shared_pairs(table: EventTable) -> list[int]:
    """Rows of `context_pairs` that enough shoppers share, ascending; per name those of the most shoppers."""
    shoppers = np.zeros(len(table.context_pairs), dtype=np.int64)
    for column in table.contexts.T:
        said = column >= 0
        both = np.unique(np.stack([column[said].astype(np.int64), table.user[said].astype(np.int64)]), axis=1)
        shoppers += np.bincount(both[0], minlength=len(shoppers))
    kept: list[int] = []
    for name in sorted({name for name, _ in table.context_pairs}):
        own = [k for k, (other, _) in enumerate(table.context_pairs) if other == name]
        shared = [k for k in own if shoppers[k] >= _LEAST_SHOPPERS]
        kept += sorted(shared, key=lambda k: (-shoppers[k], k))[:_MOST_VALUES]
    return sorted(kept)
