"""A table of unit vectors, one row per item, scanned for each request.

A scan of int8 with integer arithmetic (simsimd) says within a known bound how near every row is; what may be shown is
then worked out again from the stored fp16. Small tables are held as float32 and scanned as they are. Neither path uses
a threaded matrix product: an answer must not depend on how many threads numpy may use.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from endcap.arrays import F32, F64, I8, I64, Mask
from endcap.snapshot.format import EXACT_ELEMENTS

SCANNED_ELEMENTS: Final = 1_000_000  # from here on int8 is the faster scan
RESCORED: Final = 400
_FP16: Final = 2.0**-11  # relative rounding of what is stored
_INT32: Any = "int32"  # exact and fast; simsimd's own types know floats only
_BLOCK: Final = 16_384  # rows that are widened at a time
_MEASURED: Final = 65_536  # rows that a table's spread is measured by
_LONGEST: Final = 1.05  # unit vectors as the snapshot's checks let them through


Whiten = Callable[[NDArray[np.floating[Any]]], F32]


def without_mean(vectors: F32, mean: F32) -> F32:
    """Rows less a mean, of length 1 again; a zero row stays one."""
    rest = np.where(vectors.any(axis=-1, keepdims=True), vectors - mean, np.float32(0))
    lengths = np.linalg.norm(rest, axis=-1, keepdims=True)
    return np.asarray(rest / np.maximum(lengths, 1e-9), dtype=np.float32)


class VectorTable:
    """Rows of unit (or zero) vectors that answer "dot product with every row".

    Parameters
    ----------
    fine : float (n, dim), fp16 as stored; float32 is kept as it is
    coarse : int8 (n, dim) with `fine ~ coarse * scale`; used when the table is large
    exact_elements : tables of up to this many numbers may be widened to float32; EXACT_ELEMENTS where None
    """

    def __init__(
        self,
        fine: NDArray[np.floating[Any]],
        coarse: I8,
        scale: float,
        exact_elements: int | None = None,
    ) -> None:
        self.n_rows, self.dim = fine.shape
        self._fine = np.asarray(fine)
        self._coarse = np.ascontiguousarray(coarse)
        self._scale = scale
        self._is_small = fine.size <= (EXACT_ELEMENTS if exact_elements is None else exact_elements)

    @cached_property
    def _exact(self) -> F32:
        return np.ascontiguousarray(self._fine, dtype=np.float32)

    def rows(self, positions: I64) -> F32:
        """float32 (k, dim): the rows at `positions`."""
        return np.asarray(self._fine[positions], dtype=np.float32)

    def dots(self, query: F32) -> F32:
        """Dot product of `query`, float32 (dim,), with every row: float32 (n_rows,).

        Of a table too large to be widened only the 400 best are exact.
        """
        if self._is_small:
            return np.asarray(np.vecdot(self._exact, query), dtype=np.float32)
        values, _ = self._scan(query)
        k = min(RESCORED, self.n_rows)
        best = np.sort(np.argpartition(values, self.n_rows - k)[self.n_rows - k :])
        values[best] = np.vecdot(self.rows(best), query)
        return values

    def rough_dots(self, query: F32) -> tuple[F32, float]:
        """Dot products with every row, float32 (n_rows,), and by how much at most each may be off."""
        if self._is_small and self.n_rows * self.dim < SCANNED_ELEMENTS:
            return self.dots(query), 0.0
        return self._scan(query)

    def _scan(self, query: F32) -> tuple[F32, float]:
        import simsimd  # only large tables need it

        peak = float(np.abs(query).max(initial=0.0))
        if peak == 0.0 or self.n_rows == 0:
            return np.zeros(self.n_rows, dtype=np.float32), 0.0
        levels = np.rint(query * (127 / peak)).astype(np.int8)
        sums = np.asarray(simsimd.cdist(levels[None, :], self._coarse, "dot", out_dtype=_INT32))[0]
        values: F32 = np.multiply(sums, np.float32(self._scale * peak / 127), dtype=np.float32)
        # |v.q - w.p| <= |v - w| |q| + |w| |q - p| for a row v kept as w and a query q scanned as p (Cauchy, Schwarz)
        of_rows = math.sqrt(self.dim) * self._scale / 2 + _FP16
        of_query = float(np.linalg.norm(query - levels * np.float32(peak / 127)))
        return values, of_rows * float(np.linalg.norm(query)) + (_LONGEST + of_rows) * of_query

    @cached_property
    def empty(self) -> Mask:
        """Bool (n_rows,): rows of nothing but zeros, which no dot product says anything about."""
        empty = ~np.any(self._coarse[:, :8], axis=1)
        maybe = np.flatnonzero(empty)
        empty[maybe] = ~np.any(self.rows(maybe), axis=1)
        return np.asarray(empty, dtype=np.bool_)

    def spread_of(self, query: F32) -> float:
        """Standard deviation of the dot products of `query`, float32 (dim,), with the rows."""
        vector = query.astype(np.float64)
        return math.sqrt(max(0.0, float(vector @ self._covariance @ vector)))

    @cached_property
    def _covariance(self) -> F64:
        """float64 (dim, dim), of the rows: q^T C q is the variance of their dot products with q.

        Of a large table by some rows, evenly spread.
        """
        precise: Any = np.float64 if self.n_rows * self.dim <= 2 * SCANNED_ELEMENTS else np.float32
        total: F64 = np.zeros(self.dim)
        squares: F64 = np.zeros((self.dim, self.dim))
        sample = np.arange(0, self.n_rows, max(1, self.n_rows // _MEASURED))
        for start in range(0, len(sample), _BLOCK):
            rows = self.rows(sample[start : start + _BLOCK]).astype(precise)
            total += rows.sum(axis=0, dtype=np.float64)
            squares += rows.T @ rows
        mean = total / max(1, len(sample))
        return np.asarray(squares / max(1, len(sample)) - np.outer(mean, mean), dtype=np.float64)


class WhitenedTable(VectorTable):
    """Whitened rows of a large text table: int8 is kept, and what may be shown is whitened anew from the stored text.

    Parameters
    ----------
    text : float (n, d_text), as stored
    whiten : float (k, d_text) -> float32 (k, dim)
    coarse, scale : int8 (n, dim) with the whitened rows ~ coarse * scale
    """

    def __init__(self, text: NDArray[np.floating[Any]], whiten: Whiten, coarse: I8, scale: float) -> None:
        self.n_rows, self.dim = coarse.shape
        self._text, self._whiten = text, whiten
        self._coarse, self._scale, self._is_small = np.asarray(coarse), scale, False

    def rows(self, positions: I64) -> F32:
        """float32 (k, dim): the rows at `positions`."""
        return self._whiten(self._text[positions])


def whitened(
    text: NDArray[np.floating[Any]], whiten: Whiten, dim: int, coarse: Callable[[], tuple[I8, float]]
) -> VectorTable:
    """The table of the whitened rows of `text`, float (n, d_text).

    Parameters
    ----------
    coarse : gives int8 (n, dim) and their scale, where there are too many rows to be held as float32
    """
    if len(text) * dim > EXACT_ELEMENTS:
        return WhitenedTable(text, whiten, *coarse())
    fine = whiten(text)
    peak = float(np.abs(fine).max(initial=0.0)) or 1.0
    return VectorTable(fine, np.rint(fine * np.float32(127 / peak)).astype(np.int8), peak / 127)


def weighted_sum(vectors: F32, weights: F32) -> F32:
    """float32 (dim,): the rows of `vectors` (k, dim) times `weights` (k,), added up in row order."""
    return np.asarray((vectors * weights[:, None]).sum(axis=0), dtype=np.float32)
