"""What is in demand right now: the live counts of a window, decayed to this moment.

Counts are read in small steps: the newest buckets at most every ten seconds, the whole of them at most every five
minutes, as late events may still fall into older ones. Where they can't be read, what is known of them stays.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Final, Protocol

from aws_lambda_powertools.metrics import MetricUnit

from endcap.events.counts import WINDOWS, Demand, Level, Live, demand_of
from endcap.live.polling import LastGood, Timer
from endcap.live.waiting import Clock, Waiting
from endcap.observability import logger, metrics

Buckets = dict[int, Counter[str]]
"""Counts by the start of their bucket."""

POLL_S: Final = 10.0
WHOLE_POLL_S: Final = 300.0
LOST: Final = "live_counts"


class Counters(Protocol):
    """Where the counts are read from."""

    def read(self, level: Level, since_ms: int) -> Iterator[tuple[int, Mapping[str, int]]]: ...


class LiveCounts:
    """The counts of one execution environment.

    Parameters
    ----------
    waiting : of the requests that are served meanwhile; counts are then read beside them. An answer for which they have
        not been read loses "live_counts"
    """

    def __init__(self, counters: Counters, clock: Clock = time.monotonic, waiting: Waiting | None = None) -> None:
        self._counters, self._waiting = counters, waiting
        levels = {window.level for window in WINDOWS.values()}
        self._kept = {level: LastGood[Buckets]({}, POLL_S, clock, from_start=True, waiting=waiting) for level in levels}
        self._whole = {level: Timer(clock) for level in levels}
        self._demand: dict[str, tuple[Buckets, Demand]] = {}

    def begin(self, now_ms: int, windows: Iterable[str]) -> None:
        """Begin to read the counts of some windows, if that is due; `at` waits for them."""
        for level in {WINDOWS[window].level for window in windows}:
            self._kept[level].begin(partial(self._read, level, now_ms), self._failed)

    def at(self, now_ms: int, windows: Iterable[str]) -> Live:
        """The demand in `windows` as of at most ten seconds before `now_ms`."""
        return Live({window: self.demand(window, now_ms) for window in windows})

    def demand(self, window: str, now_ms: int) -> Demand:
        """The demand in a window, by its name."""
        kept = self._kept[WINDOWS[window].level]
        buckets = kept.refreshed(partial(self._read, WINDOWS[window].level, now_ms), self._failed)
        if kept.stale and self._waiting is not None:
            self._waiting.lose(LOST)
        of, demand = self._demand.get(window, (None, None))
        if demand is None or of is not buckets:
            demand = demand_of(buckets, WINDOWS[window], now_ms)
            self._demand[window] = buckets, demand
        return demand

    def _read(self, level: Level, now_ms: int) -> Buckets:
        oldest_ms = level.start_of(now_ms - max(w.span_ms for w in WINDOWS.values() if w.level is level))
        whole = self._whole[level].is_due()
        since_ms = oldest_ms if whole else level.start_of(now_ms) - level.width_ms
        fresh: Buckets = {}
        for start_ms, counts in self._counters.read(level, since_ms):
            fresh.setdefault(start_ms, Counter()).update(counts)
        if whole:
            self._whole[level].wait(WHOLE_POLL_S)
        known = self._kept[level].content
        return {start: c for start, c in known.items() if oldest_ms <= start < since_ms} | fresh

    def _failed(self, exc: Exception) -> None:
        logger.warning("live counts not readable", extra={"error": str(exc)})
        metrics.add_metric("CountersReadFailed", MetricUnit.Count, 1)
