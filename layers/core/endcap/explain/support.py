"""How much each past item, review and search speaks for each ranked item, term by term."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from endcap.arrays import F32, F64, I64
from endcap.index.index import Assortment
from endcap.ranking.features import RankingSettings, Taste
from endcap.ranking.terms.affinity import affinity_weights
from endcap.ranking.terms.lists import edges, list_sources, list_weights
from endcap.ranking.terms.registry import LISTS
from endcap.ranking.terms.text import signed_support, text_weights, words_weights


def past_support(assortment: Assortment, taste: Taste, settings: RankingSettings, positions: I64) -> dict[str, F64]:
    """Term -> float64 (h, k), how much each past item speaks for each ranked one.

    In the lists and the text term the rows add up to the term; in the others they are in proportion.
    """
    past = taste.positions
    support: dict[str, NDArray[np.floating[Any]]] = {
        name: list_support(assortment, name, past, list_weights(taste, settings), positions) for name in LISTS
    }
    white = assortment.white_rows(positions)
    alike = np.vecdot(assortment.white_rows(past)[:, None, :], white[None, :, :])  # (h, k)
    support["text"] = signed_support(alike, text_weights(taste, settings))
    weights = affinity_weights(taste, settings)[:, None]
    for name, column in (("brand", assortment.brand), ("price", assortment.price_band)):
        support[name] = weights * ((column[past][:, None] == column[positions]) & (column[positions] >= 0))
    support["category"] = weights * _shared_categories(assortment, past, positions)
    same_group = assortment.groups[past][:, None] == assortment.groups[positions]
    support["again"] = weights * (past[:, None] == positions)
    support["due"] = same_group.astype(np.float64)
    return {name: matrix.astype(np.float64) for name, matrix in support.items()}


def words_support(assortment: Assortment, taste: Taste, settings: RankingSettings, positions: I64) -> F64:
    """Float64 (t, k): how much each review or search speaks for each ranked item."""
    near = np.vecdot(taste.texts[:, None, :], assortment.raw_rows(positions) - assortment.snapshot.whitening_mean)
    return signed_support(near, words_weights(taste, settings)).astype(np.float64)


def list_support(assortment: Assortment, name: str, past: I64, weights: F32, positions: I64) -> F64:
    """What each past item adds to the list term of each ranked one, by itself or by its lenders: float64 (h, k)."""
    new, lenders, lent = assortment.borrowing
    borrowers = np.flatnonzero(np.isin(positions, new))
    which = [int(np.flatnonzero(new == p)[0]) for p in positions[borrowers].tolist()]
    wanted = np.unique(np.concatenate([positions, lenders[which].ravel()]))
    direct = _direct_support(assortment, name, past, weights, wanted)
    support = direct[:, np.searchsorted(wanted, positions)]
    for column, lending in zip(borrowers.tolist(), which, strict=True):
        support[:, column] = (direct[:, np.searchsorted(wanted, lenders[lending])] * lent[lending]).sum(axis=1)
    return support


def _direct_support(assortment: Assortment, name: str, past: I64, weights: F32, positions: I64) -> F64:
    """The same for items of the snapshot."""
    support = np.zeros((len(past), len(positions)))
    neighbours = assortment.tables.lists[name]
    known, rows = list_sources(assortment, past)
    owner, places = edges(neighbours, rows)
    column_of = np.full(assortment.n_items, -1, dtype=np.int64)
    column_of[positions] = np.arange(len(positions))
    columns = column_of[neighbours.indices[places]]
    hit = columns >= 0
    sources = known[owner[hit]]
    np.add.at(support, (sources, columns[hit]), neighbours.weights[places[hit]] * weights[sources])
    return support


def _shared_categories(assortment: Assortment, past: I64, positions: I64) -> F64:
    """Summed rarity of the categories that a past and a ranked item share: float64 (h, k)."""
    column: dict[int, int] = {}
    rows = [[column.setdefault(c, len(column)) for c in assortment.categories_of(p)] for p in past.tolist()]
    rarity = np.asarray([assortment.tables.idf_of(c) for c in column])
    ours, theirs = np.zeros((len(past), len(column))), np.zeros((len(positions), len(column)))
    for row, categories in enumerate(rows):
        ours[row, categories] = 1
    for row, position in enumerate(positions.tolist()):
        theirs[row, [column[c] for c in assortment.categories_of(position) if c in column]] = 1
    return np.asarray((ours * rarity) @ theirs.T)
