"""What a filter expression says, as a tree: conditions on an item's fields and on the shopper's history."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

from endcap.errors import FieldError, InvalidRequestError
from endcap.index.columns import TEXT_FIELDS
from endcap.validation import timestamp_ms

Scalar = str | float | bool
Sort = Literal["number", "time", "flag", "text", "list", "any"]
Comparison = Literal["=", "!=", "<", "<=", ">", ">="]

FIELDS: Final[dict[str, Sort]] = {
    **dict.fromkeys(TEXT_FIELDS, "text"),
    **dict.fromkeys(("created_at", "expires_at"), "time"),
    "price": "number",
    "available": "flag",
    "categories": "list",
}
ATTRIBUTES: Final = "attributes."


class ExpressionError(InvalidRequestError):
    """A filter expression can't be read or applied; the message names the character, counted from 1."""

    def __init__(self, message: str, position: int, where: str = "filter") -> None:
        self.position, self.plain = position, message
        super().__init__([FieldError(field=where, message=f"at position {position}: {message}")])


@dataclass(frozen=True, slots=True)
class Field:
    """What is compared; `stated`: named so that no item needs to have it yet (`attributes.name`)."""

    name: str
    sort: Sort
    position: int
    stated: bool = True


@dataclass(frozen=True, slots=True)
class Value:
    """A literal, or the name of a parameter whose value comes with the request."""

    position: int
    literal: Scalar | None = None
    parameter: str | None = None


@dataclass(frozen=True, slots=True)
class Both:
    """All of the parts hold, or (`every` false) any of them."""

    every: bool
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: Node


@dataclass(frozen=True, slots=True)
class Compare:
    """A value of the field stands in this relation to `value`."""

    field: Field
    operator: Comparison
    value: Value


@dataclass(frozen=True, slots=True)
class OneOf:
    """A value of the field is one of these; a parameter may stand for a list."""

    field: Field
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Contains:
    """A list has this element, or a text these words."""

    field: Field
    value: Value


@dataclass(frozen=True, slots=True)
class Mentions:
    """A text, or an element of a list, has these words as words, and not to say that it is free of them."""

    field: Field
    value: Value


@dataclass(frozen=True, slots=True)
class Exists:
    """The item has the field."""

    field: Field


@dataclass(frozen=True, slots=True)
class Recent:
    """A time lies at most so long ago."""

    field: Field
    within_s: float


@dataclass(frozen=True, slots=True)
class History:
    """The shopper has done this with the item, or a variant of it, at most so long ago (None: ever)."""

    event_type: str
    position: int
    within_s: float | None = None


Node = Both | Not | Compare | OneOf | Contains | Mentions | Exists | Recent | History


@dataclass(frozen=True, slots=True)
class Expression:
    """A text that was read.

    Attributes
    ----------
    where : the request's field that it came in, for errors found when it is applied
    """

    text: str
    tree: Node
    where: str = "filter"


def checked(sort: Sort, operator: str, value: object, position: int) -> Scalar:
    """`value` as it is compared with a field of this sort; times become milliseconds.

    Raises
    ------
    ExpressionError : a value of another kind
    """
    if sort == "time":
        try:
            return float(timestamp_ms(value))
        except ValueError as exc:
            raise ExpressionError(f"a time {exc}", position) from None
    if sort == "number" and isinstance(value, str):
        value = _number(value)
    if sort == "flag" and isinstance(value, str) and value.lower() in ("true", "false"):
        value = value.lower() == "true"
    kinds: tuple[type, ...] = {"number": (int, float), "flag": (bool,)}.get(sort, (str,))
    if sort == "any":
        kinds = (str, int, float, bool)
    fits = isinstance(value, kinds) and not (sort == "number" and isinstance(value, bool)) and value == value
    if not fits or not isinstance(value, str | int | float):
        name = {"number": "a number", "flag": "true or false", "any": "text, a number, true or false"}.get(
            sort, "text in quotes"
        )
        raise ExpressionError(f"expected {name}", position)
    if isinstance(value, bool) and operator not in ("=", "!="):
        raise ExpressionError("true and false can only be compared by = and !=", position)
    return value if isinstance(value, bool | str) else float(value)


def _number(text: str) -> object:
    try:
        value = float(text)
    except ValueError:
        return text
    return value if math.isfinite(value) else text
