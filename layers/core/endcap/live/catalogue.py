"""Keeping up with the catalogue: the items that changed since the snapshot, read in small steps."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

from aws_lambda_powertools.metrics import MetricUnit

from endcap.catalog.row import ChangedRows, ItemRow
from endcap.index.overlay import MAX_CHANGED, ChangedItem, Overlay
from endcap.live.polling import LastGood
from endcap.live.waiting import Clock, Waiting
from endcap.observability import logger, metrics
from endcap.snapshot.snapshot import Snapshot

POLL_S: Final = 2.0
REREAD_MS: Final = 30_000
"""An index shows writes late and clocks differ, so the last 30 seconds are read again each time."""
LOST: Final = "changes"


class Changes(Protocol):
    """Where changed rows are read from."""

    def changes_since(self, since_ms: int, limit: int) -> ChangedRows:
        """All rows of items that are withheld, and the newest `limit` of others."""


@dataclass(frozen=True, slots=True)
class _Read:
    """What was read so far: all changes up to a time, unless the last reading failed in the middle."""

    overlay: Overlay
    to_ms: int
    failure: Exception | None = None


class LiveCatalogue:
    """The overlay of the current snapshot, brought up to date at most every two seconds.

    Parameters
    ----------
    waiting : of the requests that are served meanwhile; changes are then read and folded beside them. An answer for
        which they have not been read loses "changes"
    """

    def __init__(self, changes: Changes, clock: Clock = time.monotonic, waiting: Waiting | None = None) -> None:
        self._changes, self._clock, self._waiting = changes, clock, waiting
        self._kept: LastGood[_Read] | None = None

    def begin(self, snapshot: Snapshot) -> None:
        """Begin to read what has changed, if that is due; `over` waits for it."""
        kept = self._kept_for(snapshot)
        before = kept.content
        kept.begin(partial(self._with_changes, kept.content), self._failed)
        self._note(kept, before)

    def over(self, snapshot: Snapshot, at_most_s: float | None = None) -> Overlay:
        """What changed since `snapshot`; where the table can't be read, what is known of it.

        Parameters
        ----------
        at_most_s : to wait for it, where that is more than a request may
        """
        kept = self._kept_for(snapshot)
        before, wait_s = kept.content, math.inf if at_most_s is None else at_most_s
        look = partial(self._with_changes, kept.content)
        found = kept.refreshed(look, self._failed, wait_s, patient=at_most_s is not None)
        self._note(kept, before)
        if self._waiting is not None and kept.stale:
            self._waiting.lose(LOST)
        return found.overlay

    def _kept_for(self, snapshot: Snapshot) -> LastGood[_Read]:
        kept = self._kept
        if kept is None or kept.content.overlay.snapshot is not snapshot:
            overlay = Overlay(snapshot) if kept is None else kept.content.overlay.carried_over(snapshot)
            first = _Read(overlay, snapshot.catalog_as_of_ms)
            kept = self._kept = LastGood(
                first,
                POLL_S,
                self._clock,
                from_start=True,
                whole=lambda read: read.failure is None,
                waiting=self._waiting,
            )
        return kept

    def _with_changes(self, known: _Read) -> _Read:
        overlay = known.overlay
        since_ms = max(overlay.snapshot.catalog_as_of_ms, known.to_ms - REREAD_MS)
        found = self._changes.changes_since(since_ms, MAX_CHANGED)
        tag = overlay.index.item_tag
        overlay = overlay.with_rows(_changed_item(row, tag) for row in found.rows)
        # What was read before a failure counts; from where it was begun, the next reading begins again.
        read_to_ms = max((row.changed_at_ms for row in found.rows), default=0) if found.failure is None else 0
        return _Read(overlay, max(known.to_ms, read_to_ms), found.failure)

    def _note(self, kept: LastGood[_Read], before: _Read) -> None:
        if kept.content is before:
            return
        if kept.content.failure is not None:
            self._failed(kept.content.failure)
        if kept.content.overlay.overflowed:
            metrics.add_metric("OverlayOverflowed", MetricUnit.Count, 1)

    def _failed(self, exc: Exception) -> None:
        logger.warning("changed items not readable", extra={"error": str(exc)})
        metrics.add_metric("OverlayReadFailed", MetricUnit.Count, 1)


def _changed_item(row: ItemRow, tag: bytes | None) -> ChangedItem:
    vector = row.vectors.get(tag) if tag else None
    return ChangedItem(row.item_id, row.changed_at_ms, row.item, vector, tag if vector else None, row.generated)
