"""A shop's files opened as rows: of a table, of JSON or of XML; with what was guessed of how they are written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, Final

from endcap.errors import InvalidInputError, StoredDataError
from endcap.feeds import delimited, documents, xml
from endcap.feeds.encodings import encoding_of
from endcap.feeds.files import DAMAGED, DataFile, blocks
from endcap.feeds.names import EVENT_FIELDS, ITEM_FIELDS, columns_of
from endcap.filenames import MONTH_ENDING
from endcap.parquet import read_records
from endcap_rebuild.data.parquet import parquet_rows
from endcap_rebuild.data.report import FileRead, ReadReport
from endcap_rebuild.data.wrapped import unwrapped

SAMPLE_ROWS: Final = 2_000
TABLES: Final = frozenset({"csv", "tsv", "tab", "txt", "psv"})
DOCUMENTS: Final = frozenset({"json", "jsonl", "ndjson"})
PARQUET: Final = frozenset({"parquet", "pq"})
XML: Final = frozenset({"xml", "rss", "atom"})
READABLE: Final = TABLES | DOCUMENTS | PARQUET | XML
_NAMES: Final = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe", "\x01": "control-A", " ": "space"}
_NEEDED: Final = ("user_id", "anonymous_id", "item_id", "event_type", "timestamp", "title")
_SNIFFED_BYTES: Final = 1 << 16
_OTHER_KINDS: Final = {
    b"PK\x03\x04": "a spreadsheet or an archive: save it as CSV, or name it .zip",
    b"\xd0\xcf\x11\xe0": "a spreadsheet: save it as CSV",
    b"PAR1": "Parquet: name it .parquet",
    b"%PDF": "a document for printing",
    b"SQLite format": "a database: export its tables as CSV",
    b"BZh": "packed by bzip2: unpack it",
    b"\xfd7zXZ": "packed by xz: unpack it",
    b"\x28\xb5\x2f\xfd": "packed by zstd: unpack it",
}
"""Beginnings of files that are no text -> what they are, whatever their name says."""


@dataclass
class Rows:
    """An opened file.

    columns : of a table, in its order and spelling; of JSON the names in its first rows
    table : whether `rows` are (line, cells); else they are (line, JSON value)
    sample : the first of the rows, which `rows` holds too
    """

    columns: list[str]
    table: bool
    rows: Iterator[tuple[int, Any]]
    sample: list[Any]
    read: FileRead

    def column(self, name: str | None) -> list[Any]:
        """Values of a column in the sample."""
        if name is None:
            return []
        if self.table:
            place = self.columns.index(name)
            return [cells[place] for cells in self.sample]
        return [row.get(name) for row in self.sample if isinstance(row, dict)]


def is_known(name: str) -> bool:
    """Whether a column's name is one that any reader looks for."""
    return bool(columns_of([name], ITEM_FIELDS, {}, item=True) or columns_of([name], EVENT_FIELDS, {}))


def opened(file: DataFile, role: str, report: ReadReport, sample_rows: int = SAMPLE_ROWS) -> Rows:
    """The rows of a file.

    Parameters
    ----------
    role : what is looked for in it: "items", "events" or "users"
    report : told of damage and of rows that are none, while `rows` is read

    Raises
    ------
    InvalidInputError : it is of another kind than its name says, or can't be read from its beginning on
    """
    read = FileRead(file.name, role)

    def reject(line: int, reason: str, row: object) -> None:
        report.reject(file.name, line, reason, row)

    step, size = f"reading {file.name} (MB)", file.path.stat().st_size if file.path.exists() else 0

    def at(n_bytes: int) -> None:
        report.progress(step, n_bytes >> 20, (size >> 20) + 1)

    if file.path.name.endswith(MONTH_ENDING):
        at(0)
        return _sampled(None, False, _counted(_month(file, read, reject), read), read, sample_rows)
    if file.ending in PARQUET and not file.member:
        at(0)
        columns, found = parquet_rows(file.path)
        return _sampled(columns, False, _counted(found, read), read, sample_rows)
    if file.ending in XML:
        at(0)
        return _sampled(None, False, _of_xml(file, read, reject), read, sample_rows)
    head = file.head(_SNIFFED_BYTES)
    if len(head) == _SNIFFED_BYTES and head.isascii():
        head = file.head()
    kind = next((what for sign, what in _OTHER_KINDS.items() if head.startswith(sign)), None)
    if kind is not None:
        raise InvalidInputError(f"{file.name} is {kind}")
    encoding, mark = encoding_of(head, whole=len(head) < _SNIFFED_BYTES)
    beginning = head[mark:].decode(encoding, "replace")
    if encoding != "utf-8":
        read.guesses["encoding"] = encoding
    if beginning.lstrip()[:1] == "<":
        raise InvalidInputError(f"{file.name} is a page or a feed of markup: give a catalogue in XML the ending .xml")
    is_table = file.ending in TABLES or (file.ending not in DOCUMENTS and beginning.lstrip()[:1] not in "{[")
    if not is_table:
        parts = _text(file, read, reject, encoding, mark, old_mac=False, at=at)
        return _sampled(None, False, unwrapped(documents.values(parts, reject)), read, sample_rows)
    dialect = delimited.sniff(beginning, is_known)
    if dialect.delimiter != ",":
        read.guesses["delimiter"] = _NAMES.get(dialect.delimiter, dialect.delimiter)
    parts = _text(file, read, reject, encoding, mark, old_mac=dialect.old_mac, at=at)
    if dialect.preamble:
        read.guesses["header"] = f"line {dialect.preamble + 1}"
    rows = delimited.rows(parts, dialect, reject, least_fields)
    _, header = next(rows, (0, []))
    return _sampled([name.strip(" \t\ufeff") for name in header], True, rows, read, sample_rows)


def least_fields(header: Sequence[str]) -> int:
    """How many fields a row has that says what it must: up to the last column that no row can do without."""
    names = [name.strip(" \t\ufeff") for name in header]
    found = columns_of(names, EVENT_FIELDS, {}) | columns_of(names, ITEM_FIELDS, {}, item=True)
    places = [names.index(found[field]) for field in _NEEDED if field in found]
    return max(places) + 1 if places else len(names)


def looked_at(file: DataFile) -> Rows:
    """A file with many rows in its sample, without a word about its damage."""
    return opened(file, "", ReadReport())


def columns_in(file: DataFile) -> tuple[list[str], Any, bool]:
    """(columns, first row, whether it is a table) of a file, without a word about its damage."""
    found = opened(file, "", ReadReport(), sample_rows=20)
    return found.columns, next(iter(found.sample), None), found.table


def resampled(columns: list[str], rows: Iterator[tuple[int, list[str]]], read: FileRead) -> Rows:
    """Rows that a format has made of a file's, as a table."""
    return _sampled(columns, True, rows, read, SAMPLE_ROWS)


def _sampled(
    columns: list[str] | None, table: bool, rows: Iterator[tuple[int, Any]], read: FileRead, n_rows: int
) -> Rows:
    first = list(islice(rows, n_rows))
    sample = [row for _, row in first]
    if columns is None:
        columns = list(dict.fromkeys(name for row in sample if isinstance(row, dict) for name in row))
    return Rows(columns, table, chain(first, rows), sample, read)


def _text(
    file: DataFile,
    read: FileRead,
    reject: Callable[[int, str, object], None],
    encoding: str,
    mark: int,
    *,
    old_mac: bool,
    at: Callable[[int], None],
) -> Iterator[str]:
    """The file's text in parts, its lines counted, its damage told."""
    try:
        for part in blocks(file, encoding, mark, old_mac=old_mac, at=at):
            read.lines += part.count("\n") + (part[-1:] != "\n")
            yield part
    except DAMAGED as exc:
        reject(read.lines + 1, f"the file is cut off or damaged here: {exc}", None)


def _month(
    file: DataFile, read: FileRead, reject: Callable[[int, str, object], None]
) -> Iterator[tuple[int, dict[str, Any]]]:
    """The records of a month of the archive, its damage told."""
    try:
        yield from enumerate(read_records(file.path), 1)
    except StoredDataError as exc:
        reject(read.lines + 1, str(exc), None)


def _of_xml(
    file: DataFile, read: FileRead, reject: Callable[[int, str, object], None]
) -> Iterator[tuple[int, dict[str, Any]]]:
    """The items of a feed, with the line of each; what is wrong after the first of them costs what follows it."""
    try:
        with file.binary() as binary:
            for line, row in xml.items(binary):
                read.lines = line
                yield line, row
    except DAMAGED as exc:
        reject(read.lines + 1, f"the file is cut off or damaged here: {exc}", None)
    except InvalidInputError as exc:
        if not read.lines:
            raise
        reject(read.lines + 1, f"the file can't be read from here on: {exc}", None)


def _counted(rows: Iterator[tuple[int, Any]], read: FileRead) -> Iterator[tuple[int, Any]]:
    for row in rows:
        read.lines += 1
        yield row
