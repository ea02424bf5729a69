"""A profile as bytes: compact, versioned, and the same bytes for the same profile.

Layout, after one byte of format version (all counts and sizes are LEB128 varints, https://dwarfstd.org section 7.6):

    deletion time · entries · texts · impressions · registers · links

Lists stand newest first and hold times as the difference to the entry before. An entry that is in both sets of
interactions is written once, with a bit for each set. An entry takes 13 bytes beside its item id when the next
newer one is less than four days away, and a review up to 8 more for its tone and its aspects; rows from before there
were aspects read as having none.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import TypeVar

from endcap.errors import StoredDataError
from endcap.events.types import EVENT_TYPES
from endcap.identifiers import KEY_BYTES
from endcap.profiles.links import Link
from endcap.profiles.profile import Entry, Impression, Register, TextSignal, UserProfile

FORMAT = 1
FORMAT_WITH_ASPECTS = 2
"""Of profiles in which an entry has aspects: a version that knows none must refuse them, not misread them."""
TAG_BYTES = 4

_IN_INTERACTIONS, _IN_STRONG, _HAS_POLARITY, _HAS_ASPECTS = 1, 2, 4, 32
_VALUE_SHIFT, _VALUE_MASK = 3, 3
_NO_VALUE, _HALVES, _INTEGER, _DOUBLE = range(4)
_NAMES = {row.code: row.name for row in EVENT_TYPES.values()}
_CODES = {row.name: row.code for row in EVENT_TYPES.values()}
_ABSENT = float("-inf")

Timed = TypeVar("Timed", Entry, TextSignal, Impression, Link)
Read = TypeVar("Read")


class ProfileFormatError(StoredDataError):
    """Stored bytes are not a profile of a format that this version reads."""


def encode_profile(profile: UserProfile) -> bytes:
    """`profile` as bytes; equal profiles give equal bytes."""
    interactions, strong = set(profile.interactions), set(profile.strong)
    entries = sorted(interactions | strong, reverse=True)
    out = bytearray([FORMAT_WITH_ASPECTS if any(e.aspects for e in entries) else FORMAT])
    _put_int(out, profile.deleted_at_ms)

    def put_entry(e: Entry) -> None:
        form, packed = _pack_value(e.value)
        flags = form << _VALUE_SHIFT
        flags |= _IN_INTERACTIONS * (e in interactions) | _IN_STRONG * (e in strong)
        flags |= _HAS_POLARITY * (e.polarity != _ABSENT) | _HAS_ASPECTS * bool(e.aspects)
        out.append(flags)
        _put_type(out, e.event_type)
        out.extend(e.key)
        _put_text(out, e.item_id)
        out.extend(packed)
        if e.polarity != _ABSENT:
            out.extend(struct.pack("b", round(e.polarity * 100)))
        if e.aspects:
            _put_bytes(out, e.aspects)

    def put_text(t: TextSignal) -> None:
        _put_type(out, t.event_type)
        out.extend(t.key)
        _put_text(out, t.item_id)
        out.extend(struct.pack("b", round(t.polarity * 100)))
        out.extend(t.tag)
        _put_bytes(out, t.vector)

    def put_link(link: Link) -> None:
        _put_text(out, link.user_id)
        _put_text(out, link.anonymous_id)

    _put_timed(out, entries, put_entry)
    _put_timed(out, profile.texts, put_text)
    _put_timed(out, profile.impressions, lambda i: out.extend(i.key))
    for r in (profile.attributes, profile.preferences, profile.consent):
        _put_int(out, r.timestamp_ms)
        _put_bytes(out, r.content)
    _put_timed(out, profile.links, put_link)
    return bytes(out)


def decode_profile(data: bytes) -> UserProfile:
    """The profile that `encode_profile` wrote.

    Raises
    ------
    ProfileFormatError : the bytes are cut, damaged, or of another format
    """
    if not data or data[0] not in (FORMAT, FORMAT_WITH_ASPECTS):
        raise ProfileFormatError(f"profile format {data[:1].hex() or 'none'} is none that this version reads")
    r = _Reader(data, 1)
    try:
        deleted_at_ms = r.number()
        marked = r.timed(lambda at_ms: _read_entry(r, at_ms))
        profile = UserProfile(
            interactions=tuple(e for flags, e in marked if flags & _IN_INTERACTIONS),
            strong=tuple(e for flags, e in marked if flags & _IN_STRONG),
            texts=tuple(r.timed(lambda at_ms: _read_text(r, at_ms))),
            impressions=tuple(r.timed(lambda at_ms: Impression(at_ms, r.take(KEY_BYTES)))),
            attributes=Register(r.number(), r.blob()),
            preferences=Register(r.number(), r.blob()),
            consent=Register(r.number(), r.blob()),
            links=tuple(r.timed(lambda at_ms: Link(at_ms, r.text(), r.text()))),
            deleted_at_ms=deleted_at_ms,
        )
        for register in (profile.attributes, profile.preferences, profile.consent):
            _ = register.value
    except Exception as exc:  # damaged bytes may be anything
        raise ProfileFormatError("profile bytes are cut or damaged") from exc
    if r.at != len(data):
        raise ProfileFormatError("profile bytes go on after their end")
    return profile


def _read_entry(r: _Reader, at_ms: int) -> tuple[int, Entry]:
    flags = r.byte()
    event_type, key, item_id = r.event_type(), r.take(KEY_BYTES), r.text()
    value = _ABSENT
    match flags >> _VALUE_SHIFT & _VALUE_MASK:
        case 1:
            value = r.byte() / 2
        case 2:
            value = float(r.number())
        case 3:
            value = struct.unpack("<d", r.take(8))[0]
    polarity = struct.unpack("b", r.take(1))[0] / 100 if flags & _HAS_POLARITY else _ABSENT
    aspects = r.blob() if flags & _HAS_ASPECTS else b""
    return flags, Entry(at_ms, key, event_type, item_id, value, polarity, aspects)


def _read_text(r: _Reader, at_ms: int) -> TextSignal:
    event_type, key, item_id = r.event_type(), r.take(KEY_BYTES), r.text()
    polarity = struct.unpack("b", r.take(1))[0] / 100
    tag = r.take(TAG_BYTES)
    return TextSignal(at_ms, key, event_type, item_id, polarity, r.blob(), tag)


def _pack_value(value: float) -> tuple[int, bytes]:
    if value == _ABSENT:
        return _NO_VALUE, b""
    if 0 <= value <= 127 and value * 2 == int(value * 2):
        return _HALVES, bytes([int(value * 2)])
    if 0 <= value < 2**32 and value == int(value):
        out = bytearray()
        _put_int(out, int(value))
        return _INTEGER, bytes(out)
    return _DOUBLE, struct.pack("<d", value)


def _put_timed(out: bytearray, entries: Sequence[Timed], put: Callable[[Timed], None]) -> None:
    _put_int(out, len(entries))
    newer_ms = None
    for entry in entries:
        _put_int(out, entry.timestamp_ms if newer_ms is None else newer_ms - entry.timestamp_ms)
        newer_ms = entry.timestamp_ms
        put(entry)


def _put_int(out: bytearray, value: int) -> None:
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)


def _put_bytes(out: bytearray, data: bytes) -> None:
    _put_int(out, len(data))
    out.extend(data)


def _put_text(out: bytearray, text: str) -> None:
    _put_bytes(out, text.encode())


def _put_type(out: bytearray, event_type: str) -> None:
    code = _CODES.get(event_type, 0)
    out.append(code)
    if not code:
        _put_text(out, event_type)


class _Reader:
    """Reads what the `_put` functions wrote; raises IndexError past the end."""

    def __init__(self, data: bytes, at: int) -> None:
        self.data, self.at = data, at

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

    def blob(self) -> bytes:
        return self.take(self.number())

    def text(self) -> str:
        return self.blob().decode()

    def event_type(self) -> str:
        code = self.byte()
        return _NAMES[code] if code else self.text()

    def timed(self, read: Callable[[int], Read]) -> list[Read]:
        entries: list[Read] = []
        at_ms = 0
        for n in range(self.number()):
            at_ms = self.number() if n == 0 else at_ms - self.number()
            entries.append(read(at_ms))
        return entries
