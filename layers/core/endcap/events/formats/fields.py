"""What the adapters share: ids made from foreign ones, and values taken over where they are usable."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

from endcap.errors import FieldError, InvalidInteractionError
from endcap.identifiers import is_placeholder
from endcap.validation import timestamp_ms

MAX_PROPERTY_CHARS = 256


def derived_id(*parts: object) -> str:
    """32 hex digits that depend on `parts` only, so that an event sent twice keeps its id."""
    return hashlib.sha256(json.dumps(parts, separators=(",", ":")).encode()).hexdigest()[:32]


def invalid(field: str, message: str) -> InvalidInteractionError:
    """One finding about a foreign event; `field` is a path in that event."""
    return InvalidInteractionError([FieldError(field=field, message=message)])


def mapping_at(raw: Mapping[str, Any], field: str) -> Mapping[str, Any]:
    """The object at `field`; an empty one where there is none.

    Raises
    ------
    InvalidInteractionError : something else stands there
    """
    value = raw.get(field)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise invalid(field, "must be an object")
    return value


def products_at(params: Mapping[str, Any], field: str, path: str) -> list[Mapping[str, Any]]:
    """The list of products at `field`, or `params` itself where it has none.

    Raises
    ------
    InvalidInteractionError : it is no list of objects
    """
    listed = params.get(field)
    if listed is None:
        return [params]
    if not isinstance(listed, list):
        raise invalid(path, "must be a list")
    for index, product in enumerate(listed):
        if not isinstance(product, Mapping):
            raise invalid(f"{path}.{index}", "must be an object")
    return listed


def with_ids(
    parts: Iterable[tuple[str, dict[str, Any]]], name: str, warnings: list[FieldError]
) -> list[dict[str, Any]]:
    """The products that have an `item_id`, of (path, product); gift wrap and shipping often have none.

    Parameters
    ----------
    name : of the field that would hold the id
    warnings : the others are told of here

    Raises
    ------
    InvalidInteractionError : none has one
    """
    listed = list(parts)
    found = [part for _, part in listed if part["item_id"]]
    lacking = [
        FieldError(field=f"{path}.{name}", message="is required") for path, part in listed if not part["item_id"]
    ]
    if lacking and not found:
        raise InvalidInteractionError(lacking)
    warnings += [FieldError(field=e["field"], message="names no item, so this product was left out") for e in lacking]
    return found


def number(value: object) -> float | None:
    """`value` as a finite number; None where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def amount(product: Mapping[str, Any]) -> float | None:
    """Price times quantity; None where there is no price."""
    price, quantity = number(product.get("price")), number(product.get("quantity"))
    return price if price is None or quantity is None else price * quantity


def text(value: object) -> str | None:
    """`value` as text, whole numbers included, since ids often come as such; None where it is neither."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def person(value: object) -> str | None:
    """`value` as the id of a user or a device; None where it is none, or what scripts write that have none."""
    found = text(value)
    return None if found is None or is_placeholder(found) else found


def place(value: object) -> int | None:
    """`value` as a 1-based place in a list; None where it is none."""
    found = number(value)
    return int(found) if found is not None and found.is_integer() and found >= 1 else None


def properties(names: Iterable[str], *sources: Mapping[str, Any]) -> dict[str, Any]:
    """The values of `names` that can be kept; earlier sources first."""
    kept: dict[str, Any] = {}
    for name in names:
        for source in sources:
            value = source.get(name)
            short = isinstance(value, str) and 0 < len(value) <= MAX_PROPERTY_CHARS
            if short or isinstance(value, bool) or (not isinstance(value, str) and number(value) is not None):
                kept[name] = value
                break
    return kept


def moment(value: object, field: str) -> int:
    """`value`, ISO 8601 or unix time, in milliseconds since 1970.

    Raises
    ------
    InvalidInteractionError : it is no time
    """
    try:
        return timestamp_ms(value)
    except ValueError as exc:
        raise invalid(field, str(exc)) from None


def numbered(interactions: list[dict[str, Any]], *foreign: object) -> list[dict[str, Any]]:
    """`interactions` with ids made from the foreign event's and their item; of one item several are told apart."""
    seen: dict[object, int] = {}
    for interaction in interactions:
        item_id = interaction.get("item_id")
        occurrence = seen[item_id] = seen.get(item_id, -1) + 1
        interaction["event_id"] = derived_id(*foreign, interaction["event_type"], item_id, occurrence)
    return interactions


def told_apart(interactions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """`interactions` of a foreign event that has no id: the content serves as one, so the same again gets another.

    Two lines of an order may say the same. Without a time the id would be that of every such event there ever is.
    """
    seen: dict[str, int] = {}
    for interaction in interactions:
        content = json.dumps(interaction, sort_keys=True, separators=(",", ":"), default=str)
        occurrence = seen[content] = seen.get(content, -1) + 1
        if occurrence and interaction.get("timestamp") is not None:
            interaction["event_id"] = derived_id(content, occurrence)
    return interactions
