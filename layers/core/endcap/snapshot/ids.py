"""The ids of a snapshot's items, as arrays: neither their texts nor the way from an id to its row are Python objects.

A row is found by open addressing with linear probing: the slot of an id is its CRC-32 modulo the number of slots, or
the next free one after it.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Final, overload

import numpy as np
from numpy.typing import NDArray

from endcap.arrays import I32, I64
from endcap.errors import SnapshotIntegrityError

EMPTY: Final = -1
_PER_ITEM: Final = 2
"""Slots for each item at least: at most half of them are taken, so that a search ends soon."""


_KEPT: Final = 4096
"""Ids whose rows are remembered: a request asks for each of a history several times."""


class ItemIds(Sequence[str]):
    """The ids in the order of the rows.

    Parameters
    ----------
    text : uint8, the UTF-8 of all ids, one after the other
    offsets : int64 (n + 1,), where each begins
    slots : int32, a power of two of them, each a row or `EMPTY`

    Raises
    ------
    SnapshotIntegrityError : the arrays do not fit each other
    """

    def __init__(self, text: NDArray[np.uint8], offsets: I64, slots: I32) -> None:
        if len(offsets) < 1 or offsets[0] != 0 or offsets[-1] != len(text) or (np.diff(offsets) < 0).any():
            raise SnapshotIntegrityError("the offsets of the ids do not cover their text")
        if len(slots) <= len(offsets) - 1 or len(slots) & (len(slots) - 1):
            raise SnapshotIntegrityError("the ids have too few slots, or no power of two of them")
        self.n_items = len(offsets) - 1
        # Memory views give plain numbers and bytes at a fraction of what an array's element takes.
        self._text, self._offsets, self._slots = text.data, offsets.data, slots.data
        self._mask = len(slots) - 1

    @classmethod
    def of(cls, item_ids: Sequence[str]) -> ItemIds:
        """Of some ids.

        Raises
        ------
        SnapshotIntegrityError : an id is there twice
        """
        return cls(*arrays_of(item_ids))

    def __len__(self) -> int:
        return self.n_items

    @overload
    def __getitem__(self, row: int) -> str: ...
    @overload
    def __getitem__(self, row: slice) -> list[str]: ...
    def __getitem__(self, row: int | slice) -> str | list[str]:
        if isinstance(row, slice):
            return [self[k] for k in range(*row.indices(self.n_items))]
        if row < 0:
            row += self.n_items
        if row < 0:
            raise IndexError("no such row")
        return bytes(self._text[self._offsets[row] : self._offsets[row + 1]]).decode(errors="replace")

    def __iter__(self) -> Iterator[str]:
        text, start = bytes(self._text), 0
        for end in self._offsets[1:].tolist():
            yield text[start:end].decode(errors="replace")
            start = end

    @cached_property
    def row(self) -> Callable[[str], int | None]:
        """Id -> its row, None for an unknown one; those that were asked for last are kept."""
        return lru_cache(maxsize=_KEPT)(self._row)

    def _row(self, item_id: str) -> int | None:
        wanted = item_id.encode("utf-8", "surrogatepass")
        text, offsets, slots, mask, n_items = self._text, self._offsets, self._slots, self._mask, self.n_items
        slot = zlib.crc32(wanted) & mask
        for _ in range(mask + 1):
            row = slots[slot]
            if not 0 <= row < n_items:
                return None
            if text[offsets[row] : offsets[row + 1]] == wanted:
                return row
            slot = (slot + 1) & mask
        return None

    @cached_property
    def rows(self) -> Mapping[str, int]:
        """Id -> row."""
        return _Rows(self)


class _Rows(Mapping[str, int]):
    def __init__(self, ids: ItemIds) -> None:
        self._ids = ids

    def __getitem__(self, item_id: str) -> int:
        row = self._ids.row(item_id)
        if row is None:
            raise KeyError(item_id)
        return row

    def __contains__(self, item_id: object) -> bool:
        return isinstance(item_id, str) and self._ids.row(item_id) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(self._ids)

    def __len__(self) -> int:
        return len(self._ids)


def arrays_of(item_ids: Sequence[str]) -> tuple[NDArray[np.uint8], I64, I32]:
    """Text, offsets and slots of `ItemIds`.

    Raises
    ------
    SnapshotIntegrityError : an id is there twice
    """
    encoded = [item_id.encode() for item_id in item_ids]
    if len(set(encoded)) != len(encoded):
        raise SnapshotIntegrityError("an item is named twice")
    offsets = np.zeros(len(encoded) + 1, dtype=np.int64)
    np.cumsum([len(one) for one in encoded], out=offsets[1:])
    text = np.frombuffer(b"".join(encoded), dtype=np.uint8)
    return text, offsets, _slots_of(np.fromiter(map(zlib.crc32, encoded), dtype=np.int64, count=len(encoded)))


def _slots_of(sums: I64) -> I32:
    """The slots of ids with these CRC-32 sums: int64 (n,)."""
    n_slots = 1 << max(3, (_PER_ITEM * len(sums) - 1).bit_length())
    slots = np.full(n_slots, EMPTY, dtype=np.int32)
    waiting, wanted = np.arange(len(sums)), sums & (n_slots - 1)
    while len(waiting):
        free = slots[wanted] == EMPTY
        taken, first = np.unique(wanted[free], return_index=True)
        slots[taken] = waiting[free][first]  # of several that want a slot the first one gets it
        left = slots[wanted] != waiting
        waiting, wanted = waiting[left], (wanted[left] + 1) & (n_slots - 1)
    return slots


def tie_keys_of(item_ids: Iterable[str]) -> NDArray[np.uint32]:
    """Uint32, one well-mixed number per id."""
    sums = np.fromiter((zlib.crc32(item_id.encode()) for item_id in item_ids), dtype=np.uint32)
    mixed = sums * np.uint32(0x9E3779B1)  # neighbouring ids have related checksums
    return np.asarray(mixed ^ (mixed >> np.uint32(15)), dtype=np.uint32)
