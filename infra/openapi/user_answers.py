"""The answers about shoppers as models: for the schema only, no function imports them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from endcap.messages.language import Language
from endcap.text.sentiment.aspects import ASPECTS
from infra.openapi.answers import Answer, Count, Moment, Warned

AspectName = Annotated[str, Field(json_schema_extra={"enum": list(ASPECTS)})]
Tone = Annotated[float, Field(ge=-1, le=1)]


class OfShopper(Answer):
    """Whom it is about: a user, or an anonymous id."""

    user_id: str | None = None
    anonymous_id: str | None = None


class UserStated(OfShopper):
    """What was stated is stored, but for what is not while the shopper refuses.

    `warnings` name preferences that rank nothing.
    """

    profile_version: Count
    not_stored: list[Literal["attributes", "preferences"]] | None = None
    warnings: list[Warned] | None = None


class Counts(Answer):
    """How many entries each set of a profile holds.

    `texts` are words of reviews, posts and searches that say what kind of thing they are about: a review that speaks of
    quality or delivery alone leaves none, and counts in `aspects` and in the interactions.
    """

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
    generated_tags: Annotated[
        list[Interest] | None,
        Field(description="of items with no category or one, as a writer has tagged them; where rankings go by that"),
    ] = None


class Deed(Answer):
    """What a shopper did with an item: how often, when last, and what all of it adds.

    The weight of a review that judges an aspect is its tone.
    """

    event_type: str
    item_id: str
    title: str
    times: Annotated[int, Field(ge=1)]
    timestamp: Moment
    weight: float
    text: str


Because = Annotated[list[Deed], Field(description="what it comes from, the most telling first; at most three")]
Against = Annotated[
    list[Deed], Field(description="what makes it weaker than that, the most telling first; at most three")
]
Deeds = Annotated[int, Field(ge=0, description="how many things that were done it comes from in all")]


class Tag(Interest):
    """One of the strongest interests of any kind; the weights of all that was done add up to its own."""

    kind: Literal["category", "brand", "attribute", "word", "generated"]
    because: Because
    against: Against
    deeds: Deeds


class Sentiment(Answer):
    """What the shopper's reviews say about one aspect: -1 complaint, 1 praise, newer reviews counting more."""

    aspect: AspectName
    name: str
    sentiment: Tone
    reviews: Annotated[int, Field(ge=1)]
    because: Because
    against: Against
    deeds: Deeds


class TitledItem(Answer):
    """An item and its title, empty where it is not known any more."""

    item_id: str
    title: str


class DoneItem(TitledItem):
    """An item, and the last thing that was done with it."""

    event_type: str


class CategoryCount(Answer):
    """How many different items of a category were looked at, put into the cart or bought, and the latest three."""

    name: str
    items: Annotated[int, Field(ge=1)]
    latest: list[TitledItem]


class Intent(Answer):
    """The latest session, and what lies in the cart; the words of searches are not stored."""

    started: Count
    ended: Count
    categories: list[CategoryCount]
    looked_at: list[DoneItem]
    in_cart: list[TitledItem]
    searches: Count
    chosen_after_search: DoneItem | None


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


class Profile(OfShopper):
    """What is known about a shopper, in words and numbers."""

    profile_version: Count
    language: Language
    summary: Annotated[list[str], Field(description="told to the shopper")]
    described: Annotated[list[str], Field(description="the same, told of the shopper to others")]
    interests: Interests
    tags: list[Tag]
    aspects: list[Sentiment]
    intent: Intent | None
    items: list[ItemInterest]
    recent: list[RecentEntry]
    counts: Counts
    preferences: dict[str, Any] | None
    consent: dict[str, bool] | None


class HandedEntry(Entry):
    """A stored interaction; `anonymous_id` is of the device that it came from."""

    anonymous_id: str | None = None


class TextSignal(Answer):
    """A review, search or tag: its tone and its vector, never its words."""

    event_type: str
    item_id: str | None
    timestamp: Moment
    polarity: float
    encoder: str
    vector_int8: str
    anonymous_id: str | None = None


class Impression(Answer):
    """That an item was shown; items are known by four bytes of a digest."""

    item_sha256_prefix: str
    timestamp: Moment
    anonymous_id: str | None = None


class Link(Answer):
    """Which user an anonymous id was, since and up to when; an end without ids marks what was erased."""

    user_id: str
    anonymous_id: str
    timestamp: Moment
    since: Moment | None = None


class ReceiptOfStore(Answer):
    """A store, what was removed from it and when; or by when anything in it is gone by itself."""

    store: str
    removed: Count | None = None
    purged_at: Count | None = None
    gone_by: Count | None = None


class SignedReceipt(Answer):
    """What became of an erasure in every store, by times in milliseconds; it names no id.

    `pending` until a purge has found every store to be free of it, which `purge_by` promises; `scanned` is what it
    looked through. The signature is the stack's, over everything else.
    """

    subject: str
    erased_until: Count
    requested_at: Count
    status: Literal["pending", "purged"]
    purge_by: Count
    purged_at: Count | None
    scanned: dict[str, int] | None
    stores: list[ReceiptOfStore]
    signature: str


class Erasure(Answer):
    """How far a deletion has come in profiles (`pending_anonymous_ids` are devices whose copy is still to be erased),
    and, by its receipt, in all other stores."""

    status: Literal["done", "pending"]
    pending_anonymous_ids: Count
    receipt: SignedReceipt | None = None


class OtherStore(Answer):
    """Where else something of a shopper may lie; `endcap erasures export` reads all of it."""

    store: str
    holds: str


class Export(OfShopper):
    """Everything that the profile of a user holds, and where else something of theirs may lie.

    A row that is damaged, or of a later version, is told as it is in `unreadable_row`.
    """

    profile_version: Count
    interactions: list[HandedEntry]
    strong_interactions: list[HandedEntry]
    texts: list[TextSignal]
    impressions: list[Impression]
    attributes: dict[str, Any] | None
    preferences: dict[str, Any] | None
    consent: dict[str, bool] | None
    links: list[Link]
    deleted_at: Moment | None
    erasure: Erasure | None
    elsewhere: list[OtherStore]
    unreadable_row: dict[str, Any] | None = None


class ErasureAccepted(OfShopper):
    """A store that the erasure needs is away: it is done later, as of `deleted_at`; the export has the receipt then."""

    deleted_at: Count
    status: Literal["accepted"]


class Receipt(OfShopper):
    """What was erased, and what of it remains: nothing, but for what happened since.

    Where many devices' histories are the shopper's, their copies are erased in the background (`pending`); the export
    says when that is done, and the same call made again asks for it again. What other stores hold goes by the purge, of
    which `receipt` tells. `unreadable` says that nobody could read what was there.
    """

    deleted_at: Count
    removed: Counts
    remaining: Counts
    status: Literal["done", "pending"]
    pending_anonymous_ids: Count
    unreadable: Literal[True] | None = None
    receipt: SignedReceipt | None
