"""Requests for recommendations as they come over HTTP, and answers as they go out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from endcap.errors import FieldError, InvalidInteractionError, InvalidRequestError
from endcap.event_types import EventType
from endcap.http import parsed
from endcap.interactions import Id, Interaction, Text, parse_interaction, timestamp_ms
from endcap.recommending import MAX_LIMIT, Recommendation, RecommendationRequest

MAX_SESSION = 500
MAX_CANDIDATES = 500
ANONYMOUS = "anonymous"
CONTEXT_PREFIX = "context."

ContextValue = Annotated[str, Field(max_length=256)]


def _listed(value: object) -> object:
    return [part for part in value.split(",") if part] if isinstance(value, str) else value


class RecommendInput(BaseModel):
    """The body of POST /recommendations; GET takes the plain parameters by the same names."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, title="RecommendationRequest")

    user_id: Id | None = None
    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT)] = 10
    interactions: Annotated[list[dict[str, Any]], Field(max_length=MAX_SESSION)] = []
    query: Text | None = None
    candidates: Annotated[list[Id], Field(max_length=MAX_CANDIDATES)] | None = None
    exclude_items: Annotated[list[Id], Field(max_length=MAX_CANDIDATES), BeforeValidator(_listed)] = []
    exclude_seen: Literal["interacted", "purchased", "none"] = "interacted"
    personalization: Literal["off", "session", "full"] = "full"
    diversity: Annotated[float, Field(ge=0, le=1)] = 0.0
    explain: bool = True
    language: Literal["en", "zh"] | None = None
    fields: Annotated[list[Annotated[str, Field(max_length=128)]], Field(max_length=30), BeforeValidator(_listed)] = []
    context: Annotated[dict[Annotated[str, Field(max_length=64)], ContextValue], Field(max_length=20)] = {}
    as_of: Annotated[int, BeforeValidator(timestamp_ms)] | None = None


def asked(body: object, now_ms: int, event_types: Mapping[str, EventType]) -> tuple[str | None, RecommendationRequest]:
    """The user and the request that a body of POST /recommendations stands for.

    Raises
    ------
    InvalidRequestError : with every finding
    """
    given = parsed(RecommendInput, body)
    clock_ms = now_ms if given.as_of is None else max(given.as_of, now_ms)
    request = RecommendationRequest(
        limit=given.limit,
        interactions=_session(given, clock_ms, event_types),
        query=given.query,
        candidates=None if given.candidates is None else tuple(given.candidates),
        exclude_items=tuple(given.exclude_items),
        exclude_seen=given.exclude_seen,
        personalization=given.personalization,
        diversity=given.diversity,
        context=given.context,
        fields=tuple(given.fields),
        explain=given.explain,
        language=given.language,
        as_of_ms=given.as_of,
    )
    return given.user_id, request


def asked_by_query(
    user_id: str | None, parameters: Mapping[str, str], now_ms: int, event_types: Mapping[str, EventType]
) -> tuple[str | None, RecommendationRequest]:
    """The user and the request that a GET's query parameters stand for.

    Raises
    ------
    InvalidRequestError : with every finding
    """
    body: dict[str, Any] = {"context": {}}
    if user_id is not None:
        body["user_id"] = user_id
    for name, value in parameters.items():
        if name.startswith(CONTEXT_PREFIX):
            body["context"][name.removeprefix(CONTEXT_PREFIX)] = value
        elif name in _BODY_ONLY or (name == "user_id" and user_id is not None):
            raise InvalidRequestError([FieldError(field=name, message="is no query parameter")])
        else:
            body["query" if name == "q" else name] = value
    return asked(body, now_ms, event_types)


_BODY_ONLY = frozenset({"interactions", "candidates", "context"})


def answer(
    recommendation: Recommendation, recommendation_id: str, profile_version: int, degraded: str | None
) -> dict[str, Any]:
    """The JSON object that a shopper's page gets."""
    items = []
    for ranked in recommendation.items:
        item = asdict(ranked)
        items.append(item.pop("fields") | item)
    body = {
        "recommendation_id": recommendation_id,
        "items": items,
        "source": recommendation.source,
        "snapshot_version": recommendation.snapshot_version,
        "profile_version": profile_version,
    }
    return body | ({"degraded": {"reason": degraded}} if degraded else {})


def exposure(recommendation: Recommendation, recommendation_id: str, user_id: str | None, at_ms: int) -> dict[str, Any]:
    """The record of what was shown: by it, later events join to the list they came from."""
    return {
        "recommendation_id": recommendation_id,
        "user_id": user_id,
        "timestamp": at_ms,
        "snapshot_version": recommendation.snapshot_version,
        "items": [{"item_id": r.item_id, "rank": r.rank, "propensity": 1.0} for r in recommendation.items],
    }


def _session(given: RecommendInput, clock_ms: int, event_types: Mapping[str, EventType]) -> tuple[Interaction, ...]:
    interactions, errors = [], []
    for index, raw in enumerate(given.interactions):
        try:
            whose = {"user_id": given.user_id or ANONYMOUS}
            interactions.append(parse_interaction(whose | raw, clock_ms, event_types))
        except InvalidInteractionError as exc:
            errors += [FieldError(field=f"interactions.{index}.{e['field']}", message=e["message"]) for e in exc.errors]
    if errors:
        raise InvalidRequestError(errors)
    return tuple(interactions)
