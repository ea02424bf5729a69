"""Conversations at the storefront door: turns, and the conditions that they come to, of what any page shows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, Field

from endcap.api.conversations import MAX_TURNS, ConstraintsInput, Said, TurnInput, conversation_request
from endcap.api.parse import RequestParser
from endcap.api.resolved import ResolvedRequest
from endcap.api.schemas import ContextValue, listed
from endcap.errors import FieldError, InvalidRequestError
from endcap.filters.parser import expression
from endcap.filters.tree import Both, History, Node, Not
from endcap.filters.tree import Field as Named
from endcap.storefront.requests import (
    MAX_LIMIT,
    MAX_SESSION,
    STRICT,
    PageLanguage,
    PublicField,
    bounded,
    given_by,
    with_session,
)
from endcap.understanding.kinds import ATTRIBUTES as TOLD_BY
from endcap.validation import Name, timestamp_ms

FIELDS: Final = frozenset({"price", "brand", "title", "categories"})
"""What conditions of shoppers are about, beside attributes by whose names a shop tells a colour, size or material."""


class ConversationInput(BaseModel):
    """The body of POST /storefront/conversations."""

    model_config = STRICT | {"title": "StorefrontConversation"}

    turns: Annotated[list[Said | TurnInput], Field(max_length=MAX_TURNS)]
    constraints: ConstraintsInput | None = None
    scenario: Name | None = None
    surface: Name | None = None
    context: Annotated[dict[Annotated[str, Field(max_length=64)], ContextValue], Field(max_length=20)] = {}
    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT)] = 10
    fields: Annotated[list[PublicField], Field(max_length=30), BeforeValidator(listed)] = []
    language: PageLanguage = None
    explain: bool = True
    interactions: Annotated[list[dict[str, Any]], Field(max_length=MAX_SESSION)] = []
    """What was done on these pages just now, for this answer alone."""
    sent_at: Annotated[int, BeforeValidator(timestamp_ms)] | None = None
    """The time of sending by the browser's clock."""


def conversation(parser: RequestParser, body: object) -> ResolvedRequest:
    """A body of POST /storefront/conversations.

    Raises
    ------
    InvalidRequestError : with every finding; a condition is about what no page shows, or about a history
    """
    given = with_session(given_by(ConversationInput, body), parser)
    filters = (given.get("constraints") or {}).get("filters", [])
    errors = []
    for k, one in enumerate(filters):
        where = f"constraints.filters.{k}.filter"
        if not all(map(_public, _fields(expression(one["filter"], where).tree))):
            errors.append(FieldError(field=where, message="is about what a page can't ask for"))
    if errors:
        raise InvalidRequestError(errors)
    return bounded(conversation_request(parser, given))


def _fields(node: Node) -> Iterator[Named | None]:
    """What a condition is about; None for a shopper's history."""
    match node:
        case Both():
            for part in node.parts:
                yield from _fields(part)
        case Not():
            yield from _fields(node.part)
        case History():
            yield None
        case _:
            yield node.field


def _public(field: Named | None) -> bool:
    if field is None:
        return False
    if field.sort != "any":
        return field.name in FIELDS
    return any(rule.search(field.name) for rule in TOLD_BY.values())
