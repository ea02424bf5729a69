"""The item-to-item list terms: what goes with the items of a history."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from endcap.arrays import F32, F64, I64
from endcap.index.index import ItemIndex
from endcap.ranking.terms.sources import ListSources
from endcap.ranking.terms.term import ScoringContext, Term
from endcap.ranking.values import Sparse, Values, added_up, found_at, places_of

LISTS: Final = ("next", "together", "neighbours", "wording")
_LEAST_SPREAD: Final = 0.05  # of the usual one; less is chance


def list_values(name: str, context: ScoringContext) -> Values | None:
    """The weighted sum of the history's rows of one list, with the spread that such sums usually have."""
    features = context.features
    if not len(features.positions):
        return None
    weights = context.weights.lists
    wanted = [weights, np.abs(weights)] if (weights < 0).any() else [weights]
    rows, sums = sum_rows(context.index, name, context.list_sources, wanted)
    values = sums[0].astype(np.float32)
    unsigned = sums[1] if len(sums) > 1 else values
    n_known = context.index.tables.n_items
    values *= np.float32(spread_correction(context.index, name, _spread_of(unsigned[rows < n_known], n_known)))
    return Sparse(context.index.n_items, rows, values)


def spread_correction(index: ItemIndex, name: str, spread: float | None) -> float:
    """Factor of one term in one request: √(usual spread / spread in this request), at most √20.

    Histories of many items, or of items with few neighbours, spread the values of a list little; a term would hardly
    have a say then, whatever its weight. The root keeps half of that: little spread is also little known. Standard
    deviations are those over the snapshot's items, so that what is laid over it changes nothing for the others.

    Parameters
    ----------
    spread : of the term as if all of the history spoke for its items: a dislike takes from what a liking has given,
        and the little that remains must not be made larger for it; None where nothing has a value
    """
    usual = index.tables.spreads.get(name, 0.0)
    if not usual or spread is None:
        return 1.0
    return math.sqrt(usual / max(spread, usual * _LEAST_SPREAD))


def _spread_of(values: NDArray[np.floating[Any]], n_items: int) -> float | None:
    """Standard deviation over `n_items` of which all that are not named have 0."""
    if not values.any():
        return None
    found = values.astype(np.float64)
    mean = found.sum() / n_items
    squares = np.square(found - mean).sum() + (n_items - len(found)) * mean**2
    return math.sqrt(squares / n_items)


def sum_rows(index: ItemIndex, name: str, sources: ListSources, weights: Sequence[F32]) -> tuple[I64, list[F64]]:
    """Weighted sums of the rows of one list: the items that they name, each once, and float64 sums for each weighting.

    An item newer than the snapshot gets the mean of what the items like it get, see `endcap.index.imputation`.
    """
    edges = sources.edges(name)
    strengths = edges.strengths.astype(np.float64)
    named, sums = added_up(index.n_items, edges.named, [strengths * w[edges.past] for w in weights])
    new, donors, shares = index.imputation
    if not len(new):
        return named, sums
    imputed = [(found_at(index.n_items, named, each, donors) * shares).sum(axis=1) for each in sums]
    return np.concatenate([named, new]), [np.concatenate(pair) for pair in zip(sums, imputed, strict=True)]


def list_support(index: ItemIndex, name: str, sources: ListSources, weights: F32, positions: I64) -> F64:
    """What each past item adds to the list term of each ranked one, by itself or by its donors: float64 (h, k)."""
    new, donors, shares = index.imputation
    imputed = np.flatnonzero(np.isin(positions, new)) if len(new) else new
    if not len(imputed):
        return _direct_support(index, name, sources, weights, positions)
    which = [int(np.flatnonzero(new == p)[0]) for p in positions[imputed].tolist()]
    wanted = np.unique(np.concatenate([positions, donors[which].ravel()]))
    direct = _direct_support(index, name, sources, weights, wanted)
    support = direct[:, np.searchsorted(wanted, positions)]
    for column, donor in zip(imputed.tolist(), which, strict=True):
        support[:, column] = (direct[:, np.searchsorted(wanted, donors[donor])] * shares[donor]).sum(axis=1)
    return support


def _direct_support(index: ItemIndex, name: str, sources: ListSources, weights: F32, positions: I64) -> F64:
    """The same for items of the snapshot."""
    edges, shape = sources.edges(name), (len(weights), len(positions))
    if not len(positions):
        return np.zeros(shape)
    columns, is_ranked = places_of(index.n_items, positions, edges.named)
    hit = np.flatnonzero(is_ranked)
    past = edges.past[hit]
    shares = edges.strengths[hit] * weights[past]
    flat = np.bincount(past * len(positions) + columns[hit], weights=shares, minlength=shape[0] * shape[1])
    return flat.astype(np.float64, copy=False).reshape(shape)


def _supported_by(name: str, context: ScoringContext, positions: I64) -> F64:
    return list_support(context.index, name, context.list_sources, context.weights.lists, positions)


def _list_term(name: str, default_weight: float, *, by_text: bool = False) -> Term:
    return Term(
        name=name,
        default_weight=default_weight,
        source="content" if by_text else "behaviour",
        values=partial(list_values, name),
        support=partial(_supported_by, name),
        by_text=by_text,
    )


NEXT: Final = _list_term("next", 1.0)
TOGETHER: Final = _list_term("together", 0.35)
NEIGHBOURS: Final = _list_term("neighbours", 0.4)
WORDING: Final = _list_term("wording", 0.8, by_text=True)
