"""A file opened as rows, each a name -> value: a table, JSON in lines or lists, or a merchant feed in XML."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from endcap.errors import InvalidInputError
from endcap.feeds import delimited, documents, xml
from endcap.feeds.encodings import encoding_of
from endcap.feeds.files import DAMAGED, SAMPLE_BYTES, DataFile, blocks, members
from endcap.feeds.names import EVENT_FIELDS, ITEM_FIELDS, columns_of

Row = tuple[int, Mapping[str, Any]]
Reject = Callable[[int, str, object], None]
MOST_CHARS: Final = 1 << 26
"""Of a file that is one JSON value: it is in memory at once. Lists of objects have no such end."""
_PARQUET: Final = b"PAR1"


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a file.

    Attributes
    ----------
    columns : of a table; empty where each row has names of its own
    mark : the decimal mark of its numbers, where its dialect tells
    """

    rows: Iterator[Row]
    columns: tuple[str, ...] = ()
    mark: str | None = None


def opened(path: Path, reject: Reject) -> Rows:
    """The rows of a file, which may be packed by gzip, or alone in a zip.

    Parameters
    ----------
    reject : told (line, reason, row) of what is no row

    Raises
    ------
    InvalidInputError : nothing of it can be read; also while `rows` is read, and what came before counts
    """
    try:
        (file,) = members(path)
    except ValueError:
        raise InvalidInputError("a zip must hold one file") from None
    except DAMAGED as exc:
        raise InvalidInputError(f"the file is damaged: {exc}") from None
    head = file.head()
    if head.startswith(_PARQUET):
        raise InvalidInputError("Parquet is not read here: endcap import reads it")
    encoding, mark = encoding_of(head, whole=len(head) < SAMPLE_BYTES)
    beginning = head[mark:].decode(encoding, "replace").lstrip()
    if not beginning:
        return Rows(_of_nothing(_text(file, encoding, mark)))
    if beginning.startswith("<"):
        return Rows(_of_xml(file))
    if beginning[0] in "[{":
        found = documents.values(_text(file, encoding, mark), reject, MOST_CHARS)
        return Rows(_objects(found, reject))
    dialect = delimited.sniff(head[mark:].decode(encoding, "replace"), _is_known)
    rows = delimited.rows(_text(file, encoding, mark, old_mac=dialect.old_mac), dialect, reject)
    columns = tuple(name.strip() for name in next(rows, (0, []))[1])
    return Rows(_of_table(columns, rows), columns, "," if dialect.delimiter == ";" else None)


def _is_known(name: str) -> bool:
    return bool(columns_of([name], ITEM_FIELDS, {}, item=True) or columns_of([name], EVENT_FIELDS, {}))


def _text(file: DataFile, encoding: str, mark: int, *, old_mac: bool = False) -> Iterator[str]:
    try:
        yield from blocks(file, encoding, mark, old_mac=old_mac)
    except DAMAGED as exc:
        raise InvalidInputError(f"the file is cut off or damaged: {exc}") from None


def _of_nothing(text: Iterator[str]) -> Iterator[Row]:
    """No rows; what is damaged from its first byte on says so."""
    for _ in text:
        yield from ()


def _of_xml(file: DataFile) -> Iterator[Row]:
    try:
        with file.binary() as binary:
            yield from xml.items(binary)
    except DAMAGED as exc:
        raise InvalidInputError(f"the file is cut off or damaged: {exc}") from None


def _of_table(columns: tuple[str, ...], rows: Iterator[tuple[int, list[str]]]) -> Iterator[Row]:
    for line, cells in rows:
        if any(cells):
            yield line, dict(zip(columns, cells, strict=True))


def _objects(found: Iterator[tuple[int, Any]], reject: Reject) -> Iterator[Row]:
    for line, value in found:
        if isinstance(value, Mapping):
            yield line, value
        else:
            reject(line, "not a JSON object", value)
