"""Interactions on their way out of the files: those of the archive as they stand there, and all of them counted."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from endcap.errors import FieldError, InvalidInputError
from endcap.events.interaction import FIELDS, Interaction, parse_interaction
from endcap.events.machines import is_machine
from endcap_rebuild.data.identities import Identities
from endcap_rebuild.data.people import People
from endcap_rebuild.data.plain_rows import NO_TIME, Moment
from endcap_rebuild.data.report import ReadReport
from endcap_rebuild.data.sources import Rows


def archived(
    found: Rows, moment: Moment, report: ReadReport, people: People
) -> Iterator[tuple[Mapping[str, Any], Interaction]]:
    """Interactions of the event archive, which Endcap itself has written: nothing is guessed."""
    for line, value in found.rows:
        if not isinstance(value, dict):
            report.reject(found.read.file, line, "not a JSON object", value)
            continue
        batch = value.get("events")
        for raw in batch if isinstance(batch, list) else [value]:
            if not isinstance(raw, dict):
                report.reject(found.read.file, line, "not a JSON object", raw)
                continue
            if raw.get("timestamp") in (None, ""):
                raw["timestamp"] = NO_TIME
            try:
                raw = people.readable(raw)
            except ValueError as exc:
                report.reject(found.read.file, line, str(exc), raw)
                continue
            warnings: list[FieldError] = []
            try:
                event = parse_interaction(raw, moment.now_ms, moment.event_types, warnings)
            except InvalidInputError as exc:
                report.reject(found.read.file, line, str(exc), raw)
                continue
            report.warn(warnings, FIELDS)
            yield raw, event


def noted(
    events: Iterable[tuple[Mapping[str, Any], Interaction]],
    report: ReadReport,
    identities: Identities | None,
    people: People,
    excluded: Collection[str] = (),
) -> Iterator[Interaction]:
    """The interactions, by the names of their people, counted in the report and noted in `identities`.

    Parameters
    ----------
    excluded : whose are left out, as are those of programs
    """
    by_type, by_user = report.by_type, report.by_user
    first, last = 1 << 62, 0
    count = items = 0
    try:
        left_out = {people.name_of(key) for key in excluded}
        for row, read in events:
            event = people.named(read)
            if event.user_id in left_out or (event.properties and is_machine(event)):
                report.left_out_events += 1
                continue
            count += 1
            by_type[event.event_type] += 1
            by_user[event.user_id] += 1
            items += event.item_id is not None
            at_ms = event.timestamp_ms
            if at_ms:
                first = at_ms if at_ms < first else first
                last = at_ms if at_ms > last else last
            if identities is not None:
                identities.note(row, event, people)
            yield event
    finally:
        report.events += count
        report.item_events += items
        report.span([first, last] if last else [])
