"""What a shop is right now, in plain objects: a snapshot with the items changed since then laid over it, item by item.

Names stand where the product has numbers, double precision where it has single, loops where it has tables.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from endcap.catalog.item import shown_document
from endcap.index.overlay import ChangedItem
from endcap.snapshot.snapshot import Snapshot

F64 = NDArray[np.float64]

LISTS: Final = ("next", "together", "neighbours", "wording")
NEAREST: Final = 10
"""Items that lend their lists to a new one."""
CLOSE: Final = 1e-5
"""Cosines nearer to each other than this may stand in either order: the product adds them up in single precision."""


@dataclass(frozen=True)
class PlainItem:
    """One row.

    Attributes
    ----------
    old_row : its row of the snapshot, None for a newer item
    words : its document for searches, None where there is nothing to find any more
    band : price band, None without price
    raw, white : text vector as the encoder gave it, and whitened; zeros without text
    image : of the picture of a changed item, int8
    """

    item_id: str
    old_row: int | None
    words: Mapping[str, Any] | None
    group: str
    brand: str
    categories: tuple[str, ...]
    band: int | None
    available: bool
    expires_at_ms: int
    raw: F64
    white: F64
    image: bytes = b""
    changed: bool = False
    deleted: bool = False


class PlainShop:
    """The items and what the snapshot has learned of them.

    Attributes
    ----------
    fragile : which items lend to a new one hangs on a difference that single precision can't see
    """

    def __init__(self, snapshot: Snapshot, changes: Sequence[ChangedItem] = (), tag: bytes | None = None) -> None:
        self.snapshot, self.n_old = snapshot, snapshot.n_items
        self.fragile = False
        self.mean = np.asarray(snapshot.whitening_mean, dtype=np.float64)
        self.projection = np.asarray(snapshot.whitening_projection, dtype=np.float64)
        self.old_documents = [snapshot.document(row) for row in range(self.n_old)]
        self.snapshot_white = self._white_of_the_snapshot()
        self.items = [self._old_item(row) for row in range(self.n_old)]
        latest: dict[str, ChangedItem] = {}
        for change in sorted(changes, key=lambda change: change.changed_at_ms):
            latest[change.item_id] = change
        for item_id in dict.fromkeys(change.item_id for change in changes):
            row = snapshot.index.get(item_id)
            if row is None:
                self.items.append(self._changed_item(latest[item_id], None, tag))
            else:
                self.items[row] = self._changed_item(latest[item_id], row, tag)
        self.row_of = {item.item_id: row for row, item in enumerate(self.items)}
        self.raw = np.stack([item.raw for item in self.items])
        self.white = np.stack([item.white for item in self.items])

    @property
    def n(self) -> int:
        """All rows, new items last."""
        return len(self.items)

    def _old_item(self, row: int) -> PlainItem:
        document = self.old_documents[row]
        return PlainItem(
            item_id=document["item_id"],
            old_row=row,
            words=document,
            group=str(document.get("group_id") or document["item_id"]),
            brand=document.get("brand", ""),
            categories=tuple(dict.fromkeys(document.get("categories", ()))),
            band=self._band_of(document.get("price")),
            available=document["available"],
            expires_at_ms=document.get("expires_at", 0),
            raw=self.snapshot.text_vectors_f16[row].astype(np.float64),
            white=self.snapshot_white[row],
        )

    def _nothing_known_of(self, item_id: str) -> PlainItem:
        raw, white = np.zeros_like(self.mean), np.zeros(self.projection.shape[1])
        return PlainItem(item_id, None, None, item_id, "", (), None, False, 0, raw, white)

    def _changed_item(self, change: ChangedItem, row: int | None, tag: bytes | None) -> PlainItem:
        """A changed item keeps its row and what was learned of it; of a deleted one speaks what it was."""
        then = self._nothing_known_of(change.item_id) if row is None else self._old_item(row)
        item, raw, white = change.item, then.raw, then.white
        if change.vector is not None and change.tag == tag and len(change.vector) == len(self.mean):
            raw = unit(np.frombuffer(change.vector, dtype=np.int8).astype(np.float64))
            white = self._whitened(raw)
        return PlainItem(
            item_id=change.item_id,
            old_row=row,
            words=None if item is None else shown_document(item),
            group=item.group if item is not None else then.group,
            brand=item.brand if item is not None else then.brand,
            categories=tuple(dict.fromkeys(item.categories)) if item is not None else then.categories,
            band=self._band_of(item.price) if item is not None else then.band,
            available=item is not None and item.available,
            expires_at_ms=0 if item is None else item.expires_at_ms or 0,
            raw=raw,
            white=white,
            image=b"" if item is None else item.image_vector,
            changed=True,
            deleted=item is None,
        )

    def _band_of(self, price: float | None) -> int | None:
        if price is None:
            return None
        return sum(float(edge) <= float(np.float32(price)) for edge in self.snapshot.columns.price_edges)

    def _whitened(self, raw: F64) -> F64:
        return unit((raw - self.mean) @ self.projection) if raw.any() else np.zeros(self.projection.shape[1])

    def _white_of_the_snapshot(self) -> F64:
        """The stored item vectors where these are the whitened texts; a trained snapshot's are not."""
        s = self.snapshot
        of_text = np.stack([self._whitened(row.astype(np.float64)) for row in s.text_vectors_f16])
        stored = np.asarray(s.item_vectors_f16, dtype=np.float64)
        return stored if np.abs(self.sampled(of_text - stored)).max() < 0.02 else of_text

    def sampled(self, rows: F64) -> F64:
        """Every so many of the snapshot's rows, 64 to 127 of them, where it has more."""
        return rows[:: max(1, self.n_old // 64)]

    @cached_property
    def images(self) -> F64:
        """Float64 (n, width), pictures less the snapshot's mean: what a changed item brings itself counts for it."""
        kept, mean = self.snapshot.image, self.snapshot.image_mean
        if kept is None or mean is None:
            return np.zeros((self.n, 1))
        found = np.zeros((self.n, len(mean)))
        for row, item in enumerate(self.items):
            if not item.changed:
                found[row] = kept.fine[row]
            elif len(item.image) == len(mean):
                found[row] = unit(unit(np.frombuffer(item.image, dtype=np.int8).astype(np.float64)) - mean)
        return found

    # What the snapshot has learned

    @cached_property
    def lists(self) -> dict[str, F64]:
        """Name -> float64 (n_old, n_old), the weight of each column's item in each row's list."""
        found = {}
        for name in LISTS:
            stored = self.snapshot.lists[name]
            found[name] = np.zeros((self.n_old, self.n_old))
            for row in range(self.n_old):
                neighbours, weights = stored.row(row)
                found[name][row, neighbours] = weights
        return found

    def list_row(self, row: int) -> int | None:
        """The row whose lists speak for an item: its own, or its most bought sibling's where nobody has touched it."""
        counts = self.snapshot.interaction_counts
        if row >= self.n_old or counts[row] > 0:
            return row if row < self.n_old else None
        own = str(self.old_documents[row].get("group_id") or self.old_documents[row]["item_id"])
        siblings = [
            k for k, other in enumerate(self.old_documents) if str(other.get("group_id") or other["item_id"]) == own
        ]
        return max(siblings, key=lambda k: (counts[k], -k))

    @cached_property
    def donors(self) -> dict[int, list[tuple[int, float]]]:
        """New item -> the touched items most like it, and the share of each: their cosines cubed, made to add up to 1.

        Items that never had a usable vector have none.
        """
        found = {}
        touched = np.flatnonzero(self.snapshot.interaction_counts > 0).tolist()
        for row in range(self.n_old, self.n):
            if self.items[row].deleted or not self.items[row].raw.any():
                continue
            cosines = {k: float(self.snapshot_white[k] @ self.items[row].white) for k in touched}
            nearest = sorted(touched, key=lambda k: (-cosines[k], k))
            self.note_the_cut([cosines[k] for k in nearest])
            cubes = {k: max(cosines[k], 0.0) ** 3 for k in nearest[:NEAREST]}
            found[row] = [(k, cube / (sum(cubes.values()) + 1e-9)) for k, cube in cubes.items()]
        return found

    def note_the_cut(self, falling: Sequence[float]) -> None:
        """Whether the last that is taken and the first that is not can be told apart."""
        if len(falling) > NEAREST and falling[NEAREST] > 0 and falling[NEAREST - 1] - falling[NEAREST] < CLOSE:
            self.fragile = True

    def listed(self, name: str, row: int) -> F64:
        """Float64 (n,), what the list of one item gives each item, new ones what their donors get."""
        found = np.zeros(self.n)
        source = self.list_row(row)
        if source is not None:
            found[: self.n_old] = self.lists[name][source]
            for new, donors in self.donors.items():
                found[new] = sum(found[k] * share for k, share in donors)
        return found

    @cached_property
    def popularity(self) -> F64:
        """Float64 (n,); nobody has asked for a new item yet."""
        old = np.asarray(self.snapshot.popularity, dtype=np.float64)
        return np.concatenate([old, np.full(self.n - self.n_old, old.min())])

    @cached_property
    def trend(self) -> F64:
        """Float64 (n,)."""
        return np.concatenate([np.asarray(self.snapshot.trend, dtype=np.float64), np.zeros(self.n - self.n_old)])

    @cached_property
    def unseen(self) -> F64:
        """Float64 (n,), 1 for what nobody has touched."""
        touched = np.asarray(self.snapshot.interaction_counts) > 0
        return np.concatenate([1.0 - touched, np.ones(self.n - self.n_old)])

    @cached_property
    def _sizes(self) -> Counter[str]:
        return Counter(name for document in self.old_documents for name in set(document.get("categories", ())))

    def rarity(self, category: str) -> float:
        """Inverse document frequency of a category, as rare as can be for one that only changed items have."""
        if category not in self.snapshot.columns.categories:
            return math.log(self.n_old + 2)
        return float(np.float32(max(math.log((self.n_old + 1) / (self._sizes[category] + 1)), 0.1)))

    @cached_property
    def category_shares(self) -> list[dict[str, float]]:
        """Of each item, category -> its share of the description; in half precision for items of the snapshot."""
        found = []
        for item in self.items:
            rare = {name: self.rarity(name) for name in item.categories}
            shares = {name: value / sum(rare.values()) for name, value in rare.items()}
            found.append(shares if item.changed else {name: float(np.float16(share)) for name, share in shares.items()})
        return found

    def shares_of(self, category: str) -> F64:
        """Float64 (n,), the share of a category in each item's description."""
        return np.asarray([shares.get(category, 0.0) for shares in self.category_shares])

    @cached_property
    def scales(self) -> dict[str, float]:
        """Natural scales of the terms; 1 for those that are not named."""
        scales = {"text": 0.5}
        for name, rows in self.lists.items():
            peaks = [row.max() for row in rows if row.any()]
            if peaks:
                scales[name] = sum(peaks) / len(peaks)
        scales["popularity"] = scales["context"] = float(self.popularity[: self.n_old].std()) or 1.0
        scales["trend"] = float(self.trend[: self.n_old].std()) or 1.0
        if self.n_old > 1:
            texts, vectors = (
                self.sampled(np.asarray(table, dtype=np.float64))
                for table in (self.snapshot.text_vectors_f16, self.snapshot.item_vectors_f16)
            )
            scales["words"] = scales["query"] = spread_of_cosines(texts)
            scales["similarity"] = spread_of_cosines(vectors)
            if self.snapshot.described is not None:
                written = spread_of_cosines(self.sampled(np.asarray(self.snapshot.described[1], dtype=np.float64)))
                scales["described_query"] = written
                scales["described"] = 0.5 * written / self.spreads["text"]
            if self.snapshot.image is not None:
                pictures = spread_of_cosines(self.sampled(np.asarray(self.snapshot.image.fine, dtype=np.float64)))
                scales["image_similar"] = pictures / self.spreads["text"]
                scales["image"] = 0.5 * pictures / self.spreads["text"]
            if self.snapshot.tag is not None:
                rows = np.asarray(self.snapshot.tag.fine, dtype=np.float64)
                scales["tags"] = 0.5 * max(0.01, float(np.std(rows @ rows.T))) / self.spreads["text"]
        return scales

    @cached_property
    def spreads(self) -> dict[str, float]:
        """Usual standard deviation over the items, for a history of one item, of the terms that are evened."""
        spreads = {}
        for name, rows in self.lists.items():
            filled = sum(row.any() for row in rows)
            if filled:
                spreads[name] = math.sqrt((rows**2).sum() / filled / self.n_old)
        if self.n_old > 1:
            spreads["text"] = spread_of_cosines(self.sampled(self.snapshot_white))
        return spreads


def unit(vector: F64) -> F64:
    """The vector at length 1; one without length stays zero."""
    length = float(np.sqrt((vector**2).sum()))
    return vector / length if length > 1e-6 else np.zeros_like(vector)


def spread_of_cosines(rows: F64) -> float:
    """Standard deviation of the cosines of all pairs, at least 0.01."""
    cosines = rows @ rows.T
    return max(float(np.std(cosines[~np.eye(len(rows), dtype=bool)])), 0.01)
