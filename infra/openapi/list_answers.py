"""Lists of recommendations as models: for the schema only, no function imports them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from endcap.api.responses import LOST
from endcap.conversation.constraints import ABOUT, ASKED
from endcap.events.types import EVENT_TYPES
from endcap.explain.reasons import ASKED as ASKED_FOR
from endcap.explain.support import ANCHOR
from endcap.understanding.wish import SORTINGS
from infra.openapi.answers import Answer, Count, Warned


class Evidence(Answer):
    """A past item that carried a reason, and the strongest thing that the shopper did with it; or words alone.

    `words` are words of the recommended item: those that it shares with the past item, the query or the review.
    """

    item_id: str | None = None
    title: str | None = None
    event_type: Annotated[str, Field(examples=[*list(EVENT_TYPES)[:2], ANCHOR, ASKED_FOR])]
    words: list[str]


class Reason(Answer):
    """One term of an item's score; the weights of an item's reasons add up to the score.

    `written`: a model has worded it (the stack's ReasonWriter).
    """

    kind: str
    weight: float
    text: str
    evidence: list[Evidence]
    written: bool | None = None


class Counterfactual(Answer):
    """What the shopper did, and the item's rank without it; null where it would be gone. A search has no `item_id`."""

    item_id: str | None = None
    title: str | None = None
    event_type: str
    timestamp: Count
    rank: Annotated[int, Field(ge=1)] | None
    text: str


class RankedItem(Answer):
    """One place of a list, with the fields of the item that were asked for.

    `propensity` is how likely the item was to stand there, in a list with exploration. What a writer has said of the
    item, and not the shop, is among `attributes` as `generated_tags` and `generated_blurb`.
    """

    model_config = ConfigDict(extra="allow")

    item_id: str
    score: float
    rank: Annotated[int, Field(ge=1)]
    source: Literal["behaviour", "content", "query", "related", "popular", "new", "shop", "exploration", "unknown"]
    reasons: list[Reason]
    promotion: str | None = None
    known: bool | None = None
    available: bool | None = None
    propensity: Annotated[float, Field(ge=0, le=1)] | None = None
    counterfactual: Counterfactual | None = None


class Degraded(Answer):
    """What the list was made without, as it could not be read in time; the weightiest of it is the reason."""

    reason: Literal[tuple(f"{name}_unavailable" for name in LOST)]  # type: ignore[valid-type]
    lost: list[Literal[LOST]]  # type: ignore[valid-type]


class Reading(Answer):
    """Words of a query, and what they were taken for."""

    text: str
    meaning: str


class Understood(Answer):
    """What was understood of a query: words to search for, conditions, words that no item mentions, and the order.

    Sent back as `understood` in place of a query, with any part changed, it is followed as it stands.
    """

    search: str
    filter: str | None
    exclude: list[str]
    sort: Literal[SORTINGS] | None = None  # type: ignore[valid-type]
    words: list[Reading]


class Recommendation(Answer):
    """A list for a shopper; `recommendation_id` joins later events to it, `cursor` asks for what follows.

    `experiment` and `variant` name what the shopper takes part in.
    """

    recommendation_id: str
    items: list[RankedItem]
    source: Literal["personal", "popular", "query", "related"]
    snapshot_version: str
    profile_version: Count
    matched: Annotated[
        bool | None, Field(description="whether anything here has the words or the meaning of the query")
    ] = None
    understood: Understood | None = None
    experiment: str | None = None
    variant: str | None = None
    cursor: str | None = None
    degraded: Degraded | None = None
    warnings: list[Warned] | None = None


class HeldCondition(Answer):
    """A condition of a conversation, and the words that said it."""

    about: Literal[ABOUT]  # type: ignore[valid-type]
    filter: str
    text: str


class HeldConstraints(Answer):
    """What holds in a conversation; the next request sends it back, with whatever the shopper changed in it.

    `shown` is what "cheaper" and "that brand" are about, `asked` what was asked already.
    """

    search: str
    filters: list[HeldCondition]
    exclude: list[str]
    sort: Literal[SORTINGS] | None = None  # type: ignore[valid-type]
    without_items: list[str]
    shown: list[str]
    asked: list[Literal[ASKED]]  # type: ignore[valid-type]


class Option(Answer):
    """One answer to a question: its `text` as the next turn. `items` has how many of those looked at it leaves."""

    text: str
    items: Count
    filter: str | None = None


class Question(Answer):
    """What would say most about which of the items that fit is wanted; `drop` asks which condition may go."""

    about: Literal[ASKED]  # type: ignore[valid-type]
    text: str
    options: list[Option]


class Conversation(Recommendation):
    """A list by all that was said, what holds now, what the turns were taken for, and at most one question."""

    constraints: HeldConstraints
    words: list[Reading]
    question: Question | None = None


class StorefrontRecommendation(Recommendation):
    """A list for the visitor.

    `visitor` is their token, for a page that has none yet, or whose token is to be replaced by it.
    """

    visitor: str | None = None


class Recommendations(Answer):
    """One list for each of `requests`, in their order."""

    lists: list[Recommendation]


class PersonalizeItem(Answer):
    """A place of a list, as Personalize answers it."""

    itemId: str
    score: float
    promotionName: str | None = None


class PersonalizeList(Answer):
    """The answer to GetRecommendations."""

    itemList: list[PersonalizeItem]
    recommendationId: Annotated[str, Field(max_length=40)]


class PersonalizeRanking(Answer):
    """The answer to GetPersonalizedRanking."""

    personalizedRanking: list[PersonalizeItem]
    recommendationId: Annotated[str, Field(max_length=40)]
