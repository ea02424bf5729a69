"""Clocks of browsers, which are off by minutes, hours and years: what they say of times, put right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from endcap.errors import FieldError, InvalidRequestError
from endcap.validation import timestamp_ms

SENT_AT: Final = "sent_at"
TRUSTED_MS: Final = 60_000
"""A clock that is off by less is left alone: so long may a request be under way."""


def clock_error_ms(body: Mapping[str, Any], arrival_ms: int) -> int:
    """How far the clock is ahead that a body was sent by; 0 where it does not say, or is about right.

    Raises
    ------
    InvalidRequestError : `sent_at` is no time
    """
    if body.get(SENT_AT) is None:
        return 0
    try:
        ahead_ms = timestamp_ms(body[SENT_AT]) - arrival_ms
    except ValueError as exc:
        raise InvalidRequestError([FieldError(field=SENT_AT, message=str(exc))]) from None
    return ahead_ms if abs(ahead_ms) >= TRUSTED_MS else 0


def put_right(event: Mapping[str, Any], ahead_ms: int, arrival_ms: int) -> Mapping[str, Any]:
    """An event with the time that a right clock would have shown, and never after its arrival.

    What was kept while the clock was off, and comes after it was set, would lie in the future; it was before it came.
    Times that are none are left for the check of events to refuse.
    """
    try:
        said_ms = timestamp_ms(event["timestamp"])
    except (KeyError, ValueError):
        return event
    return {**event, "timestamp": min(said_ms - ahead_ms, arrival_ms)}
