"""The answers about shoppers as models: for the schema only, no function imports them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from endcap.messages.language import Language
from endcap.text.sentiment.aspects import ASPECTS
from infra.openapi.answers import Answer, Count, Moment

AspectName = Annotated[str, Field(json_schema_extra={"enum": list(ASPECTS)})]
Tone = Annotated[float, Field(ge=-1, le=1)]


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
    """Something that items have in common, and what the shopper makes of it; negative weights are dislikes."""

    name: str
    weight: float


class Interests(Answer):
    """The strongest interests, by magnitude; attributes and words are those that recur in several items."""

    categories: list[Interest]
    brands: list[Interest]
    attributes: list[Interest]
    words: list[Interest]


class Tag(Interest):
    """One of the strongest interests of any kind."""

    kind: Literal["category", "brand", "attribute", "word"]


class Sentiment(Answer):
    """What the shopper's reviews say about one aspect: -1 complaint, 1 praise, newer reviews counting more."""

    aspect: AspectName
    name: str
    sentiment: Tone
    reviews: Annotated[int, Field(ge=1)]


class TitledItem(Answer):
    """An item and its title, empty where it is not known any more."""

    item_id: str
    title: str


class CategoryCount(Answer):
    """How many different items of a category were looked at."""

    name: str
    items: Annotated[int, Field(ge=1)]


class Intent(Answer):
    """The latest session, and what lies in the cart; the words of searches are not stored."""

    started: Count
    ended: Count
    categories: list[CategoryCount]
    looked_at: list[TitledItem]
    in_cart: list[TitledItem]
    searches: Count
    chosen_after_search: TitledItem | None


class ItemInterest(Answer):
    """An item and what the shopper makes of it."""

    item_id: str
    title: str
    weight: float


class Entry(Answer):
    """A stored interaction; `value` is a grade, `polarity` (-1..1) what a review without one sounds like.

    `aspects` is what a review praises (up to 1) and complains about (down to -1).
    """

    event_type: str
    item_id: str
    timestamp: Moment
    value: float | None = None
    polarity: float | None = None
    aspects: dict[AspectName, Tone] | None = None


class RecentEntry(Entry):
    """A stored interaction with its item's title and its age in seconds."""

    title: str
    age_s: Count


class Profile(Answer):
    """What is known about a shopper, in words and numbers."""

    user_id: str
    profile_version: Count
    language: Language
    summary: list[str]
    interests: Interests
    tags: list[Tag]
    aspects: list[Sentiment]
    intent: Intent | None
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
