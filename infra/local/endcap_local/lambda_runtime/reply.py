"""What a function's answer to an event source is worth."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Reply:
    """What an invocation came back with: the handler's return value, or the error that it raised."""

    payload: object = None
    error: str | None = None
