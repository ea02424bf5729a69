"""What the linear ensemble expects next, as soft labels for the user encoder.

Item-to-item lists know pairs that a small network has to learn from few examples; trained on their rankings beside
the one item that came next, it generalises better. The labels of a user come from lists that were counted without
that user (cross-fitting): otherwise they would only repeat what came next. References: quality study of the project;
LINK, arXiv 2504.15057 (the other direction); DLLM2Rec, arXiv 2405.00338 (distil rankings, not vectors).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from endcap.arrays import F32, I32, I64
from endcap_rebuild.user_encoder.sequences import TowerData

ListsOf = Callable[[NDArray[np.bool_]], Sequence[Any]]
"""bool (users,): whose interactions count -> item-to-item matrices, CSR (n_items, n_items)."""

HALF_LIFE_EVENTS: Final = 2.5
_LONGEST: Final = 12  # the weight of an older event is below 4 %
_SHARPNESS: Final = (0.15, 0.25, 0.4, 0.6, 0.9, 1.3)
_BLOCK: Final = 2_000
_JUDGED: Final = 4_000  # rows that choose the sharpness


@dataclass(frozen=True)
class SoftLabels:
    """items : int32 (rows, k); shares : float16 (rows, k), adding up to 1, or all 0 where nothing is known."""

    items: I32
    shares: NDArray[np.float16]


def soft_labels(data: TowerData, lists_of: ListsOf, k: int = 64, folds: int = 2, seed: int = 0) -> SoftLabels:
    """For every event, what the lists expected in its place from the events before it.

    Parameters
    ----------
    lists_of : counts the lists from some users' events
    k : items kept per event, the most expected
    """
    n_users = int(data.user.max(initial=-1)) + 1
    fold = np.random.default_rng([seed, 71]).permutation(n_users) % max(2, folds)
    items = np.zeros((len(data.user), k), dtype=np.int32)
    expected = np.full((len(data.user), k), -np.inf, dtype=np.float32)
    hits, rest = np.full(len(data.user), -np.inf, dtype=np.float32), np.zeros(len(data.user), dtype=np.float32)
    for part in range(max(2, folds)):
        lists = [sparse.csr_array(matrix) for matrix in lists_of(fold != part)]
        rows = np.flatnonzero((fold[data.user] == part) & _has_history(data))
        for start in range(0, len(rows), _BLOCK):
            block = rows[start : start + _BLOCK]
            items[block], expected[block], hits[block], rest[block] = _best(data, block, lists, k)
    judged = np.flatnonzero(np.isfinite(expected[:, 0]) & (data.goal > 0))[:: max(1, len(data.user) // _JUDGED)]
    sharpness = _sharpness(expected[judged], hits[judged], rest[judged], data.n_items)
    return SoftLabels(items, _shares(expected, sharpness))


def history_rows(data: TowerData, rows: I64) -> Any:
    """CSR float32 (len(rows), n_items): decayed items of the events before each row."""
    owners, columns, values = [], [], []
    for back in range(1, _LONGEST + 1):
        same = np.flatnonzero((rows >= back) & (data.user[np.maximum(rows - back, 0)] == data.user[rows]))
        before = rows[same] - back
        speaks = data.goal[before] > 0
        owners.append(same[speaks])
        columns.append(data.item[before[speaks]])
        values.append(np.full(int(speaks.sum()), 0.5 ** ((back - 1) / HALF_LIFE_EVENTS), dtype=np.float32))
    coordinates = (np.concatenate(owners), np.concatenate(columns))
    return sparse.csr_array((np.concatenate(values), coordinates), shape=(len(rows), data.n_items))


def _has_history(data: TowerData) -> NDArray[np.bool_]:
    return np.append(False, data.user[1:] == data.user[:-1])[: len(data.user)]


def _best(data: TowerData, rows: I64, lists: Sequence[Any], k: int) -> tuple[I32, F32, F32, F32]:
    """(items, values) of the k best, the value of what came, and the value of an item that no list names."""
    history = history_rows(data, rows)
    total, base = None, np.zeros(len(rows), dtype=np.float32)
    for matrix in lists:
        scores = sparse.csr_array(history @ matrix)
        mean = np.asarray(scores.sum(axis=1)).ravel() / data.n_items
        square = np.asarray(scores.multiply(scores).sum(axis=1)).ravel() / data.n_items
        spread = np.sqrt(np.maximum(square - mean**2, 1e-12)).astype(np.float32)
        scaled = sparse.csr_array(sparse.diags_array(1 / spread) @ scores)
        base -= (mean / spread).astype(np.float32)  # the value of a zero in standard deviations
        total = scaled if total is None else total + scaled
    total = sparse.csr_array(total)
    total.sum_duplicates()
    items = np.zeros((len(rows), k), dtype=np.int32)
    values = np.full((len(rows), k), -np.inf, dtype=np.float32)
    hits = base.copy()
    for row in range(len(rows)):
        start, end = total.indptr[row], total.indptr[row + 1]
        columns, own = total.indices[start:end], total.data[start:end]
        came = np.flatnonzero(columns == data.item[rows[row]])
        if len(came):
            hits[row] += own[came[0]]
        fresh = ~np.isin(columns, history.indices[history.indptr[row] : history.indptr[row + 1]])
        columns, own = columns[fresh], own[fresh]
        best = np.argsort(-own, kind="stable")[:k]
        items[row, : len(best)], values[row, : len(best)] = columns[best], own[best] + base[row]
    return items, values, hits, base


def _sharpness(expected: F32, hits: F32, rest: F32, n_items: int) -> float:
    """The factor before the softmax under which what came next was likeliest."""
    best, chosen = -np.inf, _SHARPNESS[0]
    for sharpness in _SHARPNESS if len(expected) else ():
        top = expected.max(axis=1)
        mass = np.exp(sharpness * (expected - top[:, None])).sum(axis=1)
        mass += n_items * np.exp(sharpness * (rest - top))
        likelihood = float(np.mean(sharpness * (hits - top) - np.log(mass)))
        if likelihood > best:
            best, chosen = likelihood, sharpness
    return chosen


def _shares(expected: F32, sharpness: float) -> NDArray[np.float16]:
    top = np.where(np.isfinite(expected[:, :1]), expected[:, :1], 0)
    raw = np.exp(np.float32(sharpness) * (expected - top))
    total = raw.sum(axis=1, keepdims=True)
    return np.asarray(raw / np.where(total > 0, total, 1), dtype=np.float16)
