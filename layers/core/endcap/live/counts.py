"""What is in demand right now: the live counts of a window, decayed to this moment.

Counts are read in small steps: the newest buckets at most every ten seconds, the whole of them at most every five
minutes, as late events may still fall into older ones. Where they can't be read, what is known of them stays.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, Protocol

from aws_lambda_powertools.metrics import MetricUnit

from endcap.errors import EndcapError
from endcap.events.counts import WINDOWS, Demand, Level, Live, demand_of
from endcap.observability import logger, metrics

POLL_S: Final = 10.0
WHOLE_POLL_S: Final = 300.0


class Counters(Protocol):
    """Where the counts are read from."""

    def read(self, level: Level, since_ms: int) -> Iterator[tuple[int, Mapping[str, int]]]: ...


class LiveCounts:
    """The counts of one execution environment."""

    def __init__(self, counters: Counters, clock: Callable[[], float] = time.monotonic) -> None:
        self._counters, self._clock = counters, clock
        self._buckets: dict[Level, dict[int, Counter[str]]] = {}
        self._polled_at: dict[Level, float] = {}
        self._whole_at: dict[Level, float] = {}
        self._demand: dict[str, Demand] = {}

    def at(self, now_ms: int, windows: Iterable[str]) -> Live:
        """The demand in `windows` as of at most ten seconds before `now_ms`."""
        return Live({window: self.demand(window, now_ms) for window in windows})

    def demand(self, window: str, now_ms: int) -> Demand:
        """The demand in a window, by its name."""
        level = WINDOWS[window].level
        if self._clock() - self._polled_at.get(level, float("-inf")) >= POLL_S:
            self._read(level, now_ms)
            for name in [name for name in self._demand if WINDOWS[name].level is level]:
                del self._demand[name]
        if window not in self._demand:
            self._demand[window] = demand_of(self._buckets.get(level, {}), WINDOWS[window], now_ms)
        return self._demand[window]

    def _read(self, level: Level, now_ms: int) -> None:
        self._polled_at[level] = self._clock()
        oldest_ms = level.start_of(now_ms - max(w.span_ms for w in WINDOWS.values() if w.level is level))
        whole = self._clock() - self._whole_at.get(level, float("-inf")) >= WHOLE_POLL_S
        since_ms = oldest_ms if whole else level.start_of(now_ms) - level.width_ms
        fresh: dict[int, Counter[str]] = {}
        try:
            for start_ms, counts in self._counters.read(level, since_ms):
                fresh.setdefault(start_ms, Counter()).update(counts)
        except EndcapError as exc:
            logger.warning("live counts not readable", extra={"error": str(exc)})
            metrics.add_metric("CountersReadFailed", MetricUnit.Count, 1)
            return
        if whole:
            self._whole_at[level] = self._clock()
        known = self._buckets.get(level, {})
        self._buckets[level] = {start: c for start, c in known.items() if oldest_ms <= start < since_ms} | fresh
