"""Taking a request's events in: which are usable, which were queued, and what is wrong with the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from endcap.errors import FieldError, InvalidInteractionError, InvalidRequestError
from endcap.event_types import EventType
from endcap.interactions import interaction_document, parse_interaction

MAX_EVENTS = 500


class Queue(Protocol):
    """Where accepted events go; answers the indices of those that could not be sent."""

    def send(self, documents: Sequence[Mapping[str, Any]]) -> list[int]: ...


@dataclass(frozen=True, slots=True)
class Collected:
    """What became of a request's events.

    Attributes
    ----------
    accepted : how many are on the queue
    rejected : the others, as {"index", "errors", "retryable"}
    """

    accepted: int
    rejected: list[dict[str, Any]]


def collect(body: object, arrival_ms: int, event_types: Mapping[str, EventType], queue: Queue) -> Collected:
    """Queue the usable events of a body `{"events": [1..500]}`.

    Raises
    ------
    InvalidRequestError : the body is nothing of the kind
    """
    events = body.get("events") if isinstance(body, Mapping) else None
    if not isinstance(events, list) or not 1 <= len(events) <= MAX_EVENTS:
        raise InvalidRequestError([FieldError(field="events", message=f"must be a list of 1 to {MAX_EVENTS} events")])
    usable: list[tuple[int, dict[str, Any]]] = []
    rejected: list[dict[str, Any]] = []
    for index, raw in enumerate(events):
        try:
            usable.append((index, interaction_document(parse_interaction(raw, arrival_ms, event_types))))
        except InvalidInteractionError as exc:
            rejected.append({"index": index, "errors": exc.errors, "retryable": False})
    unsent = {usable[i][0] for i in queue.send([document for _, document in usable])}
    busy = FieldError(field="", message="the queue did not take the event; send it again")
    rejected += [{"index": index, "errors": [busy], "retryable": True} for index in unsent]
    return Collected(len(usable) - len(unsent), sorted(rejected, key=lambda r: r["index"]))
