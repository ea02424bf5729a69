"""Rows of events as interactions, whatever the columns are called and the values look like."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from shlex import quote
from typing import Any, Final

from endcap.errors import FieldError, InvalidInputError, InvalidInteractionError
from endcap.events.formats import adapted, sent_events
from endcap.events.grades import MAX_GRADE
from endcap.events.interaction import FIELDS, Interaction, parse_interaction
from endcap.events.machines import USER_AGENT, flagged
from endcap.events.types import GRADED
from endcap.feeds.names import (
    EVENT_FIELDS,
    EventTypeNames,
    columns_of,
    nearest,
    spelled,
)
from endcap.feeds.values import amount, decimal_mark, is_absent
from endcap.validation import timestamp_number
from endcap_rebuild.data.formats import ga4_bigquery
from endcap_rebuild.data.grades_found import scale_found
from endcap_rebuild.data.grading import worded
from endcap_rebuild.data.options import ReadOptions
from endcap_rebuild.data.people import People
from endcap_rebuild.data.plain_rows import LONGEST_WORD, NO_TIME, PROPERTY_COLUMN, Layout, Moment, PlainLane
from endcap_rebuild.data.report import ReadReport
from endcap_rebuild.data.sources import Rows
from endcap_rebuild.data.tidied import joined_times, with_returns, with_whole_ids, without_shortened
from endcap_rebuild.data.times import UNIX, has_no_offset, time_reader, with_offset

_IDS: Final = ("user_id", "anonymous_id", "item_id", "session_id", "event_id", "recommendation_id", "order_id")
_NUMBERS: Final = (("user_id", "anonymous_id", "item_id", "timestamp"), _IDS[3:])
"""What may be a long number and is needed, or is not."""
_GRADES: Final = frozenset({"rating", "score", "grade", "stars", "overall"})
_ORDERS: Final = frozenset(
    {
        "orderid",
        "ordernumber",
        "orderdate",
        "invoice",
        "invoiceno",
        "transactionid",
        "quantity",
        "orderstatus",
        "menge",
        "bestellnummer",
        "bestelldatum",
        "订单号",
        "订单编号",
        "数量",
    }
)
FOREIGN: Final = frozenset({"segment", "ga4-bigquery"})
"""Formats whose rows `endcap.events.formats` reads."""
_FOREIGN_TIMES: Final = ("timestamp", "originalTimestamp", "time")
_WANTED: Final = "user_id or anonymous_id, item_id, event_type, timestamp"


class EventReader:
    """Interactions of one file."""

    def __init__(
        self,
        found: Rows,
        options: ReadOptions,
        moment: Moment,
        report: ReadReport,
        people: People,
        again: Callable[[], Rows] | None = None,
    ) -> None:
        found = joined_times(found)
        self._report, self._moment, self._people = report, moment, people
        self._file = found.read.file
        self._options = options
        self._names = EventTypeNames(options.event_names, moment.event_types)
        self.columns = columns_of(found.columns, EVENT_FIELDS, options.columns)
        if found.table and not {"user_id", "anonymous_id"} & self.columns.keys() and "session_id" in self.columns:
            self.columns["anonymous_id"] = self.columns.pop("session_id")
            report.note(f"{self._file} names no users: each session counts as somebody who is not signed in")
        found = with_whole_ids(found, (self.columns[name] for name in ("user_id", "item_id") if name in self.columns))
        needed, optional = ([self.columns[name] for name in names if name in self.columns] for names in _NUMBERS)
        found = without_shortened(found, needed, optional, lambda *row: report.reject(self._file, *row), report.drop)
        self.found = found
        self._default = None if "event_type" in self.columns else self._default_type()
        self.found = found = with_returns(found, self._default)
        if self._default and "event_type" in found.columns:
            self.columns["event_type"] = "event_type"
        times = found.column(self.columns.get("timestamp"))
        self._time = time_reader(times, options.zone)
        values = [v for v in found.column(self.columns.get("value")) if isinstance(v, str)]
        self._mark = decimal_mark(values) or ("," if found.read.guesses.get("delimiter") == "semicolon" else None)
        anew = again and (lambda: with_returns(joined_times(again()), self._default))
        self._scale = scale_found(found, anew, self.columns, self._names, self._default, self._mark, options, report)
        self._tell(times)
        self.reason = self.missing() if found.table else None
        self.layout = Layout.of(found.columns if found.table else (), self.columns if found.table else {})
        self.lane = PlainLane(self.layout, self._names, self._time, self._mark, not self._scale.is_ours, moment)

    def missing(self) -> str | None:
        """Why no row of the file can be used: columns that it lacks; None where it has what is needed."""
        lacks = [name for name in ("user_id", "item_id") if name not in self.columns]
        if "user_id" in lacks and "anonymous_id" in self.columns:
            lacks.remove("user_id")
        if "item_id" in lacks and ("text" in self.columns or "order_id" in self.columns):
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
            self._note_zone()
        if self._default and self.found.table and self.found.columns:
            back = ", or a return where its quantity or its status says so" if "event_type" in self.columns else ""
            self._report.note(f"{self._file} has no column event_type: each row is taken as a {self._default}{back}")
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
            names_no_item = ga4_bigquery.matches(value) and not value.get("items")
            if ga4_bigquery.matches(value):
                value = ga4_bigquery.payload(value)
            sent = [value] if "event_type" in value else sent_events(value)
            for raw in [value] if sent is None else sent:
                if not isinstance(raw, dict):
                    self._report.reject(self._file, line, "not a JSON object", raw)
                    continue
                warnings: list[FieldError] = []
                local = self._in_zone(raw)
                try:
                    local = self._people.readable(local)
                except ValueError as exc:
                    self._report.reject(self._file, line, str(exc), raw)
                    continue
                try:
                    parts = adapted(local, warnings)
                except InvalidInteractionError as exc:
                    if names_no_item:  # such as the checkout of a page whose tag lists no products
                        self._report.ignored_rows += 1
                    else:
                        self._report.reject(self._file, line, str(exc), raw)
                    continue
                self._report.warn(warnings)
                if len(parts) != 1 or parts[0] is not local:
                    self._report.ignored_rows += not parts
                    for part in parts:
                        yield from self._parsed(line, dict(part), raw)
                    continue
                names = tuple(local)
                if names not in keyed:
                    keyed[names] = columns_of(names, EVENT_FIELDS, self._options.columns)
                    told = {field: name for field, name in keyed[names].items() if field != name}
                    self.found.read.guesses.update(told)
                columns = keyed[names]
                for name in local.keys() - columns.values() - {"anonymous_key"}:
                    self._report.ignore(name)
                row = {field: local[column] for field, column in columns.items()}
                if "anonymous_key" in local:
                    row["anonymous_key"] = local["anonymous_key"]
                yield from self._told(line, row, raw)

    def _in_zone(self, raw: dict[str, Any]) -> dict[str, Any]:
        """A foreign event with its offset in the times that name none; our own are read with their column."""
        if "event_type" in raw:
            return raw
        moved: dict[str, Any] = {
            name: with_offset(raw[name], self._options.zone) for name in _FOREIGN_TIMES if name in raw
        }
        if isinstance(raw.get("data"), dict):
            moved["data"] = self._in_zone(raw["data"])
        if all(raw[name] == value for name, value in moved.items()):
            return raw
        self._note_zone()
        return raw | moved

    def _note_zone(self) -> None:
        self._report.note(f"times without an offset are read as {self._options.timezone} (--timezone)")

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
        if program := flagged(row.pop(USER_AGENT, None) or None):
            row["properties"] = {**(row.get("properties") or {}), **program}
        text = row.get("text")
        if isinstance(text, str) and len(text) <= LONGEST_WORD and is_absent(text):
            row["text"] = None
        try:
            self._read_value(row, kind in GRADED)
        except ValueError as exc:
            self._report.reject(self._file, line, f"value: {exc}", raw)
            self._hint_scale(row)
            return
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
            if graded and (said := worded(value)) is not None:
                row["value"] = said
                return
            try:
                row["value"] = amount(value, self._mark)[0]
            except ValueError as exc:
                if not graded:
                    row["value"] = None
                    self._report.drop("value", str(exc))
                return
        value = row.get("value")
        if graded and isinstance(value, int | float) and not isinstance(value, bool):
            row["value"] = self._scale.grade(value)

    def _hint_scale(self, row: Mapping[str, Any]) -> None:
        value = row.get("value")
        if isinstance(value, int | float) and value > MAX_GRADE and self._scale.is_ours:
            self._report.hint(f"grades above {MAX_GRADE:g} need --rating-scale, such as --rating-scale 10")

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
        kind = row.get("event_type")
        if isinstance(kind, str) and kind not in self._moment.event_types and "event_type" in str(exc):
            near = nearest(kind, self._moment.event_types) or "view"
            self._report.hint(f"--map-event {quote(f'{kind}={near}')} says what {kind!r} is")


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
