"""What a term of the score gives each item, held so that only what is asked for is worked out.

The whole index is ranked by a rough total, to which each term adds itself; what may be shown is worked out exactly, at
its positions alone. By how much a term may be off in the total is known, so that no item is missed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from endcap.arrays import F32, F64, I64, Mask
from endcap.index.laid_over import LaidOver

_ONE: Final = np.float32(1)
Number = TypeVar("Number", bound=np.generic)


class Values(Protocol):
    """One term of one request."""

    def add_to(self, total: F32, factor: np.float32) -> float:
        """Add `factor` times the value of every item to `total`; returns by how much a value may be off, before it."""

    def at(self, positions: I64) -> F32:
        """float32 (k,): the exact values of the items at `positions`."""

    def everywhere(self) -> F32:
        """float32 (n_items,): the values of all items, of a very large catalogue exact for the best ones."""


@dataclass(frozen=True)
class Column:
    """Values that are there for every item: float32 (n_items,).

    `lasting` ones are the same for other requests, so that their part of the total is kept.
    """

    values: NDArray[Any]
    scale: np.float32 = _ONE
    lasting: bool = False

    def add_to(self, total: F32, factor: np.float32) -> float:
        total += (factor * self.scale) * self.values
        return 0.0

    def at(self, positions: I64) -> F32:
        return np.asarray(self.values[positions] * self.scale, dtype=np.float32)

    def everywhere(self) -> F32:
        return np.asarray(self.values * self.scale, dtype=np.float32)


@dataclass(frozen=True)
class Lookup:
    """The value of each item's number (its brand, its price band), 0 where it has none.

    numbers : int (n_items,), -1 for none; table : float32 (numbers + 1,), the last for -1
    members : number -> the rows that have it, where they are few enough to be named
    """

    numbers: NDArray[Any]
    table: F32
    members: Callable[[int], I64] | None = None

    def add_to(self, total: F32, factor: np.float32) -> float:
        if self.members is None:
            total += np.take(factor * self.table, self.numbers, mode="wrap")
            return 0.0
        for number in np.flatnonzero(self.table).tolist():
            total[self.members(number)] += factor * self.table[number]
        return 0.0

    def at(self, positions: I64) -> F32:
        return np.asarray(self.table[self.numbers[positions]], dtype=np.float32)

    def everywhere(self) -> F32:
        return np.asarray(self.table[self.numbers], dtype=np.float32)


@dataclass(frozen=True)
class Sparse:
    """Values of some items; all others have 0.

    rows : int64 (k,), each once; values : float32 (k,)
    """

    n_items: int
    rows: I64
    values: F32

    def add_to(self, total: F32, factor: np.float32) -> float:
        total[self.rows] += factor * self.values
        return 0.0

    def at(self, positions: I64) -> F32:
        return found_at(self.n_items, self.rows, self.values, positions)

    def everywhere(self) -> F32:
        whole = np.zeros(self.n_items, dtype=np.float32)
        whole[self.rows] = self.values
        return whole


@dataclass(frozen=True)
class Likeness:
    """Dot products with vectors of text: what is like `toward` gains; what is like `away` loses, and no more than that.

    What is unlike a disliked thing gains nothing by it, as that says little about an item.

    Parameters
    ----------
    toward, away : float32 (dim,); None for nothing
    scale : factor of the whole
    """

    space: Space
    toward: F32
    away: F32 | None = None
    scale: np.float32 = _ONE

    def add_to(self, total: F32, factor: np.float32) -> float:
        values, error = self.space.rough(self.toward)
        if self.away is not None:
            against, other = self.space.rough(self.away)
            values = values - np.maximum(against, 0)
            error += other
        total += (factor * self.scale) * values
        return error * float(abs(self.scale))

    def at(self, positions: I64) -> F32:
        return self._scaled(lambda vector: self.space.at(vector, positions))

    def everywhere(self) -> F32:
        return self._scaled(self.space.everywhere)

    def _scaled(self, dots: Callable[[F32], F32]) -> F32:
        values = dots(self.toward)
        if self.away is not None:
            values = values - np.maximum(dots(self.away), 0)
        return np.asarray(values * self.scale, dtype=np.float32)


class Space(Protocol):
    """Vectors of the items that dot products are taken with."""

    def rough(self, vector: F32) -> tuple[F32, float]:
        """Of every item, and by how much at most each may be off."""

    def at(self, vector: F32, positions: I64) -> F32:
        """Of the items at `positions`."""

    def everywhere(self, vector: F32) -> F32:
        """Of every item, exact but in a very large catalogue."""


@dataclass(frozen=True)
class Centred:
    """Texts, less their mean: encoders give any two texts a high cosine.

    An item without text (a zero row) is neither near nor far.

    mean : float32 (d_text,)
    """

    texts: LaidOver
    mean: F32

    def rough(self, vector: F32) -> tuple[F32, float]:
        values, error = self.texts.rough(vector)
        return np.where(self.texts.empty, np.float32(0), values - self._centre(vector)), error

    def at(self, vector: F32, positions: I64) -> F32:
        return self._less_centre(self.texts.at(vector, positions), vector)

    def everywhere(self, vector: F32) -> F32:
        return self._less_centre(self.texts.everywhere(vector), vector)

    def _less_centre(self, values: F32, vector: F32) -> F32:
        return np.asarray(np.where(values == 0, np.float32(0), values - self._centre(vector)), dtype=np.float32)

    def _centre(self, vector: F32) -> np.float32:
        return np.float32(np.vecdot(self.mean, vector))


@dataclass(frozen=True)
class Shared:
    """Vectors of which those of some items count less.

    shares : float32 (n_items,), from 0 to 1
    """

    space: Space
    shares: F32

    def rough(self, vector: F32) -> tuple[F32, float]:
        values, error = self.space.rough(vector)
        return np.asarray(values * self.shares, dtype=np.float32), error

    def at(self, vector: F32, positions: I64) -> F32:
        return np.asarray(self.space.at(vector, positions) * self.shares[positions], dtype=np.float32)

    def everywhere(self, vector: F32) -> F32:
        return np.asarray(self.space.everywhere(vector) * self.shares, dtype=np.float32)


@dataclass(frozen=True)
class Sum:
    """Several values that make one term."""

    parts: Sequence[Values]

    def add_to(self, total: F32, factor: np.float32) -> float:
        return sum(part.add_to(total, factor) for part in self.parts)

    def at(self, positions: I64) -> F32:
        return self._added([part.at(positions) for part in self.parts])

    def everywhere(self) -> F32:
        return self._added([part.everywhere() for part in self.parts])

    @staticmethod
    def _added(values: Sequence[F32]) -> F32:
        total = values[0].copy()
        for more in values[1:]:
            total += more
        return total


_thread = threading.local()


def _scratch(n_items: int) -> NDArray[np.int32]:
    """Int32 of at least `n_items`, whatever was left in it: this thread's own."""
    kept: NDArray[np.int32] | None = getattr(_thread, "scratch", None)
    if kept is None or len(kept) < n_items:
        kept = _thread.scratch = np.zeros(n_items, dtype=np.int32)
    return kept


def added_up(n_items: int, rows: NDArray[Any], values: Sequence[F64]) -> tuple[I64, list[F64]]:
    """Values of rows that may come several times, added up in their order.

    Takes as long as there are rows, however many items there are.

    Returns
    -------
    rows : int64 (k,), each once; of each of `values` the sums, float64 (k,)
    """
    scratch, places = _scratch(n_items), np.arange(len(rows), dtype=np.int32)
    rows = rows.astype(np.int64)
    scratch[rows] = places  # of equal rows the last one stays
    last = np.flatnonzero(scratch.take(rows) == places)
    distinct = rows.take(last)
    scratch[distinct] = places[: len(last)]
    number = scratch.take(rows)
    sums = [np.bincount(number, weights=each, minlength=len(last)).astype(np.float64, copy=False) for each in values]
    return distinct, sums


def places_of(n_items: int, rows: I64, positions: I64) -> tuple[NDArray[np.int32], Mask]:
    """Where each position stands among `rows` (each once), and whether it does; k >= 1 rows."""
    scratch = _scratch(n_items)
    scratch[rows] = np.arange(len(rows), dtype=np.int32)
    place = scratch.take(positions)
    np.minimum(place, len(rows) - 1, out=place)
    return place, rows.take(place) == positions


def found_at(n_items: int, rows: I64, values: NDArray[Number], positions: I64) -> NDArray[Number]:
    """The value at each position, 0 where `rows` (each once) does not name it; in the shape of `positions`."""
    if not len(rows):
        return np.zeros(positions.shape, dtype=values.dtype)
    place, known = places_of(n_items, rows, positions)
    return np.where(known, values.take(place), values.dtype.type(0))
