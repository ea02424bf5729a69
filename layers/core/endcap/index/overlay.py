"""Items that changed since the snapshot, ready to be laid over it.

Folding is incremental: a batch of changed rows is turned into columns once, and a request only joins columns. What a
row replaces is decided by its time, so the order in which rows arrive doesn't matter.

At most `MAX_CHANGED` changes are laid over the snapshot whole. What keeps an item from being shown has no such cap:
beyond it, of items that are deleted, not for sale or expire one day, just that is kept (`endcap.index.withheld`).

New items look for the items they borrow their lists from (`endcap.index.imputation`), the newest first, and only as
many a fold as take about 15 ms (10 of them over 12,000 items; 100 at a cold start). After an import of thousands, the
others follow with the next folds, and rank by their text until then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np

from endcap.arrays import F32
from endcap.catalog.item import Item
from endcap.catalog.row import Generated
from endcap.encoders.quantize import dequantize_unit
from endcap.index.changes import Changes
from endcap.index.derived import SnapshotTables
from endcap.index.described import described_shares, described_vectors, usable, with_generated
from endcap.index.imputation import NEAREST, donors_of, items_per_fold
from endcap.index.index import ItemIndex, index_of
from endcap.index.tagged import tags_since
from endcap.index.vectors import without_mean
from endcap.index.withheld import Withheld
from endcap.snapshot.snapshot import Snapshot
from endcap.snapshot.whitening import whiten

MAX_CHANGED: Final = 5_000


@dataclass(frozen=True, slots=True)
class ChangedItem:
    """One row of the items table that changed.

    Attributes
    ----------
    changed_at_ms : when; the latest row of an item wins
    item : what the item is now, None for a deleted one
    vector : int8 (d_text,) of `quantize_unit`, the encoder's own output; None where it isn't embedded yet
    tag : 4 bytes that name the encoder; a vector of another encoder is ignored
    generated : what was written about it; of another kind than the snapshot uses it is ignored
    """

    item_id: str
    changed_at_ms: int
    item: Item | None = None
    vector: bytes | None = None
    tag: bytes | None = None
    generated: Generated | None = None


class Overlay:
    """The changes on top of one snapshot; immutable.

    Attributes
    ----------
    overflowed : some changed items that are for sale, the oldest, were left out for the cap: a rebuild is due
    """

    def __init__(self, snapshot: Snapshot, rows: Iterable[ChangedItem] = ()) -> None:
        self._tables: SnapshotTables = index_of(snapshot).tables
        self._rows: dict[str, ChangedItem] = {}
        self._changes: Changes | None = None
        self._withheld = Withheld()
        self.overflowed = False
        first = self.with_rows(rows)
        while first._changes is not None and not first._changes.settled.all():
            first = first.with_rows(())
        self._rows, self._changes, self.overflowed = first._rows, first._changes, first.overflowed
        self._withheld = first._withheld

    @property
    def snapshot(self) -> Snapshot:
        """What lies below."""
        return self._tables.snapshot

    def __len__(self) -> int:
        return len(self._rows) + len(self._withheld)

    def carried_over(self, snapshot: Snapshot) -> Overlay:
        """What is known of changes since `snapshot`, over it: so that nothing is shown while they are read again."""
        since_ms = snapshot.catalog_as_of_ms
        carried = Overlay(snapshot).with_rows(row for row in self._rows.values() if row.changed_at_ms >= since_ms)
        carried._withheld = self._withheld.since(since_ms)
        return carried

    def with_rows(self, rows: Iterable[ChangedItem]) -> Overlay:
        """This overlay with `rows` folded in: per item the latest row stays; self when nothing is new or left to do."""
        fresh: dict[str, ChangedItem] = {}
        for row in rows:
            known = fresh.get(row.item_id) or self._rows.get(row.item_id)
            if known is None:
                at_ms = self._withheld.changed_at(row.item_id)
                newer = at_ms is None or row.changed_at_ms > at_ms
            else:
                newer = _replaces(row, known)
            if newer:
                fresh[row.item_id] = row
        if not fresh and (self._changes is None or self._changes.settled.all()):
            return self
        merged, withheld, overflows = {**self._rows, **fresh}, self._withheld.without(fresh), False
        if len(merged) > MAX_CHANGED:
            withheld = withheld.having((r.item_id, r.changed_at_ms, r.item) for r in merged.values() if _withholds(r))
            for_sale = [row for row in merged.values() if row.item is not None and row.item.available]
            overflows = len(for_sale) > MAX_CHANGED
            newest = sorted(for_sale, key=lambda row: (row.changed_at_ms, row.item_id), reverse=True)
            merged = {row.item_id: row for row in newest[:MAX_CHANGED]}
            withheld = withheld.without(merged)
            fresh = {item_id: row for item_id, row in fresh.items() if item_id in merged}
        folded = Overlay.__new__(Overlay)
        folded._tables, folded._rows, folded._withheld = self._tables, merged, withheld
        folded.overflowed = self.overflowed or overflows
        most = items_per_fold(self._tables, first=self._changes is None)
        folded._changes = _with_donors(self._joined(merged, list(fresh.values())), merged, self._tables, most)
        return folded

    def _joined(self, merged: dict[str, ChangedItem], fresh: list[ChangedItem]) -> Changes:
        new = _columns_of(fresh, self._tables)
        old = self._changes
        if old is None:
            return new
        replaced = {row.item_id for row in fresh}
        keep = [k for k, item_id in enumerate(old.item_ids) if item_id in merged and item_id not in replaced]
        kept = np.asarray(keep, dtype=np.int64)
        return Changes(
            item_ids=(*(old.item_ids[k] for k in keep), *new.item_ids),
            items=(*(old.items[k] for k in keep), *new.items),
            has_vector=np.concatenate([old.has_vector[kept], new.has_vector]),
            raw=np.concatenate([old.raw[kept], new.raw]),
            white=np.concatenate([old.white[kept], new.white]),
            price_band=np.concatenate([old.price_band[kept], new.price_band]),
            brand=np.concatenate([old.brand[kept], new.brand]),
            groups=np.concatenate([old.groups[kept], new.groups]),
            available=np.concatenate([old.available[kept], new.available]),
            expires_at_ms=np.concatenate([old.expires_at_ms[kept], new.expires_at_ms]),
            categories=(*(old.categories[k] for k in keep), *new.categories),
            donors=np.concatenate([old.donors[kept], new.donors]),
            donor_shares=np.concatenate([old.donor_shares[kept], new.donor_shares]),
            settled=np.concatenate([old.settled[kept], new.settled]),
            images=np.concatenate([old.images[kept], new.images]),
            tags=np.concatenate([old.tags[kept], new.tags]),
            described=np.concatenate([old.described[kept], new.described]),
            described_shares=np.concatenate([old.described_shares[kept], new.described_shares]),
        )

    @cached_property
    def index(self) -> ItemIndex:
        """The snapshot with these changes over it."""
        if not self._rows and not self._withheld:
            return index_of(self.snapshot)
        return ItemIndex(self._tables, self._changes, self._withheld)


def _withholds(row: ChangedItem) -> bool:
    """Whether a row keeps its item from being shown, now or one day."""
    return row.item is None or not row.item.available or row.item.expires_at_ms is not None


def _replaces(row: ChangedItem, known: ChangedItem) -> bool:
    """Later wins; at one time deletion wins, then the row that has a vector or more, then any fixed order."""
    ours, theirs = (
        (r.changed_at_ms, r.item is None, r.vector is not None, r.generated is not None) for r in (row, known)
    )
    if ours != theirs:
        return ours > theirs
    if row == known:  # the common case: the last rows are read again and again
        return False
    first, second = ((repr(r.item), r.vector or b"", r.tag or b"", repr(r.generated)) for r in (row, known))
    return first > second


def _columns_of(rows: list[ChangedItem], tables: SnapshotTables) -> Changes:
    snapshot = tables.snapshot
    d_text = snapshot.whitening_mean.shape[0]
    embedded = [row.vector is not None and row.tag == tables.item_tag and len(row.vector) == d_text for row in rows]
    blank = b"\0" * d_text
    levels = b"".join((row.vector or blank) if ok else blank for row, ok in zip(rows, embedded, strict=True))
    raw = dequantize_unit(np.frombuffer(levels, dtype=np.int8).reshape(len(rows), d_text))
    items = [row.item or Item(row.item_id, available=False) for row in rows]
    written = [row.generated if usable(row.generated, tables) else None for row in rows]
    prices = np.asarray([np.nan if item.price is None else item.price for item in items], dtype=np.float32)
    bands = np.where(np.isnan(prices), -1, np.searchsorted(snapshot.columns.price_edges, prices, side="right"))
    brands = [tables.names.brand_number(item.brand) for item in items]
    categories = [
        tuple(tables.names.category_number(name) for name in dict.fromkeys(item.categories)) for item in items
    ]
    groups = [tables.names.group_number(item.group) for item in items]
    for k, row in enumerate(rows):
        position = snapshot.index.get(row.item_id) if row.item is None else None
        if position is not None:  # deleted, but what shoppers did with it still speaks for its brand, category, group
            brands[k], bands[k] = snapshot.columns.brand[position], snapshot.columns.price_band[position]
            categories[k] = tables.categories_of(position)
            groups[k] = int(snapshot.groups[position])
    return Changes(
        item_ids=tuple(row.item_id for row in rows),
        items=tuple(with_generated(row.item, one) for row, one in zip(rows, written, strict=True)),
        has_vector=np.asarray(embedded, dtype=np.bool_),
        raw=raw,
        white=whiten(snapshot, raw),
        price_band=bands.astype(np.int8),
        brand=np.asarray(brands, dtype=np.int32),
        groups=np.asarray(groups, dtype=np.int32),
        available=np.asarray([item.available for item in items], dtype=np.bool_),
        expires_at_ms=np.asarray([item.expires_at_ms or 0 for item in items], dtype=np.int64),
        categories=tuple(categories),
        donors=np.zeros((len(rows), NEAREST), dtype=np.int64),
        donor_shares=np.zeros((len(rows), NEAREST), dtype=np.float32),
        settled=np.asarray(
            [
                not ok or row.item is None or row.item_id in snapshot.index
                for row, ok in zip(rows, embedded, strict=True)
            ],
            dtype=np.bool_,
        ),
        images=_images(items, snapshot),
        tags=tags_since(items, written, snapshot),
        described=described_vectors(written, raw, tables),
        described_shares=described_shares(items, tables),
    )


def _images(items: list[Item], snapshot: Snapshot) -> F32:
    """float32 (m, d_image): pictures as the snapshot has them; zero for none, and for one of another width."""
    mean = snapshot.image_mean
    if mean is None:
        return np.zeros((len(items), 0), dtype=np.float32)
    blank = b"\0" * len(mean)
    levels = b"".join(item.image_vector if len(item.image_vector) == len(mean) else blank for item in items)
    return without_mean(dequantize_unit(np.frombuffer(levels, dtype=np.int8).reshape(len(items), len(mean))), mean)


def _with_donors(changes: Changes, rows: Mapping[str, ChangedItem], tables: SnapshotTables, most: int) -> Changes:
    """The changes with donors for the newest items that lack them, up to `most`."""
    lacking = np.flatnonzero(~changes.settled).tolist()
    if not lacking:
        return changes
    newest = sorted(lacking, key=lambda k: (-rows[changes.item_ids[k]].changed_at_ms, changes.item_ids[k]))
    chosen = np.asarray(newest[:most], dtype=np.int64)
    donors, donor_shares, settled = changes.donors.copy(), changes.donor_shares.copy(), changes.settled.copy()
    donors[chosen], donor_shares[chosen] = donors_of(tables, changes.white[chosen])
    settled[chosen] = True
    return replace(changes, donors=donors, donor_shares=donor_shares, settled=settled)
