"""What shoppers do right now, as approximate counts by span of time: the stuff of live trends and of exploration.

Counts are no lattice: a batch is added once its profiles are written, and only what it changed in a profile is in it
(see `endcap.profiles.demand`), so that a redelivered event is not counted again. A count that could not be written is
lost.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from endcap.events import types
from endcap.events.types import EVENT_TYPES, EventType

WindowName = Literal["1h", "6h", "24h", "7d"]

TREND_WINDOW: Final = "24h"

EXPLORATION_WINDOW: Final = "7d"


DEMAND: Final = "d"
CLICKED: Final = "c"
SHOWN: Final = "i"
PEOPLE: Final = "p"
"""What is counted of an item; a count's name is one of these before the item's id."""

NOTE_SHARDS: Final = 4
"""A key takes 1,000 write units a second. A copy of a function keeps to one: a quiet shop has one fold at a time."""

HOUR_MS: Final = 3_600_000


@dataclass(frozen=True, slots=True)
class Level:
    """One width of bucket.

    Attributes
    ----------
    width_ms : of a bucket; buckets start at multiples of it
    kept_ms : how long after its start a bucket is of use
    """

    name: str
    width_ms: int
    kept_ms: int

    def start_of(self, at_ms: int) -> int:
        """Start of the bucket that a moment lies in."""
        return at_ms - at_ms % self.width_ms


@dataclass(frozen=True, slots=True)
class Window:
    """A span of time up to now that demand is told for; within it a count halves every `half_life_ms`."""

    name: str
    span_ms: int
    level: Level

    @property
    def hours(self) -> int:
        """The span in hours."""
        return self.span_ms // HOUR_MS

    @property
    def half_life_ms(self) -> int:
        """A quarter of the span: what is a whole span old counts for a sixteenth."""
        return self.span_ms // 4


# Two widths, since a week of 10-minute buckets would take seconds to read, and an hour of 2-hour buckets says nothing.
FINE: Final = Level("10m", HOUR_MS // 6, 8 * HOUR_MS)
COARSE: Final = Level("2h", 2 * HOUR_MS, 172 * HOUR_MS)
LEVELS: Final = (FINE, COARSE)
WINDOWS: Final[Mapping[str, Window]] = {
    name: Window(name, hours * HOUR_MS, level)
    for name, hours, level in (("1h", 1, FINE), ("6h", 6, FINE), ("24h", 24, COARSE), ("7d", 168, COARSE))
}


class Change(NamedTuple):
    """What one event changes in the counts.

    name : what is counted, and the item
    by : 1, or -1 for what was counted and is taken back
    """

    name: str
    at_ms: int
    by: int


@dataclass(frozen=True, slots=True)
class Increment:
    """What a batch adds to one bucket.

    Attributes
    ----------
    counts : what is counted and item id -> how many, less than 0 where more was taken back than came
    """

    level: Level
    start_ms: int
    counts: Mapping[str, int]


def increments(changes: Iterable[Change], now_ms: int) -> Iterator[Increment]:
    """One increment for each bucket that `changes` fall into, by their own time; what is too old falls into none."""
    counted: dict[tuple[Level, int], Counter[str]] = {}
    for change in changes:
        for level in LEVELS:
            if now_ms - level.kept_ms < change.at_ms:
                counted.setdefault((level, level.start_of(change.at_ms)), Counter())[change.name] += change.by
    for (level, start_ms), counts in sorted(counted.items(), key=lambda pair: (pair[0][0].name, pair[0][1])):
        if left := {name: n for name, n in counts.items() if n}:
            yield Increment(level, start_ms, left)


def kinds_of(event_type: str, event_types: Mapping[str, EventType] = EVENT_TYPES) -> Iterator[str]:
    """What a type of event counts as; demand is every one with a positive weight."""
    if event_type in types.SHOWN:
        yield SHOWN
        return
    known = event_types.get(event_type)
    if known is not None and known.weight > 0:
        yield DEMAND
    if event_type in types.CLICKED:
        yield CLICKED


@dataclass(frozen=True, eq=False)
class Demand:
    """The counts of one window, by item id.

    Attributes
    ----------
    times : how often an item was chosen; the oldest bucket of the window counts whole
    decayed : the same, each choice halved by its age
    clicked, shown : clicks and impressions
    people : of how many shoppers at least `times` is
    """

    window: Window
    times: Mapping[str, int] = field(default_factory=dict)
    decayed: Mapping[str, float] = field(default_factory=dict)
    clicked: Mapping[str, int] = field(default_factory=dict)
    shown: Mapping[str, int] = field(default_factory=dict)
    people: Mapping[str, int] = field(default_factory=dict)


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


def weight_of(start_ms: int, window: Window, now_ms: int) -> float:
    """What a choice in the bucket that starts at `start_ms` counts for at `now_ms`: by the age of its middle."""
    age_ms = now_ms - (start_ms + min(now_ms, start_ms + window.level.width_ms)) / 2
    return float(0.5 ** (age_ms / window.half_life_ms))
