"""Keeping up with the catalogue: the items that changed since the snapshot, read in small steps."""

from __future__ import annotations

import time
from functools import partial
from typing import Protocol

from aws_lambda_powertools.metrics import MetricUnit

from endcap.catalog.row import ItemRow
from endcap.index.overlay import MAX_CHANGED, ChangedItem, Overlay
from endcap.live.polling import Clock, LastGood
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

    def __init__(self, changes: Changes, clock: Clock = time.monotonic) -> None:
        self._changes, self._clock = changes, clock
        self._kept: LastGood[Overlay] | None = None
        self._read_to_ms = 0

    def over(self, snapshot: Snapshot) -> Overlay:
        """What changed since `snapshot`; where the table can't be read, what is known of it."""
        kept = self._kept
        if kept is None or kept.content.snapshot is not snapshot:
            kept = self._kept = LastGood(Overlay(snapshot), POLL_S, self._clock, from_start=True)
            self._read_to_ms = snapshot.catalog_as_of_ms
        return kept.refreshed(partial(self._with_changes, kept.content), self._failed)

    def _with_changes(self, overlay: Overlay) -> Overlay:
        since_ms = max(overlay.snapshot.catalog_as_of_ms, self._read_to_ms - REREAD_MS)
        rows = self._changes.changed_since(since_ms, MAX_CHANGED)
        tag = overlay.index.encoder_tag
        overlay = overlay.with_rows(_changed_item(row, tag) for row in rows)
        self._read_to_ms = max([self._read_to_ms, *(row.changed_at_ms for row in rows)])
        if overlay.overflowed:
            metrics.add_metric("OverlayOverflowed", MetricUnit.Count, 1)
        return overlay

    def _failed(self, exc: Exception) -> None:
        logger.warning("changed items not readable", extra={"error": str(exc)})
        metrics.add_metric("OverlayReadFailed", MetricUnit.Count, 1)


def _changed_item(row: ItemRow, tag: bytes | None) -> ChangedItem:
    vector = row.vectors.get(tag) if tag else None
    return ChangedItem(row.item_id, row.changed_at_ms, row.item, vector, tag if vector else None)
