"""Groups of variants by their own names, for events and requests that name a parent and none of its variants."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from endcap.arrays import I32, I64
from endcap.errors import SnapshotIntegrityError
from endcap.snapshot.ids import ItemIds, arrays_of


def variants_by_parent(items: Iterable[tuple[str, str | None, bool]]) -> dict[str, int]:
    """Group -> the row of the variant that stands for it: the first that can be bought, else the first.

    Groups whose name is also an item's id are not among them: there the item stands for itself.

    Parameters
    ----------
    items : id, group and whether it is available, in the order of the rows
    """
    first: dict[str, int] = {}
    sold: dict[str, int] = {}
    ids = set()
    for row, (item_id, group, available) in enumerate(items):
        ids.add(item_id)
        if group:
            first.setdefault(group, row)
            if available:
                sold.setdefault(group, row)
    return {group: sold.get(group, row) for group, row in sorted(first.items()) if group not in ids}


class Parents:
    """The same as arrays.

    Parameters
    ----------
    arrays : text, offsets and slots as of `ItemIds`, of the names of the groups; int32, the row of an item for each

    Raises
    ------
    SnapshotIntegrityError : the arrays do not fit each other, or name rows that there are not
    """

    def __init__(self, arrays: Sequence[NDArray[Any]], n_items: int) -> None:
        text, offsets, slots, rows = arrays
        self._names = ItemIds(text, offsets, slots)
        if len(rows) != len(self._names) or (len(rows) and not 0 <= int(rows.min()) <= int(rows.max()) < n_items):
            raise SnapshotIntegrityError("the parents of variants stand for items that there are not")
        self._rows = rows.data

    def row(self, name: str) -> int | None:
        """The row of the item that stands for a group, None for a name that no group has."""
        place = self._names.row(name)
        return None if place is None else int(self._rows[place])

    @staticmethod
    def arrays(parents: Mapping[str, int]) -> tuple[NDArray[np.uint8], I64, I32, I32]:
        """What `Parents` is made of."""
        return *arrays_of(list(parents)), np.asarray(list(parents.values()), dtype=np.int32)
