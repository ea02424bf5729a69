"""A shopper's profile: bounded sets of what they did, merged by union and truncation.

A profile is a join-semilattice. Each set keeps the newest `K` distinct entries of its types; of two entries with one
key the greater (timestamp, content) wins. Folding an event, applying a batch and merging two profiles are the same
operation, `merge`, which is idempotent, commutative and associative: duplicates, batch borders, replays and the order
of arrival change nothing (Shapiro et al., "Conflict-free Replicated Data Types", SSS 2011).

Whatever drops entries drops all up to some time, the profile's floor: as those are the oldest, this commutes with
keeping the newest. Deleting at time T puts the floor at T; erasing an interval of an anonymous id puts it at the end
of that interval, as what lies before has long been handed to the users that it belongs to (see `identities`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from endcap.events.grades import tone_of
from endcap.events.interaction import Interaction
from endcap.events.types import GRADED, NOT_IN_HISTORY, SHOWN, STRONG, TEXTUAL
from endcap.identifiers import event_key, item_key
from endcap.profiles.links import Link, floor_ms, normal_links
from endcap.text.sentiment import review_polarity
from endcap.text.sentiment.aspects import ASPECTS, review_aspects

MAX_INTERACTIONS = 64
MAX_STRONG = 32
MAX_TEXTS = 4
MAX_IMPRESSIONS = 32

MAX_ASPECTS = 6
ASPECT_STEPS = 7
"""Steps between 0 and 1 in which the tone of an aspect is kept."""

Encode = Callable[[str], tuple[bytes, bytes]]
"""Text -> (encoder tag of 4 bytes, int8 vector of d_text bytes)."""


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """One interaction with one item.

    Attributes
    ----------
    key : 4 bytes of the SHA-256 of the event id
    value : what the client sent: a grade for ratings and reviews
    polarity : -1 to 1 in steps of 1/100, read from the text of a review that carries no value
    aspects : what a review praises and complains about, one byte each, see `pack_aspects`
    """

    timestamp_ms: int
    key: bytes
    event_type: str
    item_id: str
    value: float = float("-inf")
    polarity: float = float("-inf")
    aspects: bytes = b""

    @property
    def grade(self) -> float | None:
        """The client's grade, None where there is none."""
        return None if self.value == float("-inf") else self.value

    @property
    def tone(self) -> float | None:
        """The polarity of a review without a value, None elsewhere."""
        return None if self.polarity == float("-inf") else self.polarity

    @property
    def judged(self) -> dict[str, float]:
        """Aspect -> -1 to 1; aspects that this version does not know are left out."""
        return {ASPECTS[b >> 4]: (b & 15) / ASPECT_STEPS - 1 for b in self.aspects if b >> 4 < len(ASPECTS)}


@dataclass(frozen=True, slots=True, order=True)
class TextSignal:
    """Words of the shopper, as the text encoder reads them.

    Attributes
    ----------
    item_id : the item reviewed or tagged, "" for a search
    polarity : -1 to 1; 1 for a search
    tag : 4 bytes that name the encoder
    vector : int8 (d_text,), the encoder's unit vector times 127; empty where no encoder was loaded
    """

    timestamp_ms: int
    key: bytes
    event_type: str
    item_id: str
    polarity: float
    vector: bytes
    tag: bytes


@dataclass(frozen=True, slots=True, order=True)
class Impression:
    """The latest time an item was shown; `key` is 4 bytes of the SHA-256 of its id."""

    timestamp_ms: int
    key: bytes


@dataclass(frozen=True, slots=True, order=True)
class Register:
    """A JSON value of which the latest wins; `timestamp_ms` 0 means never set."""

    timestamp_ms: int = 0
    content: bytes = b""

    @property
    def value(self) -> Any:
        """The JSON value, None where it was never set."""
        return json.loads(self.content) if self.content else None


@dataclass(frozen=True, slots=True)
class UserProfile:
    """Everything that is stored about one user, every tuple newest first.

    Attributes
    ----------
    interactions : with items, of any type but impressions
    strong : purchases, returns, ratings and reviews again, so that browsing can't push them out
    deleted_at_ms : entries up to this time are gone, 0 for never deleted
    """

    interactions: tuple[Entry, ...] = ()
    strong: tuple[Entry, ...] = ()
    texts: tuple[TextSignal, ...] = ()
    impressions: tuple[Impression, ...] = ()
    attributes: Register = Register()
    preferences: Register = Register()
    consent: Register = Register()
    links: tuple[Link, ...] = ()
    deleted_at_ms: int = 0


EMPTY_PROFILE = UserProfile()

Keyed = TypeVar("Keyed", Entry, TextSignal, Impression)


def merge(a: UserProfile, b: UserProfile) -> UserProfile:
    """The least profile that holds what `a` and `b` hold: union, then truncation."""
    return _normal(
        UserProfile(
            interactions=(*a.interactions, *b.interactions),
            strong=(*a.strong, *b.strong),
            texts=(*a.texts, *b.texts),
            impressions=(*a.impressions, *b.impressions),
            attributes=max(a.attributes, b.attributes),
            preferences=max(a.preferences, b.preferences),
            consent=max(a.consent, b.consent),
            links=(*a.links, *b.links),
            deleted_at_ms=max(a.deleted_at_ms, b.deleted_at_ms),
        )
    )


def profile_of(events: Iterable[Interaction], encode: Encode | None = None) -> UserProfile:
    """The profile that a user's `events` amount to; `identify` events add nothing here (see `identities`).

    Parameters
    ----------
    encode : encodes the text of the newest text signals; without it they carry no vector
    """
    entries: list[Entry] = []
    strong: list[Entry] = []
    texts: list[Interaction] = []
    impressions: list[Impression] = []
    for event in events:
        if event.event_type in SHOWN and event.item_id:
            impressions.append(Impression(event.timestamp_ms, item_key(event.item_id)))
        if event.event_type not in NOT_IN_HISTORY and event.item_id:
            entry = _entry(event)
            entries.append(entry)
            if event.event_type in STRONG:
                strong.append(entry)
        if event.event_type in TEXTUAL and event.text:
            texts.append(event)
    return _normal(
        UserProfile(
            interactions=tuple(entries),
            strong=tuple(strong),
            texts=tuple(_text_signal(e, encode) for e in _newest(texts)),
            impressions=tuple(impressions),
        )
    )


def new_events(events: Iterable[Interaction], before: UserProfile, after: UserProfile) -> list[Interaction]:
    """Those of `events`, each once, that `after` holds as what they are and `before` did not hold at all."""
    if before == after:
        return []
    held, holds = _held(before), _held(after)
    found: dict[tuple[str, bytes], Interaction] = {}
    for event in events:
        shown = event.event_type in SHOWN
        key = item_key(event.item_id or "") if shown else event_key(event.event_id)
        name, at_ms = ("shown" if shown else "did", key), event.timestamp_ms
        # An impression is known by its item, and new when it is later.
        if holds.get(name) == at_ms and (held.get(name, -1) < at_ms if shown else name not in held):
            found[name] = event
    return list(found.values())


def _held(profile: UserProfile) -> dict[tuple[str, bytes], int]:
    """What a profile holds: whether shown or done, and its key -> when."""
    entries: tuple[Entry | TextSignal, ...] = (*profile.interactions, *profile.strong, *profile.texts)
    return {("did", e.key): e.timestamp_ms for e in entries} | {
        ("shown", i.key): i.timestamp_ms for i in profile.impressions
    }


def deleted(profile: UserProfile, at_ms: int) -> UserProfile:
    """`profile` without anything up to `at_ms`, and with the memory of that."""
    return merge(profile, UserProfile(deleted_at_ms=at_ms))


def register(value: Mapping[str, Any], at_ms: int) -> Register:
    """`value` as of `at_ms`, in one canonical spelling."""
    return Register(at_ms, json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode())


def pack_aspects(tones: Mapping[str, float]) -> bytes:
    """Aspect -> -1 to 1 as bytes: its number in the upper half, its tone in steps of a seventh in the lower.

    Of more than `MAX_ASPECTS` the clearest are kept.
    """
    clearest = sorted(tones, key=lambda name: (-abs(tones[name]), ASPECTS.index(name)))[:MAX_ASPECTS]
    return bytes(sorted(ASPECTS.index(name) << 4 | round((tones[name] + 1) * ASPECT_STEPS) for name in clearest))


def remembers_erasure(profile: UserProfile) -> bool:
    """Whether `profile` must outlive its contents, so that late events don't bring back what was erased."""
    return bool(profile.deleted_at_ms) or any(link.erased for link in profile.links)


def is_forgotten(profile: UserProfile) -> bool:
    """Whether `profile` says nothing about anybody: empty but for the memory of what was erased."""
    links = tuple(link for link in profile.links if not link.erased)
    return replace(profile, links=links, deleted_at_ms=0) == EMPTY_PROFILE


def within(profile: UserProfile, start_ms: int, end_ms: int) -> UserProfile:
    """The entries of `profile` from after `start_ms` up to `end_ms`; no registers, links or deletion."""

    def cut(entries: tuple[Keyed, ...]) -> tuple[Keyed, ...]:
        return tuple(e for e in entries if start_ms < e.timestamp_ms <= end_ms)

    return UserProfile(
        interactions=cut(profile.interactions),
        strong=cut(profile.strong),
        texts=cut(profile.texts),
        impressions=cut(profile.impressions),
    )


def _normal(p: UserProfile) -> UserProfile:
    links = normal_links(p.links, p.deleted_at_ms)
    floor = floor_ms(links, p.deleted_at_ms)

    def kept(entries: tuple[Keyed, ...], limit: int) -> tuple[Keyed, ...]:
        best: dict[bytes, Keyed] = {}
        for e in entries:
            other = best.get(e.key)
            if e.timestamp_ms > floor and (other is None or e > other):
                best[e.key] = e
        return tuple(sorted(best.values(), reverse=True)[:limit])

    def alive_register(r: Register) -> Register:
        return r if r.timestamp_ms > p.deleted_at_ms else Register()

    return replace(
        p,
        interactions=kept(p.interactions, MAX_INTERACTIONS),
        strong=kept(p.strong, MAX_STRONG),
        texts=kept(p.texts, MAX_TEXTS),
        impressions=kept(p.impressions, MAX_IMPRESSIONS),
        attributes=alive_register(p.attributes),
        preferences=alive_register(p.preferences),
        consent=alive_register(p.consent),
        links=links,
    )


def _entry(event: Interaction) -> Entry:
    value = float("-inf") if event.value is None else float(event.value)
    polarity = float("-inf")
    if event.event_type in GRADED and event.value is None and event.text:
        polarity = round(review_polarity(event.text) * 100) / 100
    aspects = pack_aspects(review_aspects(event.text)) if event.event_type in GRADED and event.text else b""
    key, item_id = event_key(event.event_id), event.item_id or ""
    return Entry(event.timestamp_ms, key, event.event_type, item_id, value, polarity, aspects)


def _newest(events: list[Interaction]) -> list[Interaction]:
    """Those of `events` that can be among the newest text signals, so that no other text is encoded."""
    latest: dict[bytes, int] = {}
    for event in events:
        key = event_key(event.event_id)
        latest[key] = max(latest.get(key, -1), event.timestamp_ms)
    chosen = set(sorted(((at_ms, key) for key, at_ms in latest.items()), reverse=True)[:MAX_TEXTS])
    return [e for e in events if (e.timestamp_ms, event_key(e.event_id)) in chosen]


def _text_signal(event: Interaction, encode: Encode | None) -> TextSignal:
    text = event.text or ""
    if event.event_type not in GRADED:
        polarity = 1.0
    elif event.value is not None:
        polarity = max(-1.0, min(1.0, tone_of(event.value)))
    else:
        polarity = review_polarity(text)
    tag, vector = encode(text) if encode else (b"\0" * 4, b"")
    item_id = event.item_id or ""
    key = event_key(event.event_id)
    return TextSignal(event.timestamp_ms, key, event.event_type, item_id, round(polarity * 100) / 100, vector, tag)
