"""What a profile's bytes are made of: numbers, texts, event types, and lists with their times."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from endcap.events.types import EVENT_TYPES
from endcap.profiles.entries import Entry, Impression, TextSignal
from endcap.profiles.links import Link

NAMES = {row.code: row.name for row in EVENT_TYPES.values()}
_CODES = {row.name: row.code for row in EVENT_TYPES.values()}

Timed = TypeVar("Timed", Entry, TextSignal, Impression, Link)
Read = TypeVar("Read")


def put_timed(out: bytearray, entries: Sequence[Timed], put: Callable[[Timed], None]) -> None:
    put_int(out, len(entries))
    newer_ms = None
    for entry in entries:
        put_int(out, entry.timestamp_ms if newer_ms is None else newer_ms - entry.timestamp_ms)
        newer_ms = entry.timestamp_ms
        put(entry)


def put_int(out: bytearray, value: int) -> None:
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)


def put_bytes(out: bytearray, data: bytes) -> None:
    put_int(out, len(data))
    out.extend(data)


def put_text(out: bytearray, text: str) -> None:
    put_bytes(out, text.encode())


def put_type(out: bytearray, event_type: str) -> None:
    code = _CODES.get(event_type, 0)
    out.append(code)
    if not code:
        put_text(out, event_type)


class Reader:
    """Reads what the `put` functions wrote; raises IndexError past the end."""

    def __init__(self, data: bytes, at: int) -> None:
        self.data, self.at = data, at
        self.has_sources = False
        self.sources: list[str] = []

    def take(self, n: int) -> bytes:
        start, self.at = self.at, self.at + n
        if self.at > len(self.data):
            raise IndexError("past the end")
        return self.data[start : self.at]

    def byte(self) -> int:
        self.at += 1
        return self.data[self.at - 1]

    def number(self) -> int:
        byte = self.data[self.at]
        self.at += 1
        if byte < 0x80:  # most are small
            return byte
        value, shift = byte & 0x7F, 7
        while True:
            byte = self.data[self.at]
            self.at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def source(self) -> str:
        number = self.number()
        return self.sources[number - 1] if number else ""

    def blob(self) -> bytes:
        return self.take(self.number())

    def text(self) -> str:
        return self.blob().decode()

    def event_type(self) -> str:
        code = self.byte()
        return NAMES[code] if code else self.text()

    def timed(self, read: Callable[[int], Read]) -> list[Read]:
        entries: list[Read] = []
        at_ms = 0
        for n in range(self.number()):
            at_ms = self.number() if n == 0 else at_ms - self.number()
            entries.append(read(at_ms))
        return entries
