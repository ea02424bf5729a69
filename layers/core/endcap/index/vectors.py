"""A table of unit vectors, one row per item, scanned exactly for each request.

Small tables are held as float32. Large ones are scanned as int8 with integer arithmetic (simsimd), and the best few
hundred rows are scored again from fp16, so that rounding to int8 doesn't reorder what can be shown. Neither path uses
a threaded matrix product: an answer must not depend on how many threads numpy may use.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from endcap.arrays import F32, I64

EXACT_ELEMENTS: Final = 16_000_000  # 64 MB of float32
RESCORED: Final = 400


class VectorTable:
    """Rows of unit (or zero) vectors that answer "dot product with every row".

    Parameters
    ----------
    fine : float (n, dim), fp16 as stored; float32 is kept as it is
    coarse : int8 (n, dim) with `fine ~ coarse * scale`; used when the table is large
    exact_elements : tables of up to this many numbers are widened to float32
    """

    def __init__(
        self,
        fine: NDArray[np.floating[Any]],
        coarse: NDArray[np.int8],
        scale: float,
        exact_elements: int = EXACT_ELEMENTS,
    ) -> None:
        self.n_rows, self.dim = fine.shape
        self._fine = np.asarray(fine)
        self._coarse = np.ascontiguousarray(coarse)
        self._scale = scale
        self._exact: F32 | None = None
        if fine.size <= exact_elements:
            self._exact = np.ascontiguousarray(fine, dtype=np.float32)

    def rows(self, positions: I64) -> F32:
        """float32 (k, dim): the rows at `positions`."""
        return np.asarray((self._fine if self._exact is None else self._exact)[positions], dtype=np.float32)

    def dots(self, query: F32) -> F32:
        """Dot product of `query`, float32 (dim,), with every row: float32 (n_rows,)."""
        if self._exact is not None:
            return np.asarray(np.vecdot(self._exact, query), dtype=np.float32)
        return self._scan(query)

    def _scan(self, query: F32) -> F32:
        import simsimd  # only large tables need it

        peak = float(np.abs(query).max(initial=0.0))
        if peak == 0.0 or self.n_rows == 0:
            return np.zeros(self.n_rows, dtype=np.float32)
        levels = np.rint(query * (127 / peak)).astype(np.int8)
        sums = np.asarray(simsimd.cdist(levels[None, :], self._coarse, "dot"))[0]  # float64 (n,), whole numbers
        values: F32 = (sums * (self._scale * peak / 127)).astype(np.float32)
        k = min(RESCORED, self.n_rows)
        best = np.sort(np.argpartition(values, self.n_rows - k)[self.n_rows - k :])
        values[best] = np.vecdot(self.rows(best), query)
        return values


def weighted_sum(vectors: F32, weights: F32) -> F32:
    """float32 (dim,): the rows of `vectors` (k, dim) times `weights` (k,), added up in row order."""
    return np.asarray((vectors * weights[:, None]).sum(axis=0), dtype=np.float32)
