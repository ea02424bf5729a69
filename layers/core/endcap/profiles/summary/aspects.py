"""What a shopper's reviews say about each aspect of goods: quality, price, delivery and so on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from endcap.events.types import EventType
from endcap.profiles.profile import UserProfile
from endcap.text.sentiment.aspects import ASPECTS


@dataclass(frozen=True, slots=True)
class Sentiment:
    """What is thought of one aspect.

    Attributes
    ----------
    score : -1 to 1, the mean over the reviews that judge it, newer ones counting more
    reviews : how many do
    """

    aspect: str
    score: float
    reviews: int


def sentiments_of(profile: UserProfile, now_ms: int, event_types: Mapping[str, EventType]) -> list[Sentiment]:
    """The aspects that the remembered reviews judge: the most often judged first."""
    sums: dict[str, tuple[float, float, int]] = {}
    for entry in sorted({*profile.interactions, *profile.strong}):
        event_type = event_types.get(entry.event_type)
        if not event_type or not entry.aspects:
            continue
        weight = 0.5 ** (max(0, now_ms - entry.timestamp_ms) / 1000 / event_type.half_life_s)
        for aspect, tone in entry.judged.items():
            total, weights, reviews = sums.get(aspect, (0.0, 0.0, 0))
            sums[aspect] = total + weight * tone, weights + weight, reviews + 1
    # A weight can be too small for a number after a thousand half-lives.
    found = [Sentiment(name, total / weights if weights else 0.0, n) for name, (total, weights, n) in sums.items()]
    return sorted(found, key=lambda one: (-one.reviews, ASPECTS.index(one.aspect)))
