"""A snapshot's vectors of its items, with those of the items that have changed since laid over them."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from endcap.arrays import F32, I64, Mask
from endcap.index.vectors import VectorTable

_NO_ROWS = np.empty(0, dtype=np.int64)


class LaidOver:
    """Vectors of all rows of an index: those of a table, but where other ones lie over them.

    Parameters
    ----------
    table : of the first rows
    n_items : rows altogether; one that has a vector neither here nor there has zeros
    rows : int64 (m,), each once; vectors : float32 (m, dim), what these have instead
    """

    def __init__(self, table: VectorTable, n_items: int, rows: I64 = _NO_ROWS, vectors: F32 | None = None) -> None:
        self.table, self._n_items, self._over = table, n_items, rows
        self._vectors = np.empty((0, table.dim), dtype=np.float32) if vectors is None else vectors

    @property
    def _is_bare(self) -> bool:
        """Whether the table has all there is."""
        return self._n_items == self.table.n_rows and not len(self._over)

    def rows(self, positions: I64) -> F32:
        """float32 (k, dim): the vectors of the rows at `positions`."""
        if self._is_bare:
            return self.table.rows(positions)
        rows = np.zeros((len(positions), self.table.dim), dtype=np.float32)
        old = positions < self.table.n_rows
        rows[old] = self.table.rows(positions[old])
        places = np.asarray([self._places.get(position, -1) for position in positions.tolist()], dtype=np.int64)
        over = places >= 0
        rows[over] = self._vectors[places[over]]
        return rows

    @cached_property
    def _places(self) -> dict[int, int]:
        return {position: place for place, position in enumerate(self._over.tolist())}

    def rough(self, vector: F32) -> tuple[F32, float]:
        """Dot product of `vector`, float32 (dim,), with every row, and by how much at most each may be off."""
        values, error = self.table.rough_dots(vector)
        return self._laid_over(values, vector), error

    def at(self, vector: F32, positions: I64) -> F32:
        """Float32 (k,): dot products with the rows at `positions`."""
        return np.asarray(np.vecdot(self.rows(positions), vector), dtype=np.float32)

    def everywhere(self, vector: F32) -> F32:
        """Float32 (n_items,): dot products with every row; of a table too large to be widened the best are exact."""
        return self._laid_over(self.table.dots(vector), vector)

    def _laid_over(self, values: F32, vector: F32) -> F32:
        if self._is_bare:
            return values
        whole = np.zeros(self._n_items, dtype=np.float32)
        whole[: self.table.n_rows] = values
        whole[self._over] = np.vecdot(self._vectors, vector)
        return whole

    @cached_property
    def empty(self) -> Mask:
        """Bool (n_items,): rows of nothing but zeros, which no dot product says anything about."""
        if self._is_bare:
            return self.table.empty
        empty = np.ones(self._n_items, dtype=np.bool_)
        empty[: self.table.n_rows] = self.table.empty
        empty[self._over] = ~np.any(self._vectors, axis=1)
        return empty
