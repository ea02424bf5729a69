"""Taking a request's events in: which are usable, which were queued, and what is wrong with the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, Protocol

from endcap.batch import retryable
from endcap.errors import FieldError, InvalidInputError, InvalidRequestError
from endcap.events.formats import read_event, sent_events
from endcap.events.interaction import interaction_document
from endcap.events.types import EventType
from endcap.leniency import MAX_TOLD, told_of
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
    warnings : what was left out or cut of accepted events, and items that nobody knows, as {"index", "field",
        "message"}
    """

    accepted: int
    rejected: list[dict[str, Any]]
    ignored: int = 0
    warnings: Sequence[dict[str, Any]] = ()


Unknown = Callable[[Iterable[str]], Set[str]]
"""Those of some item ids that the catalogue lacks."""


def collect(
    body: object,
    arrival_ms: int,
    event_types: Mapping[str, EventType],
    queue: Queue,
    unknown: Unknown | None = None,
) -> Collected:
    """Queue the usable events of a body: `{"events": [1..500]}`, or what `endcap.events.formats` recognises.

    Parameters
    ----------
    unknown : asked once the events are on the queue

    Raises
    ------
    InvalidRequestError : the body is nothing of the kind
    """
    events = sent_events(body)
    if events is None or not 1 <= len(events) <= MAX_EVENTS:
        raise InvalidRequestError([FieldError(field="events", message=f"must be a list of 1 to {MAX_EVENTS} events")])
    documents: list[tuple[int, dict[str, Any]]] = []
    rejected: list[dict[str, Any]] = []
    warnings: dict[int, list[FieldError]] = {}
    for index, raw in enumerate(events):
        about: list[FieldError] = []
        try:
            found = read_event(raw, arrival_ms, event_types, about)
            told = [interaction_document(interaction) for interaction in found]
        except InvalidInputError as exc:
            rejected.append({"index": index, "errors": exc.errors, "retryable": False})
        except Exception as exc:  # whatever one event brings about, the others are not its business
            fault("event not read", exc)
            odd = FieldError(field="", message="can't be used")
            rejected.append({"index": index, "errors": [odd], "retryable": retryable(exc)})
        else:
            documents += [(index, document) for document in told]
            if told:
                warnings[index] = about
    unsent = {documents[i][0] for i in queue.send([document for _, document in documents])}
    busy = FieldError(field="", message="the queue did not take the event; send it again")
    ignored = len(events) - len(warnings) - len(rejected)
    rejected += [{"index": index, "errors": [busy], "retryable": True} for index in unsent]
    taken = [(index, document) for index, document in documents if index not in unsent]
    for index, item_id in _of_unknown_items(taken, unknown):
        warnings[index].append(FieldError(field="item_id", message=_UNKNOWN.format(item_id)))
    said = [one for index, about in warnings.items() if index not in unsent for one in told_of(about, index)]
    accepted = len(warnings) - len(unsent)
    return Collected(accepted, sorted(rejected, key=lambda r: r["index"]), ignored, said[:MAX_TOLD])


_UNKNOWN = "{!r} is no item of the catalogue; the event counts for a group of that name, or once there is such an item"


def _of_unknown_items(taken: Sequence[tuple[int, Mapping[str, Any]]], unknown: Unknown | None) -> list[tuple[int, str]]:
    """Number and item of the events that are about an item nobody knows."""
    named = [(index, document["item_id"]) for index, document in taken if document.get("item_id")]
    lacking = unknown(item_id for _, item_id in named) if unknown is not None and named else set[str]()
    return list(dict.fromkeys((index, item_id) for index, item_id in named if item_id in lacking))
