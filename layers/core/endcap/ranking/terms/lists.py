"""The item-to-item list terms: what goes with the items of a history."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from endcap.arrays import F32, F64, I64
from endcap.index.index import ItemIndex
from endcap.ranking.features import RankingSettings, UserFeatures, decayed
from endcap.snapshot.parts import ItemList

_LEAST_SPREAD: Final = 0.05  # of the usual one; less is chance


def spread_correction(index: ItemIndex, name: str, told: NDArray[np.floating[Any]]) -> float:
    """Factor of one term in one request: √(usual spread / spread in this request), at most √20.

    Histories of many items, or of items with few neighbours, spread the values of a list little; a term would hardly
    have a say then, whatever its weight. The root keeps half of that: little spread is also little known. Standard
    deviations are those over the snapshot's items, so that what is laid over it changes nothing for the others.

    Parameters
    ----------
    told : floating (n_items,), the term as if all of the history spoke for its items: a dislike takes from what a
        liking has given, and the little that remains must not be made larger for it
    """
    usual = index.tables.spreads.get(name, 0.0)
    if not (usual and told.any()):
        return 1.0
    spread = float(np.std(told[: index.tables.n_items], dtype=np.float64))
    return math.sqrt(usual / max(spread, usual * _LEAST_SPREAD))


def list_weights(features: UserFeatures, settings: RankingSettings) -> F32:
    """Float32 (h,): what each history item weighs in the item-to-item lists."""
    return decayed(features.weights, features.ranks, settings.history_half_life_events, settings.history_floor)


def edges(neighbours: ItemList, rows: I64) -> tuple[I64, I64]:
    """Edges of several rows of a list: which of `rows` each belongs to, and its place in the list's arrays."""
    starts = neighbours.indptr[rows]
    lengths = neighbours.indptr[rows + 1] - starts
    owner = np.repeat(np.arange(len(rows)), lengths)
    before = np.cumsum(lengths) - lengths
    places = np.arange(int(lengths.sum())) + (starts - before)[owner]
    return owner, places


def list_sources(index: ItemIndex, positions: I64) -> tuple[I64, I64]:
    """History items that can have rows in the lists: their index within `positions`, and their row.

    A variant that nobody has bought yet borrows the list of its group's most bought sibling.
    """
    known = np.flatnonzero(positions < index.tables.n_items)
    rows = positions[known]
    return known, index.tables.list_row[rows] if len(rows) else rows


def sum_rows(index: ItemIndex, name: str, positions: I64, weights: F32) -> F64:
    """Weighted sum of the rows of one list: float64 (n_items,).

    An item newer than the snapshot gets the mean of what the items like it get, see `endcap.index.imputation`.
    """
    neighbours = index.tables.lists[name]
    known, rows = list_sources(index, positions)
    owner, places = edges(neighbours, rows)
    values = neighbours.weights[places].astype(np.float64) * weights[known][owner]
    n_known = index.tables.n_items
    sums = np.zeros(index.n_items)
    sums[:n_known] = np.bincount(neighbours.indices[places], weights=values, minlength=n_known)
    new, donors, donor_shares = index.imputation
    sums[new] = (sums[donors] * donor_shares).sum(axis=1)
    return sums
