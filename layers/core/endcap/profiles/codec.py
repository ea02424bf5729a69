"""A profile as bytes: compact, versioned, and the same bytes for the same profile.

Layout, after one byte of format version (all counts and sizes are LEB128 varints, https://dwarfstd.org section 7.6):

    deletion time · entries · texts · impressions · registers · links

The format of identities begins with a byte of flags (a user's profile; with parts that anonymous ids handed over), and
has between deletion time and entries for how long that deletion has reached the anonymous ids (as what is missing) and
the links; a key that stands in several links is written once. Each format is written where an earlier one can't say
the same.

Lists stand newest first and hold times as the difference to the entry before. An entry that is in both sets of
interactions is written once, with a bit for each set. An entry takes 13 bytes beside its item id when the next
newer one is less than four days away, and a review up to 8 more for its tone and its aspects; rows from before there
were aspects read as having none.

The format of orders is that of identities, with 4 more bytes in each purchase and return that names its order.
"""

from __future__ import annotations

import struct

from endcap.errors import StoredDataError
from endcap.identifiers import KEY_BYTES
from endcap.profiles.entries import Entry, Impression, Register, TextSignal
from endcap.profiles.links import Link
from endcap.profiles.profile import UserProfile
from endcap.profiles.wire import NAMES, Reader, put_bytes, put_int, put_text, put_timed, put_type

FORMAT = 1
FORMAT_WITH_ASPECTS = 2
"""Of profiles in which an entry has aspects: a version that knows none must refuse them, not misread them."""
FORMAT_OF_IDENTITIES = 3
"""Of users, and of what anonymous ids handed over."""
FORMAT_OF_ORDERS = 4
"""Of profiles in which a purchase or a return names its order."""
TAG_BYTES = 4

_IN_INTERACTIONS, _IN_STRONG, _HAS_POLARITY, _HAS_ASPECTS, _HAS_SOURCE = 1, 2, 4, 32, 64
_HAS_ORDER = 128
_PLAIN = _IN_INTERACTIONS | _IN_STRONG
"""Flags up to this one say that nothing follows the item id."""
_IS_USER, _HAS_SOURCES = 1, 2
_NO_TEXT, _KNOWN_TEXT, _TEXT = range(3)
"""How a key in a link is written: not at all, as the number of the one met before, or its length and this."""
_VALUE_SHIFT, _VALUE_MASK = 3, 3
_NO_VALUE, _HALVES, _INTEGER, _DOUBLE = range(4)
_ABSENT = float("-inf")


class ProfileFormatError(StoredDataError):
    """Stored bytes are not a profile of a format that this version reads."""


def encode_profile(profile: UserProfile) -> bytes:
    """`profile` as bytes; equal profiles give equal bytes."""
    interactions, strong = set(profile.interactions), set(profile.strong)
    entries = sorted(interactions | strong, reverse=True)
    form = FORMAT_WITH_ASPECTS if any(e.aspects for e in entries) else FORMAT
    if _has_identities(profile):
        form = FORMAT_OF_IDENTITIES
    if any(e.order for e in entries):
        form = FORMAT_OF_ORDERS
    has_identities = form >= FORMAT_OF_IDENTITIES
    tagged = has_identities and _has_sources(profile)
    sources: dict[str, int] = {}
    out = bytearray([form])

    def put_source(source: str) -> None:
        if tagged:
            put_int(out, sources[source] + 1 if source else 0)

    def put_entry(e: Entry) -> None:
        value_form, packed = _pack_value(e.value)
        flags = value_form << _VALUE_SHIFT
        flags |= _IN_INTERACTIONS * (e in interactions) | _IN_STRONG * (e in strong)
        flags |= _HAS_POLARITY * (e.polarity != _ABSENT) | _HAS_ASPECTS * bool(e.aspects) | _HAS_SOURCE * bool(e.source)
        flags |= _HAS_ORDER * bool(e.order)
        out.append(flags)
        put_type(out, e.event_type)
        out.extend(e.key)
        put_text(out, e.item_id)
        out.extend(packed)
        if e.polarity != _ABSENT:
            out.extend(struct.pack("b", round(e.polarity * 100)))
        if e.aspects:
            put_bytes(out, e.aspects)
        if e.source:
            put_int(out, sources[e.source])
        out.extend(e.order)

    def put_signal(t: TextSignal) -> None:
        put_source(t.source)
        put_type(out, t.event_type)
        out.extend(t.key)
        put_text(out, t.item_id)
        out.extend(struct.pack("b", round(t.polarity * 100)))
        out.extend(t.tag)
        put_bytes(out, t.vector)

    def put_impression(i: Impression) -> None:
        put_source(i.source)
        out.extend(i.key)

    def put_link(link: Link) -> None:
        put_text(out, link.user_id)
        put_text(out, link.anonymous_id)

    def put_link_with_start(link: Link) -> None:
        put_text(out, link.user_id)
        if link.anonymous_id in sources:
            put_int(out, _KNOWN_TEXT)
            put_int(out, sources[link.anonymous_id])
        elif link.anonymous_id:
            sources[link.anonymous_id] = len(sources)
            data = link.anonymous_id.encode()
            put_int(out, _TEXT + len(data))
            out.extend(data)
        else:
            put_int(out, _NO_TEXT)
        if link.anonymous_id:
            put_int(out, 0 if link.start_ms < 0 else link.timestamp_ms - link.start_ms + 1)

    if has_identities:
        out.append(_IS_USER * profile.is_user | _HAS_SOURCES * tagged)
    put_int(out, profile.deleted_at_ms)
    if has_identities:
        put_int(out, profile.deleted_at_ms - profile.erased_at_ms)
        put_timed(out, profile.links, put_link_with_start)
    put_timed(out, entries, put_entry)
    put_timed(out, profile.texts, put_signal)
    put_timed(out, profile.impressions, put_impression)
    for r in (profile.attributes, profile.preferences, profile.consent):
        put_int(out, r.timestamp_ms)
        put_bytes(out, r.content)
    if not has_identities:
        put_timed(out, profile.links, put_link)
    return bytes(out)


def decode_profile(data: bytes) -> UserProfile:
    """The profile that `encode_profile` wrote.

    Raises
    ------
    ProfileFormatError : the bytes are cut, damaged, or of another format
    """
    if not data or not FORMAT <= data[0] <= FORMAT_OF_ORDERS:
        raise ProfileFormatError(f"profile format {data[:1].hex() or 'none'} is none that this version reads")
    r = Reader(data, 1)
    has_identities = data[0] >= FORMAT_OF_IDENTITIES
    try:
        about = r.byte() if has_identities else 0
        r.has_sources = bool(about & _HAS_SOURCES)
        deleted_at_ms = r.number()
        unerased_ms = r.number() if has_identities else 0
        links = r.timed(lambda at_ms: _read_link_with_start(r, at_ms)) if has_identities else []
        marked = _read_entries(r)
        profile = UserProfile(
            interactions=tuple(e for flags, e in marked if flags & _IN_INTERACTIONS),
            strong=tuple(e for flags, e in marked if flags & _IN_STRONG),
            texts=tuple(r.timed(lambda at_ms: _read_text(r, at_ms))),
            impressions=tuple(r.timed(lambda at_ms: _read_impression(r, at_ms))),
            attributes=Register(r.number(), r.blob()),
            preferences=Register(r.number(), r.blob()),
            consent=Register(r.number(), r.blob()),
            links=tuple(links if has_identities else r.timed(lambda at_ms: Link(at_ms, r.text(), r.text()))),
            deleted_at_ms=deleted_at_ms,
            erased_at_ms=deleted_at_ms - unerased_ms,
            is_user=bool(about & _IS_USER),
        )
        for register in (profile.attributes, profile.preferences, profile.consent):
            _ = register.value
    except Exception as exc:  # damaged bytes may be anything
        raise ProfileFormatError("profile bytes are cut or damaged") from exc
    if r.at != len(data):
        raise ProfileFormatError("profile bytes go on after their end")
    return profile


def _has_identities(profile: UserProfile) -> bool:
    return (
        profile.is_user
        or profile.erased_at_ms != profile.deleted_at_ms
        or any(link.start_ms >= 0 for link in profile.links)
        or _has_sources(profile)
    )


def _has_sources(profile: UserProfile) -> bool:
    entries: tuple[Entry | TextSignal, ...] = (*profile.interactions, *profile.strong, *profile.texts)
    return any(e.source for e in entries) or any(i.source for i in profile.impressions)


def _read_link_with_start(r: Reader, at_ms: int) -> Link:
    user_id, form = r.text(), r.number()
    if form == _NO_TEXT:
        return Link(at_ms, user_id)
    if form == _KNOWN_TEXT:
        source = r.sources[r.number()]
    else:
        source = r.take(form - _TEXT).decode()
        r.sources.append(source)
    if not source:
        raise IndexError("a link to nobody")
    age_ms = r.number()
    return Link(at_ms, user_id, source, max(at_ms - age_ms + 1, -1) if age_ms else -1)


def _read_impression(r: Reader, at_ms: int) -> Impression:
    source = r.source() if r.has_sources else ""
    return Impression(at_ms, r.take(KEY_BYTES), source)


def _read_entries(r: Reader) -> list[tuple[int, Entry]]:
    """Flags and content of each entry. The longest part of a profile, so what the `Reader` does is done in place."""
    data, found = r.data, []
    at_ms = 0
    for n in range(r.number()):
        at_ms = r.number() if n == 0 else at_ms - r.number()
        at = r.at
        flags, code = data[at], data[at + 1]
        if code:
            event_type, at = NAMES[code], at + 2
        else:
            r.at = at + 2
            event_type, at = r.text(), r.at
        key, length, start = data[at : at + KEY_BYTES], data[at + KEY_BYTES], at + KEY_BYTES + 1
        if length < 0x80:
            item_id = data[start : start + length].decode()
            r.at = start + length
        else:
            r.at = start - 1
            item_id = r.text()
        if flags <= _PLAIN:
            found.append((flags, Entry(at_ms, key, event_type, item_id)))
        else:
            found.append((flags, Entry(at_ms, key, event_type, item_id, *_read_judgement(r, flags))))
    if r.at > len(data):
        raise IndexError("past the end")
    return found


def _read_judgement(r: Reader, flags: int) -> tuple[float, float, bytes, str, bytes]:
    """Value, polarity, aspects, source and order of an entry."""
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
    source = r.sources[r.number()] if flags & _HAS_SOURCE else ""
    return value, polarity, aspects, source, r.take(KEY_BYTES) if flags & _HAS_ORDER else b""


def _read_text(r: Reader, at_ms: int) -> TextSignal:
    source = r.source() if r.has_sources else ""
    event_type, key, item_id = r.event_type(), r.take(KEY_BYTES), r.text()
    polarity = struct.unpack("b", r.take(1))[0] / 100
    tag = r.take(TAG_BYTES)
    return TextSignal(at_ms, key, event_type, item_id, polarity, r.blob(), tag, source)


def _pack_value(value: float) -> tuple[int, bytes]:
    if value == _ABSENT:
        return _NO_VALUE, b""
    if 0 <= value <= 127 and value * 2 == int(value * 2):
        return _HALVES, bytes([int(value * 2)])
    if 0 <= value < 2**32 and value == int(value):
        out = bytearray()
        put_int(out, int(value))
        return _INTEGER, bytes(out)
    return _DOUBLE, struct.pack("<d", value)
