"""The bodies of recommendation calls, as clients and scenarios write them."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from endcap.events.counts import WindowName
from endcap.events.interaction import EventId, Text
from endcap.filters.eligibility import ExcludeSeen
from endcap.filters.parser import MAX_CHARS, MAX_LISTED
from endcap.identifiers import clean_text
from endcap.messages.language import Language
from endcap.ranking.slots import Capped
from endcap.ranking.terms.inputs import Relation
from endcap.recommend.request import BOOST, BOUNDS, LEAST_CAP, LIMIT, SHARE, Bounds, Personalization
from endcap.understanding.wish import Sorting
from endcap.validation import Id, Name, OptionalAnonymousId, OptionalUserId, timestamp_ms

MAX_SESSION: Final = 500
MAX_CANDIDATES: Final = 500
MAX_ANCHORS: Final = 100
MAX_LISTS: Final = 10
MAX_CONTEXT_CHARS: Final = 2048  # a referrer comes as a whole web address

ContextValue = Annotated[str, Field(max_length=MAX_CONTEXT_CHARS)]
ExpressionText = Annotated[str, Field(min_length=1, max_length=MAX_CHARS)]
ParameterValue = bool | float | Annotated[str, Field(max_length=1000)]


def listed(value: object) -> object:
    return [part for part in value.split(",") if part] if isinstance(value, str) else value


def _within(bounds: Bounds) -> Any:
    return Field(ge=bounds.lowest, le=bounds.highest)


def _strict() -> ConfigDict:
    return ConfigDict(extra="forbid", allow_inf_nan=False)


Moment = Annotated[int, BeforeValidator(timestamp_ms)]


class Timed(BaseModel):
    """Something that counts from a moment on, and until another."""

    model_config = _strict()

    from_: Annotated[Moment | None, Field(alias="from")] = None
    until: Moment | None = None

    def counts(self, now_ms: int) -> bool:
        """Whether it does at `now_ms`."""
        return (self.from_ is None or now_ms >= self.from_) and (self.until is None or now_ms < self.until)


class BoostInput(Timed):
    """Adds `weight` to the score of the items for which `filter` holds."""

    filter: ExpressionText
    weight: Annotated[float, _within(BOOST)]


class PromotionInput(Timed):
    """Gives the items for which `filter` holds a share of the places, spread evenly."""

    name: Name
    filter: ExpressionText
    share: Annotated[float, _within(SHARE)]


class PinInput(Timed):
    """Puts an item at a place, from 1."""

    item_id: Id
    position: Annotated[int, _within(LIMIT)]


class ReadingInput(BaseModel):
    """Words of a query, and what they were taken for; taken back unread."""

    model_config = _strict()

    text: Annotated[str, Field(max_length=1000)]
    meaning: Annotated[str, Field(max_length=4000)]


class UnderstoodInput(BaseModel):
    """What was understood of a query, as an answer told it, with whatever the shopper changed in it."""

    model_config = _strict()

    search: Annotated[str, Field(max_length=500), AfterValidator(clean_text)] = ""
    filter: ExpressionText | None = None
    exclude: Annotated[list[Annotated[str, Field(min_length=1, max_length=100)]], Field(max_length=20)] = []
    sort: Sorting | None = None
    words: Annotated[list[ReadingInput], Field(max_length=100)] = []


class HiddenInput(Timed):
    """Keeps an item out."""

    item_id: Id


class RecommendInput(BaseModel):
    """The body of POST /recommendations; GET takes the plain parameters by the same names."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, title="RecommendationRequest")

    user_id: OptionalUserId = None
    anonymous_id: OptionalAnonymousId = None
    session_id: Id | None = None
    scenario: Name | None = None
    surface: Name | None = None
    limit: Annotated[int, _within(BOUNDS["limit"])] = 10
    cursor: Annotated[str, Field(max_length=8192)] | None = None
    interactions: Annotated[list[dict[str, Any]], Field(max_length=MAX_SESSION)] = []
    query: Text | None = None
    understand: bool | None = None
    understood: UnderstoodInput | None = None
    window: WindowName | None = None
    relation: Relation | None = None
    items: Annotated[list[Id], Field(max_length=MAX_ANCHORS)] = []
    candidates: Annotated[list[Id], Field(max_length=MAX_CANDIDATES)] | None = None
    filter: ExpressionText | None = None
    parameters: Annotated[
        dict[Name, ParameterValue | Annotated[list[ParameterValue], Field(max_length=MAX_LISTED)]],
        Field(max_length=50),
    ] = {}
    boost: Annotated[list[BoostInput], Field(max_length=20)] = []
    promotions: Annotated[list[PromotionInput], Field(max_length=10)] = []
    pinned: Annotated[list[PinInput], Field(max_length=50)] = []
    blocked: Annotated[list[Id], Field(max_length=MAX_CANDIDATES), BeforeValidator(listed)] = []
    hidden: Annotated[list[HiddenInput], Field(max_length=MAX_CANDIDATES)] = []
    caps: dict[Capped, Annotated[int, Field(ge=LEAST_CAP)]] = {}
    exclude_items: Annotated[list[Id], Field(max_length=MAX_CANDIDATES), BeforeValidator(listed)] = []
    exclude_seen: ExcludeSeen = "interacted"
    personalization: Personalization = "full"
    diversity: Annotated[float, _within(BOUNDS["diversity"])] = 0.0
    calibration: Annotated[float, _within(BOUNDS["calibration"])] = 0.0
    exploration: Annotated[float, _within(BOUNDS["exploration"])] = 0.0
    rotation: Annotated[float, _within(BOUNDS["rotation"])] = 0.0
    explain: bool = True
    counterfactual: bool = False
    without_event: EventId | None = None
    without_item: Id | None = None
    language: Language | None = None
    fields: Annotated[list[Annotated[str, Field(max_length=128)]], Field(max_length=30), BeforeValidator(listed)] = []
    context: Annotated[dict[Annotated[str, Field(max_length=64)], ContextValue], Field(max_length=20)] = {}
    as_of: Annotated[int, BeforeValidator(timestamp_ms)] | None = None


class ScenarioInput(RecommendInput):
    """Defaults of a named scenario: a request without what belongs to one shopper and moment, and term weights."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, title="Scenario")

    weights: dict[str, float] | None = None


NOT_OF_A_SCENARIO: Final = frozenset(
    {
        "user_id",
        "anonymous_id",
        "session_id",
        "scenario",
        "surface",
        "cursor",
        "interactions",
        "as_of",
        "without_event",
        "without_item",
        "understood",
    }
)


class RankingInput(BaseModel):
    """The body of POST /users/{user_id}/rankings."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, title="RankingRequest")

    item_ids: Annotated[list[Id], Field(min_length=1, max_length=MAX_CANDIDATES)]
    surface: Name | None = None
    interactions: Annotated[list[dict[str, Any]], Field(max_length=MAX_SESSION)] = []
    query: Text | None = None
    parameters: dict[str, Any] = {}
    boost: list[dict[str, Any]] = []
    personalization: Personalization = "full"
    explain: bool = True
    counterfactual: bool = False
    without_event: EventId | None = None
    without_item: Id | None = None
    language: Language | None = None
    fields: list[str] = []
    context: dict[str, Any] = {}
    as_of: Annotated[int, BeforeValidator(timestamp_ms)] | None = None
