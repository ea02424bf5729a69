"""What browsers may ask for: named scenarios, where they are and what they look at; no rule of the shop's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from endcap.api.parse import CONTEXT_PREFIX, ITEM_DOOR, RequestParser
from endcap.api.resolved import ResolvedRequest
from endcap.api.schemas import ContextValue, listed
from endcap.errors import FieldError, InvalidRequestError
from endcap.events.counts import WindowName
from endcap.events.formats.fields import amount, derived_id
from endcap.events.interaction import MAX_EVENT_ID_CHARS
from endcap.identifiers import clean_text
from endcap.messages.language import LANGUAGES, Language
from endcap.storefront.clocks import SENT_AT, clock_error_ms, put_right
from endcap.validation import Id, Name, parsed, timestamp_ms

MAX_LIMIT: Final = 50
MAX_CANDIDATES: Final = 50
MAX_SESSION: Final = 20
IGNORED: Final = frozenset({"user_id", "anonymous_id"})
"""Who asks is known by their tokens, so what a request says about it counts for nothing."""

PublicField = Literal[
    "title", "description", "categories", "brand", "price", "currency", "available", "image_url", "url", "group_id"
]
"""What any page shows. Attributes may be the shop's own business: a scenario can name them."""


def language_named(tag: object) -> Language | None:
    """The language of ours that a page's tag names, such as `zh-Hant-TW` or `en_GB`; None for one of others."""
    named = str(tag).replace("_", "-").partition("-")[0].lower()
    return next((language for language in LANGUAGES if language == named), None)


PageLanguage = Annotated[
    Language | None,
    BeforeValidator(language_named),
    WithJsonSchema(
        {
            "type": "string",
            "maxLength": 64,
            "description": f"as `<html lang>` has it; where that is none of {', '.join(LANGUAGES)}, and without it, "
            "the one that most of the list's items are in",
        }
    ),
]
"""Of the sentences that a page asks for."""

_PURCHASE: Final = "purchase"

STRICT: Final = ConfigDict(extra="forbid", allow_inf_nan=False)


class _Shown(BaseModel):
    model_config = STRICT

    surface: Name | None = None
    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT)] = 10
    cursor: Annotated[str, Field(max_length=8192)] | None = None
    fields: Annotated[list[PublicField], Field(max_length=30), BeforeValidator(listed)] = []
    language: PageLanguage = None
    explain: bool = True


class ListInput(_Shown):
    """The query parameters of a list at the storefront door."""

    scenario: Name | None = None
    context: Annotated[dict[Annotated[str, Field(max_length=64)], ContextValue], Field(max_length=20)] = {}


class RecommendationsInput(ListInput):
    """The body of POST /storefront/recommendations."""

    model_config = STRICT | {"title": "StorefrontRequest"}

    candidates: Annotated[list[Id], Field(max_length=MAX_CANDIDATES)] | None = None
    interactions: Annotated[list[dict[str, Any]], Field(max_length=MAX_SESSION)] = []
    """What was done on these pages just now, for this answer alone: all there is of who does not want to be known."""
    sent_at: Annotated[int, BeforeValidator(timestamp_ms)] | None = None
    """The time of sending by the browser's clock: by how far that is off, times of `interactions` are put right."""


class SearchInput(ListInput):
    """The query parameters of GET /storefront/search."""

    q: Annotated[str, Field(max_length=500), AfterValidator(clean_text)]
    understand: bool | None = None


class TrendingInput(_Shown):
    """The query parameters of GET /storefront/trending."""

    window: WindowName = "24h"
    category: Annotated[str, Field(min_length=1, max_length=256), AfterValidator(clean_text)] | None = None


def recommendations(parser: RequestParser, body: object) -> ResolvedRequest:
    """A body of POST /storefront/recommendations.

    Raises
    ------
    InvalidRequestError : with every finding
    """
    return bounded(parser.body(with_session(given_by(RecommendationsInput, body), parser)))


def search(parser: RequestParser, parameters: Mapping[str, str]) -> ResolvedRequest:
    """The query parameters of GET /storefront/search.

    Raises
    ------
    InvalidRequestError : with every finding
    """
    given = given_by(SearchInput, _with_context(parameters))
    query = given.pop("q")
    if not query.strip():
        raise InvalidRequestError([FieldError(field="q", message="says what to search for")])
    return bounded(parser.body(given | {"query": query}, ITEM_DOOR))


def similar(parser: RequestParser, item_id: str, parameters: Mapping[str, str]) -> ResolvedRequest:
    """The path and query parameters of GET /storefront/items/{item_id}/similar.

    Raises
    ------
    InvalidRequestError : with every finding
    """
    given = given_by(ListInput, _with_context(parameters))
    return bounded(parser.body(given | {"relation": "similar", "items": [item_id]}, ITEM_DOOR))


def trending(parser: RequestParser, parameters: Mapping[str, str]) -> ResolvedRequest:
    """The query parameters of GET /storefront/trending.

    Raises
    ------
    InvalidRequestError : with every finding
    """
    return bounded(parser.trending(given_by(TrendingInput, parameters)))


def with_session(given: dict[str, Any], parser: RequestParser) -> dict[str, Any]:
    """What is asked, with what was done just now as the visitor's own, at the times that a right clock would tell."""
    ahead_ms = clock_error_ms(given, parser.now_ms)
    told = given.pop(SENT_AT, None) is not None
    if session := given.get("interactions"):
        own = [completed({n: v for n, v in one.items() if n not in IGNORED}) for one in session]
        given["interactions"] = [put_right(one, ahead_ms, parser.now_ms) if told else one for one in own]
    return given


def completed(event: Mapping[str, Any]) -> dict[str, Any]:
    """An event with what pages need not work out: an id of the length that ids have, and what an order's line came to.

    An order's number and an item's id make an id together, which may be too long; a hash of it is as good.
    """
    found, properties = dict(event), event.get("properties")
    event_id = event.get("event_id")
    if isinstance(event_id, str) and len(event_id) > MAX_EVENT_ID_CHARS:
        found["event_id"] = derived_id("storefront", event_id)
    if event.get("event_type") == _PURCHASE and event.get("value") is None and isinstance(properties, Mapping):
        found["value"] = amount(properties) or None
    return found


def given_by(model: type[BaseModel], raw: object) -> dict[str, Any]:
    """What a body says itself, who asks left out.

    Raises
    ------
    InvalidRequestError : with every finding
    """
    if isinstance(raw, Mapping):
        raw = {name: value for name, value in raw.items() if name not in IGNORED}
    return parsed(model, raw).model_dump(exclude_unset=True)


def _with_context(parameters: Mapping[str, str]) -> dict[str, Any]:
    context = {n.removeprefix(CONTEXT_PREFIX): v for n, v in parameters.items() if n.startswith(CONTEXT_PREFIX)}
    others: dict[str, Any] = {n: v for n, v in parameters.items() if not n.startswith(CONTEXT_PREFIX)}
    return others | ({"context": context} if context else {})


def bounded(asked: ResolvedRequest) -> ResolvedRequest:
    """With no more items than a page gets, whatever its scenario says, and reasons that one shopper can read."""
    request, plain = (
        replace(one, limit=min(one.limit, MAX_LIMIT), one_language=True) for one in (asked.request, asked.plain)
    )
    return replace(asked, request=request, plain=plain)


def for_shoppers(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer whose items give the reasons that speak for them, the strongest first; others are the shop's alone."""
    items = [item | {"reasons": [one for one in item["reasons"] if one["weight"] > 0]} for item in answer["items"]]
    return answer | {"items": items}
