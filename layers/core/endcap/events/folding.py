"""Live counts folded into one small object for each width of bucket, so that a request reads one thing, whatever
happens in the shop.

What a batch counted is noted by itself; the notes are folded into the object some seconds later. A note counts once,
however often its batch comes: the object remembers which batches are in it. The size of the object is bounded: of a
bucket that is over it keeps the `KEPT` items that were chosen most, exactly, with the number of people who did, and
likewise those that were clicked and shown most. A bucket that still grows has room for sixteen times as many.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from endcap.errors import StoredDataError
from endcap.events.counts import CLICKED, DEMAND, LEVELS, PEOPLE, SHOWN, Increment, Level

KEPT: Final = 4_096
"""Items of a bucket that is over, for each of what is counted."""
GROWING: Final = 16 * KEPT
REMEMBERED: Final = 64
"""Batches that may come again: as many as are folded in a quarter of an hour, where they come once in 15 s."""
_MAGIC: Final = b"endcap counts 1\n"
_LENGTH: Final = struct.Struct("<I")
_LEVELS: Final = {level.name: level for level in LEVELS}


@dataclass(frozen=True, slots=True)
class Note:
    """What one batch counted.

    Attributes
    ----------
    name : of the note; no other has it
    """

    name: str
    increments: tuple[Increment, ...]


def packed(increments: Iterable[Increment]) -> bytes:
    """Increments as bytes, for a note."""
    return zlib.compress(_json([[i.level.name, i.start_ms, dict(i.counts)] for i in increments]))


def unpacked(data: bytes) -> tuple[Increment, ...]:
    """The increments of a note.

    Raises
    ------
    StoredDataError : these are not the bytes of any
    """
    try:
        return tuple(
            Increment(_LEVELS[name], int(start_ms), {str(k): int(n) for k, n in counts.items()})
            for name, start_ms, counts in json.loads(zlib.decompress(data))
        )
    except Exception as exc:  # cut off, another format, ...
        raise StoredDataError("the note of a batch is damaged") from exc


@dataclass(frozen=True, slots=True)
class Bucket:
    """The counts of one span of time as they are stored.

    Attributes
    ----------
    data : the counts as bytes; the same counts have the same
    names : how many there are
    """

    data: bytes
    names: int

    @classmethod
    def of(cls, counts: Mapping[str, int]) -> Bucket:
        """The counts as they are stored."""
        return cls(zlib.compress(_json(dict(sorted(counts.items())))), len(counts))

    @property
    def counts(self) -> dict[str, int]:
        """What is counted and item id -> how many."""
        found: dict[str, int] = json.loads(zlib.decompress(self.data))
        return found


@dataclass(frozen=True)
class Folded:
    """All counts of one width of bucket.

    Attributes
    ----------
    buckets : by their start
    batches : first note -> how many notes, of the batches that were folded in last
    """

    level: Level
    buckets: Mapping[int, Bucket] = field(default_factory=dict)
    batches: Mapping[str, int] = field(default_factory=dict)

    def with_counts(self, added: Iterable[tuple[int, Mapping[str, int]]], now_ms: int) -> Folded:
        """These and further counts, without what is of no use any more at `now_ms`."""
        oldest_ms = now_ms - self.level.kept_ms - self.level.width_ms
        sums: dict[int, Counter[str]] = {}
        for start_ms, counts in added:
            if start_ms > oldest_ms:
                sums.setdefault(start_ms, Counter()).update(counts)
        buckets = {start: bucket for start, bucket in self.buckets.items() if start > oldest_ms}
        too_large = (start for start, bucket in buckets.items() if bucket.names > 4 * self._room(start, now_ms))
        for start_ms in {*sums, *too_large}:
            total = Counter(buckets[start_ms].counts if start_ms in buckets else {})
            total.update(sums.get(start_ms, {}))
            buckets[start_ms] = Bucket.of(_most(total, self._room(start_ms, now_ms)))
        return Folded(self.level, buckets, self.batches)

    def with_batch(self, notes: Sequence[Note], now_ms: int) -> Folded | None:
        """The same with the notes of a batch; None where it has them all."""
        if not notes:
            return None
        first = notes[0].name
        fresh = notes[self.batches.get(first, 0) :]
        if not fresh:
            return None
        own = (i for note in fresh for i in note.increments if i.level is self.level)
        folded = self.with_counts(((i.start_ms, i.counts) for i in own), now_ms)
        batches = {name: n for name, n in self.batches.items() if name != first} | {first: len(notes)}
        return Folded(self.level, folded.buckets, dict(list(batches.items())[-REMEMBERED:]))

    def encoded(self) -> bytes:
        """As bytes."""
        ordered = sorted(self.buckets.items())
        header = _json(
            {
                "level": self.level.name,
                "batches": list(self.batches.items()),
                "buckets": [[start, len(bucket.data), bucket.names] for start, bucket in ordered],
            }
        )
        return b"".join((_MAGIC, _LENGTH.pack(len(header)), header, *(bucket.data for _, bucket in ordered)))

    def _room(self, start_ms: int, now_ms: int) -> int:
        return GROWING if now_ms < start_ms + self.level.width_ms else KEPT


def decoded(data: bytes, level: Level) -> Folded:
    """What `Folded.encoded` gave for this width of bucket.

    Raises
    ------
    StoredDataError : these are not its bytes
    """
    try:
        return Folded(level, *_parts(data, level))
    except Exception as exc:  # cut off, another format, ...
        raise StoredDataError("the folded counts are damaged") from exc


def _parts(data: bytes, level: Level) -> tuple[dict[int, Bucket], dict[str, int]]:
    begin = len(_MAGIC) + _LENGTH.size
    (length,) = _LENGTH.unpack(data[len(_MAGIC) : begin])
    header = json.loads(data[begin : begin + length])
    if data[: len(_MAGIC)] != _MAGIC or header["level"] != level.name:
        raise ValueError
    buckets = dict(_cut(data, begin + length, header["buckets"]))
    return buckets, {str(name): int(n) for name, n in header["batches"]}


def _cut(data: bytes, at: int, places: Iterable[Sequence[int]]) -> Iterator[tuple[int, Bucket]]:
    for start_ms, length, names in places:
        if at + length > len(data):
            raise ValueError
        yield start_ms, Bucket(data[at : at + length], names)
        at += length


def _most(counts: Mapping[str, int], room: int) -> Mapping[str, int]:
    """Of each of what is counted, the `room` items with the highest counts."""
    if len(counts) <= room:
        return counts
    kept: dict[str, int] = {}
    for what in (DEMAND, CLICKED, SHOWN):
        own = [(name, n) for name, n in counts.items() if name[0] == what]
        if len(own) > room:
            own.sort(key=lambda pair: (-pair[1], pair[0]))
        kept |= dict(own[:room])
    # Of how many people the demand is, goes with the demand: a count without it would be told of nobody.
    return kept | {name: n for name, n in counts.items() if name[0] == PEOPLE and DEMAND + name[1:] in kept}


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
