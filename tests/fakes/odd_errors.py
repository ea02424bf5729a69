"""Twenty kinds of things that code may raise, foreseen and not."""

from __future__ import annotations

import json

import endcap.errors as ours


class OnnxruntimeLikeError(Exception):
    """Libraries in C++ raise classes of their own, which share no base with anything."""


FOR_NOW: tuple[Exception, ...] = (
    ours.ConflictError("another writer won each time"),
    ours.ThrottledError("slow down"),
    ours.DependencyError("no answer"),
    ours.SnapshotIntegrityError("damaged"),
    ours.EncoderError("can't be loaded"),
    TimeoutError("too long"),
    ConnectionResetError("reset by peer"),
)
"""Another try may go through."""
FOR_GOOD: tuple[Exception, ...] = (
    ours.InvalidInteractionError("not like this"),
    ours.InvalidInputError("too large"),
    ours.RefusedError("ValidationException"),
    RecursionError("maximum recursion depth exceeded"),
    OverflowError("int too large to convert to float"),
    MemoryError(),
    KeyError("mallory"),
    IndexError("list index out of range"),
    AttributeError("'NoneType' object has no attribute 'x'"),
    TypeError("unsupported operand"),
    ZeroDivisionError("division by zero"),
    AssertionError(),
    json.JSONDecodeError("Expecting value", "mallory", 0),
    UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"),
    StopIteration(),
    OnnxruntimeLikeError("Non-zero status code returned"),
)
"""It fails the same way each time."""
ALL = FOR_NOW + FOR_GOOD
