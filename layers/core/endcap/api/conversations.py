"""Bodies of `POST /conversations`: what was said in turns, and what held before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from endcap.api.parse import ITEM_DOOR, RequestParser, known_parts
from endcap.api.resolved import ResolvedRequest
from endcap.api.schemas import MAX_SESSION, ContextValue, ExpressionText, RecommendInput, listed
from endcap.conversation.constraints import (
    ABOUT,
    ASKED,
    MAX_CONDITIONS,
    MAX_EXCLUDED,
    MAX_ITEMS,
    Constraints,
    Conversation,
    Turn,
)
from endcap.errors import FieldError, InvalidRequestError
from endcap.filters.eligibility import ExcludeSeen
from endcap.filters.parser import expression
from endcap.filters.tree import ExpressionError
from endcap.identifiers import clean_text
from endcap.messages.language import Language
from endcap.recommend.request import LIMIT, Personalization, RecommendationRequest
from endcap.understanding.wish import Condition, Sorting
from endcap.validation import Id, Name, OptionalAnonymousId, OptionalUserId, parsed

MAX_TURNS: Final = 5
MAX_TURN: Final = 500
_STRICT: Final = ConfigDict(extra="forbid", allow_inf_nan=False)
Said = Annotated[str, Field(max_length=MAX_TURN), AfterValidator(clean_text)]
About = Literal[ABOUT]  # type: ignore[valid-type]
Asked = Literal[ASKED]  # type: ignore[valid-type]


class TurnInput(BaseModel):
    """Something that the shopper has said; a text alone will do. `items`: what it is about, if not what was shown."""

    model_config = _STRICT | {"title": "Turn"}

    text: Said
    items: Annotated[list[Id], Field(max_length=20)] = []


class ConditionInput(BaseModel):
    """A condition, and the words that said it."""

    model_config = _STRICT | {"title": "Condition"}

    about: About
    filter: ExpressionText
    text: Annotated[str, Field(max_length=MAX_TURN)] = ""


class ConstraintsInput(BaseModel):
    """What holds: as an answer told it, with whatever the shopper changed in it."""

    model_config = _STRICT | {"title": "Constraints"}

    search: Said = ""
    filters: Annotated[list[ConditionInput], Field(max_length=MAX_CONDITIONS)] = []
    exclude: Annotated[list[Annotated[str, Field(min_length=1, max_length=100)]], Field(max_length=MAX_EXCLUDED)] = []
    sort: Sorting | None = None
    without_items: Annotated[list[Id], Field(max_length=MAX_ITEMS)] = []
    shown: Annotated[list[Id], Field(max_length=500)] = []
    asked: Annotated[list[Asked], Field(max_length=20)] = []


class ConversationInput(BaseModel):
    """The body of POST /conversations: what was said since the last answer, and the constraints that came with it.

    The rest means what it means in a recommendation request.
    """

    model_config = _STRICT | {"title": "ConversationRequest"}

    turns: Annotated[list[Said | TurnInput], Field(max_length=MAX_TURNS)]
    constraints: ConstraintsInput | None = None
    user_id: OptionalUserId = None
    anonymous_id: OptionalAnonymousId = None
    session_id: Id | None = None
    scenario: Name | None = None
    surface: Name | None = None
    limit: Annotated[int, Field(ge=LIMIT.lowest, le=LIMIT.highest)] = 10
    interactions: Annotated[list[dict[str, Any]], Field(max_length=MAX_SESSION)] = []
    filter: ExpressionText | None = None
    parameters: dict[Name, Any] = {}
    exclude_seen: ExcludeSeen = "none"
    personalization: Personalization = "full"
    explain: bool = True
    language: Language | None = None
    fields: Annotated[list[Annotated[str, Field(max_length=128)]], Field(max_length=30), BeforeValidator(listed)] = []
    context: Annotated[dict[Annotated[str, Field(max_length=64)], ContextValue], Field(max_length=20)] = {}


_NAMES: Final = tuple(ConversationInput.model_fields)
_OWN: Final = ("turns", "constraints")
_OF_LISTS: Final = frozenset(RecommendInput.model_fields) - set(_NAMES)


def conversation_request(parser: RequestParser, raw: object) -> ResolvedRequest:
    """A body of POST /conversations.

    Raises
    ------
    InvalidRequestError : with every finding
    """
    if isinstance(raw, Mapping) and (listed_only := [n for n in raw if n in _OF_LISTS]):
        raise InvalidRequestError([FieldError(field=n, message="is no part of a conversation") for n in listed_only])
    own, told = known_parts(raw, _NAMES)
    given = parsed(ConversationInput, own)
    asked = parser.body({name: value for name, value in own.items() if name not in _OWN}, ITEM_DOOR)
    said = _conversation(given)
    request, plain = (_conversing(one, said, parser) for one in (asked.request, asked.plain))
    return replace(asked, request=request, plain=plain, warnings=(*asked.warnings, *told))


def _conversing(request: RecommendationRequest, said: Conversation, parser: RequestParser) -> RecommendationRequest:
    return replace(request, conversation=said, query=None, understood=None, synonyms=parser.synonyms())


def _conversation(given: ConversationInput) -> Conversation:
    turns = tuple(Turn(one) if isinstance(one, str) else Turn(one.text, tuple(one.items)) for one in given.turns)
    if given.constraints is None:
        return Conversation(turns)
    c = given.constraints
    constraints = Constraints(
        c.search,
        tuple(Condition(one.about, one.filter, one.text or one.filter) for one in c.filters),
        tuple(c.exclude),
        c.sort,
        tuple(c.without_items),
        tuple(c.shown),
        tuple(c.asked),
    )
    _check(constraints)
    return Conversation(turns, constraints)


def _check(constraints: Constraints) -> None:
    errors: list[FieldError] = []
    for k, one in enumerate(constraints.conditions):
        try:
            expression(one.filter, f"constraints.filters.{k}.filter")
        except ExpressionError as exc:
            errors.extend(exc.errors)
    if not errors and constraints.wish.filter is not None:
        try:
            expression(constraints.wish.filter, "constraints.filters")
        except ExpressionError as exc:
            errors.extend(exc.errors)
    if errors:
        raise InvalidRequestError(errors)
