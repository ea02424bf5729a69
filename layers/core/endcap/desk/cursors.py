"""Where a list goes on, as callers hand it back."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode

from endcap.errors import FieldError, InvalidRequestError


def closed(cursor: str) -> str:
    """A cursor as an answer has it."""
    return urlsafe_b64encode(cursor.encode()).decode().rstrip("=")


def opened(cursor: str | None) -> str | None:
    """What an answer's cursor says; None where there is none.

    Raises
    ------
    InvalidRequestError : it is none of ours
    """
    if cursor is None:
        return None
    try:
        said = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except ValueError:
        said = ""
    if not said:
        raise no_cursor()
    return said


def no_cursor() -> InvalidRequestError:
    """That a cursor is none of ours."""
    return InvalidRequestError([FieldError(field="cursor", message="is none of ours")])
