"""Ranking metrics, all computed from ranks, so that ties and full rankings are treated in one place.

A rank counts from 1. Items with equal scores share the mean of their ranks (mid-rank): no scorer gains or loses by an
order that it did not choose. Gain is binary, the discount is 1 / log2(1 + rank).
References: Järvelin & Kekäläinen, TOIS 2002; full rankings instead of sampled ones: Krichene & Rendle, CACM 2022.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike

from endcap.arrays import F64

Numbers = TypeVar("Numbers", float, F64)


def mid_rank(scores: ArrayLike, item: int, rivals: ArrayLike | None = None) -> float:
    """Rank of one item beside its rivals, from 1; equal scores share their mean rank.

    Counted, not sorted: one rank of a large catalogue is all that most questions need.

    Parameters
    ----------
    scores : float (n,), higher is better; NaN ranks below everything
    rivals : bool (n,), what it competes with, all by default; the item itself may be among them or not

    Examples
    --------
    >>> mid_rank([0.9, 0.5, 0.5, 0.1], 1)
    2.5
    """
    values = np.asarray(scores)
    if not values[item] > -np.inf:
        values = np.nan_to_num(values, nan=-np.inf)
    above, equal = values > values[item], values == values[item]
    if rivals is not None:
        above, equal = above & rivals, equal & rivals
    own = 0 if equal[item] else 1  # an item ties with itself
    return mid_place(float(np.count_nonzero(above)), float(np.count_nonzero(equal) + own))


def mid_place(above: Numbers, equal: Numbers) -> Numbers:
    """The mean rank of `equal` items of one score that so many score `above`."""
    return above + (equal + 1) / 2


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
    values, targets = np.asarray(scores), np.asarray(relevant, dtype=np.int64)
    taking_part = np.ones(len(values), dtype=np.bool_) if allowed is None else np.array(allowed, dtype=np.bool_)
    taking_part[targets] = True
    return np.array([mid_rank(values, item, taking_part) for item in targets.tolist()], dtype=np.float64)


def gain_of(ranks: ArrayLike, k: int = 10) -> F64:
    """What each rank adds to a discounted cumulative gain: 1 / log2(1 + rank), 0 beyond k.

    For a user with a single relevant item it is the NDCG@k.

    Examples
    --------
    >>> gain_of([1, 3, 11], 10).tolist()
    [1.0, 0.5, 0.0]
    """
    values = np.asarray(ranks, dtype=np.float64)
    return np.where(values <= k, 1 / np.log2(1 + values), 0.0)


def ndcg_at_k(ranks: ArrayLike, k: int = 10) -> float:
    """Normalised discounted cumulative gain of one user: the gain of the ranks, over the best that could be.

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
    gain = gain_of(values[values <= k], k).sum()
    ideal = gain_of(np.arange(1, min(len(values), k) + 1), k).sum()
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
