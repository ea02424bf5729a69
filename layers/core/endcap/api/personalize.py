"""Amazon Personalize's calls, in the words of boto3's personalize-events and personalize-runtime clients.

A storefront that uses them switches with `endpoint_url="<api>/personalize"` and `signature_version=UNSIGNED`.
https://docs.aws.amazon.com/personalize/latest/dg/API_UBS_PutEvents.html
https://docs.aws.amazon.com/personalize/latest/dg/API_RS_GetRecommendations.html
https://docs.aws.amazon.com/personalize/latest/dg/API_RS_GetPersonalizedRanking.html

ARNs of campaigns, recommenders and trackers are taken and mean nothing here. A `filterArn` names a scenario by its last
part, and `filterValues` are that scenario's parameters. Ids have at most 128 bytes, half of what Personalize takes.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Annotated, Any, Final, ParamSpec

from aws_lambda_powertools.event_handler import Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

from endcap.api.http import RETRY_AFTER_S
from endcap.errors import EndcapError, FieldError, InvalidInputError, InvalidInteractionError, InvalidRequestError
from endcap.events.contexts import CONTEXT_NAMES, PAGE_NAMES
from endcap.events.formats.fields import derived_id, number, properties, text
from endcap.events.interaction import Interaction, parse_interaction
from endcap.events.types import ALIASES, IDENTIFY, PERSONALIZE, EventType
from endcap.validation import (
    Id,
    OptionalAnonymousId,
    OptionalUserId,
    UserId,
    parsed,
    timestamp_ms,
    timestamp_number,
)

Given = ParamSpec("Given")

MAX_EVENTS: Final = 10
MAX_IMPRESSION: Final = 25
MAX_PROPERTIES_CHARS: Final = 1024
MAX_PROPERTIES: Final = 32
MAX_RESULTS: Final = 500
DEFAULT_RESULTS: Final = 25
MAX_EVENT_ID_BYTES: Final = 64
DOOR: Final[Mapping[str, Any]] = {"exclude_seen": "none", "explain": False}
"""Personalize leaves nothing out of a list unless a filter says so."""

_CONTEXT: Final = {*PAGE_NAMES, *CONTEXT_NAMES}
_FIELDS: Final = {
    "user_id": "userId",
    "item_id": "itemId",
    "session_id": "sessionId",
    "anonymous_id": "sessionId",
    "recommendation_id": "recommendationId",
    "event_id": "eventId",
    "event_type": "eventType",
    "value": "eventValue",
    "timestamp": "sentAt",
}

Name = Annotated[str, Field(min_length=1, max_length=256)]


class _Input(BaseModel):
    # Built by the first call of its kind: most functions never get one.
    model_config = ConfigDict(extra="ignore", allow_inf_nan=False, alias_generator=to_camel, defer_build=True)


class PersonalizeEvent(_Input):
    """One event of PutEvents; `properties` is JSON in text, `impression` what was shown."""

    event_id: Name | None = None
    event_type: Name
    event_value: float | None = None
    item_id: Name | None = None
    properties: Annotated[str, Field(max_length=MAX_PROPERTIES_CHARS)] | None = None
    sent_at: Annotated[int, BeforeValidator(timestamp_ms)]
    recommendation_id: Annotated[str, Field(min_length=1, max_length=40)] | None = None
    impression: Annotated[list[Name], Field(min_length=1, max_length=MAX_IMPRESSION)] | None = None


class PutEventsInput(_Input):
    """PutEvents: up to 10 events of one session."""

    tracking_id: Name
    user_id: OptionalUserId = None
    session_id: OptionalAnonymousId
    event_list: Annotated[list[PersonalizeEvent], Field(min_length=1, max_length=MAX_EVENTS)]


class _Asked(_Input):
    context: Annotated[dict[str, str], Field(max_length=150)] = {}
    filter_arn: Annotated[str, Field(max_length=256)] | None = None
    filter_values: Annotated[dict[str, Annotated[str, Field(max_length=1000)]], Field(max_length=25)] = {}
    metadata_columns: dict[str, list[str]] = {}
    promotions: list[Any] = []


class GetRecommendationsInput(_Asked):
    """GetRecommendations: for a user, or for an item that they look at."""

    campaign_arn: str | None = None
    recommender_arn: str | None = None
    user_id: OptionalUserId = None
    item_id: Id | None = None
    num_results: Annotated[int, Field(ge=0, le=MAX_RESULTS)] = DEFAULT_RESULTS


class GetPersonalizedRankingInput(_Asked):
    """GetPersonalizedRanking: a user's order of given items."""

    campaign_arn: str
    user_id: UserId
    input_list: Annotated[list[Id], Field(min_length=1, max_length=MAX_RESULTS)]


def aws_error_shape(call: Callable[Given, Response[str]]) -> Callable[Given, Response[str]]:
    """`call` with its errors in the shape that AWS SDKs read."""

    @functools.wraps(call)
    def answered(*args: Given.args, **kwargs: Given.kwargs) -> Response[str]:
        try:
            return call(*args, **kwargs)
        except InvalidInputError as exc:
            return _error(HTTPStatus.BAD_REQUEST, "InvalidInputException", str(exc))
        except EndcapError:
            return _error(HTTPStatus.SERVICE_UNAVAILABLE, "ServiceUnavailableException", "try again later")

    return answered


def put_events(raw: object, arrival_ms: int, event_types: Mapping[str, EventType]) -> list[Interaction]:
    """The interactions of a PutEvents call; those of a known user also tell who the session is.

    Raises
    ------
    InvalidRequestError : with every finding; none of the call's events counts then
    """
    given = parsed(PutEventsInput, raw)
    if given.user_id is None and given.session_id is None:
        raise InvalidRequestError([FieldError(field="sessionId", message="is required where there is no userId")])
    found: list[Interaction] = []
    errors: list[FieldError] = []
    for index, event in enumerate(given.event_list):
        try:
            found += [parse_interaction(one, arrival_ms, event_types) for one in _documents(given, event, event_types)]
        except InvalidInteractionError as exc:
            errors += [_named(e, f"eventList.{index}") for e in exc.errors]
    if errors:
        raise InvalidRequestError(errors)
    if given.user_id and given.session_id and given.user_id != given.session_id:
        who = {"event_type": IDENTIFY, "user_id": given.user_id, "anonymous_id": given.session_id}
        latest_ms = max(event.sent_at for event in given.event_list)
        found.append(
            parse_interaction({**who, "timestamp": timestamp_number(latest_ms)}, arrival_ms, event_types),
        )
    return found


def recommendations_request(raw: object) -> dict[str, Any]:
    """A GetRecommendations call as a body of POST /recommendations.

    Raises
    ------
    InvalidRequestError : with every finding
    """
    given = parsed(GetRecommendationsInput, raw)
    if given.user_id is None and given.item_id is None:
        raise InvalidRequestError("userId or itemId is required")
    body: dict[str, Any] = {"limit": given.num_results or DEFAULT_RESULTS, **_common(given)}
    if given.user_id is not None:
        body |= _whose(given.user_id)
    if given.item_id is not None:
        body |= {"relation": "similar", "items": [given.item_id]}
    return body


def ranking_request(raw: object) -> dict[str, Any]:
    """A GetPersonalizedRanking call as a body of POST /recommendations.

    Raises
    ------
    InvalidRequestError : with every finding
    """
    given = parsed(GetPersonalizedRankingInput, raw)
    items = list(dict.fromkeys(given.input_list))
    return {**_whose(given.user_id), "candidates": items, "limit": len(items), **_common(given)}


def item_list(answer: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A list as Personalize answers it, under `name`."""
    items = []
    for ranked in answer["items"]:
        item = {"itemId": ranked["item_id"], "score": ranked["score"]}
        items.append(item | ({"promotionName": ranked["promotion"]} if "promotion" in ranked else {}))
    return {name: items, "recommendationId": answer["recommendation_id"]}


def _documents(
    given: PutEventsInput, event: PersonalizeEvent, event_types: Mapping[str, EventType]
) -> list[dict[str, Any]]:
    """What an event says of its item, and of the items that it was shown among, in Endcap's own form."""
    common = {
        "user_id": given.user_id,
        "anonymous_id": given.session_id,
        "session_id": given.session_id,
        "timestamp": timestamp_number(event.sent_at),
        "recommendation_id": event.recommendation_id,
    }
    said = _properties(event.properties)
    # AWS Amplify's analytics put both into the properties.
    item_id, value = text(said.pop("itemId", None)), number(said.pop("eventValue", None))
    own = {
        **common,
        "event_id": event.event_id,
        "event_type": _type_name(event.event_type, event_types),
        "item_id": event.item_id or item_id,
        "value": value if event.event_value is None else event.event_value,
        "text": said.pop("text", None),  # of a review or a search: Personalize has no place for words
        "properties": said or None,
    }
    if event.event_id and len(event.event_id.encode("utf-8", "replace")) > MAX_EVENT_ID_BYTES:
        own["event_id"] = derived_id("personalize", event.event_id)
    documents = [own]
    for place, item_id in enumerate(event.impression or (), 1):
        key = event.event_id or [given.session_id, event.sent_at, event.event_type, event.item_id]
        shown = {**common, "event_type": "impression", "item_id": item_id, "position": place}
        documents.append({**shown, "event_id": derived_id("personalize", key, place, item_id)})
    return documents


def _whose(user_id: str) -> dict[str, Any]:
    """Whom a list is for: with Personalize an anonymous shopper's session stands for the user."""
    return {"user_id": user_id, "anonymous_id": user_id}


def _type_name(name: str, event_types: Mapping[str, EventType]) -> str:
    if name in event_types or name in ALIASES:
        return name
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[\s-]+", "_", name).lower()
    return snake if snake in event_types or snake in ALIASES else PERSONALIZE.get(snake, name)


def _properties(text: str | None) -> dict[str, Any]:
    if text is None:
        return {}
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise InvalidInteractionError([FieldError(field="properties", message="must be a JSON object in text")])
    return properties(list(given)[:MAX_PROPERTIES], given)


def _common(given: _Asked) -> dict[str, Any]:
    for name, value in (("metadataColumns", given.metadata_columns), ("promotions", given.promotions)):
        if value:
            raise InvalidRequestError([FieldError(field=name, message="are not supported")])
    context = {name.lower(): value for name, value in given.context.items() if name.lower() in _CONTEXT}
    found: dict[str, Any] = {"context": context} if context else {}
    if given.filter_arn:
        found["scenario"] = given.filter_arn.rsplit("/", 1)[-1]
        if given.filter_values:
            found["parameters"] = {name: _value(text) for name, text in given.filter_values.items()}
    elif given.filter_values:
        raise InvalidRequestError([FieldError(field="filterValues", message="belong to a filterArn")])
    return found


def _value(text: str) -> Any:
    """A filter value: text in quotes, several with commas between them, or a number."""
    quoted = re.findall(r'"((?:[^"\\]|\\.)*)"', text)
    if quoted:
        return quoted[0] if len(quoted) == 1 else quoted
    try:
        return float(text)
    except ValueError:
        return text


def _named(error: FieldError, where: str) -> FieldError:
    field = ".".join(_FIELDS.get(part, part) for part in error["field"].split("."))
    return FieldError(field=f"{where}.{field}".rstrip("."), message=error["message"])


def _error(status: HTTPStatus, code: str, message: str) -> Response[str]:
    headers = {"x-amzn-ErrorType": code}
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(RETRY_AFTER_S)
    return Response(
        status_code=status.value,
        content_type="application/json",
        body=json.dumps({"message": message}, ensure_ascii=False),
        headers=headers,
    )
