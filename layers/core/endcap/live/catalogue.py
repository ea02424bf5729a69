"""Keeping up with the catalogue: the items that changed since the snapshot, read in small steps."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from aws_lambda_powertools.metrics import MetricUnit

from endcap.catalog.row import ItemRow
from endcap.errors import EndcapError
from endcap.index.overlay import MAX_CHANGED, ChangedItem, Overlay
from endcap.observability import logger, metrics
from endcap.snapshot.snapshot import Snapshot

POLL_S = 2.0
REREAD_MS = 30_000
"""An index shows writes late and clocks differ, so the last 30 seconds are read again each time."""


class Changes(Protocol):
    """Where changed rows are read from, the newest first."""

    def changed_since(self, since_ms: int, limit: int) -> list[ItemRow]: ...


class LiveCatalogue:
    """The overlay of the current snapshot, brought up to date at most every two seconds."""

    def __init__(self, changes: Changes, clock: Callable[[], float] = time.monotonic) -> None:
        self._changes, self._clock = changes, clock
        self._overlay: Overlay | None = None
        self._read_to_ms = 0
        self._polled_at = float("-inf")

    def over(self, snapshot: Snapshot) -> Overlay:
        """What changed since `snapshot`; where the table can't be read, what is known of it."""
        if self._overlay is None or self._overlay.snapshot is not snapshot:
            self._overlay = Overlay(snapshot)
            self._read_to_ms = snapshot.catalog_as_of_ms
            self._polled_at = float("-inf")
        if self._clock() - self._polled_at < POLL_S:
            return self._overlay
        self._polled_at = self._clock()
        try:
            since_ms = max(snapshot.catalog_as_of_ms, self._read_to_ms - REREAD_MS)
            rows = self._changes.changed_since(since_ms, MAX_CHANGED)
        except EndcapError as exc:
            logger.warning("changed items not readable", extra={"error": str(exc)})
            metrics.add_metric("OverlayReadFailed", MetricUnit.Count, 1)
        else:
            tag = self._overlay.index.encoder_tag
            self._overlay = self._overlay.with_rows(_changed_item(row, tag) for row in rows)
            self._read_to_ms = max([self._read_to_ms, *(row.changed_at_ms for row in rows)])
            if self._overlay.overflowed:
                metrics.add_metric("OverlayOverflowed", MetricUnit.Count, 1)
        return self._overlay


def _changed_item(row: ItemRow, tag: bytes | None) -> ChangedItem:
    vector = row.vectors.get(tag) if tag else None
    return ChangedItem(row.item_id, row.changed_at_ms, row.item, vector, tag if vector else None)
