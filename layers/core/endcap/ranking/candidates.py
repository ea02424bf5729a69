"""Candidate generation: the best few of the allowed items, in an order that nothing accidental decides.

The rough total of every item says who may be among the best; those alone are scored exactly. By how much the total may
be off is known, so candidates are a cut of the full ranking, not a guess at it.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from endcap.arrays import F32, F64, I32, I64, Mask
from endcap.ranking.score import Scores

_LEAST_POOL: Final = 64
_BLOCK: Final = 64  # items of which the best stands for all, while the best few are looked for


def best_first(scores: Scores, mask: Mask, limit: int, *, all_variants: bool = False) -> tuple[I64, F64]:
    """The `limit` best allowed items, one per group of variants unless `all_variants` are wanted.

    Parameters
    ----------
    mask : what may be shown: bool (n_items,), or one for each row that the request is about alone

    Returns
    -------
    positions int64 (k,), k <= limit, best first by score, then popularity, then a number made from the id
    scores float64 (k,), the sums of coefficient x term
    """
    among = scores.context.among
    if among is not None:
        pool, found = _in_order(scores, among[mask])
        kept = _distinct(scores, pool, all_variants)[:limit]
        return pool[kept], found[kept]
    total = np.where(mask, scores.rough[0], -np.inf)
    n_allowed = int(np.count_nonzero(mask))
    wanted = limit
    while True:
        wanted = min(max(_LEAST_POOL, 2 * wanted), n_allowed)
        threshold = _greatest(total, wanted)
        certain = -np.inf if wanted == n_allowed else scores.least_certain(threshold)
        pool, found = _in_order(scores, np.flatnonzero((total >= 2 * certain - threshold) & mask))
        kept = _distinct(scores, pool, all_variants)
        kept = kept[found[kept] >= certain][:limit]  # below that another one may stand before it
        if len(kept) == limit or wanted == n_allowed:
            return pool[kept], found[kept]


def _in_order(scores: Scores, pool: I64) -> tuple[I64, F64]:
    """The rows of a pool and their exact scores, best first."""
    index, found = scores.index, scores.at(pool)
    order = np.lexsort((index.tie_keys[pool], -index.popularity[pool], -found))
    return pool[order], found[order]


def _distinct(scores: Scores, pool: I64, all_variants: bool) -> I64:
    return np.arange(len(pool)) if all_variants else first_of_each_group(scores.index.groups[pool])


def _greatest(values: F32, wanted: int) -> float:
    """The `wanted`-th greatest value; 1 <= wanted. -inf where there are no more."""
    if wanted == 0:
        return float("-inf")
    n_blocks = len(values) // _BLOCK
    if n_blocks < 4 * wanted:
        return float(np.partition(values, len(values) - wanted)[len(values) - wanted])
    # At least as many values reach the wanted-th greatest of the blocks' best as blocks do, and hardly more.
    best = values[: n_blocks * _BLOCK].reshape(n_blocks, _BLOCK).max(axis=1)
    among = values[values >= np.partition(best, n_blocks - wanted)[n_blocks - wanted]]
    return float(np.partition(among, len(among) - wanted)[len(among) - wanted])


def first_of_each_group(groups: I32) -> I64:
    """Indices of the first row of each group, in input order: int64 (distinct groups,)."""
    _, first = np.unique(groups, return_index=True)
    return np.sort(first)
