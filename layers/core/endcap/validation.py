"""What is checked of values that come from outside: JSON, ids, times, fields; for every way in."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic_core import PydanticCustomError

from endcap.errors import FieldError, InvalidRequestError
from endcap.identifiers import clean_id, clean_user_id, is_placeholder
from endcap.leniency import MAX_NAME_CHARS, nearest

Model = TypeVar("Model", bound=BaseModel)

MAX_DEPTH = 16


def json_value(data: bytes, what: str) -> Any:
    """The JSON value of UTF-8 text, which errors call `what`.

    Raises
    ------
    InvalidRequestError : no JSON, nested deeper than 16, NaN or infinite numbers, lone surrogates
    """
    try:
        text = data.decode("utf-8-sig")
    except ValueError:
        raise InvalidRequestError(f"{what} is not UTF-8 text") from None
    try:
        value = json.loads(text, parse_constant=_no_constant, parse_float=_finite, parse_int=_finite_int)
    except RecursionError:
        raise InvalidRequestError(f"{what} may nest at most {MAX_DEPTH} deep") from None
    except ValueError as exc:
        raise InvalidRequestError(f"{what} is not valid JSON: {exc}") from None
    # UTF-8 holds no surrogates but those that are written as escapes, and what has few brackets is not deep.
    if "\\u" in text or text.count("[") + text.count("{") > MAX_DEPTH:
        _check_value(value, what)
    return value


def parsed(model: type[Model], value: Any) -> Model:
    """`value` as `model`.

    Raises
    ------
    InvalidRequestError : with every finding
    """
    try:
        return model.model_validate(value)
    except ValidationError as exc:
        raise InvalidRequestError(field_errors(exc, tuple(model.model_fields))) from exc


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("a number is too large")
    return value


def _finite_int(text: str) -> int:
    _finite(text)
    return int(text)


_SURROGATE = re.compile("[\ud800-\udfff]")


def _check_value(value: Any, what: str) -> None:
    layer = [value]
    for _ in range(MAX_DEPTH):
        if any(isinstance(v, str) and _SURROGATE.search(v) for v in layer):
            raise InvalidRequestError(f"{what} holds a lone surrogate, which is not valid Unicode text")
        keys = [k for v in layer if isinstance(v, dict) for k in v]
        children = [c for v in layer if isinstance(v, dict) for c in v.values()]
        layer = [*keys, *children, *(c for v in layer if isinstance(v, list) for c in v)]
        if not layer:
            return
    if any(isinstance(v, dict | list) for v in layer):
        raise InvalidRequestError(f"{what} may nest at most {MAX_DEPTH} deep")
    if any(_SURROGATE.search(v) for v in layer if isinstance(v, str)):
        raise InvalidRequestError(f"{what} holds a lone surrogate, which is not valid Unicode text")


MILLISECONDS_FROM = 1e11
MAX_TIMESTAMP_MS = 253_402_300_799_999  # the end of year 9999


def timestamp_ms(value: object) -> int:
    """Milliseconds since 1970 from ISO 8601 text or unix time (from 1e11 on it is taken as milliseconds).

    Raises
    ------
    ValueError : not a time, before 1970, or after year 9999
    """
    if isinstance(value, str):
        value = _seconds_or_ms(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        raise ValueError("must be ISO 8601 or unix time")
    # Compared before it is rounded: integers may be too large for a float, and floats infinite.
    value = value if value >= MILLISECONDS_FROM else value * 1000
    millis = round(value) if -1 < value <= MAX_TIMESTAMP_MS else -1
    if not 0 <= millis <= MAX_TIMESTAMP_MS:
        raise ValueError("must lie between 1970 and 9999")
    return millis


def _seconds_or_ms(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("must be ISO 8601 or unix time") from None
    ms = round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
    return timestamp_number(ms)


def timestamp_number(ms: int) -> float:
    """`ms` as the unix time that `timestamp_ms` reads back: milliseconds, or seconds for the years before 1973."""
    return ms if ms >= MILLISECONDS_FROM else ms / 1000


def not_bool(value: object) -> object:
    """`value`, which is to be a number and not one of Python's.

    Raises
    ------
    ValueError : it is true or false
    """
    if isinstance(value, bool):
        raise ValueError("must be a number")
    return value


_TOO_LONG = ("too_long", "string_too_long")


def one_of(kinds: str) -> WrapValidator:
    """A validator of several kinds of value that says one plain thing where none fits."""

    def validate(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        try:
            return handler(value)
        except ValidationError as exc:
            limits = [e["ctx"]["max_length"] for e in exc.errors(include_url=False) if e["type"] in _TOO_LONG]
            if limits:
                raise PydanticCustomError("too_long", f"must be {kinds}", {"max_length": limits[0]}) from None
            raise ValueError(f"must be {kinds}") from None

    return WrapValidator(validate)


def present(raw: Mapping[Any, Any]) -> dict[Any, Any]:
    """`raw` without what counts as absent: null and ""."""
    return {k: v for k, v in raw.items() if v is not None and v != ""}


def present_value(value: object) -> object:
    return present(value) if isinstance(value, Mapping) else value


def digits(value: object) -> object:
    """`value`, a whole number as its digits: ids and names of things are often sent as such."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Id = Annotated[str, Field(max_length=512), AfterValidator(clean_id), BeforeValidator(digits)]
"""An id as clients send it: at most 128 bytes of UTF-8, no control characters; a whole number is read as its digits."""


def no_placeholder(value: object) -> object:
    """`value`, or None where it is what scripts write that have no id."""
    return None if isinstance(value, str) and is_placeholder(value) else value


UserId = Annotated[str, Field(max_length=512), AfterValidator(clean_user_id), BeforeValidator(digits)]
"""A user's id: one that can't be taken for the key of an anonymous id."""
OptionalUserId = Annotated[UserId | None, BeforeValidator(no_placeholder)]
OptionalAnonymousId = Annotated[Id | None, BeforeValidator(no_placeholder)]


def field_errors(exc: ValidationError, names: tuple[str, ...] = ()) -> list[FieldError]:
    """What pydantic found, as dotted paths and plain messages.

    Parameters
    ----------
    names : that the input may have; the nearest of them is told where it has another
    """
    found: dict[tuple[str, str], FieldError] = {}
    for error in exc.errors(include_url=False, include_context=False, include_input=False):
        path = ".".join(str(p) for p in error["loc"])
        message = error["msg"].removeprefix("Value error, ")
        if error["type"] == "extra_forbidden":
            meant = nearest(path[:MAX_NAME_CHARS], names) if len(error["loc"]) == 1 else None
            message = "is no name that is known here" + (f"; did you mean {meant}?" if meant else "")
        found[path, message] = FieldError(field=path, message=message)
    return list(found.values())


Name = Annotated[str, Field(min_length=1, max_length=64)]
