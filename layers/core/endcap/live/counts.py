"""What is in demand right now: the live counts of a window, decayed to this moment.

Requests read what `fold_counts` has made of all counts: one object for each width of bucket, looked at some seconds
after the last look, and read only where it has changed. How much happens in the shop costs a request nothing. Where it
can't be read, what is known stays.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Protocol

import numpy as np
from aws_lambda_powertools.metrics import MetricUnit
from numpy.typing import NDArray

from endcap.arrays import F64, I64
from endcap.events.counts import CLICKED, DEMAND, PEOPLE, SHOWN, WINDOWS, Demand, Level, Live, Window, weight_of
from endcap.events.folding import Bucket, Folded, decoded
from endcap.live.polling import LastGood
from endcap.live.waiting import Clock, Waiting
from endcap.observability import logger, metrics

POLL_S: Final = 15.0
LIVE_COUNTS_S: Final = 1.0
"""No look comes sooner after the one before, whatever the settings."""
LOST: Final = "live_counts"


class Counts(Protocol):
    """Where the folded counts are read from."""

    def read(self, level: Level, known_etag: str | None) -> tuple[bytes, str] | None: ...


@dataclass(frozen=True)
class _Columns:
    """The counts of one bucket: of each kind the items, by their numbers, and how many of each."""

    of: Bucket
    items: Mapping[str, I64]
    counts: Mapping[str, I64]


@dataclass(frozen=True)
class Tally:
    """Folded counts as columns, so that the sums over a window take some milliseconds however many there are.

    Attributes
    ----------
    numbers : item id -> its number in the columns
    columns : by the start of their bucket, ascending
    """

    numbers: Mapping[str, int] = field(default_factory=dict)
    columns: Mapping[int, _Columns] = field(default_factory=dict)

    def updated(self, folded: Folded) -> Tally:
        """The same of other counts; buckets that stayed as they were are not read again."""
        if not self.columns.keys() <= folded.buckets.keys():  # a bucket is over, and items of it may be in no other
            return Tally().updated(folded)
        numbers = dict(self.numbers)
        return Tally(numbers, {start: self._read(start, of, numbers) for start, of in sorted(folded.buckets.items())})

    def demand(self, window: Window, now_ms: int) -> Demand:
        """The counts of a window added up; each counts with the age of its bucket's middle, and whole or not at all."""
        first_ms = window.level.start_of(now_ms - window.span_ms)
        found = [(start, columns) for start, columns in self.columns.items() if first_ms <= start <= now_ms]
        ids = list(self.numbers)

        def totals(what: str) -> dict[str, int]:
            total = _sums([(c.items[what], c.counts[what]) for _, c in found], len(ids))
            return {ids[i]: int(total[i]) for i in (total > 0).nonzero()[0]}

        weighted = [(c.items[DEMAND], c.counts[DEMAND] * weight_of(start, window, now_ms)) for start, c in found]
        decayed = _sums(weighted, len(ids))
        return Demand(
            window,
            totals(DEMAND),
            {ids[i]: float(decayed[i]) for i in (decayed > 0).nonzero()[0]},
            totals(CLICKED),
            totals(SHOWN),
            totals(PEOPLE),
        )

    def _read(self, start_ms: int, bucket: Bucket, numbers: dict[str, int]) -> _Columns:
        known = self.columns.get(start_ms)
        if known is not None and known.of == bucket:
            return known
        items: dict[str, list[int]] = {what: [] for what in (DEMAND, CLICKED, SHOWN, PEOPLE)}
        counts: dict[str, list[int]] = {what: [] for what in items}
        for name, count in bucket.counts.items():
            items[name[0]].append(numbers.setdefault(name[1:], len(numbers)))
            counts[name[0]].append(count)
        return _Columns(bucket, _arrays(items), _arrays(counts))


def _arrays(columns: Mapping[str, list[int]]) -> dict[str, I64]:
    return {what: np.array(column, dtype=np.int64) for what, column in columns.items()}


def _sums(parts: Sequence[tuple[I64, NDArray[Any]]], n_items: int) -> F64:
    """Float64 (n_items,): counts added up by item, bucket after bucket."""
    if not parts:
        return np.zeros(n_items)
    items, counts = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return np.asarray(np.bincount(items, weights=counts, minlength=n_items), dtype=np.float64)


@dataclass(frozen=True)
class _Known:
    """What a look has found: which object, its counts, and the demand that they are at that moment.

    at_ms : when it was; None before the first
    """

    etag: str | None = None
    tally: Tally = field(default_factory=Tally)
    demands: Mapping[str, Demand] = field(default_factory=dict)
    at_ms: int | None = None


class LiveCounts:
    """The counts of one execution environment.

    Parameters
    ----------
    waiting : of the requests that are served meanwhile; counts are then read beside them. An answer for which they have
        not been read loses "live_counts"
    poll_s : from one look to the next
    """

    def __init__(
        self,
        counts: Counts,
        clock: Clock = time.monotonic,
        waiting: Waiting | None = None,
        poll_s: float = POLL_S,
    ) -> None:
        self._counts, self._waiting = counts, waiting
        levels = {window.level for window in WINDOWS.values()}
        self._kept = {level: LastGood(_Known(), poll_s, clock, from_start=True, waiting=waiting) for level in levels}

    def begin(self, now_ms: int, windows: Iterable[str]) -> None:
        """Begin to read the counts of some windows, if that is due; `at` waits for them."""
        for level in {WINDOWS[window].level for window in windows}:
            self._kept[level].begin(partial(self._look, level, now_ms, self._kept[level].content), self._failed)

    def at(self, now_ms: int, windows: Iterable[str], *, patient: bool = False) -> Live:
        """The demand in `windows` as of the last look before `now_ms`.

        Parameters
        ----------
        patient : wait for a look that is due as long as the request may, as there is nothing else to answer with
        """
        return Live({window: self.demand(window, now_ms, patient=patient) for window in windows})

    def looked_ms(self, windows: Iterable[str]) -> int | None:
        """When the counts of some windows were looked at with success, the longest ago; None where any never was."""
        looks = [self._kept[WINDOWS[window].level].content.at_ms for window in windows]
        known = [at_ms for at_ms in looks if at_ms is not None]
        return min(known) if known and len(known) == len(looks) else None

    def demand(self, window: str, now_ms: int, *, patient: bool = False) -> Demand:
        """The demand in a window, by its name."""
        level = WINDOWS[window].level
        kept = self._kept[level]
        found = kept.refreshed(partial(self._look, level, now_ms, kept.content), self._failed, patient=patient)
        if kept.stale and self._waiting is not None:
            self._waiting.lose(LOST)
        return found.demands.get(window) or Demand(WINDOWS[window])

    def _look(self, level: Level, now_ms: int, known: _Known) -> _Known:
        found = self._counts.read(level, known.etag)
        etag, tally = known.etag, known.tally
        if found is not None:
            etag, tally = found[1], tally.updated(decoded(found[0], level))
        # Here, beside the requests, and not in one of them.
        demands = {name: tally.demand(window, now_ms) for name, window in WINDOWS.items() if window.level is level}
        return _Known(etag, tally, demands, now_ms)

    def _failed(self, exc: Exception) -> None:
        logger.warning("live counts not readable", extra={"error": str(exc)})
        metrics.add_metric("CountersReadFailed", MetricUnit.Count, 1)
