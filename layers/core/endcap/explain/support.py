"""How much each past item, review and search speaks for each ranked item, term by term."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from endcap.arrays import F32, F64, I64
from endcap.index.index import ItemIndex
from endcap.ranking.features import RankingSettings, UserFeatures
from endcap.ranking.terms.affinity import affinity_weights
from endcap.ranking.terms.lists import edges, list_sources, list_weights
from endcap.ranking.terms.registry import LISTS
from endcap.ranking.terms.text import signed_support, text_weights, words_weights


def past_support(index: ItemIndex, features: UserFeatures, settings: RankingSettings, positions: I64) -> dict[str, F64]:
    """Term -> float64 (h, k), how much each past item speaks for each ranked one.

    In the lists and the text term the rows add up to the term; in the others they are in proportion.
    """
    past = features.positions
    support: dict[str, NDArray[np.floating[Any]]] = {
        name: list_support(index, name, past, list_weights(features, settings), positions) for name in LISTS
    }
    white = index.white_rows(positions)
    alike = np.vecdot(index.white_rows(past)[:, None, :], white[None, :, :])  # (h, k)
    support["text"] = signed_support(alike, text_weights(features, settings))
    weights = affinity_weights(features, settings)[:, None]
    for name, column in (("brand", index.brand), ("price", index.price_band)):
        support[name] = weights * ((column[past][:, None] == column[positions]) & (column[positions] >= 0))
    support["category"] = weights * _shared_categories(index, past, positions)
    same_group = index.groups[past][:, None] == index.groups[positions]
    support["again"] = weights * (past[:, None] == positions)
    support["due"] = same_group.astype(np.float64)
    return {name: matrix.astype(np.float64) for name, matrix in support.items()}


def words_support(index: ItemIndex, features: UserFeatures, settings: RankingSettings, positions: I64) -> F64:
    """Float64 (t, k): how much each review or search speaks for each ranked item."""
    near = np.vecdot(features.texts[:, None, :], index.raw_rows(positions) - index.snapshot.whitening_mean)
    return signed_support(near, words_weights(features, settings)).astype(np.float64)


def list_support(index: ItemIndex, name: str, past: I64, weights: F32, positions: I64) -> F64:
    """What each past item adds to the list term of each ranked one, by itself or by its lenders: float64 (h, k)."""
    new, donors, donor_shares = index.imputation
    borrowers = np.flatnonzero(np.isin(positions, new))
    which = [int(np.flatnonzero(new == p)[0]) for p in positions[borrowers].tolist()]
    wanted = np.unique(np.concatenate([positions, donors[which].ravel()]))
    direct = _direct_support(index, name, past, weights, wanted)
    support = direct[:, np.searchsorted(wanted, positions)]
    for column, lending in zip(borrowers.tolist(), which, strict=True):
        support[:, column] = (direct[:, np.searchsorted(wanted, donors[lending])] * donor_shares[lending]).sum(axis=1)
    return support


def _direct_support(index: ItemIndex, name: str, past: I64, weights: F32, positions: I64) -> F64:
    """The same for items of the snapshot."""
    support = np.zeros((len(past), len(positions)))
    neighbours = index.tables.lists[name]
    known, rows = list_sources(index, past)
    owner, places = edges(neighbours, rows)
    column_of = np.full(index.n_items, -1, dtype=np.int64)
    column_of[positions] = np.arange(len(positions))
    columns = column_of[neighbours.indices[places]]
    hit = columns >= 0
    sources = known[owner[hit]]
    np.add.at(support, (sources, columns[hit]), neighbours.weights[places[hit]] * weights[sources])
    return support


def _shared_categories(index: ItemIndex, past: I64, positions: I64) -> F64:
    """Summed rarity of the categories that a past and a ranked item share: float64 (h, k)."""
    column: dict[int, int] = {}
    rows = [[column.setdefault(c, len(column)) for c in index.categories_of(p)] for p in past.tolist()]
    rarity = np.asarray([index.tables.idf_of(c) for c in column])
    ours, theirs = np.zeros((len(past), len(column))), np.zeros((len(positions), len(column)))
    for row, categories in enumerate(rows):
        ours[row, categories] = 1
    for row, position in enumerate(positions.tolist()):
        theirs[row, [column[c] for c in index.categories_of(position) if c in column]] = 1
    return np.asarray((ours * rarity) @ theirs.T)
