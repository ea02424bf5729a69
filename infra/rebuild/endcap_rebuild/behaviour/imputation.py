"""Lists for items that few or none have touched, borrowed from the items nearest by text.

A behaviour term that is zero for new items ranks all of them below everything else. An item's own counts speak as far
as there are any: with n interactions and a prior of p, its row and column are n / (n + p) its own and p / (n + p)
those of its neighbours. An unseen item's are borrowed whole.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from endcap.arrays import F32
from endcap.index.imputation import NEAREST, SHARPNESS
from endcap_rebuild.behaviour.sparse import top_per_row

# An item that would borrow less than this keeps to its own counts.
_LEAST_SHARE: Final = 0.05
# Cosines held at once, 64 MB of them.
_COSINES_AT_ONCE: Final = 16_000_000


def text_neighbours(item_vectors: F32, counts: NDArray[np.integer[Any]], nearest: int = NEAREST) -> Any:
    """CSR float32 (n, n), rows adding up to 1: for each item the seen items nearest by text, cosine cubed.

    Parameters
    ----------
    item_vectors : float32 (n, dim), unit or zero rows
    counts : (n,), interactions per item; only items with some are lent from
    """
    n = len(item_vectors)
    seen = np.flatnonzero(counts > 0)
    rows, columns, weights = [], [], []
    size = max(1, _COSINES_AT_ONCE // max(len(seen), 1))
    for start in range(0, n if len(seen) else 0, size):
        block = item_vectors[start : start + size]
        cosines = np.maximum(block @ item_vectors[seen].T, 0)
        own = np.searchsorted(seen, np.arange(start, start + len(block)))
        at_own = (own < len(seen)) & (seen[np.minimum(own, len(seen) - 1)] == np.arange(start, start + len(block)))
        cosines[np.flatnonzero(at_own), own[at_own]] = 0
        k = min(nearest, len(seen))
        best = np.argpartition(-cosines, k - 1, axis=1)[:, :k]
        strength = np.take_along_axis(cosines, best, axis=1) ** SHARPNESS
        strength /= strength.sum(axis=1, keepdims=True) + 1e-9
        rows.append(np.repeat(np.arange(start, start + len(block)), k))
        columns.append(seen[best].ravel())
        weights.append(strength.ravel())
    if not rows:
        return sparse.csr_array((n, n), dtype=np.float32)
    coordinates = (np.concatenate(rows), np.concatenate(columns))
    matrix = sparse.csr_array((np.concatenate(weights).astype(np.float32), coordinates), shape=(n, n))
    matrix.eliminate_zeros()
    return matrix


def lean_on_text(matrix: Any, neighbours: Any, counts: NDArray[np.integer[Any]], prior: float, width: int) -> Any:
    """The list with rows and columns of rarely touched items partly borrowed, the `width` best of each row.

    Parameters
    ----------
    neighbours : rows adding up to 1, from `text_neighbours`
    prior : interactions at which an item's own counts and its neighbours' weigh the same; 0 fills unseen items only
    """
    share = np.where(counts > 0, prior / (counts + prior + 1e-9), 1.0).astype(np.float32)
    share[share < _LEAST_SHARE] = 0
    own, donor_shares = sparse.diags_array(1 - share), sparse.diags_array(share)
    lending = sparse.csr_array(donor_shares @ neighbours)
    # Rows are cut before each product: what is below the best of a row hardly moves the best of another.
    matrix = top_per_row(matrix, width)
    by_row = top_per_row(own @ matrix + lending @ matrix, width)
    by_column = sparse.csr_array(by_row @ own + by_row @ lending.T)
    owner = np.repeat(np.arange(by_column.shape[0]), np.diff(by_column.indptr))
    by_column.data[by_column.indices == owner] = 0
    return top_per_row(by_column, width)
