"""Everything that is counted from interactions, for one table of them: lists, popularity, trend.

The same function fits the trial model of the validation window and the final one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from endcap.arrays import F32, I32
from endcap.snapshot.parts import ItemList
from endcap_rebuild.behaviour.imputation import lean_on_text, text_neighbours
from endcap_rebuild.behaviour.lists import (
    ListSettings,
    basket_matrix,
    fitted_neighbours,
    fitted_next,
    item_popularity,
)
from endcap_rebuild.behaviour.popularity import log_popularity, log_trend
from endcap_rebuild.behaviour.sparse import item_list
from endcap_rebuild.data.event_table import EventTable, settled

# Neighbours kept per item: most of a snapshot is lists, and more neighbours change little that can be shown.
LIST_WIDTH: Final = 128


@dataclass(frozen=True)
class Fitted:
    """The behaviour part of a snapshot; rows belong to the catalogue in order."""

    lists: dict[str, ItemList]
    popularity: F32
    trend: F32
    interaction_counts: I32


def fit(
    table: EventTable,
    item_vectors: F32,
    settings: ListSettings,
    popularity_half_life_days: float | None,
    cutoff_ms: int,
    clock: bool,
    seed: int,
) -> Fitted:
    """Count lists, popularity and trend from what of a table still holds at the cut-off.

    Parameters
    ----------
    item_vectors : float32 (n, dim), whitened text, by which rarely touched items borrow
    cutoff_ms : the moment that popularity and trend decay to
    clock : whether timestamps are times (see `clock.clock_usable`)
    """
    table = settled(table, cutoff_ms)
    n_items = len(item_vectors)
    counts = np.bincount(table.item, minlength=n_items).astype(np.int32)
    matrices: dict[str, Any] = {
        "next": fitted_next(table, n_items, settings, seed),
        "together": basket_matrix(table, n_items, item_popularity(table, n_items), settings, clock),
        "neighbours": fitted_neighbours(table, n_items, settings),
    }
    neighbours = text_neighbours(item_vectors, counts)
    return Fitted(
        lists={
            name: item_list(lean_on_text(matrix, neighbours, counts, settings.text_prior, LIST_WIDTH))
            for name, matrix in matrices.items()
        },
        popularity=log_popularity(table, n_items, cutoff_ms, popularity_half_life_days if clock else None),
        trend=log_trend(table, n_items, cutoff_ms, clock),
        interaction_counts=counts,
    )
