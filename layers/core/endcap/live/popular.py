"""What can be shown while no snapshot can be read: the list of the last promotion, checked item by item.

The list becomes a snapshot of its items, in which nothing is for sale until the items table has said so: what could
not be checked is not shown. So filters, pins, the running session and all else of a request mean what they always do,
as far as a hundred items without vectors and lists go.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Protocol

import numpy as np

from endcap.catalog.row import ItemRow, PopularList
from endcap.index.overlay import ChangedItem, Overlay
from endcap.live.catalogue import LOST as CHANGES
from endcap.live.polling import LastGood
from endcap.live.waiting import Guarded, Waiting
from endcap.observability import logger
from endcap.snapshot.format import ARRAYS, LIST_NAMES
from endcap.snapshot.ids import ItemIds
from endcap.snapshot.parts import ItemColumns, Weights, empty_list
from endcap.snapshot.snapshot import Snapshot

POLL_S: Final = 2.0
_WIDTH: Final = 4
"""Of vectors that say nothing."""


class Items(Protocol):
    """Where the list and the items are read from."""

    def popular(self) -> PopularList | None:
        """The list of the last promotion, None where there was none that wrote it."""

    def many(self, item_ids: Iterable[str]) -> Mapping[str, ItemRow | None]:
        """Rows by id, None where there is no such item; what could not be read is left out."""


@dataclass(frozen=True, slots=True)
class _Read:
    """What a look has found: the list with what is known of its items, None where there is none."""

    overlay: Overlay | None
    n_unread: int = 0


class Popular:
    """The last promoted list, with its items as they are now; looked at only while somebody asks.

    Parameters
    ----------
    waiting : of the requests that are served. An answer whose items have not all been looked up again loses "changes"
    """

    def __init__(self, items: Items, waiting: Waiting) -> None:
        self._items, self._waiting = items, waiting
        self._named = Guarded("items", waiting)
        self._kept = LastGood(_Read(None), POLL_S, waiting.clock, whole=lambda read: not read.n_unread, waiting=waiting)

    def over(self, named: Iterable[str] = ()) -> Overlay | None:
        """The list with its items laid over it, and those that a request names; None where it can't be had in time."""
        ids = sorted(set(named))
        reading = self._named.begin(partial(self._items.many, ids)) if ids else None
        overlay = self._kept.refreshed(self._look, self._failed).overlay
        if overlay is not None and self._kept.stale:
            self._waiting.lose(CHANGES)
        if overlay is None or reading is None:
            return overlay
        try:
            return overlay.with_rows(_changed(reading.result()))
        except Exception as exc:  # what is named is unknown then
            self._failed(exc)
            self._waiting.lose(CHANGES)
            return overlay

    def _look(self) -> _Read:
        popular = self._items.popular()
        if popular is None:
            return _Read(None)
        rows = self._items.many(item_id for item_id, _ in popular.items)
        known = self._kept.content.overlay
        same = known is not None and known.snapshot.version == popular.version
        snapshot = known.snapshot if known is not None and same else snapshot_of(popular)
        n_unread = sum(item_id not in rows for item_id, _ in popular.items)
        return _Read(Overlay(snapshot).with_rows(_changed(rows)), n_unread)

    def _failed(self, exc: Exception) -> None:
        logger.warning("popular list not readable", extra={"error": str(exc)})


def _changed(rows: Mapping[str, ItemRow | None]) -> Iterable[ChangedItem]:
    for item_id, row in rows.items():
        yield ChangedItem(item_id, 0) if row is None else ChangedItem(item_id, row.changed_at_ms, row.item)


@dataclass(frozen=True)
class _Kept(Snapshot):
    """A snapshot whose folder goes with it."""

    folder: TemporaryDirectory[str] | None = None


def snapshot_of(popular: PopularList) -> Snapshot:
    """A snapshot of the list's items, the most popular first, in which nothing is known to be for sale."""
    folder = TemporaryDirectory(prefix="endcap-popular-", ignore_cleanup_errors=True)
    titles = dict(popular.items)
    lines = [
        json.dumps({"item_id": i, "title": title}, ensure_ascii=False).encode() + b"\n" for i, title in titles.items()
    ]
    (Path(folder.name) / "items.jsonl").write_bytes(b"".join(lines))
    n = len(titles)
    sizes = {"items": n, "items+1": n + 1, "d_item": _WIDTH, "d_text": _WIDTH}
    blank: dict[str, Any] = {
        name: np.zeros([sizes.get(size or "", 0) for size in spec.shape], dtype=spec.dtype)
        for name, spec in ARRAYS.items()
        if not name.startswith("list_")
    }
    columns = {name: blank.pop(name) for name in list(blank) if name in ItemColumns.__dataclass_fields__}
    columns |= {"price": np.full(n, np.nan, dtype=np.float32), "brands": (), "categories": ()}
    columns |= {name: np.full(n, -1, dtype=ARRAYS[name].dtype) for name in ("brand", "price_band")}
    blank |= {
        "item_offsets": np.cumsum([0, *map(len, lines)], dtype=np.int64),
        "groups": np.arange(n, dtype=np.int32),
        "popularity": np.log1p(np.arange(n, 0, -1, dtype=np.float32)),
        "interaction_counts": np.ones(n, dtype=np.int32),
    }
    return _Kept(
        directory=Path(folder.name),
        version=popular.version,
        manifest={"files": {}},
        item_ids=ItemIds.of(list(titles)),
        item_scale=1.0,
        text_scale=1.0,
        lists={name: empty_list(n) for name in LIST_NAMES},
        columns=ItemColumns(**columns),
        weights=Weights(),
        catalog_as_of_ms=0,
        training_cutoff_ms=0,
        clock_usable=False,
        folder=folder,
        **blank,
    )
