"""Events that a browser sends: what the visitor did, and nobody else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from endcap.errors import FieldError, InvalidInteractionError, InvalidRequestError
from endcap.events.collect import Queue
from endcap.events.interaction import interaction_document, parse_interaction
from endcap.events.machines import flagged
from endcap.events.types import EVENT_TYPES, IDENTIFY, EventType
from endcap.leniency import MAX_TOLD, told_of
from endcap.storefront.clocks import SENT_AT, clock_error_ms, put_right
from endcap.storefront.requests import IGNORED, completed
from endcap.storefront.visits import Visit

MAX_EVENTS: Final = 20
ALLOWED: Final = frozenset(EVENT_TYPES) - {IDENTIFY}
"""Types that a browser may send. Who somebody is is the shop's word, and types of the shop's own are its servers'."""

_BUSY: Final = "the queue did not take the event; send it again"
_WHOEVER: Final = {"user_id": "visitor"}  # an interaction has somebody; who it is is written into its document


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of the events.

    Attributes
    ----------
    rejected : as of POST /events
    identified : whether the visitor has been said to be the shopper
    warnings : as of POST /events
    """

    accepted: int
    rejected: list[dict[str, Any]]
    identified: bool
    warnings: Sequence[dict[str, Any]] = ()


def take(
    body: object,
    visit: Visit,
    arrival_ms: int,
    event_types: Mapping[str, EventType],
    queue: Queue,
    secrets: Sequence[str],
    user_agent: str | None = None,
) -> Taken:
    """Queue the usable events of a body `{"events": [1..20], "sent_at"?: time}`, in the visitor's name.

    With `sent_at`, the time of sending by the browser's clock, theirs are put right by how far that clock is off.
    Where the shop says who the visitor is, and the visitor was not said to be them before, that goes with them.

    Parameters
    ----------
    user_agent : of the browser; what a program does is marked as such

    Raises
    ------
    InvalidRequestError : the body is nothing of the kind
    """
    events, ahead_ms = _events(body), None
    if isinstance(body, Mapping) and SENT_AT in body:
        ahead_ms = clock_error_ms(body, arrival_ms)
    documents: dict[int, dict[str, Any]] = {}
    program = flagged(user_agent)
    rejected: list[dict[str, Any]] = []
    warnings: dict[int, list[FieldError]] = {}
    for index, raw in enumerate(events):
        warnings[index] = []
        try:
            timed = raw if ahead_ms is None or not isinstance(raw, Mapping) else put_right(raw, ahead_ms, arrival_ms)
            documents[index] = _document(timed, visit, arrival_ms, event_types, warnings[index])
            if program:
                documents[index]["properties"] = documents[index].get("properties", {}) | program
        except InvalidInteractionError as exc:
            rejected.append({"index": index, "errors": exc.errors, "retryable": False})
    sent = list(documents.values())
    identifies = bool(sent) and visit.unlinked(secrets)
    unsent = set(queue.send([*sent, _identify(visit, arrival_ms)] if identifies else sent))
    rejected += [
        {"index": index, "errors": [FieldError(field="", message=_BUSY)], "retryable": True}
        for place, index in enumerate(documents)
        if place in unsent
    ]
    lost = {r["index"] for r in rejected}
    told = [one for index, about in warnings.items() if index not in lost for one in told_of(about, index)]
    identified = identifies and len(sent) not in unsent
    return Taken(len(events) - len(lost), sorted(rejected, key=lambda r: r["index"]), identified, told[:MAX_TOLD])


def of_nobody(body: object) -> Taken:
    """What becomes of events of whom nothing is to be kept: none is taken."""
    refused = [FieldError(field="", message="comes from nobody who may be known, so it is not kept")]
    return Taken(0, [{"index": n, "errors": refused, "retryable": False} for n in range(len(_events(body)))], False)


def _events(body: object) -> list[Any]:
    events = body.get("events") if isinstance(body, Mapping) else None
    if not isinstance(events, list) or not 1 <= len(events) <= MAX_EVENTS:
        raise InvalidRequestError([FieldError(field="events", message=f"must be a list of 1 to {MAX_EVENTS} events")])
    return events


def _document(
    raw: object,
    visit: Visit,
    arrival_ms: int,
    event_types: Mapping[str, EventType],
    warnings: list[FieldError],
) -> dict[str, Any]:
    if not isinstance(raw, Mapping):
        raise InvalidInteractionError("an event must be an object")
    own = {name: value for name, value in raw.items() if name not in IGNORED}
    if own.get("event_type") == IDENTIFY:
        raise _not_allowed()
    interaction = parse_interaction(completed(own) | _WHOEVER, arrival_ms, event_types, warnings)
    if interaction.event_type not in ALLOWED:
        raise _not_allowed()
    document = interaction_document(interaction)
    del document["user_id"]
    return document | _who(visit)


def _who(visit: Visit) -> dict[str, str]:
    return {"anonymous_id": visit.visitor.anonymous_id} if visit.user_id is None else {"user_id": visit.user_id}


def _identify(visit: Visit, arrival_ms: int) -> dict[str, Any]:
    said = {"event_type": IDENTIFY, "user_id": visit.user_id, "anonymous_id": visit.visitor.anonymous_id}
    return interaction_document(parse_interaction(said, arrival_ms))


def _not_allowed() -> InvalidInteractionError:
    return InvalidInteractionError([FieldError(field="event_type", message="is none that a browser may send")])
