"""What is in demand right now: the live counts of a window, decayed to this moment.

Counts are read in small steps: the newest buckets at most every ten seconds, the whole of them at most every five
minutes, as late events may still fall into older ones. Where they can't be read, what is known of them stays.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, Protocol

import numpy as np
from aws_lambda_powertools.metrics import MetricUnit
from numpy.typing import NDArray

from endcap.errors import EndcapError
from endcap.events.counts import CLICKED, DEMAND, SHOWN, WINDOWS, Level, Window
from endcap.index.index import Assortment
from endcap.observability import logger, metrics

F32 = NDArray[np.float32]

POLL_S: Final = 10.0
WHOLE_POLL_S: Final = 300.0
TREND_WINDOW: Final = "24h"
EXPLORATION_WINDOW: Final = "7d"

Buckets = Mapping[int, Mapping[str, int]]
"""Start of each bucket -> its counts."""


@dataclass(frozen=True, eq=False)
class Demand:
    """The counts of one window, by item id.

    Attributes
    ----------
    times : how often an item was chosen; the oldest bucket of the window counts whole
    decayed : the same, each choice halved by its age
    clicked, shown : clicks and impressions
    """

    window: Window
    times: Mapping[str, int] = field(default_factory=dict)
    decayed: Mapping[str, float] = field(default_factory=dict)
    clicked: Mapping[str, int] = field(default_factory=dict)
    shown: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Live:
    """What requests may use of the live counts: window -> demand."""

    demands: Mapping[str, Demand]

    @property
    def exposure(self) -> Demand | None:
        """Clicks and impressions for exploration, of a week."""
        return self.demands.get(EXPLORATION_WINDOW)

    def trend(self, window: str | None) -> Demand | None:
        """The demand in the window that is asked for, else of a day."""
        return self.demands.get(window or TREND_WINDOW)


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


def demand_of(buckets: Buckets, window: Window, now_ms: int) -> Demand:
    """The demand that `buckets` amount to; each counts with the age of its middle, and whole or not at all."""
    sums: dict[str, Counter[str]] = {kind: Counter() for kind in (DEMAND, CLICKED, SHOWN)}
    decayed: dict[str, float] = {}
    first_ms = window.level.start_of(now_ms - window.span_ms)
    for start_ms, counts in sorted(buckets.items()):
        if not first_ms <= start_ms <= now_ms:
            continue
        age_ms = now_ms - (start_ms + min(now_ms, start_ms + window.level.width_ms)) / 2
        weight = 0.5 ** (age_ms / window.half_life_ms)
        for name, count in counts.items():
            kind, item_id = name[0], name[1:]
            sums[kind][item_id] += count
            if kind == DEMAND:
                decayed[item_id] = decayed.get(item_id, 0.0) + weight * count
    return Demand(window, sums[DEMAND], decayed, sums[CLICKED], sums[SHOWN])


def live_scores(assortment: Assortment, demand: Demand) -> F32:
    """Float32 (n_items,): log(1 + decayed choices)."""
    return _scores(assortment, demand).copy()


@lru_cache(maxsize=4)  # the same state of both serves many requests
def _scores(assortment: Assortment, demand: Demand) -> F32:
    scores = np.zeros(assortment.n_items, dtype=np.float32)
    for item_id, value in demand.decayed.items():
        position = assortment.position(item_id)
        if position is not None:
            scores[position] = np.log1p(value)
    return scores
