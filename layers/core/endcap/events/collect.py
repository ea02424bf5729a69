"""Taking a request's events in: which are usable, which were queued, and what is wrong with the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from endcap.batch import retryable
from endcap.errors import FieldError, InvalidInputError, InvalidRequestError
from endcap.events.formats import read_event, sent_events
from endcap.events.interaction import interaction_document
from endcap.events.types import EventType
from endcap.observability import fault

MAX_EVENTS = 500


class Queue(Protocol):
    """Where accepted events go; answers the indices of those that could not be sent."""

    def send(self, documents: Sequence[Mapping[str, Any]]) -> list[int]: ...


@dataclass(frozen=True, slots=True)
class Collected:
    """What became of a request's events.

    Attributes
    ----------
    accepted : how many are on the queue, with all that they say
    rejected : those that can't be used or were not queued, as {"index", "errors", "retryable"}
    ignored : how many say nothing about an item; only events in formats of others do
    """

    accepted: int
    rejected: list[dict[str, Any]]
    ignored: int = 0


def collect(body: object, arrival_ms: int, event_types: Mapping[str, EventType], queue: Queue) -> Collected:
    """Queue the usable events of a body: `{"events": [1..500]}`, or what `endcap.events.formats` recognises.

    Raises
    ------
    InvalidRequestError : the body is nothing of the kind
    """
    events = sent_events(body)
    if events is None or not 1 <= len(events) <= MAX_EVENTS:
        raise InvalidRequestError([FieldError(field="events", message=f"must be a list of 1 to {MAX_EVENTS} events")])
    documents: list[tuple[int, dict[str, Any]]] = []
    rejected: list[dict[str, Any]] = []
    usable: set[int] = set()
    for index, raw in enumerate(events):
        try:
            told = [interaction_document(interaction) for interaction in read_event(raw, arrival_ms, event_types)]
        except InvalidInputError as exc:
            rejected.append({"index": index, "errors": exc.errors, "retryable": False})
        except Exception as exc:  # whatever one event brings about, the others are not its business
            fault("event not read", exc)
            odd = FieldError(field="", message="can't be used")
            rejected.append({"index": index, "errors": [odd], "retryable": retryable(exc)})
        else:
            documents += [(index, document) for document in told]
            usable |= {index} if told else set()
    unsent = {documents[i][0] for i in queue.send([document for _, document in documents])}
    busy = FieldError(field="", message="the queue did not take the event; send it again")
    ignored = len(events) - len(usable) - len(rejected)
    rejected += [{"index": index, "errors": [busy], "retryable": True} for index in unsent]
    return Collected(len(usable) - len(unsent), sorted(rejected, key=lambda r: r["index"]), ignored)
