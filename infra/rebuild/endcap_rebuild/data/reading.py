"""Reading a folder of items and events: the import format, Personalize's CSV files, and the event archive.

What can't be used is written down with its file, line and reason, and does not stop what can. A folder holds

* items: `items.jsonl[.gz]`, or a folder `items/` of newline JSON (plain rows or a DynamoDB export of the items table);
* events: `events.csv[.gz]` or `interactions.csv[.gz]` (lower-case headers or Personalize's), `events.jsonl[.gz]`, or a
  folder `events/` of newline JSON, which is how the archive lies in S3;
* erasures: see `erasures`.

Files are read line by line; only items and the ids of erased users are kept.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

from endcap.catalog.item import Item, parse_item
from endcap.errors import InvalidInputError, InvalidItemError
from endcap.events.interaction import Interaction, parse_interaction
from endcap.events.types import EVENT_TYPES, EventType
from endcap.identifiers import clean_id
from endcap_rebuild.data.exports import (
    NEVER_ERASED,
    TableExport,
    erased_until_ms,
    exported_document,
    exported_user_id,
    find_export,
    is_exported,
)
from endcap_rebuild.data.identities import Identities

# Enough to see what is wrong with a file; the rest is counted.
MAX_REPORTED_ROWS: Final = 200
# A row without a time counts as the oldest, so that reading a file twice gives the same events.
NO_TIME: Final = 0
# Later than every event.
FOR_EVER: Final = 1 << 62
PROPERTY_COLUMN: Final = "properties."
_PERSONALIZE: Final = {"event_value": "value"}
_ITEM_FILES: Final = ("items.jsonl", "items.jsonl.gz")
_EVENT_CSV: Final = ("events.csv", "events.csv.gz", "interactions.csv", "interactions.csv.gz")
_EVENT_JSON: Final = ("events.jsonl", "events.jsonl.gz")


@dataclass(frozen=True)
class BadRow:
    """One row that could not be used; lines count from 1."""

    file: str
    line: int
    reason: str


@dataclass
class ReadReport:
    """What reading a folder found; filled while the readers run."""

    items: int = 0
    events: int = 0
    bad_rows: list[BadRow] = field(default_factory=list)
    bad_row_count: int = 0
    replaced_items: int = 0
    duplicate_events: int = 0
    unknown_item_events: int = 0
    erased_events: int = 0

    def reject(self, file: Path, line: int, reason: str) -> None:
        """Note a row that can't be used."""
        self.bad_row_count += 1
        if len(self.bad_rows) < MAX_REPORTED_ROWS:
            self.bad_rows.append(BadRow(file.name, line, reason))


def read_items(folder: Path, report: ReadReport) -> list[Item]:
    """Every usable item of a folder or of one `.jsonl[.gz]` file; of rows with one id the last wins.

    Raises
    ------
    InvalidInputError : there are no item files, or an export is not whole
    """
    export = find_export(folder / "items")
    files = [folder] if folder.is_file() else data_files(folder, _ITEM_FILES, "items", export)
    if not files:
        raise InvalidInputError(f"{folder} holds no items.jsonl, items.jsonl.gz or folder items/")
    items: dict[str, Item] = {}
    exported = 0
    for file in files:
        for line, row in json_rows(file, report):
            exported += is_exported(row)
            try:
                document = exported_document(row) if is_exported(row) else row
                if document is None:
                    continue
                item = parse_item(document)
            except InvalidItemError as exc:
                report.reject(file, line, str(exc))
                continue
            report.replaced_items += item.item_id in items
            items[item.item_id] = item
    require_whole(export, exported)
    report.items = len(items)
    return list(items.values())


def catalog_time_ms(folder: Path) -> int | None:
    """The moment whose catalogue a folder holds: that of the export of the items table; None without an export.

    Raises
    ------
    InvalidInputError : the export is not whole
    """
    export = find_export(folder / "items")
    return None if export is None else export.exported_at_ms


def read_erasures(folder: Path, report: ReadReport) -> dict[str, int]:
    """User id -> the time up to which that user was erased, from the profiles of a folder; no others are in it.

    A user whose profile can't be read is reported and counts as erased, as nobody can say any more that they were not.

    Raises
    ------
    InvalidInputError : the export is not whole, or a row is not one of the profiles table
    """
    export = find_export(folder / "profiles")
    erased: dict[str, int] = {}
    exported = 0
    for file in data_files(folder, (), "profiles", export):
        for line, row in json_rows(file, report):
            user_id = exported_user_id(row)
            exported += 1
            try:
                until_ms = erased_until_ms(row)
            except InvalidInputError as exc:
                report.reject(file, line, str(exc))
                until_ms = FOR_EVER
            if until_ms > NEVER_ERASED:
                erased[user_id] = until_ms
    require_whole(export, exported)
    return erased


def read_events(
    source: Path,
    report: ReadReport,
    now_ms: int,
    event_types: Mapping[str, EventType] = EVENT_TYPES,
    identities: Identities | None = None,
) -> Iterator[Interaction]:
    """Usable events of a folder or of one file, in file order, repeats included (`EventTable` drops them).

    Parameters
    ----------
    now_ms : events later than this (plus five minutes) are refused
    event_types : the types that are known
    identities : filled while reading

    Raises
    ------
    InvalidInputError : there is no such folder or file
    """
    if not source.exists():
        raise InvalidInputError(f"{source} does not exist")
    files = [source] if source.is_file() else data_files(source, (*_EVENT_CSV, *_EVENT_JSON), "events", None)
    for file in files:
        is_csv = file.name.removesuffix(".gz").endswith(".csv")
        for line, row in _csv_rows(file, report) if is_csv else _event_rows(file, report):
            if row.get("timestamp") in (None, ""):
                row["timestamp"] = NO_TIME
            try:
                event = parse_interaction(row, now_ms, event_types)
            except InvalidInputError as exc:
                report.reject(file, line, str(exc))
                continue
            report.events += 1
            if identities is not None:
                identities.note(row, event)
            yield event


def read_user_ids(file: Path, report: ReadReport) -> list[str]:
    """The distinct ids of a CSV file with a column `user_id`, in its order.

    Raises
    ------
    InvalidInputError : the file is not there or has no such column
    """
    if not file.is_file():
        raise InvalidInputError(f"{file} is not a file")
    ids: dict[str, None] = {}
    for line, row in _csv_rows(file, report):
        if "user_id" not in row:
            raise InvalidInputError(f"{file} has no column user_id")
        try:
            ids[clean_id(row["user_id"])] = None
        except ValueError as exc:
            report.reject(file, line, f"user_id: {exc}")
    return list(ids)


def data_files(folder: Path, names: tuple[str, ...], subfolder: str, export: TableExport | None) -> list[Path]:
    """The files of a folder by these names, and those of a subfolder: of its export, or else all that lie in it."""
    single = [folder / name for name in names if (folder / name).is_file()]
    if export is not None:
        return single + list(export.files)
    nested = sorted(
        path
        for path in (folder / subfolder).rglob("*")
        if path.is_file() and not path.name.startswith((".", "_", "manifest-"))
    )
    return single + nested


def require_whole(export: TableExport | None, rows: int) -> None:
    """Refuse a part of a table: a catalogue without half of its items would look like a catalogue."""
    if export is not None and rows != export.rows:
        raise InvalidInputError(f"the export holds {rows:,} rows, its manifest says {export.rows:,}")


def _open(file: Path) -> IO[str]:
    raw: IO[bytes] = file.open("rb")
    # The archive's objects carry no suffix, so the content decides.
    zipped = raw.read(2) == b"\x1f\x8b"
    raw.seek(0)
    binary: Any = gzip.GzipFile(fileobj=raw) if zipped else raw
    # Bytes that are not UTF-8 become lone surrogates, which the parsers refuse row by row.
    return io.TextIOWrapper(binary, encoding="utf-8-sig", errors="surrogateescape", newline="")


def _lines(file: Path, report: ReadReport) -> Iterator[str]:
    line = 0
    with _open(file) as text:
        try:
            for line, content in enumerate(text, start=1):  # noqa: B007
                yield content
        except (EOFError, zlib.error, gzip.BadGzipFile) as exc:
            report.reject(file, line + 1, f"the file is cut off or damaged here: {exc}")


def json_rows(file: Path, report: ReadReport) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line and object of each line of newline JSON; others are reported."""
    for line, content in enumerate(_lines(file, report), start=1):
        if not content.strip():
            continue
        try:
            row = json.loads(content)
        except (ValueError, RecursionError) as exc:
            report.reject(file, line, f"not JSON: {exc}")
            continue
        if isinstance(row, dict):
            yield line, row
        else:
            report.reject(file, line, "not a JSON object")


def _event_rows(file: Path, report: ReadReport) -> Iterator[tuple[int, dict[str, Any]]]:
    for line, row in json_rows(file, report):
        batch = row.get("events")
        if not isinstance(batch, list):
            yield line, row
            continue
        for event in batch:
            if isinstance(event, dict):
                yield line, event
            else:
                report.reject(file, line, "not a JSON object")


def _csv_rows(file: Path, report: ReadReport) -> Iterator[tuple[int, dict[str, Any]]]:
    rows = csv.reader(_lines(file, report))
    header: list[str] | None = None
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as exc:
            report.reject(file, rows.line_num, str(exc))
            continue
        if not row:
            continue
        if header is None:
            names = [name.strip().lower() for name in row]
            header = [_PERSONALIZE.get(name, name) for name in names]
            continue
        if len(row) != len(header):
            report.reject(file, rows.line_num, f"has {len(row)} fields, the header has {len(header)}")
            continue
        yield rows.line_num, _with_properties(dict(zip(header, row, strict=True)))


def _with_properties(row: dict[str, Any]) -> dict[str, Any]:
    """The row with its columns `properties.<name>` as one object."""
    named = {column: value for column, value in row.items() if column.startswith(PROPERTY_COLUMN)}
    if not named:
        return row
    plain = {column: value for column, value in row.items() if column not in named}
    return plain | {"properties": {column.removeprefix(PROPERTY_COLUMN): value for column, value in named.items()}}
