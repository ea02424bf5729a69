"""Items that must not be shown, or not for ever, however many there are: no more is kept of each than that."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import cached_property

import numpy as np

from endcap.arrays import I64, Mask
from endcap.catalog.item import Item

Restriction = tuple[int, bool, int | None]
"""When the item changed, whether it is deleted, and when it expires: None where it is not for sale as it is."""


class Withheld:
    """Restrictions by item id; immutable, so that what is worked out of them is worked out once per change."""

    def __init__(self, known: Mapping[str, Restriction] | None = None) -> None:
        self._known = known or {}

    def __len__(self) -> int:
        return len(self._known)

    def since(self, since_ms: int) -> Withheld:
        """Those that changed at or after a time."""
        return Withheld({item_id: one for item_id, one in self._known.items() if one[0] >= since_ms})

    def changed_at(self, item_id: str) -> int | None:
        """When a withheld item has changed; None for one that is not."""
        known = self._known.get(item_id)
        return None if known is None else known[0]

    def without(self, item_ids: Collection[str]) -> Withheld:
        """These but for some; self where none of those is among them."""
        if not any(item_id in self._known for item_id in item_ids):
            return self
        return Withheld({item_id: one for item_id, one in self._known.items() if item_id not in item_ids})

    def having(self, changed: Iterable[tuple[str, int, Item | None]]) -> Withheld:
        """These and more: id, time of the change, and the item as it is now, None for a deleted one."""
        more = {
            item_id: (at_ms, item is None, item.expires_at_ms if item is not None and item.available else None)
            for item_id, at_ms, item in changed
        }
        return Withheld({**self._known, **more}) if more else self

    @cached_property
    def _columns(self) -> tuple[tuple[str, ...], Mask, I64]:
        expires = [0 if expires_ms is None else expires_ms for _, _, expires_ms in self._known.values()]
        deleted = [gone for _, gone, _ in self._known.values()]
        return tuple(self._known), np.asarray(deleted, dtype=np.bool_), np.asarray(expires, dtype=np.int64)

    def rows(self, index: Mapping[str, int]) -> tuple[I64, Mask, I64]:
        """Rows of the snapshot that are withheld, which of them are deleted, and when they expire, 0 for at once.

        Parameters
        ----------
        index : item id -> row; an item that the snapshot does not have can't be shown anyway
        """
        item_ids, deleted, expires = self._columns
        rows = np.fromiter((index.get(item_id, -1) for item_id in item_ids), dtype=np.int64, count=len(item_ids))
        known = rows >= 0
        return rows[known], deleted[known], expires[known]
