"""Sparse item-by-item matrices: keep the best of each row, turn them into the lists of a snapshot."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from scipy import sparse

from endcap.snapshot.parts import ItemList

# fp16 has no larger numbers, and few smaller ones; neither end ranks anything.
_LARGEST: Final = 60_000.0
_SMALLEST: Final = 1e-4


def top_per_row(matrix: Any, k: int) -> Any:
    """The `k` largest entries of each row of a CSR matrix, columns in ascending order; equal values keep both orders.

    Entries that are not positive are dropped.
    """
    rows = sparse.csr_array(matrix)
    rows.data[rows.data <= 0] = 0
    rows.eliminate_zeros()
    rows.sort_indices()
    keep = np.ones(rows.nnz, dtype=np.bool_)
    for row in np.flatnonzero(np.diff(rows.indptr) > k).tolist():
        start, end = rows.indptr[row], rows.indptr[row + 1]
        values = rows.data[start:end]
        least = np.partition(values, len(values) - k)[len(values) - k]
        chosen = values > least
        # Among equal values the lower column wins, on every machine.
        chosen[np.flatnonzero(values == least)[: k - np.count_nonzero(chosen)]] = True
        keep[start:end] = chosen
    owner = np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))[keep]
    indptr = np.searchsorted(owner, np.arange(rows.shape[0] + 1))
    return sparse.csr_array((rows.data[keep], rows.indices[keep], indptr), shape=rows.shape)


def item_list(matrix: Any) -> ItemList:
    """A list of a snapshot, scaled so that the largest weight of a row is 1 on average.

    The scale of a term then does not change with the amount of data that its list was counted from.
    """
    rows = sparse.csr_array(matrix)
    rows.sort_indices()
    filled = np.flatnonzero(np.diff(rows.indptr))
    peak = float(np.maximum.reduceat(rows.data, rows.indptr[filled]).mean()) if len(filled) else 1.0
    weights = np.minimum(rows.data / peak, _LARGEST)
    weights[weights < _SMALLEST] = 0
    rows = sparse.csr_array((weights, rows.indices, rows.indptr), shape=rows.shape)
    rows.eliminate_zeros()
    return ItemList(rows.indptr.astype(np.int64), rows.indices.astype(np.int32), rows.data.astype(np.float16))


def matrix_of(neighbours: ItemList) -> Any:
    """The CSR matrix float32 (n, n) of a list."""
    n = len(neighbours.indptr) - 1
    weights = neighbours.weights.astype(np.float32)
    return sparse.csr_array((weights, neighbours.indices, neighbours.indptr), shape=(n, n))
