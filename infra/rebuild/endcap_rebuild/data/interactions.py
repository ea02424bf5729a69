"""Rows of events as interactions, whatever the columns are called and the values look like."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from endcap.errors import FieldError, InvalidInputError, InvalidInteractionError
from endcap.events.formats import adapted, sent_events
from endcap.events.grades import MAX_GRADE, MIN_GRADE
from endcap.events.interaction import FIELDS, Interaction, parse_interaction
from endcap.events.types import GRADED
from endcap.validation import timestamp_number
from endcap_rebuild.data.formats import ga4_bigquery
from endcap_rebuild.data.identities import Identities
from endcap_rebuild.data.names import (
    EVENT_FIELDS,
    EventTypeNames,
    columns_of,
    nearest,
    spelled,
)
from endcap_rebuild.data.options import ReadOptions
from endcap_rebuild.data.people import People
from endcap_rebuild.data.plain_rows import LONGEST_WORD, NO_TIME, PROPERTY_COLUMN, Layout, Moment, PlainLane
from endcap_rebuild.data.report import ReadReport
from endcap_rebuild.data.sources import Rows
from endcap_rebuild.data.times import UNIX, has_no_offset, time_reader
from endcap_rebuild.data.values import amount, decimal_mark, is_absent

_IDS: Final = ("user_id", "anonymous_id", "item_id", "session_id", "event_id", "recommendation_id")
_GRADES: Final = frozenset({"rating", "score", "grade", "stars", "overall"})
_ORDERS: Final = frozenset({"orderid", "ordernumber", "orderdate", "invoice", "invoiceno", "transactionid", "quantity"})
FOREIGN: Final = frozenset({"segment", "ga4-bigquery"})
"""Formats whose rows `endcap.events.formats` reads."""
_WANTED: Final = "user_id or anonymous_id, item_id, event_type, timestamp"


class EventReader:
    """Interactions of one file."""

    def __init__(self, found: Rows, options: ReadOptions, moment: Moment, report: ReadReport, people: People) -> None:
        self._report, self._moment, self._people = report, moment, people
        self._file = found.read.file
        self.found = found
        self._options = options
        self._names = EventTypeNames(options.event_names, moment.event_types)
        self.columns = columns_of(found.columns, EVENT_FIELDS, options.columns)
        times = found.column(self.columns.get("timestamp"))
        self._time = time_reader(times, options.zone)
        values = [v for v in found.column(self.columns.get("value")) if isinstance(v, str)]
        self._mark = decimal_mark(values) or ("," if found.read.guesses.get("delimiter") == "semicolon" else None)
        self._default = None if "event_type" in self.columns else self._default_type()
        self._tell(times)
        self.reason = self.missing() if found.table else None
        self.layout = Layout.of(found.columns if found.table else (), self.columns if found.table else {})
        self.lane = PlainLane(self.layout, self._names, self._time, self._mark, options, moment)

    def missing(self) -> str | None:
        """Why no row of the file can be used: columns that it lacks; None where it has what is needed."""
        lacks = [name for name in ("user_id", "item_id") if name not in self.columns]
        if "user_id" in lacks and "anonymous_id" in self.columns:
            lacks.remove("user_id")
        if "item_id" in lacks and "text" in self.columns:
            lacks.remove("item_id")
        if not lacks:
            return None
        found = ", ".join(self.found.columns[:12])
        hints = [f"--map {near}={name}" for name in lacks if (near := nearest(name, self._unread()))]
        help_ = f"; try {' '.join(hints)}" if hints else f"; --map COLUMN={lacks[0]} names it"
        return f"no column for {' and '.join(lacks)}: found {found}; wanted {_WANTED}{help_}"

    def __iter__(self) -> Iterator[tuple[Mapping[str, Any], Interaction]]:
        """(what `Identities.note` reads, interaction) of each usable row."""
        yield from self.of(self.found.rows)

    def of(self, rows: Iterable[tuple[int, Any]]) -> Iterator[tuple[Mapping[str, Any], Interaction]]:
        """(what `Identities.note` reads, interaction) of each usable one of some of the file's rows."""
        if self.reason is not None:
            for line, row in rows:
                self._report.reject(self._file, line, self.reason, row)
            return
        yield from self._of_table(rows) if self.found.table else self._of_documents(rows)

    def _default_type(self) -> str:
        column = self.columns.get("value")
        names = {spelled(name) for name in self.found.columns}
        return "rating" if column and spelled(column) in _GRADES else "purchase" if names & _ORDERS else "view"

    def _tell(self, times: Sequence[Any]) -> None:
        guesses = self.found.read.guesses
        if self.found.read.format in FOREIGN:
            return  # whose adapters know their names and times
        if times and self._time.form != UNIX:
            guesses["time"] = self._time.form
        if has_no_offset(times):
            self._report.note(f"times without an offset are read as {self._options.timezone} (--timezone)")
        if self._default and self.found.table:
            self._report.note(f"{self._file} has no column event_type: each row is taken as a {self._default}")
        if self.found.table:
            guesses.update({field: column for field, column in self.columns.items() if column != field})

    def _unread(self) -> list[str]:
        taken = set(self.columns.values())
        return [name for name in self.found.columns if name not in taken]

    def _of_table(self, rows: Iterable[tuple[int, list[str]]]) -> Iterator[tuple[Mapping[str, Any], Interaction]]:
        """Rows of a table. Plain ones, which nearly all are, become interactions at once; others go the long way."""
        layout, lane = self.layout, self.lane
        others = [*layout.others, *layout.properties]
        filled = dict.fromkeys(layout.unread, 0)
        nothing: dict[str, Any] = {}
        for line, cells in rows:
            for k in layout.unread:
                if cells[k]:
                    filled[k] += 1
            event = None
            if not others or not any(cells[k] for k in others):
                event = lane.interaction(cells)
            if event is not None:
                yield nothing, event
                continue
            if not any(cells):
                continue  # as spreadsheets leave them at the end
            row: dict[str, Any] = {field: cells[k] for field, k in layout.place.items()}
            if layout.properties:
                row["properties"] = {layout.names[k][len(PROPERTY_COLUMN) :]: cells[k] for k in layout.properties}
            yield from self._told(line, row, cells)
        self.ignore(filled)

    def ignore(self, filled: Mapping[int, int]) -> None:
        """Note how many rows have something in columns that nothing reads."""
        for k, rows in filled.items():
            if rows and self.layout.names[k]:
                self._report.ignore(self.layout.names[k], rows)

    def _of_documents(self, rows: Iterable[tuple[int, Any]]) -> Iterator[tuple[Mapping[str, Any], Interaction]]:
        keyed: dict[tuple[str, ...], dict[str, str]] = {}
        for line, value in rows:
            if not isinstance(value, dict):
                self._report.reject(self._file, line, "not a JSON object", value)
                continue
            if ga4_bigquery.matches(value):
                value = ga4_bigquery.payload(value)
            sent = [value] if "event_type" in value else sent_events(value)
            for raw in [value] if sent is None else sent:
                if not isinstance(raw, dict):
                    self._report.reject(self._file, line, "not a JSON object", raw)
                    continue
                warnings: list[FieldError] = []
                try:
                    raw = self._people.readable(raw)
                except ValueError as exc:
                    self._report.reject(self._file, line, str(exc), raw)
                    continue
                try:
                    parts = adapted(raw, warnings)
                except InvalidInteractionError as exc:
                    self._report.reject(self._file, line, str(exc), raw)
                    continue
                self._report.warn(warnings)
                if len(parts) != 1 or parts[0] is not raw:
                    self._report.ignored_rows += not parts
                    for part in parts:
                        yield from self._parsed(line, dict(part), raw)
                    continue
                names = tuple(raw)
                if names not in keyed:
                    keyed[names] = columns_of(names, EVENT_FIELDS, self._options.columns)
                    told = {field: name for field, name in keyed[names].items() if field != name}
                    self.found.read.guesses.update(told)
                columns = keyed[names]
                for name in raw.keys() - columns.values() - {"anonymous_key"}:
                    self._report.ignore(name)
                row = {field: raw[column] for field, column in columns.items()}
                if "anonymous_key" in raw:
                    row["anonymous_key"] = raw["anonymous_key"]
                yield from self._told(line, row, raw)

    def _told(self, line: int, row: dict[str, Any], raw: object) -> Iterator[tuple[Mapping[str, Any], Interaction]]:
        """The interaction of one row in the file's own spelling."""
        for name in _IDS:
            if name in row:
                row[name] = _id(row[name])
        kind = row.get("event_type")
        if isinstance(kind, str) and not is_absent(kind):
            kind = row["event_type"] = self._names(kind.strip())
        elif self._default:
            kind = row["event_type"] = self._default
        text = row.get("text")
        if isinstance(text, str) and len(text) <= LONGEST_WORD and is_absent(text):
            row["text"] = None
        self._read_value(row, kind in GRADED)
        try:
            row["timestamp"] = self._read_time(row.get("timestamp"))
        except ValueError as exc:
            self._report.reject(self._file, line, f"timestamp: {exc}", raw)
            return
        yield from self._parsed(line, row, raw)

    def _read_value(self, row: dict[str, Any], graded: bool) -> None:
        value = row.get("value")
        if isinstance(value, str):
            if is_absent(value):
                row["value"] = None
                return
            try:
                row["value"] = amount(value, self._mark)[0]
            except ValueError as exc:
                if not graded:
                    row["value"] = None
                    self._report.drop("value", str(exc))
                return
        if graded and isinstance(row.get("value"), int | float) and self._options.rating_scale:
            row["value"] = scaled(row["value"], self._options.rating_scale)

    def _read_time(self, value: object) -> float:
        if value is None or (isinstance(value, str) and is_absent(value)):
            return NO_TIME
        return timestamp_number(self._time(value))

    def _parsed(self, line: int, row: dict[str, Any], raw: object) -> Iterator[tuple[Mapping[str, Any], Interaction]]:
        """The interaction of a row in our own spelling; what is optional and wrong is dropped, and told."""
        if row.get("timestamp") in (None, ""):
            row["timestamp"] = NO_TIME
        warnings: list[FieldError] = []
        try:
            event = parse_interaction(row, self._moment.now_ms, self._moment.event_types, warnings)
            # Whoever writes one can put it right; of a file whose grades end elsewhere all would be lost.
            if event.event_type in GRADED and (wrong := [each for each in warnings if each["field"] == "value"]):
                raise InvalidInteractionError(wrong)
        except InvalidInteractionError as exc:
            self._refuse(line, exc, row, raw)
            return
        self._report.warn(warnings, FIELDS)
        yield row, event

    def _refuse(self, line: int, exc: InvalidInputError, row: Mapping[str, Any], raw: object) -> None:
        self._report.reject(self._file, line, str(exc), raw)
        value, kind = row.get("value"), row.get("event_type")
        if kind in GRADED and isinstance(value, int | float) and value > MAX_GRADE:
            self._report.hint(f"grades above {MAX_GRADE:g} need --rating-scale, such as --rating-scale 10")
        if isinstance(kind, str) and kind not in self._moment.event_types and "event_type" in str(exc):
            near = nearest(kind, self._moment.event_types) or "view"
            self._report.hint(f"--map-event {kind}={near} says what {kind!r} is")


def scaled(value: float, best: float) -> float:
    """A grade of a scale that ends at `best` on ours, which ends at 5."""
    return min(max(value * MAX_GRADE / best, MIN_GRADE), MAX_GRADE)


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
) -> Iterator[Interaction]:
    """The interactions, by the names of their people, counted in the report and noted in `identities`."""
    by_type, by_user = report.by_type, report.by_user
    first, last = 1 << 62, 0
    count = items = 0
    try:
        for row, read in events:
            event = people.named(read)
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


def _id(value: object) -> object:
    """An id as text, trimmed; None where it is none."""
    if isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return None if is_absent(value) else value.strip()
    return value
