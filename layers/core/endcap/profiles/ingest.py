"""Folding a batch of stream records into profiles: nothing valid is lost, nothing invalid blocks.

A record holds one interaction, `{"events": [...]}`, or what `endcap.events.formats` recognises, in whatever
`endcap.events.envelopes` opens. What can never be applied goes to quarantine and counts as done; what failed for now,
or came too late to be begun, makes its record fail, so that the source delivers it again. Whatever is raised over an
event, no other event pays for it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from endcap.batch import Deadline, Verdict, each_alone, retryable
from endcap.erasure.ledger import NEVER, Erasures
from endcap.erasure.records import event_keys
from endcap.errors import FieldError, InvalidInputError
from endcap.events.counts import Change
from endcap.events.envelopes import opened
from endcap.events.formats import read_event, sent_events
from endcap.events.interaction import Interaction, interaction_document
from endcap.events.machines import is_machine
from endcap.events.types import IDENTIFY, EventType
from endcap.identifiers import anonymous_key
from endcap.profiles.apply import apply_apart
from endcap.profiles.aside import Aside, Quarantine
from endcap.profiles.demand import demand_changes
from endcap.profiles.identity import ProfileStore, erase_identified
from endcap.profiles.profile import Encode, UserProfile
from endcap.profiles.record import Record


class Archive(Protocol):
    """Keeps the applied events; all or none."""

    def put(self, documents: Sequence[Mapping[str, Any]]) -> None: ...


@dataclass(slots=True)
class Ingested:
    """What became of a batch.

    Attributes
    ----------
    erased : events left out, as those whom they are about have been erased since
    unwanted : how many were kept nowhere, as their shoppers refuse or had what is so old erased
    failed : ids of the records to deliver again -> why
    counted : what the events that profiles took as new change in the live counts
    warned : fields of valid events that were left out or cut
    """

    applied: int = 0
    unwanted: int = 0
    quarantined: int = 0
    erased: int = 0
    warned: int = 0
    failed: dict[str, Exception] = field(default_factory=dict)
    counted: list[Change] = field(default_factory=list)


def ingest(
    records: Sequence[Record],
    source: str,
    event_types: Mapping[str, EventType],
    store: ProfileStore,
    archive: Archive,
    quarantine: Quarantine,
    encode: Encode,
    deadline: Deadline | None = None,
    erasures: Erasures | None = None,
    excluded: Collection[str] = (),
) -> Ingested:
    """Apply and archive every valid event of `records`, and quarantine the others.

    Profiles come first, as they know of whom nothing is to be kept. What the archive then fails to take comes again
    with its record, and applying it again changes nothing.

    Parameters
    ----------
    erasures : whose events are left out; where it can't be read, none is let through
    excluded : keys of profiles whose events count for nobody else, as those of programs don't
    """
    deadline = deadline or Deadline()
    outcome = Ingested()
    aside = Aside(source, quarantine, store, erasures, deadline)
    valid: list[tuple[Record, Interaction]] = []
    for record in records:
        events, unusable, warnings = _read(record, event_types)
        outcome.warned += len(warnings)
        for payload, errors in unusable:
            aside.put(record, payload, errors)
        valid += [(record, event) for event in events]
    if erasures is not None and valid:
        valid = _without_erased(valid, erasures, store, deadline, outcome)
    documents, verdicts = _documents([event for _, event in valid])
    written, unwanted = _settled(valid, verdicts, aside, outcome), set[int]()

    def aside_of_archive(event: Interaction) -> None:
        unwanted.add(id(event))

    def took(new: list[Interaction], before: UserProfile, after: UserProfile) -> None:
        people = [event for event in new if event.user_id not in excluded and not is_machine(event)]
        outcome.counted += demand_changes(people, before, after, event_types)

    events = [event for _, event in written]
    verdicts = apply_apart(events, store, encode, took, deadline, aside_of_archive)
    applied = _settled(written, verdicts, aside, outcome)
    wanted = [(record, event) for record, event in applied if id(event) not in unwanted]
    outcome.unwanted += len(applied) - len(wanted)
    verdicts = _archived([documents[id(event)] for _, event in wanted], archive)
    outcome.applied = len(_settled(wanted, verdicts, aside, outcome))
    outcome.quarantined = aside.quarantined
    outcome.unwanted += aside.unwanted
    outcome.erased += aside.erased
    outcome.failed |= aside.failed
    return outcome


def _documents(events: Sequence[Interaction]) -> tuple[dict[int, dict[str, Any]], list[Verdict]]:
    """What the archive is to be told of each event, by its identity, and why others can't be written down."""
    documents: dict[int, dict[str, Any]] = {}
    verdicts: list[Verdict] = [None] * len(events)
    for index, event in enumerate(events):
        try:
            documents[id(event)] = interaction_document(event)
        except Exception as exc:
            verdicts[index] = exc
    return documents, verdicts


def _archived(documents: Sequence[Mapping[str, Any]], archive: Archive) -> list[Verdict]:
    def together(part: Sequence[Mapping[str, Any]]) -> list[Verdict]:
        # Also when the time for beginning things is over: what is in profiles would come again for this alone, and a
        # batch that needs all of that time would never be done. The client still sends no call that is too late.
        archive.put(part)
        return [None] * len(part)

    return each_alone(documents, together) if documents else []


def _without_erased(
    valid: Sequence[tuple[Record, Interaction]],
    erasures: Erasures,
    store: ProfileStore,
    deadline: Deadline,
    outcome: Ingested,
) -> list[tuple[Record, Interaction]]:
    """Those of `valid` that are about nobody who has been erased since they happened, or since they first came."""
    try:
        deadline.check()
        until = erasures.until_ms({key for _, event in valid for key in event_keys(event)})
    except Exception as exc:
        outcome.failed |= {record.record_id: exc for record, _ in valid}
        return []
    kept = []
    for record, event in valid:
        happened_ms = min(event.timestamp_ms, record.seen_ms)
        if not any(happened_ms <= until.get(key, NEVER) for key in event_keys(event)):
            kept.append((record, event))
            continue
        try:
            if event.event_type == IDENTIFY and event.anonymous_id and happened_ms <= until.get(event.user_id, NEVER):
                # It tells of a device that was theirs: what that did up to then was the erased one's too.
                erasures.put(anonymous_key(event.anonymous_id), event.timestamp_ms)
                erase_identified(event.user_id, event.anonymous_id, event.timestamp_ms, store)
        except Exception as exc:
            outcome.failed[record.record_id] = exc
        else:
            outcome.erased += 1
    return kept


def _settled(
    valid: Sequence[tuple[Record, Interaction]], verdicts: Sequence[Verdict], aside: Aside, outcome: Ingested
) -> list[tuple[Record, Interaction]]:
    """Those of `valid` that were done; the others are put aside, or their records are to come again."""
    done = []
    for (record, event), verdict in zip(valid, verdicts, strict=True):
        if verdict is None:
            done.append((record, event))
        elif retryable(verdict):
            outcome.failed[record.record_id] = verdict
        else:
            aside.put(record, _payload(record, event), _findings(verdict))
    return done


def _payload(record: Record, event: Interaction) -> str:
    try:
        return json.dumps(interaction_document(event))
    except Exception:  # what can't be written down is kept as it came, with its neighbours
        return _text(record)


def _findings(failure: Exception) -> list[FieldError]:
    """What is wrong with something, for whoever looks through quarantine."""
    if isinstance(failure, InvalidInputError):
        return failure.errors
    return [FieldError(field="", message=f"can't be used: {type(failure).__name__}")]


def _read(
    record: Record, event_types: Mapping[str, EventType]
) -> tuple[list[Interaction], list[tuple[str, list[FieldError]]], list[FieldError]]:
    warnings: list[FieldError] = []
    events: list[Interaction] = []
    unusable: list[tuple[str, list[FieldError]]] = []
    try:
        parts = opened(record.data)
    except Exception as exc:
        return [], [(_text(record), _findings(exc))], []
    for part in parts:
        if part.problem:
            unusable.append((part.text or _text(record), [FieldError(field="", message=part.problem)]))
            continue
        try:
            raws = sent_events(part.value)
        except Exception as exc:
            unusable.append((part.text, _findings(exc)))
            continue
        for raw in [part.value] if raws is None else raws:
            try:
                events += read_event(raw, record.arrival_ms, event_types, warnings)
            except Exception as exc:
                unusable.append((json.dumps(raw), _findings(exc)))
    return events, unusable, warnings


def _text(record: Record) -> str:
    return record.data.decode("utf-8", "backslashreplace")
