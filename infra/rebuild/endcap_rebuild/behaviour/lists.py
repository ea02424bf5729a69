"""Item-to-item lists from behaviour: what follows an item, what is bought with it, what its buyers also chose.

All three count only what speaks for an item (`positive_strength`), and none makes a best-seller everyone's neighbour.
References: directional co-occurrence with recency decay is the strongest single model of the project's quality study;
item-kNN follows Sarwar et al., WWW 2001; ridge regression between items is EASE, Steck, WWW 2019, arXiv 1905.03375.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from scipy import linalg, sparse

from endcap.arrays import F32, I64
from endcap.events.types import DAY_S
from endcap_rebuild.data.event_table import EventTable, shuffle_keys
from endcap_rebuild.data.row_weights import (
    is_bought,
    is_strong,
    positive_strength,
    with_even_grades,
    with_grades,
)
from endcap_rebuild.data.shares import capped

# Pairs that are turned into a matrix at once; bounds memory at some 50 MB.
_PAIRS_AT_ONCE: Final = 2_000_000
# A larger basket says little about any two of its items, and its pairs grow with the square.
_LARGEST_BASKET: Final = 60
# An item of fewer users says nothing that a regression could tell from chance.
_LEAST_USERS: Final = 3
# The dense inverse of so many items takes 150 MB and some ten seconds.
_MOST_REGRESSED: Final = 6_000
_LEAST_RIDGE_WEIGHT: Final = 1e-4


@dataclass(frozen=True)
class ListSettings:
    """How the lists are counted.

    window : events after an item that still count as following it
    distance_power : a pair at distance d weighs 1 / d ** distance_power
    reverse_share : share of a pair's weight that the reverse direction gets: order is real, but noisy
    source_power, target_power : normalisation by the popularity of the first and the second item
    shuffles : orders tried for events of one time, and averaged
    shrinkage : added to the norm of an item-kNN cosine, against neighbours by chance
    ridge : penalty of the regression between items that takes the place of item-kNN; 0 = item-kNN
    activity_power : of the regression: a user of n items counts 1 / n ** activity_power
    longest_history : events per user that count for item-kNN, the newest
    text_prior : interactions at which an item's own rows and those of its neighbours by text weigh the same
    next_grades, neighbour_grades : how much a grade changes what a rating counts in "next" and in "neighbours": 1 in
        full, 0 not at all, see `with_grades`
    neighbours_evenly : whether all that was liked counts alike in "neighbours", see `with_even_grades`
    """

    window: int = 10
    distance_power: float = 0.8
    reverse_share: float = 0.5
    source_power: float = 0.3
    target_power: float = 0.1
    shuffles: int = 3
    shrinkage: float = 10.0
    ridge: float = 0.0
    activity_power: float = 0.25
    longest_history: int = 300
    text_prior: float = 2.0
    next_grades: float = 1.0
    neighbour_grades: float = 1.0
    neighbours_evenly: bool = False


def next_counts(table: EventTable, n_items: int, settings: ListSettings, seed: int) -> Any:
    """CSR float32 (n, n): how often j followed i within the window, near pairs counting more.

    Events of one time have no order: several shuffles of them are averaged.
    """
    positive = table.rows(table.counted)
    total = sparse.csr_array((n_items, n_items), dtype=np.float32)
    for shuffle in range(settings.shuffles):
        keys = shuffle_keys(positive.key, seed + 1 + shuffle)
        order = np.lexsort((keys, positive.time_ms, positive.user))
        ordered = positive.rows(order)
        for rows in _row_blocks(ordered, settings.window):
            total = total + _window_pairs(ordered.rows(rows), n_items, settings)
    return total * np.float32(1 / settings.shuffles)


def next_matrix(counts: Any, popularity: F32, settings: ListSettings) -> Any:
    """The list "next": counts, partly in both directions, normalised by popularity; the diagonal is left out."""
    both = counts + np.float32(settings.reverse_share) * counts.T
    source = (1 + popularity) ** -settings.source_power
    target = (1 + popularity) ** -settings.target_power
    return _without_diagonal(sparse.diags_array(source) @ both @ sparse.diags_array(target))


def fitted_next(table: EventTable, n_items: int, settings: ListSettings, seed: int) -> Any:
    """The list "next" of a table, its grades counting as the settings say."""
    table = with_grades(table, settings.next_grades)
    return next_matrix(next_counts(table, n_items, settings, seed), item_popularity(table, n_items), settings)


def fitted_neighbours(table: EventTable, n_items: int, settings: ListSettings) -> Any:
    """The list "neighbours" of a table, its grades counting as the settings say."""
    table = with_grades(table, settings.neighbour_grades)
    if settings.neighbours_evenly:
        table = with_even_grades(table)
    return neighbour_matrix(table, n_items, item_popularity(table, n_items), settings)


def basket_matrix(table: EventTable, n_items: int, popularity: F32, settings: ListSettings, clock: bool) -> Any:
    """The list "together": items bought in one basket, cosine-normalised; symmetric.

    A basket is what one user bought in one session, or on one day where there are no sessions. A shop without
    purchases has ratings and reviews of one day instead: people rate what came in one parcel.
    """
    bought = table.counted
    purchases = bought & is_bought(table)
    table = table.rows(purchases if purchases.any() else bought & is_strong(table))
    day = table.time_ms // int(DAY_S * 1000) if clock else table.time_ms
    by_session = table.session >= 0
    moment = np.where(by_session, table.session.astype(np.int64), day)
    order = np.lexsort((shuffle_keys(table.key, 0), moment, by_session, table.user))
    table, moment, by_session = table.rows(order), moment[order], by_session[order]
    if not len(table):
        return sparse.csr_array((n_items, n_items), dtype=np.float32)
    changes = (np.diff(table.user) != 0) | (np.diff(moment) != 0) | (by_session[1:] != by_session[:-1])
    opens = np.append(True, changes)
    basket = np.cumsum(opens) - 1
    place = np.arange(len(basket)) - np.flatnonzero(opens)[basket]
    kept = place < _LARGEST_BASKET
    shape = (int(basket[-1]) + 1, n_items)
    members = sparse.csr_array((np.ones(kept.sum(), np.float32), (basket[kept], table.item[kept])), shape=shape)
    members.sum_duplicates()
    members.data[:] = 1
    sizes = np.diff(members.indptr)
    # A pair of a large basket is weaker evidence than the only other item of a small one.
    weighted = sparse.diags_array((1 / np.sqrt(np.maximum(sizes - 1, 1))).astype(np.float32)) @ members
    return _without_diagonal(_cosines(members.T @ weighted, popularity, settings.shrinkage))


def neighbour_matrix(table: EventTable, n_items: int, popularity: F32, settings: ListSettings) -> Any:
    """The list "neighbours": what shoppers who chose an item also chose, whatever the order.

    By cosine of the items' users (item-kNN), or by regression between items where `settings.ridge` is set.
    """
    users = _user_matrix(table, n_items, settings.longest_history)
    if settings.ridge:
        return _regressed(users, settings)
    weighted = _by_activity(users, 0.5)
    return _without_diagonal(_cosines(users.T @ weighted, popularity, settings.shrinkage))


def regressable(table: EventTable, n_items: int, settings: ListSettings) -> bool:
    """Whether items are few enough for the dense inverse that a regression between them takes."""
    users = _user_matrix(table, n_items, settings.longest_history)
    return 1 < len(_regressed_items(users)) <= _MOST_REGRESSED


def _user_matrix(table: EventTable, n_items: int, longest_history: int) -> Any:
    """CSR float32 (users, n): what each user's newest events say for each item, at most 1."""
    table = table.rows(positive_strength(table) > 0)
    bounds = table.user_bounds()
    age = bounds[1:][table.user] - 1 - np.arange(len(table))
    table = table.rows(age < longest_history)
    shape = (len(table.user_ids), n_items)
    users = sparse.csr_array((np.minimum(positive_strength(table), 1), (table.user, table.item)), shape=shape)
    users.sum_duplicates()
    users.data = np.minimum(users.data, 1).astype(np.float32)
    return users


def ridge_weights(users: Any, penalty: float) -> F32:
    """float32 (n, n): the item-to-item weights B that give users' rows back best, diagonal 0, ridge `penalty`.

    With P = (XᵀX + penalty · I)⁻¹, B = I − P / diag(P), column by column (EASE).

    Raises
    ------
    scipy.linalg.LinAlgError : the penalty is too small for this data
    """
    gram = (users.T @ users).toarray().T  # symmetric; LAPACK wants columns to lie together
    n = len(gram)
    gram[np.diag_indices(n)] += penalty
    factor, failed = linalg.lapack.spotrf(gram, lower=1, overwrite_a=1)
    inverse, singular = linalg.lapack.spotri(factor, lower=1, overwrite_c=1)
    if failed or singular:
        raise linalg.LinAlgError("the penalty is too small for this data")
    # Only the lower half is filled.
    lower = np.tril(inverse, -1)
    diagonal = inverse[np.diag_indices(n)].copy()
    weights = lower + lower.T
    weights /= -diagonal
    return np.asarray(weights, dtype=np.float32)


def item_popularity(table: EventTable, n_items: int) -> F32:
    """float32 (n,): summed positive strength of each item, no shopper counting for more than their share."""
    most, table = table.largest_share, table.rows(table.counted)
    return np.bincount(table.item, capped(table.pair, table.strength, most), minlength=n_items).astype(np.float32)


def _window_pairs(table: EventTable, n_items: int, settings: ListSettings) -> Any:
    strength = positive_strength(table)
    first, second, weight = [], [], []
    for distance in range(1, settings.window + 1):
        same_user = table.user[:-distance] == table.user[distance:]
        first.append(table.item[:-distance][same_user])
        second.append(table.item[distance:][same_user])
        product = strength[:-distance][same_user] * strength[distance:][same_user]
        weight.append(product / np.float32(distance**settings.distance_power))
    coordinates = (np.concatenate(first), np.concatenate(second))
    return sparse.csr_array((np.concatenate(weight), coordinates), shape=(n_items, n_items), dtype=np.float32)


def _row_blocks(table: EventTable, window: int) -> Iterator[slice]:
    """Slices of whole users, each with a bounded number of pairs."""
    bounds = table.user_bounds()
    start = 0
    while start < len(table):
        end = int(bounds[np.searchsorted(bounds, min(len(table), start + max(1, _PAIRS_AT_ONCE // window)))])
        yield slice(start, end)
        start = end


def _regressed(users: Any, settings: ListSettings) -> Any:
    """Positive weights of the regression, CSR float32 (n, n); rarely chosen items have none."""
    n_items = users.shape[1]
    rows = _regressed_items(users)
    if len(rows) < 2:
        return sparse.csr_array((n_items, n_items), dtype=np.float32)
    weighted = sparse.csr_array(_by_activity(users, settings.activity_power)[:, rows])
    weights = ridge_weights(weighted, settings.ridge)
    source, target = np.nonzero(weights > _LEAST_RIDGE_WEIGHT)
    return sparse.csr_array((weights[source, target], (rows[source], rows[target])), shape=(n_items, n_items))


def _regressed_items(users: Any) -> I64:
    return np.flatnonzero(np.bincount(users.indices, minlength=users.shape[1]) >= _LEAST_USERS)


def _by_activity(users: Any, power: float) -> Any:
    activity = np.maximum(np.diff(users.indptr), 1)
    return sparse.csr_array(sparse.diags_array((activity**-power).astype(np.float32)) @ users)


def _cosines(pairs: Any, popularity: F32, shrinkage: float) -> Any:
    entries = sparse.coo_array(pairs)
    norm = np.sqrt(popularity[entries.row] * popularity[entries.col]) + np.float32(shrinkage)
    return sparse.csr_array((entries.data / norm, (entries.row, entries.col)), shape=entries.shape, dtype=np.float32)


def _without_diagonal(matrix: Any) -> Any:
    entries = sparse.coo_array(matrix)
    off = entries.row != entries.col
    return sparse.csr_array((entries.data[off], (entries.row[off], entries.col[off])), shape=entries.shape)
