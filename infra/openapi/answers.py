"""The API's answers as models: for the schema only, no function imports them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from endcap.api.responses import LOST
from endcap.conversation.constraints import ABOUT, ASKED
from endcap.events.types import EVENT_TYPES
from endcap.experiments.assignment import Surface
from endcap.explain.reasons import ASKED as ASKED_FOR
from endcap.explain.support import ANCHOR
from endcap.messages.language import Language
from endcap.understanding.wish import SORTINGS

Count = Annotated[int, Field(ge=0)]
Moment = Annotated[float, Field(ge=0, description="Unix time in milliseconds, or in seconds before 1973")]


def _absent_rather_than_null(schema: dict[str, Any]) -> None:
    """A field that defaults to None is left out of an answer, and never null."""
    for name, field in schema.get("properties", {}).items():
        if field.get("default", "") is None:
            del field["default"]
            (kind,) = (option for option in field.pop("anyOf") if option != {"type": "null"})
            schema["properties"][name] = kind | field


class Answer(BaseModel):
    """An answer without fields that are not named here."""

    model_config = ConfigDict(extra="forbid", json_schema_extra=_absent_rather_than_null)


class Finding(Answer):
    """One thing wrong with one field; `field` is a dotted path, empty for the whole input."""

    field: str
    message: str


class Rejected(Answer):
    """An entry of a list that was not taken; sent again it may be where `retryable` says so."""

    index: Count
    errors: list[Finding]
    retryable: bool


class Problem(Answer):
    """What went wrong, as of RFC 9457."""

    type: str
    title: str
    status: Annotated[int, Field(ge=400, le=599)]
    detail: str
    errors: list[Finding] | None = None
    rejected: list[Rejected] | None = None


class GatewayRefusal(BaseModel):
    """The gateway's own answer, which no function has seen."""

    message: str | None = None


class Warned(Finding):
    """What was left out of something that was taken, or cut, or not understood."""


class WarnedOf(Warned):
    """The same of one of several things; `index` is its place."""

    index: Count


class EventsAccepted(Answer):
    """What became of the events: `accepted` are on the queue; `ignored` say nothing about an item.

    `warnings` tell of what was left out of accepted ones, and of items that the catalogue lacks.
    """

    accepted: Count
    rejected: list[Rejected]
    ignored: Count | None = None
    warnings: list[WarnedOf] | None = None


class WebhookTaken(Answer):
    """What became of a message: events on the queue, items that were new or different, people to be forgotten."""

    events: Count
    items_changed: Count
    erasures: Count
    warnings: list[Warned] | None = None


class WebhookPing(Answer):
    """WooCommerce asks whether somebody is there."""

    ping: Literal[True]


class WebhookIgnored(Answer):
    """The topic is none that is read."""

    ignored: str


class Evidence(Answer):
    """A past item that carried a reason, and the strongest thing that the shopper did with it; or words alone.

    `words` are words of the recommended item: those that it shares with the past item, the query or the review.
    """

    item_id: str | None = None
    title: str | None = None
    event_type: Annotated[str, Field(examples=[*list(EVENT_TYPES)[:2], ANCHOR, ASKED_FOR])]
    words: list[str]


class Reason(Answer):
    """One term of an item's score; the weights of an item's reasons add up to the score."""

    kind: str
    weight: float
    text: str
    evidence: list[Evidence]


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

    `propensity` is how likely the item was to stand there, in a list with exploration.
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


class StorefrontEventsAccepted(EventsAccepted):
    """What became of the events; `visitor` as in a list."""

    visitor: str | None = None


class Recommendations(Answer):
    """One list for each of `requests`, in their order."""

    lists: list[Recommendation]


class Term(Answer):
    """A term of the score, which counts `weight` / `scale`."""

    name: str
    weight: float
    scale: float
    set_by: Literal["default", "snapshot"]
    meaning: str


class Setting(Answer):
    """A number that the ranking goes by."""

    name: str
    value: float
    set_by: Literal["default", "snapshot"]
    meaning: str


class EventWeight(Answer):
    """What an event of a type counts, and after how many days half as much."""

    name: str
    weight: float
    half_life_days: float


class Filterable(Answer):
    """What filters may speak of."""

    fields: list[str]
    history: list[str]
    exclude_seen: list[str]


class Share(Answer):
    """A variant of an experiment, and the share of shoppers that get it."""

    name: str
    share: Annotated[float, Field(ge=0, le=1)]


class RunningExperiment(Answer):
    """An experiment, the kinds of list and the scenario that take part, and when; what shares leave sees none."""

    name: str
    surfaces: list[Surface]
    variants: list[Share]
    scenario: str | None = None
    start: Count | None = None
    end: Count | None = None


class Choice(Answer):
    """What a request or its scenario may choose; `default` counts where neither does."""

    name: str
    default: float | str
    options: list[str] | None = None
    least: float | None = None
    most: float | None = None
    meaning: str


class Context(Answer):
    """A name that `context` may give, and the values in which demand was counted."""

    name: str
    values: list[str]


class Parameters(Answer):
    """The main parameters of the ranking, as they are right now."""

    language: Language
    summary: list[str]
    snapshot_version: str
    learned_up_to: Count
    catalogue_as_of: Count
    score: str
    terms: list[Term]
    settings: list[Setting]
    event_types: list[EventWeight]
    choices: list[Choice]
    filters: Filterable
    contexts: list[Context]
    scenarios: list[str]
    scenario_defaults: dict[str, dict[str, Any]]
    experiments: list[RunningExperiment]


class Health(Answer):
    """A snapshot is loaded; `next` says what to do where it holds no items, or has learned from no events."""

    status: Literal["ok"]
    snapshot_version: str
    items: Count
    next: str | None = None


class ItemStored(Answer):
    """The item is stored; `changed` says whether anything is new about it."""

    item_id: str
    changed: bool
    warnings: list[Warned] | None = None


class ItemsStored(Answer):
    """What became of the items."""

    accepted: Count
    changed: Count
    rejected: list[Rejected]
    warnings: list[WarnedOf] | None = None


class StoredItem(Answer):
    """An item as it is stored, without what it does not say."""

    item_id: str
    title: str
    available: bool
    group_id: str | None = None
    description: str | None = None
    brand: str | None = None
    price: float | None = None
    currency: str | None = None
    image_url: str | None = None
    url: str | None = None
    language: str | None = None
    categories: list[str] | None = None
    created_at: Moment | None = None
    expires_at: Moment | None = None
    attributes: dict[str, str | float | bool | list[str]] | None = None


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
