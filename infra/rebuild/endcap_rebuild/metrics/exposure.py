"""What lists show: how evenly exposure falls on items, how popular they are, how far their mix is from the past.

An item at place r of a list gets exposure 1 / log2(1 + r), the discount of NDCG. References: Gini, 1912, as the area
between the Lorenz curve and the diagonal; popularity lift, Abdollahpouri et al., RMSE at RecSys 2019; calibration,
Steck, RecSys 2018.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from endcap.arrays import F64, I32
from endcap_rebuild.metrics.ranking import gain_of

SMOOTHING: Final = 0.01
"""How much of the history's own mix is added to a list's, so that the divergence stays finite; Steck's value."""
_BLOCK: Final = 512


def gini(values: ArrayLike, n: int | None = None) -> F64:
    """How unevenly a total is spread: 0 where all get the same, (n - 1) / n where one gets everything.

    Parameters
    ----------
    values : float (..., m), not negative; rows of zeros give 0
    n : among how many it is spread, where those that got nothing are not in `values`

    Returns
    -------
    float64 (...,)

    Examples
    --------
    >>> float(gini([1, 1, 1, 1])), float(gini([0, 0, 0, 8])), float(gini([8], n=4))
    (0.0, 0.75, 0.75)
    """
    ordered = np.sort(np.asarray(values, dtype=np.float64), axis=-1)
    m = ordered.shape[-1]
    n = m if n is None else n
    total = ordered.sum(axis=-1)
    places = np.arange(n - m + 1, n + 1)
    spread = (ordered * (2 * places - n - 1)).sum(axis=-1)
    return np.asarray(np.divide(spread, n * total, out=np.zeros_like(total), where=total > 0))


def exposure_by_owner(lists: I32, owners: NDArray[np.integer[Any]], n_owners: int, n_items: int) -> Any:
    """CSR float64 (owners, items): how much exposure the lists of each owner give each item.

    Parameters
    ----------
    lists : int32 (q, k), -1 where a list is shorter
    owners : int (q,), whose lists they are
    """
    gains = gain_of(np.arange(1, lists.shape[1] + 1), lists.shape[1])
    shown = lists >= 0
    owner, gain = np.broadcast_to(owners[:, None], lists.shape), np.broadcast_to(gains, lists.shape)
    found = sparse.csr_array((gain[shown], (owner[shown], lists[shown])), shape=(n_owners, n_items))
    found.sum_duplicates()
    return found


def mean_of_lists(lists: I32, values: F64) -> F64:
    """float64 (q,): the mean value of the items of each list, NaN for empty ones.

    Parameters
    ----------
    values : float64 (n,), of each item
    """
    shown = lists >= 0
    counts = shown.sum(axis=1)
    totals = np.where(shown, values[lists], 0.0).sum(axis=1)
    return np.asarray(np.divide(totals, counts, out=np.full(len(lists), np.nan), where=counts > 0))


def members_of_lists(lists: I32, n_items: int) -> Any:
    """CSR float64 (q, items): 1 for each time that a list holds an item."""
    shown = lists >= 0
    rows = np.broadcast_to(np.arange(len(lists))[:, None], lists.shape)[shown]
    return sparse.csr_array((np.ones(len(rows)), (rows, lists[shown])), shape=(len(lists), n_items))


def miscalibration(history: Any, shown: Any, categories: Any, smoothing: float = SMOOTHING) -> F64:
    """float64 (q,): KL(p || (1 - a) q + a p) in nats, NaN where the history or the list has no category.

    p is the mix of categories of the history, q that of the list; an item's share is divided among its categories.

    Parameters
    ----------
    history, shown : sparse (q, items), how often each item stands in them
    categories : sparse (items, categories), rows that add up to 1, or to 0 for items without one
    smoothing : a
    """
    found = np.full(history.shape[0], np.nan)
    for start in range(0, len(found), _BLOCK):
        block = slice(start, start + _BLOCK)
        p, q = _mix(history[block] @ categories), _mix(shown[block] @ categories)
        usable = p.any(axis=1) & q.any(axis=1)
        p, q = p[usable], q[usable]
        mixed = (1 - smoothing) * q + smoothing * p
        terms = np.where(p > 0, p * np.log(np.where(p > 0, p, 1.0) / np.where(mixed > 0, mixed, 1.0)), 0.0)
        found[np.flatnonzero(usable) + start] = terms.sum(axis=1)
    return found


def _mix(counts: Any) -> F64:
    dense = np.asarray(counts.todense(), dtype=np.float64)
    totals = dense.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(dense, totals, out=np.zeros_like(dense), where=totals > 0))
