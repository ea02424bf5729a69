"""The API's answers as models: for the schema only, no function imports them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from endcap.experiments.assignment import Surface
from endcap.messages.language import Language

Count = Annotated[int, Field(ge=0)]
Moment = Annotated[float, Field(ge=0, description="Unix time in milliseconds, or in seconds before 1973")]


def absent_rather_than_null(schema: dict[str, Any]) -> None:
    """A field that defaults to None is left out of an answer, and never null."""
    for name, field in schema.get("properties", {}).items():
        if field.get("default", "") is None:
            del field["default"]
            (kind,) = (option for option in field.pop("anyOf") if option != {"type": "null"})
            schema["properties"][name] = kind | field


class Answer(BaseModel):
    """An answer without fields that are not named here."""

    model_config = ConfigDict(extra="forbid", json_schema_extra=absent_rather_than_null)


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


class StorefrontEventsAccepted(EventsAccepted):
    """What became of the events; `visitor` as in a list."""

    visitor: str | None = None


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
    image_vector: Annotated[str | None, Field(description="as it is kept: int8 in base64")] = None
    url: str | None = None
    language: str | None = None
    categories: list[str] | None = None
    created_at: Moment | None = None
    expires_at: Moment | None = None
    attributes: dict[str, str | float | bool | list[str]] | None = None
