"""Rows of a file of events as interactions, whatever their columns are called."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from endcap.errors import FieldError, InvalidInteractionError
from endcap.events.formats import read_event, sent_events
from endcap.events.formats.fields import derived_id
from endcap.events.interaction import Interaction
from endcap.events.types import EventType
from endcap.feeds.names import EVENT_FIELDS, EventTypeNames, columns_of
from endcap.feeds.values import amount, is_nothing

_PROPERTY: Final = "properties."


class EventRows:
    """Reads the rows of one file.

    Parameters
    ----------
    source : names the file and what it held, for the ids of events that have neither an id nor a time to make one from
    arrival_ms : of the file; the time of events that have none
    """

    def __init__(
        self, source: str, arrival_ms: int, event_types: Mapping[str, EventType], mark: str | None = None
    ) -> None:
        self._source, self._arrival_ms, self._types, self._mark = source, arrival_ms, event_types, mark
        self._names = EventTypeNames({}, event_types)
        self._columns: dict[tuple[str, ...], dict[str, str]] = {}

    def interactions(self, number: int, row: Mapping[str, Any], warnings: list[FieldError]) -> list[Interaction]:
        """The interactions of the file's n-th row.

        Raises
        ------
        InvalidInteractionError : it can't be used; with every finding
        """
        several = sent_events(row)
        found: list[Interaction] = []
        for place, raw in enumerate([self._named(row)] if several is None else several):
            if isinstance(raw, Mapping):
                if "event_type" not in raw and several is None:
                    raise InvalidInteractionError([FieldError(field="event_type", message="is required")])
                if not raw.get("timestamp") and not raw.get("event_id") and "event_type" in raw:
                    raw = {**raw, "event_id": derived_id("file", self._source, number, place)}
            found += read_event(raw, self._arrival_ms, self._types, warnings)
        return found

    def _named(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """A row with our own names."""
        names = tuple(row)
        if names not in self._columns:
            self._columns[names] = columns_of(names, EVENT_FIELDS, {})
        columns = self._columns[names]
        event = {field: row[column] for field, column in columns.items() if not is_nothing(row[column])}
        own = {
            name[len(_PROPERTY) :]: value
            for name, value in row.items()
            if name.startswith(_PROPERTY) and not is_nothing(value)
        }
        if own:
            event["properties"] = {**(event.get("properties") or {}), **own}
        if isinstance(event.get("event_type"), str):
            event["event_type"] = self._names(event["event_type"].strip())
        if isinstance(event.get("value"), str):
            with suppress(ValueError):  # what reads the event says so
                event["value"] = amount(event["value"], self._mark)[0]
        return event
