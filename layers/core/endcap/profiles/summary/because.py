"""What a like, a dislike or an opinion of a shopper comes from: the things that they did, each with its share."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from endcap.catalog.item import Item
from endcap.events.grades import tone_of
from endcap.events.types import GRADED, EventType
from endcap.messages.language import Language
from endcap.messages.reasons import deed_in_words
from endcap.profiles.entries import Entry
from endcap.profiles.profile import UserProfile
from endcap.profiles.settled import settled
from endcap.validation import timestamp_number

MAX_DEEDS: Final = 3
"""Things told for one like, dislike or opinion, and as many against it; the others are counted."""


@dataclass(frozen=True, slots=True)
class Deed:
    """What was done with an item, as often as it was.

    Attributes
    ----------
    times : how often
    latest_ms : when it was last
    weight : what all of it adds to the shopper's interest in the item
    """

    event_type: str
    item_id: str
    times: int
    latest_ms: int
    weight: float


def weighed(profile: UserProfile, now_ms: int, event_types: Mapping[str, EventType]) -> Iterator[tuple[Entry, float]]:
    """The remembered interactions with items, each with its signed weight, halved once per half-life of its type."""
    for entry in settled([*dict.fromkeys((*profile.interactions, *profile.strong))]):
        event_type = event_types.get(entry.event_type)
        if event_type and entry.item_id:
            age_s = max(0, now_ms - entry.timestamp_ms) / 1000
            yield entry, event_type.weight * _tone(entry) * 0.5 ** (age_s / event_type.half_life_s)


def deeds_of(weights: Iterable[tuple[Entry, float]]) -> list[Deed]:
    """Weighed interactions, those of one type with one item together; the weightiest first, whatever its sign."""
    found: dict[tuple[str, str], Deed] = {}
    for entry, weight in weights:
        key = entry.event_type, entry.item_id
        known = found.get(key, Deed(*key, 0, entry.timestamp_ms, 0.0))
        latest = max(known.latest_ms, entry.timestamp_ms)
        found[key] = Deed(*key, known.times + 1, latest, known.weight + weight)
    return sorted(found.values(), key=lambda one: (-abs(one.weight), -one.latest_ms, one.item_id, one.event_type))


def reviews_of(profile: UserProfile, aspect: str) -> list[Deed]:
    """The reviews that judge an aspect, the newest first; the weight of each is its tone, -1 to 1."""
    entries = sorted({*profile.interactions, *profile.strong}, reverse=True)
    judging = [(entry, entry.judged[aspect]) for entry in entries if aspect in entry.judged]
    return [Deed(entry.event_type, entry.item_id, 1, entry.timestamp_ms, tone) for entry, tone in judging]


def because(deeds: Sequence[Deed], total: float, items: Mapping[str, Item], language: Language) -> dict[str, Any]:
    """The first of some deeds as JSON objects, with how many there are.

    A like has what was liked as its reason, and what speaks against it apart from that; a dislike the other way round.

    Parameters
    ----------
    total : what the deeds have come to; what is of its sign is a reason for it
    items : what is known of the items, for their titles
    """
    sign = 1.0 if total >= 0 else -1.0
    reasons = [one for one in deeds if sign * one.weight >= 0]
    against = [one for one in deeds if sign * one.weight < 0]
    return {
        "because": [_told(one, items, language) for one in reasons[:MAX_DEEDS]],
        "against": [_told(one, items, language) for one in against[:MAX_DEEDS]],
        "deeds": sum(one.times for one in deeds),
    }


def with_items(deeds: Iterable[Deed], item_ids: Collection[str]) -> list[Deed]:
    """Those with some items."""
    return [one for one in deeds if one.item_id in item_ids and one.weight]


def _told(deed: Deed, items: Mapping[str, Item], language: Language) -> dict[str, Any]:
    title = items[deed.item_id].title if deed.item_id in items else ""
    return {
        "event_type": deed.event_type,
        "item_id": deed.item_id,
        "title": title,
        "times": deed.times,
        "timestamp": timestamp_number(deed.latest_ms),
        "weight": round(deed.weight, 4),
        "text": deed_in_words(title or deed.item_id, deed.event_type, deed.times, language),
    }


def _tone(entry: Entry) -> float:
    if entry.event_type in GRADED:
        if entry.grade is not None:
            return tone_of(entry.grade)
        if entry.tone is not None:
            return entry.tone
    return 1.0
