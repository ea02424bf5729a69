"""Folding a batch of stream records into profiles: nothing valid is lost, nothing invalid blocks.

A record holds one interaction, `{"events": [...]}`, or what `endcap.events.formats` recognises. What can never be
applied goes to quarantine and counts as done; what failed for now makes its record fail, so that the source delivers it
again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from endcap.errors import EndcapError, FieldError, InvalidInteractionError
from endcap.events.formats import read_event, sent_events
from endcap.events.interaction import Interaction, interaction_document
from endcap.events.types import IDENTIFY, EventType
from endcap.identifiers import anonymous_key
from endcap.profiles.identity import ProfileStore, apply_events
from endcap.profiles.profile import Encode


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a stream or queue; `data` is its payload, `arrival_ms` when the source took it."""

    record_id: str
    data: bytes
    arrival_ms: int


class Archive(Protocol):
    """Keeps the applied events; all or none."""

    def put(self, documents: Sequence[Mapping[str, Any]]) -> None: ...


class Quarantine(Protocol):
    """Keeps what can never be applied."""

    def put(self, source: str, payload: str, errors: Sequence[FieldError], arrival_ms: int) -> str: ...


@dataclass(slots=True)
class Ingested:
    """What became of a batch.

    Attributes
    ----------
    failed : ids of the records to deliver again -> why
    new : the events that profiles took as new; a redelivered one is not among them
    """

    applied: int = 0
    quarantined: int = 0
    failed: dict[str, EndcapError] = field(default_factory=dict)
    new: list[Interaction] = field(default_factory=list)


def ingest(
    records: Sequence[Record],
    source: str,
    event_types: Mapping[str, EventType],
    store: ProfileStore,
    archive: Archive,
    quarantine: Quarantine,
    encode: Encode,
) -> Ingested:
    """Archive and apply every valid event of `records`, and quarantine the others."""
    outcome = Ingested()
    valid: list[tuple[str, Interaction]] = []
    for record in records:
        events, unusable = _read(record, event_types)
        try:
            for payload, errors in unusable:
                quarantine.put(source, payload, errors, record.arrival_ms)
                outcome.quarantined += 1
        except EndcapError as exc:
            outcome.failed[record.record_id] = exc
        valid += [(record.record_id, event) for event in events]
    try:
        archive.put([interaction_document(event) for _, event in valid])
    except EndcapError as exc:
        outcome.failed |= {record_id: exc for record_id, _ in valid}
        return outcome
    failed_users = apply_events((event for _, event in valid), store, encode, outcome.new.append)
    for record_id, event in valid:
        reason = failed_users.get(event.user_id)
        if event.event_type == IDENTIFY:
            reason = reason or failed_users.get(anonymous_key(event.anonymous_id or ""))
        if reason:
            outcome.failed[record_id] = reason
        else:
            outcome.applied += 1
    return outcome


def _read(
    record: Record, event_types: Mapping[str, EventType]
) -> tuple[list[Interaction], list[tuple[str, list[FieldError]]]]:
    try:
        value = json.loads(record.data)
        json.dumps(value)  # what nests too deep to be written again is not worth reading
    except (ValueError, RecursionError):
        text = record.data.decode("utf-8", "backslashreplace")
        return [], [(text, [FieldError(field="", message="the record is not valid JSON")])]
    raws = sent_events(value)
    events: list[Interaction] = []
    unusable: list[tuple[str, list[FieldError]]] = []
    for raw in [value] if raws is None else raws:
        try:
            events += read_event(raw, record.arrival_ms, event_types)
        except InvalidInteractionError as exc:
            unusable.append((json.dumps(raw), exc.errors))
    return events, unusable
