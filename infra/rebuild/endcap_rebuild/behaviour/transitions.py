"""What comes next by regression: the item that was chosen, on what had been chosen before it.

Counts of pairs give each of two items that always come together all of the credit for what follows them; a regression
shares it out. Each choice is a row, the ones before it weigh as they do in a history when it is served, and a ridge
penalty keeps rare items quiet. Reference: the linear item transition model SLIT, Choi et al., WWW 2021, arXiv
2103.16104.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse

from endcap.arrays import I64
from endcap.ranking.features import RankingSettings
from endcap_rebuild.data.event_table import EventTable, shuffle_keys
from endcap_rebuild.data.row_weights import positive_strength, with_grades

# What lies further back weighs less than a sixteenth.
_CHOICES_BEFORE: Final = 10
# An item that was chosen less often says nothing that a regression could tell from chance.
_LEAST_CHOICES: Final = 3
# Each dense matrix of so many items takes 150 MB, and a sparse one with every pair in it twice as much.
MOST_ITEMS: Final = 6_000
_LEAST_WEIGHT: Final = 1e-4
# Rows that are turned into sparse matrices at once, each with up to as many entries as it has choices before it.
_ROWS_AT_ONCE: Final = 200_000


def transition_items(table: EventTable, n_items: int) -> I64:
    """Rows of the items that were chosen often enough."""
    chosen = _chosen(table)
    return np.flatnonzero(np.bincount(chosen.item, minlength=n_items) >= _LEAST_CHOICES)


def has_transitions(table: EventTable, n_items: int) -> bool:
    """Whether items are few enough for the dense factor that a regression between them takes."""
    return 1 < len(transition_items(table, n_items)) <= MOST_ITEMS


def transition_matrix(table: EventTable, n_items: int, ridge: float, reverse_share: float, seed: int) -> Any:
    """Positive weights B of the regression, CSR float32 (n, n): Σ before · B is nearest to what was chosen then.

    With rows of S for what had been chosen before each choice and rows of T for the choice, B = (SᵀS + ridge · I)⁻¹ C,
    where C is SᵀT and `reverse_share` of its transpose. However an item was graded, it was chosen. Events of one time
    have no order, and theirs is drawn by chance.

    Raises
    ------
    scipy.linalg.LinAlgError : the penalty is too small for this data
    """
    items = transition_items(table, n_items)
    if len(items) < 2:
        return sparse.csr_array((n_items, n_items), dtype=np.float32)
    chosen = _chosen(table)
    order = np.lexsort((shuffle_keys(chosen.key, seed + 1), chosen.time_ms, chosen.user))
    chosen = chosen.rows(order)
    column = np.full(n_items, -1, dtype=np.int64)
    column[items] = np.arange(len(items))
    # By columns, as LAPACK wants them, so that it works in place.
    gram, follows = (np.zeros((len(items), len(items)), dtype=np.float32, order="F") for _ in range(2))
    for rows in _blocks(chosen):
        before, then = _before_and_then(chosen.rows(rows), column, len(items))
        gram += (before.T @ before).toarray()
        follows += (before.T @ then).toarray()
    follows += np.float32(reverse_share) * follows.T
    gram[np.diag_indices(len(items))] += np.float32(ridge)
    factor = linalg.cho_factor(gram, lower=True, overwrite_a=True)
    weights = linalg.cho_solve(factor, follows, overwrite_b=True)
    weights[np.diag_indices(len(items))] = 0
    source, target = np.nonzero(weights > _LEAST_WEIGHT)
    entries = (weights[source, target].astype(np.float32), (items[source], items[target]))
    return sparse.csr_array(entries, shape=(n_items, n_items))


def _chosen(table: EventTable) -> EventTable:
    """What was chosen, whatever the grade."""
    table = with_grades(table, 0.0)
    return table.rows(table.counted)


def _blocks(table: EventTable) -> Iterator[slice]:
    """Slices of whole users, each of a bounded number of rows unless one user has more."""
    bounds = np.append(0, np.flatnonzero(np.diff(table.user)) + 1)
    ends = np.append(bounds[1:], len(table))
    start = 0
    while start < len(table):
        within = ends[(ends > start) & (ends <= start + _ROWS_AT_ONCE)]
        end = int(within[-1]) if len(within) else int(ends[np.searchsorted(ends, start, side="right")])
        yield slice(start, end)
        start = end


def _before_and_then(table: EventTable, column: NDArray[np.int64], width: int) -> tuple[Any, Any]:
    """CSR float32 (rows, width), twice: what had been chosen before each row, newer ones more, and the row itself.

    Parameters
    ----------
    column : int64 (n_items,), -1 for items without one
    """
    half_life = RankingSettings().history_half_life_events
    strength, own = positive_strength(table), column[table.item]
    rows, columns, weights = [], [], []
    for distance in range(1, _CHOICES_BEFORE + 1):
        later = np.flatnonzero(table.user[distance:] == table.user[:-distance]) + distance
        later = later[own[later - distance] >= 0]
        rows.append(later)
        columns.append(own[later - distance])
        weights.append(strength[later - distance] * np.float32(0.5 ** ((distance - 1) / half_life)))
    shape = (len(table), width)
    before = sparse.csr_array((np.concatenate(weights), (np.concatenate(rows), np.concatenate(columns))), shape=shape)
    known = np.flatnonzero(own >= 0)
    return before, sparse.csr_array((strength[known], (known, own[known])), shape=shape)
