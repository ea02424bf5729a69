"""Candidate generation: the best few of the allowed items, in an order that nothing accidental decides.

The scan is exact, so candidates are a cut of the full ranking, not a guess at it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from endcap.arrays import F32, F64, I64, Mask
from endcap.index.index import ItemIndex
from endcap.ranking.score import exact_scores


def best_first(
    index: ItemIndex, terms: F32, coefficients: F64, mask: Mask, limit: int, *, all_variants: bool = False
) -> tuple[I64, F64]:
    """The `limit` best allowed items, one per group of variants unless `all_variants` are wanted.

    Parameters
    ----------
    terms : float32 (n_terms, n_items)
    coefficients : float64 (n_terms,)
    mask : bool (n_items,), what may be shown

    Returns
    -------
    positions int64 (k,), k <= limit, best first by score, then popularity, then a number made from the id
    scores float64 (k,), the sums of coefficient x term
    """
    allowed = np.flatnonzero(mask)
    total = np.zeros(index.n_items, dtype=np.float32)
    for row, coefficient in zip(terms, coefficients.astype(np.float32), strict=True):
        if coefficient:
            total += coefficient * row
    rough = total[allowed]
    wanted = limit
    while True:
        wanted = min(max(64, 2 * wanted), len(allowed))
        pool = allowed[_top(rough, wanted)]
        scores = exact_scores(terms, coefficients, pool)
        order = np.lexsort((index.tie_keys[pool], -index.popularity[pool], -scores))
        pool, scores = pool[order], scores[order]
        kept = (np.arange(len(pool)) if all_variants else first_of_each_group(index.groups[pool]))[:limit]
        if len(kept) == limit or len(pool) == len(allowed):
            return pool[kept], scores[kept]


def _top(values: F32, wanted: int) -> I64:
    """At least `wanted` indices of the greatest values; everything within rounding of the last one comes along."""
    if wanted >= len(values):
        return np.arange(len(values))
    threshold = np.partition(values, len(values) - wanted)[len(values) - wanted]
    margin = np.float32(1e-5) * max(np.float32(1), np.abs(threshold))
    return np.flatnonzero(values >= threshold - margin)


def first_of_each_group(groups: NDArray[np.int32]) -> I64:
    """Indices of the first row of each group, in input order: int64 (distinct groups,)."""
    _, first = np.unique(groups, return_index=True)
    return np.sort(first)
