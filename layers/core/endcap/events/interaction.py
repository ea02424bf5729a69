"""Interactions: what a shopper did, as events carry it and as Endcap keeps it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
)

from endcap.errors import FieldError, InvalidInteractionError
from endcap.events.grades import MAX_GRADE, MIN_GRADE
from endcap.events.types import ALIASES, EVENT_TYPES, GRADED, IDENTIFY, POST, EventType
from endcap.identifiers import anonymous_id_of, anonymous_key, clean_id, clean_text, is_placeholder
from endcap.leniency import leniently, unknown_names
from endcap.validation import (
    Id,
    OptionalAnonymousId,
    OptionalUserId,
    digits,
    field_errors,
    no_placeholder,
    not_bool,
    one_of,
    present,
    present_value,
    timestamp_ms,
    timestamp_number,
)

MAX_FUTURE_MS = 5 * 60_000

Properties = Mapping[str, str | float | bool]


@dataclass(frozen=True, slots=True)
class Interaction:
    """One thing that one shopper did.

    Attributes
    ----------
    user_id : the key of the profile it belongs to: the user's id, or `anonymous_key` where there is none
    timestamp_ms : when, in milliseconds since 1970
    value : a grade for ratings and reviews; elsewhere whatever the storefront means by it
    position : 1-based place in the list that the item was shown in
    order_id : of purchases and returns; a return without an item gives the whole order back
    """

    event_id: str
    user_id: str
    event_type: str
    timestamp_ms: int
    item_id: str | None = None
    value: float | None = None
    text: str | None = None
    session_id: str | None = None
    anonymous_id: str | None = None
    recommendation_id: str | None = None
    position: int | None = None
    properties: Properties | None = None
    order_id: str | None = None


MAX_EVENT_ID_CHARS: Final = 64
EventId = Annotated[str, Field(max_length=MAX_EVENT_ID_CHARS), AfterValidator(clean_id), BeforeValidator(digits)]
Text = Annotated[str, Field(max_length=4000), AfterValidator(clean_text)]
PropertyName = Annotated[str, Field(max_length=64), AfterValidator(clean_text)]
PropertyValue = Annotated[
    bool | float | Annotated[str, Field(max_length=256), AfterValidator(clean_text)],
    one_of("text of at most 256 characters, a finite number, true or false"),
]


class InteractionInput(BaseModel):
    """An interaction as a client or a stream sends it (design section 3)."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False, title="Interaction")

    event_id: EventId | None = None
    user_id: OptionalUserId = None
    event_type: Annotated[str, Field(max_length=64)]
    item_id: Id | None = None
    value: Annotated[float, BeforeValidator(not_bool)] | None = None
    text: Text | None = None
    timestamp: Annotated[int, BeforeValidator(timestamp_ms)] | None = None
    session_id: Id | None = None
    anonymous_id: OptionalAnonymousId = None
    recommendation_id: Id | None = None
    position: Annotated[int, Field(ge=1, le=1_000_000), BeforeValidator(not_bool)] | None = None
    properties: (
        Annotated[dict[PropertyName, PropertyValue], Field(max_length=32), BeforeValidator(present_value)] | None
    ) = None
    order_id: Id | None = None


FIELDS: Final = (*InteractionInput.model_fields, "anonymous_key")
"""Every name that something about an event is read from, or that `interaction_document` writes."""
_ALWAYS: Final = ("user_id", "event_type", "timestamp")
_CUT: Final = ("text", "properties")
_ORDERS: Final = ("order_id", "transaction_id")
"""Properties that name the order, as formats of others have it."""
_HINTS: Final = {
    "type": "event_type",
    "event": "event_type",
    "name": "event_type",
    "user": "user_id",
    "visitorid": "user_id",
    "item": "item_id",
    "product_id": "item_id",
    "sku": "item_id",
    "time": "timestamp",
    "created_at": "timestamp",
    "rating": "value",
    "comment": "text",
    "query": "text",
    "search_term": "text",
    "messageid": "event_id",
    "transaction_id": "order_id",
}
"""What other systems call things -> what they are called here."""


def parse_interaction(
    raw: object,
    arrival_ms: int,
    event_types: Mapping[str, EventType] = EVENT_TYPES,
    warnings: list[FieldError] | None = None,
) -> Interaction:
    """The interaction that `raw` describes.

    What its type can do without and breaks its rule is left out, and a text that is too long is cut. Who, what, when
    and which item have to be right: an event without them would be another one.

    Parameters
    ----------
    raw : one event, decoded from JSON or CSV; null and "" count as absent
    arrival_ms : when it reached us; its time where it carries none
    event_types : those that are known, by name
    warnings : what was left out, cut, or not understood is added here

    Raises
    ------
    InvalidInteractionError : with every finding
    """
    if not isinstance(raw, Mapping):
        raise InvalidInteractionError("an event must be an object")
    nobody = []
    if all(no_placeholder(raw.get(f)) is None for f in ("user_id", "anonymous_id")):
        nobody = [FieldError(field="user_id", message="is required where there is no anonymous_id")]
    told: list[FieldError] = []
    try:
        given = leniently(InteractionInput, present(raw), _required(raw, event_types), _CUT, told)
    except ValidationError as exc:
        raise InvalidInteractionError([*nobody, *field_errors(exc)]) from exc
    name = given.event_type if given.event_type in event_types else ALIASES.get(given.event_type, "")
    if name not in event_types:
        raise _invalid("event_type", f"{given.event_type!r} is no known event type")
    if event_types[name].textual and name in GRADED and given.item_id is None and given.text:
        name = POST  # a comment on nothing that is sold
    order_id = given.order_id or _order_of(given.properties)
    errors = nobody + list(_lacking(event_types[name], given, order_id))
    if name == IDENTIFY and given.user_id is None and not nobody:
        errors.append(FieldError(field="user_id", message=f"is required for {name}"))
    if errors:
        raise InvalidInteractionError([*errors, *told])
    if name == IDENTIFY and given.anonymous_id == given.user_id:
        raise _invalid("anonymous_id", "must differ from user_id: an id can't turn out to be itself")
    value = given.value
    if name in GRADED and value is not None and not MIN_GRADE <= value <= MAX_GRADE:
        rule = f"must be a grade from {MIN_GRADE:g} to {MAX_GRADE:g} for {name}; bring one of another scale to it"
        if given.text is None or "value" in event_types[name].needs:
            raise _invalid("value", rule)
        told.append(FieldError(field="value", message=f"was left out: {rule}"))
        value = None
    at_ms = arrival_ms if given.timestamp is None else given.timestamp
    if at_ms > arrival_ms + MAX_FUTURE_MS:
        raise _invalid("timestamp", _ahead(raw.get("timestamp")))
    if warnings is not None:
        warnings += [*unknown_names(raw.keys() - set(FIELDS), FIELDS, "field of an event", _HINTS), *told]
    return Interaction(
        given.event_id or _fallback_id(given, name, at_ms, value),
        given.user_id or anonymous_key(given.anonymous_id or ""),
        name,
        min(at_ms, arrival_ms),
        given.item_id,
        value,
        given.text,
        given.session_id,
        given.anonymous_id,
        given.recommendation_id,
        given.position,
        given.properties,
        order_id,
    )


def _required(raw: Mapping[Any, Any], event_types: Mapping[str, EventType]) -> tuple[str, ...]:
    """The fields without which an event would say something else."""
    called = str(raw.get("event_type"))
    event_type = event_types.get(called) or event_types.get(ALIASES.get(called, ""))
    needs = (needed.partition("|")[0] for needed in event_type.needs) if event_type is not None else ()
    nobody = () if no_placeholder(raw.get("user_id")) is not None else ("anonymous_id",)
    # A review that has nothing but a grade would count as praise without it.
    graded = ("value",) if event_type is not None and event_type.name in GRADED and not raw.get("text") else ()
    return (*_ALWAYS, *needs, *nobody, *graded)


def _lacking(event_type: EventType, given: InteractionInput, order_id: str | None) -> Iterator[FieldError]:
    """The fields that its type needs and an event has not; of alternatives one is enough."""
    for needed in event_type.needs:
        field, *others = needed.split("|")
        said = [order_id if name == "order_id" else getattr(given, name) for name in (field, *others)]
        if all(value is None for value in said):
            without = f" where there is no {' or '.join(others)}" if others else ""
            yield FieldError(field=field, message=f"is required for {event_type.name}{without}")


def _order_of(properties: Properties | None) -> str | None:
    """The order that properties name."""
    for name in _ORDERS:
        value = (properties or {}).get(name)
        if isinstance(value, float) and value.is_integer():
            value = str(int(value))
        if isinstance(value, str) and not is_placeholder(value):
            return value.strip()
    return None


def _ahead(timestamp: object) -> str:
    """Why a time in the future is refused."""
    message = "lies more than 5 minutes in the future"
    if isinstance(timestamp, str) and _LOCAL.fullmatch(timestamp.strip()):
        message += "; times without an offset are UTC: add the shop's, as in 2026-01-15T18:00:00+08:00"
    return message


_LOCAL: Final = re.compile(r"\d{4}-?\d\d-?\d\d[T ]\d\d:?\d\d(:?\d\d([.,]\d+)?)?")


def interaction_document(interaction: Interaction) -> dict[str, Any]:
    """`interaction` as a JSON object that `parse_interaction` reads back unchanged."""
    document = {f.name: getattr(interaction, f.name) for f in fields(interaction)}
    document["timestamp"] = timestamp_number(document.pop("timestamp_ms"))
    if anonymous_id_of(interaction.user_id) is not None:
        del document["user_id"]
    if interaction.event_type == IDENTIFY:  # without it: of before anonymous ids had keys, or of a file made by hand
        document["anonymous_key"] = anonymous_key(interaction.anonymous_id or "")
    return {k: v for k, v in document.items() if v is not None}


def _invalid(field: str, message: str) -> InvalidInteractionError:
    return InvalidInteractionError([FieldError(field=field, message=message)])


def _fallback_id(given: InteractionInput, event_type: str, at_ms: int, value: float | None) -> str:
    # Without whose it is: an event handed from an anonymous id to a known one stays the same event. With the time as it
    # was sent: what a time slightly ahead is clamped to depends on when the event arrived.
    content = [given.item_id, event_type, value, given.text, at_ms, given.session_id, given.properties]
    if given.order_id:
        content.append(given.order_id)
    digest = hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
    return digest[:32]
