"""Which files of the archive are in the book: a short hash of each key, by the day that the key names."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from endcap.identifiers import short_hash

HASH_BYTES: Final = 8


@dataclass
class ReadFiles:
    """Keys that were read; all of them would be the larger part of a book.

    Attributes
    ----------
    days : hashes by day
    """

    days: dict[date, set[bytes]] = field(default_factory=dict)

    @classmethod
    def of(cls, keys: Iterable[str]) -> ReadFiles:
        """With these keys."""
        found = cls()
        for key in keys:
            found.add(key)
        return found

    @classmethod
    def decoded(cls, said: Mapping[str, str]) -> ReadFiles:
        """As `encoded` has written them."""
        return cls({date.fromisoformat(day): set(_parts(base64.b64decode(hashes))) for day, hashes in said.items()})

    def encoded(self) -> dict[str, str]:
        """As values of JSON."""
        days = sorted(self.days.items())
        return {day.isoformat(): base64.b64encode(b"".join(sorted(hashes))).decode() for day, hashes in days}

    def add(self, key: str) -> None:
        """Note that a file was read."""
        self.days.setdefault(day_of(key), set()).add(short_hash(key, HASH_BYTES))

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and short_hash(key, HASH_BYTES) in self.days.get(day_of(key), ())

    def forget_before(self, day: date) -> None:
        """Let go of files of before that day."""
        self.days = {one: hashes for one, hashes in self.days.items() if one >= day}


def day_of(key: str) -> date:
    """The day that a file of the archive is dated by."""
    year, month, day = key.split("/")[1:4]
    return date(int(year), int(month), int(day))


def _parts(data: bytes) -> Iterable[bytes]:
    return (data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES))
