"""The answers about shoppers as models: for the schema only, no function imports them."""

from __future__ import annotations

from typing import Any

from infra.openapi.answers import Answer, Count, Moment


class UserStated(Answer):
    """What was stated is stored."""

    user_id: str
    profile_version: Count


class Counts(Answer):
    """How many entries each set of a profile holds."""

    interactions: Count
    strong_interactions: Count
    texts: Count
    impressions: Count
    links: Count


class Interest(Answer):
    """A category or brand and what the shopper makes of it; negative weights are dislikes."""

    name: str
    weight: float


class Interests(Answer):
    """The strongest interests, by magnitude."""

    categories: list[Interest]
    brands: list[Interest]


class ItemInterest(Answer):
    """An item and what the shopper makes of it."""

    item_id: str
    title: str
    weight: float


class Entry(Answer):
    """A stored interaction; `value` is a grade, `polarity` (-1..1) what a review without one sounds like."""

    event_type: str
    item_id: str
    timestamp: Moment
    value: float | None = None
    polarity: float | None = None


class RecentEntry(Entry):
    """A stored interaction with its item's title and its age in seconds."""

    title: str
    age_s: Count


class Profile(Answer):
    """What is known about a shopper, in words and numbers."""

    user_id: str
    profile_version: Count
    interests: Interests
    items: list[ItemInterest]
    recent: list[RecentEntry]
    counts: Counts
    preferences: dict[str, Any] | None
    consent: dict[str, bool] | None


class TextSignal(Answer):
    """A review, search or tag: its tone and its vector, never its words."""

    event_type: str
    item_id: str | None
    timestamp: Moment
    polarity: float
    encoder: str
    vector_int8: str


class Impression(Answer):
    """That an item was shown; items are known by four bytes of a digest."""

    item_sha256_prefix: str
    timestamp: Moment


class Link(Answer):
    """Which user an anonymous id was, up to when; an end without ids marks what was erased."""

    user_id: str
    anonymous_id: str
    timestamp: Moment


class Export(Answer):
    """Everything that is stored about a user."""

    user_id: str
    profile_version: Count
    interactions: list[Entry]
    strong_interactions: list[Entry]
    texts: list[TextSignal]
    impressions: list[Impression]
    attributes: dict[str, Any] | None
    preferences: dict[str, Any] | None
    consent: dict[str, bool] | None
    links: list[Link]
    deleted_at: Moment | None


class Receipt(Answer):
    """What was erased, and what of it remains: nothing, but for what happened since."""

    user_id: str
    deleted_at: Count
    removed: Counts
    remaining: Counts
