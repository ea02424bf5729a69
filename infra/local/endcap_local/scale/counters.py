"""Live counts: rows that a request reads, as versions before wrote them; notes that are folded, as they are now."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from endcap.events.counts import NOTE_SHARDS
from endcap_local.scale.parameters import (
    DYNAMODB_MS,
    FOLD_MS,
    FOLD_NOTE_MS,
    ITEMS,
    LOOK_MS,
    PAGE_MS,
    POPULARITY,
    ROWS_PER_PAGE,
    S3_MS,
)

SHARDS, PARTS, MAX_NAMES = 8, 64, 250
"""Of the rows that 25628eb wrote: endcap/aws/counters.py there."""
BUCKET_S: Final = 2 * 3600
BUCKETS: Final = 84
"""Of two hours, in the week that exploration looked at."""
TRIES: Final = 8  # functions/fold_counts
LOOKS: Final = 4
"""Calls of S3 of a fold: two objects read and written."""


@dataclass(frozen=True, slots=True)
class Rows:
    """What a bucket of two hours came to.

    Attributes
    ----------
    rows : by shard
    lost : events that found every row full
    """

    rows: tuple[int, ...]
    counted: int
    lost: int


def popular(chance: random.Random) -> Callable[[], int]:
    """Draws items, the popular ones more often."""
    totals = list(accumulate(rank**-POPULARITY for rank in range(1, ITEMS + 1)))
    ranks = range(ITEMS)
    return lambda: chance.choices(ranks, cum_weights=totals)[0]


def bucket_of_before(events: int, seed: int = 0) -> Rows:
    """Two hours' events, one after the other, into rows as 25628eb kept them: a shard fills one, then the next."""
    chance = random.Random(seed)  # nosec B311 # it decides nothing
    item = popular(chance)
    names: list[set[int]] = [set() for _ in range(SHARDS)]
    rows = [0] * SHARDS
    lost = 0
    for _ in range(events):
        shard = chance.randrange(SHARDS)
        if rows[shard] == 0 or len(names[shard]) >= MAX_NAMES:
            if rows[shard] == PARTS:
                lost += 1
                continue
            rows[shard] += 1
            names[shard] = set()
        names[shard].add(item())
    return Rows(tuple(rows), events - lost, lost)


def read_of_before_s(rows: Rows) -> tuple[int, float]:
    """Pages of a week of such buckets, and the seconds for which one request reads them, shard after shard."""
    pages = sum(-(-BUCKETS * n // ROWS_PER_PAGE) for n in rows.rows)
    return pages, pages * PAGE_MS / 1000


@dataclass(frozen=True, slots=True)
class Trending:
    """How long after a view a request shows it, in seconds, and how often the fold ran in an hour."""

    median_s: float
    longest_s: float
    folds_per_hour: float
    busy: float


def trending(events_per_s: float, events_per_batch: int, window_s: float, seconds: float, seed: int = 0) -> Trending:
    """Views that are noted, folded and looked at, shard by shard of the notes.

    Parameters
    ----------
    window_s : that notes wait to be folded together, and again from one look of a request to the next
    seconds : of traffic
    """
    chance = random.Random(seed)  # nosec B311 # it decides nothing
    notes_per_s = events_per_s / events_per_batch / NOTE_SHARDS
    written = [0.0]  # when an object was last replaced, by whichever shard
    delays: list[float] = []
    folds = busy_s = 0.0
    shards = sorted(
        (fold for shard in range(NOTE_SHARDS) for fold in _folds(notes_per_s, window_s, seconds, chance, shard)),
        key=lambda fold: fold[0],
    )
    free = [0.0] * NOTE_SHARDS
    for due_s, shard, notes in shards:
        took_s = (FOLD_MS + FOLD_NOTE_MS * len(notes) + LOOKS * S3_MS) / 1000
        begin_s = max(due_s, free[shard])
        end_s = begin_s + took_s
        for _ in range(TRIES - 1):  # who is overtaken begins again
            if written[0] <= begin_s:
                break
            begin_s, end_s = end_s, end_s + took_s
        written[0], free[shard] = end_s, end_s
        folds += 1
        busy_s += took_s
        look_s = chance.uniform(0, window_s) + (S3_MS + LOOK_MS) / 1000
        delays += [end_s + look_s - at_s + DYNAMODB_MS / 1000 for at_s in notes]
    delays.sort()
    if not delays:
        return Trending(0.0, 0.0, 0.0, 0.0)
    hours = seconds / 3600
    return Trending(delays[len(delays) // 2], delays[-1], folds / hours, busy_s / seconds / NOTE_SHARDS)


def _folds(
    notes_per_s: float, window_s: float, seconds: float, chance: random.Random, shard: int
) -> Iterator[tuple[float, int, list[float]]]:
    """When the mapping hands over notes of a shard, and when these were written."""
    at_s = chance.expovariate(notes_per_s) if notes_per_s else seconds
    while at_s < seconds:
        due_s, notes = at_s + window_s, []
        while at_s < min(due_s, seconds):
            notes.append(at_s)
            at_s += chance.expovariate(notes_per_s)
        yield due_s, shard, notes
