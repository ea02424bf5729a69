"""Ranking metrics, all computed from ranks, so that ties and full rankings are treated in one place.

A rank counts from 1. Items with equal scores share the mean of their ranks (mid-rank): no scorer gains or loses by an
order that it did not choose. Gain is binary, the discount is 1 / log2(1 + rank).
References: Järvelin & Kekäläinen, TOIS 2002; full rankings instead of sampled ones: Krichene & Rendle, CACM 2022.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from endcap.arrays import F64


def mid_ranks(scores: ArrayLike, relevant: ArrayLike, allowed: ArrayLike | None = None) -> F64:
    """Ranks of the relevant items among all items, or among those allowed.

    Parameters
    ----------
    scores : float (n,), higher is better; NaN ranks below everything
    relevant : int (r,), positions of the relevant items
    allowed : bool (n,), items that take part; a relevant item always does

    Returns
    -------
    float64 (r,), from 1; equal scores share their mean rank

    Examples
    --------
    >>> mid_ranks([0.9, 0.5, 0.5, 0.1], [1]).tolist()
    [2.5]
    """
    values = np.nan_to_num(np.asarray(scores, dtype=np.float64), nan=-np.inf)
    targets = np.asarray(relevant, dtype=np.int64)
    taking_part = np.ones(len(values), dtype=np.bool_) if allowed is None else np.array(allowed, dtype=np.bool_)
    taking_part[targets] = True
    ordered = np.sort(values[taking_part])
    own = values[targets]
    not_above = np.searchsorted(ordered, own, side="right")
    below = np.searchsorted(ordered, own, side="left")
    above = len(ordered) - not_above
    return above + (not_above - below + 1) / 2


def ndcg_at_k(ranks: ArrayLike, k: int = 10) -> float:
    """Normalised discounted cumulative gain of one user: sum of 1 / log2(1 + rank) over ranks <= k, over the best sum.

    Parameters
    ----------
    ranks : (r,), ranks of all relevant items of the user

    Returns
    -------
    0..1; 0 for a user without relevant items

    Examples
    --------
    >>> ndcg_at_k([1], 10), ndcg_at_k([3], 10), ndcg_at_k([11], 10)
    (1.0, 0.5, 0.0)
    """
    values = np.asarray(ranks, dtype=np.float64)
    if not len(values):
        return 0.0
    gain = (1 / np.log2(1 + values[values <= k])).sum()
    ideal = (1 / np.log2(1 + np.arange(1, min(len(values), k) + 1))).sum()
    # Mid-ranks can pack several items into a cut-off that would split them; no list is better than the ideal one.
    return float(min(gain / ideal, 1.0))


def recall_at_k(ranks: ArrayLike, k: int = 10) -> float:
    """Share of a user's relevant items with rank <= k; with one relevant item this is the hit rate.

    Examples
    --------
    >>> recall_at_k([2, 30], 10)
    0.5
    """
    values = np.asarray(ranks, dtype=np.float64)
    return float((values <= k).mean()) if len(values) else 0.0


def coverage_at_k(lists: Iterable[Sequence[int]], n_items: int, k: int = 10) -> float:
    """Distinct items in the first k places of all lists, divided by the catalogue's size.

    Examples
    --------
    >>> coverage_at_k([[0, 1], [1, 2]], n_items=6)
    0.5
    """
    shown = {item for items in lists for item in items[:k]}
    return len(shown) / n_items if n_items else 0.0


def novelty_at_k(lists: Iterable[Sequence[int]], users_of_item: ArrayLike, n_users: int, k: int = 10) -> float:
    """Mean of -log2(share of users who know the item) over the first k places of all lists, in bits.

    Parameters
    ----------
    users_of_item : (n,), users who interacted with each item; an item that nobody knows counts as known to one
    """
    known = np.maximum(np.asarray(users_of_item, dtype=np.float64), 1.0) / max(n_users, 1)
    shown = [item for items in lists for item in items[:k]]
    return float(-np.log2(np.minimum(known[shown], 1.0)).mean()) if shown else 0.0
