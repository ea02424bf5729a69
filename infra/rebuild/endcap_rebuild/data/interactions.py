"""Rows of events as interactions, whatever the columns are called and the values look like."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from endcap.errors import InvalidInputError, InvalidInteractionError
from endcap.events.formats import adapted, sent_events
from endcap.events.grades import MAX_GRADE, MIN_GRADE
from endcap.events.interaction import MAX_FUTURE_MS, Interaction, parse_interaction
from endcap.events.types import GRADED, EventType
from endcap.identifiers import clean_id, clean_user_id
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
from endcap_rebuild.data.report import ReadReport
from endcap_rebuild.data.sources import Rows
from endcap_rebuild.data.times import UNIX, TimeReader, has_no_offset, time_reader
from endcap_rebuild.data.values import amount, decimal_mark, is_absent

# A row without a time counts as the oldest, so that reading a file twice gives the same events.
NO_TIME: Final = 0
PROPERTY_COLUMN: Final = "properties."
MAX_TEXT: Final = 4_000
_IDS: Final = ("user_id", "anonymous_id", "item_id", "session_id", "event_id", "recommendation_id")
_OPTIONAL: Final = frozenset({"value", "text", "session_id", "event_id", "recommendation_id", "position", "properties"})
_GRADES: Final = frozenset({"rating", "score", "grade", "stars", "overall"})
_ORDERS: Final = frozenset({"orderid", "ordernumber", "orderdate", "invoice", "invoiceno", "transactionid", "quantity"})
_LONGEST_WORD: Final = 18
FOREIGN: Final = frozenset({"segment", "ga4-bigquery"})
"""Formats whose rows `endcap.events.formats` reads."""
_WANTED: Final = "user_id or anonymous_id, item_id, event_type, timestamp"
_ENCODE: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


@dataclass(frozen=True)
class Moment:
    """What is known of events when they are read.

    now_ms : events later than this (plus five minutes) are refused
    with_ids : whether events without an id get one, made of what they say; "" where not
    """

    now_ms: int
    event_types: Mapping[str, EventType]
    with_ids: bool = True


class EventReader:
    """Interactions of one file."""

    def __init__(self, found: Rows, options: ReadOptions, moment: Moment, report: ReadReport) -> None:
        self._report, self._moment = report, moment
        self._file = found.read.file
        self._found = found
        self._options = options
        self._names = EventTypeNames(options.event_names, moment.event_types)
        self.columns = columns_of(found.columns, EVENT_FIELDS, options.columns)
        times = found.column(self.columns.get("timestamp"))
        self._time = time_reader(times, options.zone)
        values = [v for v in found.column(self.columns.get("value")) if isinstance(v, str)]
        self._mark = decimal_mark(values) or ("," if found.read.guesses.get("delimiter") == "semicolon" else None)
        self._default = None if "event_type" in self.columns else self._default_type()
        self._tell(times)

    def missing(self) -> str | None:
        """Why no row of the file can be used: columns that it lacks; None where it has what is needed."""
        lacks = [name for name in ("user_id", "item_id") if name not in self.columns]
        if "user_id" in lacks and "anonymous_id" in self.columns:
            lacks.remove("user_id")
        if "item_id" in lacks and "text" in self.columns:
            lacks.remove("item_id")
        if not lacks:
            return None
        found = ", ".join(self._found.columns[:12])
        hints = [f"--map {near}={name}" for name in lacks if (near := nearest(name, self._unread()))]
        help_ = f"; try {' '.join(hints)}" if hints else f"; --map COLUMN={lacks[0]} names it"
        return f"no column for {' and '.join(lacks)}: found {found}; wanted {_WANTED}{help_}"

    def __iter__(self) -> Iterator[tuple[Mapping[str, Any], Interaction]]:
        """(what `Identities.note` reads, interaction) of each usable row."""
        reason = self.missing() if self._found.table else None
        if reason is not None:
            for line, row in self._found.rows:
                self._report.reject(self._file, line, reason, row)
            return
        yield from self._of_table() if self._found.table else self._of_documents()

    def _default_type(self) -> str:
        column = self.columns.get("value")
        names = {spelled(name) for name in self._found.columns}
        return "rating" if column and spelled(column) in _GRADES else "purchase" if names & _ORDERS else "view"

    def _tell(self, times: Sequence[Any]) -> None:
        guesses = self._found.read.guesses
        if self._found.read.format in FOREIGN:
            return  # whose adapters know their names and times
        if times and self._time.form != UNIX:
            guesses["time"] = self._time.form
        if has_no_offset(times):
            self._report.note(f"times without an offset are read as {self._options.timezone} (--timezone)")
        if self._default and self._found.table:
            self._report.note(f"{self._file} has no column event_type: each row is taken as a {self._default}")
        if self._found.table:
            guesses.update({field: column for field, column in self.columns.items() if column != field})

    def _unread(self) -> list[str]:
        taken = set(self.columns.values())
        return [name for name in self._found.columns if name not in taken]

    def _of_table(self) -> Iterator[tuple[Mapping[str, Any], Interaction]]:
        """Rows of a table. Plain ones, which nearly all are, become interactions at once; others go the long way."""
        header = self._found.columns
        place = {field: header.index(column) for field, column in self.columns.items()}
        lane = _PlainLane(place, self._names, self._time, self._mark, self._options, self._moment)
        properties = [k for k, name in enumerate(header) if name.lower().startswith(PROPERTY_COLUMN)]
        unread = [(k, header[k]) for k in range(len(header)) if k not in place.values() and k not in properties]
        others = [place[f] for f in place if f not in _PlainLane.FIELDS] + properties
        filled = dict.fromkeys((name for _, name in unread), 0)
        nothing: dict[str, Any] = {}
        for line, cells in self._found.rows:
            for k, name in unread:
                if cells[k]:
                    filled[name] += 1
            event = None
            if not others or not any(cells[k] for k in others):
                event = lane.interaction(cells)
            if event is not None:
                yield nothing, event
                continue
            row: dict[str, Any] = {field: cells[k] for field, k in place.items()}
            if properties:
                row["properties"] = {header[k][len(PROPERTY_COLUMN) :]: cells[k] for k in properties}
            yield from self._told(line, row, cells)
        for name, rows in filled.items():
            if rows:
                self._report.ignore(name, rows)

    def _of_documents(self) -> Iterator[tuple[Mapping[str, Any], Interaction]]:
        keyed: dict[tuple[str, ...], dict[str, str]] = {}
        for line, value in self._found.rows:
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
                try:
                    parts = adapted(raw)
                except InvalidInteractionError as exc:
                    self._report.reject(self._file, line, str(exc), raw)
                    continue
                if len(parts) != 1 or parts[0] is not raw:
                    self._report.ignored_rows += not parts
                    for part in parts:
                        yield from self._parsed(line, dict(part), raw)
                    continue
                names = tuple(raw)
                if names not in keyed:
                    keyed[names] = columns_of(names, EVENT_FIELDS, self._options.columns)
                    told = {field: name for field, name in keyed[names].items() if field != name}
                    self._found.read.guesses.update(told)
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
        if isinstance(text, str):
            if len(text) <= _LONGEST_WORD and is_absent(text):
                row["text"] = None
            elif len(text) > MAX_TEXT:
                row["text"] = text[:MAX_TEXT]
                self._report.drop("text", f"cut at {MAX_TEXT:,} characters")
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
        for _ in range(len(_OPTIONAL) + 1):
            try:
                event = parse_interaction(row, self._moment.now_ms, self._moment.event_types)
            except InvalidInteractionError as exc:
                wrong = {error["field"].partition(".")[0] for error in exc.errors}
                graded = row.get("event_type") in GRADED
                if not wrong <= _OPTIONAL or (graded and "value" in wrong) or not any(row.get(f) for f in wrong):
                    self._refuse(line, exc, row, raw)
                    return
                for error in exc.errors:
                    self._report.drop(error["field"].partition(".")[0], error["message"])
                row = {name: value for name, value in row.items() if name not in wrong}
            else:
                yield row, event
                return

    def _refuse(self, line: int, exc: InvalidInputError, row: Mapping[str, Any], raw: object) -> None:
        self._report.reject(self._file, line, str(exc), raw)
        value, kind = row.get("value"), row.get("event_type")
        if kind in GRADED and isinstance(value, int | float) and value > MAX_GRADE:
            self._report.hint(f"grades above {MAX_GRADE:g} need --rating-scale, such as --rating-scale 10")
        if isinstance(kind, str) and kind not in self._moment.event_types and "event_type" in str(exc):
            near = nearest(kind, self._moment.event_types) or "view"
            self._report.hint(f"--map-event {kind}={near} says what {kind!r} is")


class _PlainLane:
    """Rows of a table whose every value is as we would write it, or can be looked up: a few microseconds each."""

    FIELDS: Final = ("user_id", "item_id", "event_type", "value", "timestamp", "text", "session_id", "event_id")

    def __init__(
        self,
        place: Mapping[str, int],
        names: EventTypeNames,
        time: TimeReader,
        mark: str | None,
        options: ReadOptions,
        moment: Moment,
    ) -> None:
        self._user, self._item, self._kind, self._value, self._at, self._text, self._session, self._id = (
            place.get(field, -1) for field in self.FIELDS
        )
        self.usable = self._user >= 0 and self._item >= 0 and self._kind >= 0 and self._at >= 0
        self._users: dict[str, str | None] = {}
        self._items: dict[str, str | None] = {}
        self._sessions: dict[str, str | None] = {"": None}
        self._kinds: dict[str, str | None] = {}
        self._names, self._time, self._types = names, time, moment.event_types
        self._unix = time.form == UNIX
        self._plain_numbers = mark != ","
        self._now_ms, self._with_ids = moment.now_ms, moment.with_ids
        self._scaled = options.rating_scale is not None

    def interaction(self, cells: Sequence[str]) -> Interaction | None:
        """The row as an interaction; None where it needs a closer look."""
        if not self.usable:
            return None
        raw = cells[self._user]
        user = self._users.get(raw)
        if user is None:
            user = _plain_id(raw, clean_user_id)
            if user is None:
                return None
            self._users[raw] = user
        raw = cells[self._item]
        item = self._items.get(raw)
        if item is None:
            item = _plain_id(raw, clean_id)
            if item is None:
                return None
            self._items[raw] = item
        raw = cells[self._kind]
        kind = self._kinds.get(raw)
        if kind is None:
            kind = self._plain_kind(raw)
            if kind is None:
                return None
            self._kinds[raw] = kind
        raw = cells[self._at]
        if self._unix and len(raw) == 10 and raw.isascii() and raw.isdigit() and raw[0] != "0":
            at_ms = int(raw) * 1000
        elif raw:
            try:
                at_ms = self._time(raw)
            except ValueError:
                return None
        else:
            at_ms = NO_TIME
        if at_ms > self._now_ms + MAX_FUTURE_MS:
            return None
        value = None
        if self._value >= 0 and (raw := cells[self._value]):
            if not self._plain_numbers or (self._scaled and kind in GRADED):
                return None
            try:
                value = float(raw)
            except ValueError:
                return None
            if not -1e300 < value < 1e300 or (kind in GRADED and not MIN_GRADE <= value <= MAX_GRADE):
                return None
        elif "value" in self._types[kind].needs:
            return None
        text = None
        if self._text >= 0 and (raw := cells[self._text]):
            if not raw.isascii() and not _is_text(raw):
                return None
            if len(raw) > MAX_TEXT or (len(raw) <= _LONGEST_WORD and is_absent(raw)):
                return None
            text = raw
        session = None
        if self._session >= 0 and (raw := cells[self._session]):
            session = self._sessions.get(raw)
            if session is None:
                session = _plain_id(raw, clean_id)
                if session is None:
                    return None
                if len(self._sessions) > 1 << 16:
                    self._sessions.clear()
                self._sessions[raw] = session
        event_id = ""
        if self._id >= 0 and (raw := cells[self._id]):
            event_id = _plain_id(raw, clean_id) or ""
            if not event_id or len(event_id) > 64:
                return None
        elif self._with_ids:
            event_id = content_id(item, kind, value, text, at_ms, session)
        return Interaction(event_id, user, kind, min(at_ms, self._now_ms), item, value, text, session)

    def _plain_kind(self, raw: str) -> str | None:
        kind = self._names(raw.strip())
        known = self._types.get(kind)
        return kind if known is not None and set(known.needs) <= {"item_id", "value"} else None


def scaled(value: float, best: float) -> float:
    """A grade of a scale that ends at `best` on ours, which ends at 5."""
    return min(max(value * MAX_GRADE / best, MIN_GRADE), MAX_GRADE)


def content_id(
    item_id: str, event_type: str, value: float | None, text: str | None, at_ms: int, session_id: str | None
) -> str:
    """The id of an event without one, as `parse_interaction` makes it."""
    content = [item_id, event_type, value, text, at_ms, session_id, None]
    return hashlib.sha256(_ENCODE(content).encode()).hexdigest()[:32]


def archived(found: Rows, moment: Moment, report: ReadReport) -> Iterator[tuple[Mapping[str, Any], Interaction]]:
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
                yield raw, parse_interaction(raw, moment.now_ms, moment.event_types)
            except InvalidInputError as exc:
                report.reject(found.read.file, line, str(exc), raw)


def noted(
    events: Iterator[tuple[Mapping[str, Any], Interaction]], report: ReadReport, identities: Identities | None
) -> Iterator[Interaction]:
    """The interactions, counted in the report and noted in `identities`."""
    by_type, by_user = report.by_type, report.by_user
    first, last = 1 << 62, 0
    count = items = 0
    try:
        for row, event in events:
            count += 1
            by_type[event.event_type] = by_type.get(event.event_type, 0) + 1
            by_user[event.user_id] = by_user.get(event.user_id, 0) + 1
            items += event.item_id is not None
            at_ms = event.timestamp_ms
            if at_ms:
                first = at_ms if at_ms < first else first
                last = at_ms if at_ms > last else last
            if identities is not None:
                identities.note(row, event)
            yield event
    finally:
        report.events += count
        report.item_events += items
        if last:
            report.first_ms = first if report.first_ms is None else min(first, report.first_ms)
            report.last_ms = last if report.last_ms is None else max(last, report.last_ms)


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


def _plain_id(raw: str, clean: Any) -> str | None:
    text = raw.strip()
    if len(text) <= _LONGEST_WORD and is_absent(text):
        return None
    try:
        found: str = clean(text)
    except ValueError:
        return None
    return found


def _is_text(raw: str) -> bool:
    try:
        raw.encode()
    except UnicodeEncodeError:
        return False
    return True
