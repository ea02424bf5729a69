"""Events in the formats of others, recognised by their shape and turned into Endcap's own.

One foreign event may tell of several items, and then becomes several interactions. Their ids are made from the foreign
event's id and the item, so that an event sent twice counts once. Events that say nothing about an item or about who
somebody is (page views, scrolls) become none. Endcap's own events pass through as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from endcap.errors import FieldError, InvalidInteractionError
from endcap.events.formats import cloudevents, ga4, segment
from endcap.events.formats.fields import derived_id, invalid
from endcap.events.interaction import Interaction, parse_interaction
from endcap.events.types import EventType

MAX_PARTS = 500


def sent_events(value: object) -> list[Any] | None:
    """The events of a request's body or a stream's record, one by one; None where it is no list of events.

    That is `{"events": [...]}` of Endcap or of GA4, a Segment call or batch of calls, a CloudEvent or a batch of them.
    """
    if isinstance(value, list):
        return value if any(isinstance(e, Mapping) and cloudevents.matches(e) for e in value) else None
    if not isinstance(value, Mapping):
        return None
    if cloudevents.matches(value):
        try:
            return list(_opened(value))
        except InvalidInteractionError:
            return [value]  # what is wrong is said where it is read
    if segment.matches(value):
        return [value]
    if segment.is_batch(value):
        return list(value["batch"])
    if ga4.matches(value):
        return list(ga4.split(value))
    events = value.get("events")
    return events if isinstance(events, list) else None


def adapted(raw: object, warnings: list[FieldError] | None = None) -> list[Any]:
    """The interactions that one event stands for, as `parse_interaction` reads them; Endcap's own is its only one.

    Parameters
    ----------
    warnings : what of a foreign event is left out is added here

    Raises
    ------
    InvalidInteractionError : the event has a foreign shape, and can't be used
    """
    told = [] if warnings is None else warnings
    if isinstance(raw, Mapping) and cloudevents.matches(raw):
        found = [part for one in _opened(raw) for part in _enclosed(one, told)]
    else:
        found = _adapted(raw, None, told)
    if len(found) > MAX_PARTS:
        raise invalid("", f"stands for {len(found)} interactions; {MAX_PARTS} is the most")
    return found


def read_event(
    raw: object,
    arrival_ms: int,
    event_types: Mapping[str, EventType],
    warnings: list[FieldError] | None = None,
) -> list[Interaction]:
    """The interactions of one event, its own format or another's.

    Of several, as of an order's items, those that can be used: the others are told of.

    Parameters
    ----------
    warnings : what was left out, cut, or not understood is added here; of several under `interactions.<index>`

    Raises
    ------
    InvalidInteractionError : none can be used; with every finding
    """
    told: list[FieldError] = []
    parts = adapted(raw, told)
    found: list[Interaction] = []
    errors: list[FieldError] = []
    for index, part in enumerate(parts):
        where = f"interactions.{index}." if len(parts) > 1 else ""
        about: list[FieldError] = []
        try:
            found.append(parse_interaction(part, arrival_ms, event_types, about))
        except InvalidInteractionError as exc:
            errors += [FieldError(field=where + e["field"], message=e["message"]) for e in exc.errors]
        told += [FieldError(field=where + w["field"], message=w["message"]) for w in about]
    if errors and not found:
        raise InvalidInteractionError(errors)
    if warnings is not None:
        warnings += [*told, *(FieldError(field=e["field"], message=f"was left out: {e['message']}") for e in errors)]
    return found


def _adapted(raw: object, foreign_id: str | None, warnings: list[FieldError]) -> list[Any]:
    if isinstance(raw, Mapping):
        if segment.matches(raw):
            return segment.interactions(raw, foreign_id, warnings)
        if ga4.matches(raw):
            return ga4.interactions(raw, foreign_id, warnings)
    return [raw]


def _enclosed(raw: Mapping[str, Any], warnings: list[FieldError]) -> list[Any]:
    """The interactions that a CloudEvent holds."""
    envelope = cloudevents.opened(raw)
    events, found = _inside(envelope.data), []
    for index, event in enumerate(events):
        if not isinstance(event, Mapping) or cloudevents.matches(event):
            raise invalid("data", "must be an event, and no CloudEvent itself")
        foreign_id = envelope.foreign_id if len(events) == 1 else derived_id(envelope.foreign_id, index)
        for part in _adapted(event, foreign_id, warnings):
            given = {name: value for name, value in part.items() if value is not None and value != ""}
            timestamp = {} if envelope.timestamp is None else {"timestamp": envelope.timestamp}
            found.append({"event_id": foreign_id, **timestamp, **given})
    return found


def _opened(raw: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """A CloudEvent for each event that the CloudEvent `raw` holds, with an id of its own where they are several."""
    events = _inside(cloudevents.opened(raw).data)
    if not events:
        raise invalid("data", "holds no event")
    if len(events) == 1:
        return [raw]
    envelope = {name: value for name, value in raw.items() if name != "data_base64"}
    return [{**envelope, "id": f"{raw['id']}#{index}", "data": event} for index, event in enumerate(events)]


def _inside(data: Any) -> list[Any]:
    if isinstance(data, list):
        return data
    if not isinstance(data, Mapping) or cloudevents.matches(data):
        return [data]
    sent = sent_events(data)
    return [data] if sent is None else sent
