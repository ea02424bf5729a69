"""What can be ranked right now: a snapshot's items, with the items changed since then laid over them.

Rows 0..n_snapshot-1 are the snapshot's items in its order; items that it has never seen follow. A changed item keeps
its row: its attributes and text are replaced there, while lists and popularity stay what the snapshot learned.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from endcap.arrays import F32, I32, I64, Mask
from endcap.catalog.item import document_text, shown_document
from endcap.index.changes import Changes
from endcap.index.derived import Beside, SnapshotTables, rows_by_key
from endcap.index.laid_over import LaidOver
from endcap.index.vectors import VectorTable
from endcap.index.withheld import Withheld
from endcap.snapshot.ids import tie_keys_of
from endcap.snapshot.snapshot import Snapshot
from endcap.text.tokens import Wording

MAX_KEPT: Final = 4


class ItemIndex:
    """A snapshot's tables and the changes since; immutable, so one request sees one state.

    Attributes
    ----------
    n_items : rows, the snapshot's and the new ones
    changed : int64 (m,), the row of each change
    groups, price_band, brand, available, expires_at_ms, popularity, trend, unseen : one value per row
    """

    def __init__(
        self, tables: SnapshotTables, changes: Changes | None = None, withheld: Withheld | None = None
    ) -> None:
        self.tables = tables
        self.snapshot = snapshot = tables.snapshot
        self.changes = changes if changes is not None and changes.item_ids else None
        self._row_of = snapshot.item_ids.row
        self._new_ids: tuple[str, ...] = ()
        self._new_index: dict[str, int] = {}
        self.changed: I64 = np.empty(0, dtype=np.int64)
        if self.changes is not None:
            index = snapshot.index
            self._new_ids = tuple(item_id for item_id in self.changes.item_ids if item_id not in index)
            self._new_index = {item_id: tables.n_items + k for k, item_id in enumerate(self._new_ids)}
            rows = [index[i] if i in index else self._new_index[i] for i in self.changes.item_ids]
            self.changed = np.asarray(rows, dtype=np.int64)
        self.n_items = tables.n_items + len(self._new_ids)
        columns, c = snapshot.columns, self.changes
        self.groups: I32 = self._laid_over(snapshot.groups, None if c is None else c.groups)
        self.price_band: NDArray[np.int8] = self._laid_over(columns.price_band, None if c is None else c.price_band)
        self.brand: I32 = self._laid_over(columns.brand, None if c is None else c.brand)
        self.available: NDArray[np.bool_] = self._laid_over(columns.available, None if c is None else c.available)
        self.expires_at_ms: I64 = self._laid_over(columns.expires_at_ms, None if c is None else c.expires_at_ms)
        self._deleted: frozenset[int] = frozenset()
        if withheld:
            hidden, deleted, expires = withheld.rows(snapshot.index)
            self._deleted = frozenset(hidden[deleted].tolist())
            self.available, self.expires_at_ms = self.available.copy(), self.expires_at_ms.copy()
            self.available[hidden] = expires > 0
            self.expires_at_ms[hidden] = expires
        # New items start at the least popularity: nobody has asked for them yet.
        self.popularity: F32 = self._extended(snapshot.popularity, float(snapshot.popularity.min(initial=np.inf)))
        self.trend: F32 = self._extended(snapshot.trend, 0.0)
        self.unseen: NDArray[np.bool_] = self._extended(snapshot.interaction_counts, 0) == 0

    def _laid_over(self, base: NDArray[Any], values: NDArray[Any] | None) -> NDArray[Any]:
        if values is None:
            return np.asarray(base)
        whole = np.empty(self.n_items, dtype=base.dtype)
        whole[: self.tables.n_items] = base
        whole[self.changed] = values
        return whole

    def _extended(self, base: NDArray[Any], fill: float) -> NDArray[Any]:
        if not self._new_ids:
            return np.asarray(base)
        rest = np.full(len(self._new_ids), fill if np.isfinite(fill) else 0.0, dtype=base.dtype)
        return np.concatenate([base, rest])

    @property
    def encoder_tag(self) -> bytes | None:
        """Tag of the encoder whose vectors of shoppers' texts can be compared with the items; None without encoder."""
        return self.tables.encoder_tag

    @property
    def item_tag(self) -> bytes | None:
        """Tag of vectors that the snapshot's encoder has made of its fields of items; None without encoder."""
        return self.tables.item_tag

    def position(self, item_id: str) -> int | None:
        """The row of an item, or of the variant that stands for a group; None for an id that neither has."""
        known = self._row_of(item_id)
        if known is None:
            known = self._new_index.get(item_id)
        return self._standing_for(item_id) if known is None else known

    def _standing_for(self, group: str) -> int | None:
        """The row of the variant that stands for a group: one that is not deleted, where there is one."""
        row = None if self.snapshot.parents is None else self.snapshot.parents.row(group)
        row = self._new_parents.get(group) if row is None else row
        if row is None or not self.is_deleted(row):
            return row
        others = self.members([int(self.groups[row])]).tolist()
        return min((other for other in others if not self.is_deleted(other)), default=row)

    @property
    def has_parents(self) -> bool:
        """Whether a group has a name that no item has for its id."""
        return self.snapshot.parents is not None or bool(self._new_parents)

    def thing(self, item_id: str) -> int | str:
        """What counts as one thing with an item: the number of its group; the id itself where it is unknown."""
        position = self.position(item_id)
        return item_id if position is None else int(self.groups[position])

    @cached_property
    def _new_parents(self) -> dict[str, int]:
        """Groups that changed items name -> the row of the first of them."""
        found: dict[str, int] = {}
        items = () if self.changes is None else self.changes.items
        for row, item in zip(self.changed.tolist(), items, strict=True):
            if item is not None and item.group_id:
                found.setdefault(item.group_id, row)
        return found

    def positions(self, item_ids: Iterable[str]) -> I64:
        """The rows of the known ones among `item_ids`, ascending, each once."""
        found = {p for p in map(self.position, item_ids) if p is not None}
        return np.asarray(sorted(found), dtype=np.int64)

    def item_id(self, position: int) -> str:
        """The id of a row."""
        n = self.tables.n_items
        return self.snapshot.item_ids[position] if position < n else self._new_ids[position - n]

    @cached_property
    def _change_of(self) -> dict[int, int]:
        return {position: row for row, position in enumerate(self.changed.tolist())}

    def document(self, position: int) -> Mapping[str, Any]:
        """The item of a row as a JSON object; a deleted one has only what the snapshot knew."""
        row = self._change_of.get(position)
        changed = self.changes.items[row] if self.changes is not None and row is not None else None
        if changed is not None:
            return shown_document(changed)
        if position < self.tables.n_items:
            return self.tables.document(position)
        return {"item_id": self.item_id(position)}

    def wording(self, position: int) -> Wording:
        """The wording of an item's whole text."""
        if position < self.tables.n_items and position not in self._change_of:
            return self.tables.wording(position)
        return Wording.of(document_text(self.document(position)))

    @cached_property
    def deleted_rows(self) -> I64:
        """Rows of items that were deleted since the snapshot, ascending."""
        items = () if self.changes is None else self.changes.items
        gone = {row for row, item in zip(self.changed.tolist(), items, strict=True) if item is None}
        return np.asarray(sorted(gone | self._deleted), dtype=np.int64)

    def is_deleted(self, position: int) -> bool:
        """Whether the item of a row was deleted since the snapshot."""
        row = self._change_of.get(position)
        gone = self.changes is not None and row is not None and self.changes.items[row] is None
        return gone or position in self._deleted

    def category_id(self, name: str) -> int | None:
        """Vocabulary id of a category, None for one that no item has."""
        return self.tables.names.find_category(name)

    def brand_id(self, name: str) -> int | None:
        """Vocabulary id of a brand, None for one that no item has."""
        return self.tables.names.find_brand(name)

    def categories_of(self, position: int) -> tuple[int, ...]:
        """Vocabulary ids of an item's categories."""
        row = self._change_of.get(position)
        if row is not None and self.changes is not None:
            return self.changes.categories[row]
        return self.tables.categories_of(position)

    def categories_at(self, positions: I64) -> tuple[I64, I64]:
        """Categories of several items, flat: index within `positions`, and vocabulary id, in the items' own order."""
        if not len(self.changed):
            owner, categories, _ = self.tables.category_shares(positions)
            return owner, categories
        found = [self.categories_of(position) for position in positions.tolist()]
        owner = np.repeat(np.arange(len(found)), [len(ids) for ids in found])
        return owner, np.fromiter((c for ids in found for c in ids), dtype=np.int64)

    @cached_property
    def changed_categories(self) -> tuple[I64, I64, F32]:
        """Categories of changed items, flat: which of `changed`, vocabulary id, share as in `category_shares`."""
        categories = () if self.changes is None else self.changes.categories
        owner = np.repeat(np.arange(len(categories)), [len(ids) for ids in categories])
        flat = np.fromiter((c for ids in categories for c in ids), dtype=np.int64)
        rare = np.asarray([self.tables.idf_of(c) for c in flat.tolist()])
        totals = np.bincount(owner, weights=rare, minlength=len(categories))
        return owner, flat, (rare / totals[owner]).astype(np.float32)

    @cached_property
    def raw(self) -> LaidOver:
        """The items' texts as the encoder gave them."""
        return self._texts(self.tables.raw, None if self.changes is None else self.changes.raw)

    @cached_property
    def white(self) -> LaidOver:
        """The items' whitened texts."""
        return self._texts(self.tables.white, None if self.changes is None else self.changes.white)

    @cached_property
    def beside(self) -> Mapping[Beside, LaidOver | None]:
        """Vectors that items have beside those of their texts; None for a part that the snapshot has none of.

        Of what has changed since the snapshot the picture is what it is now, and so is what was written about it.
        """
        return {part: self._beside(part, table) for part, table in self.tables.beside.items()}

    def _beside(self, part: Beside, table: VectorTable | None) -> LaidOver | None:
        if table is None:
            return None
        if self.changes is None:
            return LaidOver(table, self.n_items)
        changes = self.changes
        own = {"image": changes.images, "tag": changes.tags, "described": changes.described}[part]
        if own.shape[1] != table.dim:  # a snapshot of before does not say by whom its items were described
            own = np.zeros((len(self.changed), table.dim), dtype=np.float32)
        return LaidOver(table, self.n_items, self.changed, own)

    @cached_property
    def described_shares(self) -> F32 | None:
        """float32 (n_items, 2): what descriptions count of the weights of both terms; None for all of them."""
        shares, changes = self.snapshot.described_shares, self.changes
        if shares is None and (changes is None or (changes.described_shares == 1).all()):
            return None
        whole = np.ones((self.n_items, 2), dtype=np.float32)
        if shares is not None:
            whole[: self.tables.n_items] = shares
        if changes is not None:
            whole[self.changed] = changes.described_shares
        return whole

    def _texts(self, table: VectorTable, changed: F32 | None) -> LaidOver:
        """Vectors of texts, of changed items those that they have now."""
        if self.changes is None or changed is None:
            return LaidOver(table, self.n_items)
        fresh = self.changes.has_vector
        return LaidOver(table, self.n_items, self.changed[fresh], changed[fresh])

    def rows_of_key(self, key: bytes) -> tuple[int, ...]:
        """The rows of the items that an impression's 4 bytes stand for."""
        later = (self.tables.n_items + row for row in self._new_rows_by_key.get(key, ()))
        return (*self.tables.rows_by_key.get(key, ()), *later)

    @cached_property
    def _new_rows_by_key(self) -> dict[bytes, tuple[int, ...]]:
        return rows_by_key(self._new_ids)

    @cached_property
    def imputation(self) -> tuple[I64, I64, F32]:
        """New items that borrow: int64 (b,) rows, int64 (b, 10) rows they borrow from, float32 (b, 10) shares."""
        c = self.changes
        if c is None:
            return np.empty(0, dtype=np.int64), np.empty((0, 1), dtype=np.int64), np.empty((0, 1), dtype=np.float32)
        some = c.donor_shares.any(axis=1)
        return self.changed[some], c.donors[some], c.donor_shares[some]

    @cached_property
    def sellable_always(self) -> Mask:
        """Bool (n_items,): items that are available and never expire."""
        return np.asarray(self.available & (self.expires_at_ms == 0), dtype=np.bool_)

    @cached_property
    def expiring(self) -> I64:
        """The rows of the items that are available and expire one day."""
        return np.flatnonzero(self.available & (self.expires_at_ms != 0))

    def members(self, groups: Iterable[int]) -> I64:
        """The rows of all variants of some groups: int64, each once, in no order."""
        wanted = np.asarray(sorted(set(groups)), dtype=np.int64)
        rows = self.tables.members_of(wanted)
        if self.changes is None:
            return rows
        rows = rows[np.isin(rows, self.changed, invert=True)]
        return np.concatenate([rows, self.changed[np.isin(self.groups[self.changed], wanted)]])

    def branded(self, brand: int) -> I64:
        """The rows of a brand's items: int64, in no order."""
        rows = self.tables.items_of_brand(brand)
        if self.changes is None:
            return rows
        rows = rows[np.isin(rows, self.changed, invert=True)]
        return np.concatenate([rows, self.changed[self.brand[self.changed] == brand]])

    @cached_property
    def kept(self) -> dict[Hashable, F32]:
        """What requests have worked out over all rows and others can use: name and settings -> float32 (n_items,)."""
        return {}

    def keep(self, key: Hashable, values: F32) -> F32:
        """Remember `values` for the next requests, and the last few others; gives them back."""
        for oldest in list(self.kept)[: max(0, len(self.kept) - MAX_KEPT + 1)]:
            self.kept.pop(oldest, None)
        self.kept[key] = values
        return values

    @cached_property
    def tie_keys(self) -> NDArray[np.uint32]:
        """Uint32 (n_items,): settles equal scores, unrelated to the order of ids."""
        return np.concatenate([self.tables.tie_keys, tie_keys_of(self._new_ids)])


_recent: list[ItemIndex] = []


def index_of(snapshot: Snapshot) -> ItemIndex:
    """The snapshot alone, nothing laid over; derived tables of the last two snapshots are kept."""
    for known in _recent:
        if known.snapshot is snapshot:
            return known
    index = ItemIndex(SnapshotTables(snapshot))
    _recent[:] = [index, *_recent[:1]]
    return index
