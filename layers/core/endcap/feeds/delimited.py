"""Tables as text: what separates their columns, and their rows, so that a broken one costs itself alone."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

DELIMITERS: Final = (",", ";", "\t", "|", "\x01", "^", "~", "，", " ")
"""In the order in which they win where a table fits several; those after the fourth need names that are known."""
_USUAL: Final = 4
MAX_RECORD_LINES: Final = 2_000
"""A quoted field longer than this was opened by accident."""
_SAMPLE_LINES: Final = 50
_MOST_PREAMBLE: Final = 20
_SEPARATOR_LINE: Final = re.compile(r"sep=(.)\s*$", re.IGNORECASE)
_WRAPPED: Final = re.compile(r'"(?:[^"]|"")*"')
_SINGLE_QUOTED: Final = re.compile(r"'[^']*'(?:.'[^']*')+")
_ESCAPED: Final = re.compile(r"""\\"[^,;\t|\r\n]""")
_UNCLOSED: Final = "unexpected end of data"
Reject = Callable[[int, str, object], None]


@dataclass(frozen=True)
class Dialect:
    """How a table is written.

    skip_space : spaces after a delimiter are no part of the field, nor of its quotes
    preamble : lines before the header
    old_mac : lines end with a carriage return alone
    quote : begins and ends a field that holds delimiters
    escape : stands before a quote within a field, where quotes are not doubled
    wrapped : each line is one quoted field that holds the row, as spreadsheets save a column of rows
    """

    delimiter: str = ","
    skip_space: bool = False
    preamble: int = 0
    old_mac: bool = False
    quote: str = '"'
    escape: str | None = None
    wrapped: bool = False


def sniff(sample: str, known: Callable[[str], bool]) -> Dialect:
    """The dialect of a table by its beginning.

    Parameters
    ----------
    known : whether a name of a column is one that is looked for
    """
    old_mac = "\n" not in sample and "\r" in sample
    lines = (sample.replace("\r", "\n") if old_mac else sample).splitlines()[:_SAMPLE_LINES]
    preamble = 0
    told = _SEPARATOR_LINE.match(lines[0]) if lines else None
    if told:
        return Dialect(told[1], preamble=1, old_mac=old_mac)
    while preamble < len(lines) and not lines[preamble].strip():
        preamble += 1
    if preamble == len(lines):
        return Dialect(old_mac=old_mac)
    preamble = _header(lines, preamble, known)
    wrapped = _is_wrapped(lines[preamble:], known)
    if wrapped:
        lines = [_unwrapped(line) for line in lines]
    quote = "'" if _single_quoted(lines[preamble]) else '"'

    def fitness(delimiter: str) -> tuple[int, int, int]:
        names = _cells(lines[preamble], delimiter, quote)
        widths = Counter(len(_cells(line, delimiter, quote)) for line in lines[preamble + 1 :] if line.strip())
        alike = widths[len(names)] if len(names) > 1 else 0
        n_known = sum(known(name.strip()) for name in names)
        if delimiter not in DELIMITERS[:_USUAL] and n_known < 2:
            return 0, 0, 0
        return n_known, alike, len(names)

    best = max(DELIMITERS, key=lambda d: (fitness(d), -DELIMITERS.index(d)))
    spaced = sum(best + " " in line for line in lines[preamble : preamble + 5])
    names = _cells(lines[preamble], best, quote)
    skip = len(names) > 1 and spaced > 0 and all(name.startswith(" ") for name in names[1:])
    escape = "\\" if _ESCAPED.search("\n".join(lines)) and quote * 2 not in "".join(lines[preamble + 1 :]) else None
    return Dialect(best, skip, preamble, old_mac, quote, escape, wrapped)


def _header(lines: Sequence[str], first: int, known: Callable[[str], bool]) -> int:
    """The line that names the columns: the first one, unless it names none that is known and a later one several."""

    def n_known(line: str) -> int:
        return max(sum(known(name.strip(" '\"")) for name in _cells(line, d)) for d in DELIMITERS[:_USUAL])

    if n_known(lines[first]):
        return first
    later = [k for k in range(first, min(len(lines), first + _MOST_PREAMBLE)) if n_known(lines[k]) > 1]
    return later[0] if later else first


def _is_wrapped(lines: Sequence[str], known: Callable[[str], bool]) -> bool:
    """Whether every line is one quoted field."""
    filled = [line for line in lines if line.strip()]
    if len(filled) < 2 or not all(_WRAPPED.fullmatch(line.strip()) for line in filled):
        return False
    header = _unwrapped(filled[0])
    return not known(header) and any(sum(map(known, _cells(header, d))) > 1 for d in DELIMITERS[:_USUAL])


def _unwrapped(line: str) -> str:
    body = line.rstrip("\r\n")
    text = body.strip()
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return line
    return text[1:-1].replace('""', '"') + line[len(body) :]


def _single_quoted(header: str) -> bool:
    return _SINGLE_QUOTED.fullmatch(header.strip()) is not None


def _cells(line: str, delimiter: str, quote: str = '"') -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter, quotechar=quote), [])
    except csv.Error:
        return line.split(delimiter)


def rows(
    parts: Iterable[str],
    dialect: Dialect,
    reject: Reject,
    least: Callable[[Sequence[str]], int] = len,
) -> Iterator[tuple[int, list[str]]]:
    """The rows of a table with the line that each ends at, header first; blank lines are left out.

    A quote that is opened and never closed costs its own line, and the rows after it are read: a field may run over
    several lines only where its record then has the header's width, and where those lines are not rows themselves.

    Parameters
    ----------
    parts : text, each part whole lines
    reject : told (line, reason, text) of each row that has not the header's width or is damaged
    least : how many fields a row has at least, by the header: spreadsheets leave out empty ones at a row's end
    """
    table = _Rows(dialect, reject, least)
    for part in parts:
        if dialect.wrapped:
            part = "".join(map(_unwrapped, _lines(part)))
        yield from table.add(part)
    yield from table.end()


class _Rows:
    """Rows of a table as its text comes in."""

    def __init__(self, dialect: Dialect, reject: Reject, least: Callable[[Sequence[str]], int]) -> None:
        self._dialect, self._reject, self._least_of = dialect, reject, least
        self._skip, self._quote = dialect.preamble, dialect.quote
        self._width = self._kept = self._least = 0
        self._line = 0
        self._open: list[str] = []

    def add(self, part: str) -> Iterator[tuple[int, list[str]]]:
        """The rows that end within `part`."""
        if not self._open and self._quote not in part and self._width and not self._skip:
            yield from self._plain(part)
            return
        lines = [*self._open, *_lines(part)]
        found = None if self._open or self._skip or not self._width else self._a_line_each(lines)
        self._open = []
        if found is None:
            yield from self._careful(lines, ended=False)
        else:
            yield from self._all_fitted(found)

    def end(self) -> Iterator[tuple[int, list[str]]]:
        """The rows that were waiting for the end of a field."""
        lines, self._open = self._open, []
        yield from self._careful(lines, ended=True)

    def _reader(self, lines: Iterable[str], *, strict: bool = False) -> Any:
        dialect = self._dialect
        return csv.reader(
            lines,
            delimiter=dialect.delimiter,
            skipinitialspace=dialect.skip_space,
            quotechar=dialect.quote,
            escapechar=dialect.escape,
            strict=strict,
        )

    def _plain(self, part: str) -> Iterator[tuple[int, list[str]]]:
        """Rows without a quote anywhere."""
        try:
            found = list(self._reader(io.StringIO(part, newline="\n")))
        except csv.Error:
            yield from self._careful(_lines(part), ended=True)
        else:
            yield from self._all_fitted(found)

    def _a_line_each(self, lines: list[str]) -> list[list[str]] | None:
        """The rows of lines; None where some run over several, or are at odds with their quotes."""
        reader = self._reader(lines, strict=True)
        try:
            found = list(reader)
        except csv.Error:
            return None
        return found if len(found) == len(lines) else None

    def _all_fitted(self, found: list[list[str]]) -> Iterator[tuple[int, list[str]]]:
        """Rows of a line each, those that have the header's width."""
        line, width, plain = self._line, self._width, self._kept == self._width
        self._line += len(found)
        if plain and set(map(len, found)) == {width}:
            yield from enumerate(found, line + 1)
            return
        for cells in found:
            line += 1
            if plain and len(cells) == width:
                yield line, cells
            elif cells:
                row = self._fitted(cells, line, cells)
                if row is not None:
                    yield line, row

    def _careful(self, lines: list[str], *, ended: bool) -> Iterator[tuple[int, list[str]]]:
        at = 0
        while at < len(lines):
            if self._skip:
                self._skip -= 1
                at += 1
                self._line += 1
                continue
            used, cells = self._record(lines, at, ended)
            if not used:
                self._open = lines[at:]
                return
            self._line += used
            if cells:
                row = self._fitted(cells, self._line, "".join(lines[at : at + used]).rstrip("\r\n"))
                if row is not None:
                    yield self._line, row
            at += used

    def _record(self, lines: list[str], at: int, ended: bool) -> tuple[int, list[str]]:
        """(lines used, cells) of the record that begins at `at`; (0, []) where it ends in text that is to come."""
        line = lines[at]
        try:
            return 1, next(self._reader([line], strict=True), [])
        except csv.Error as exc:
            if _UNCLOSED not in str(exc):
                return 1, self._alone(line, str(exc))
        limit = min(len(lines), at + MAX_RECORD_LINES)
        reader = self._reader(lines[at:limit], strict=True)
        try:
            cells: list[str] = next(reader, [])
        except csv.Error as exc:
            if _UNCLOSED in str(exc) and not ended and limit == len(lines) and limit - at < MAX_RECORD_LINES:
                return 0, []
            return 1, self._alone(line, _UNCLOSED)
        used = int(reader.line_num)
        if self._trimmed(cells) is None or self._are_rows(lines[at + 1 : at + used - 1]):
            return 1, self._alone(line, _UNCLOSED)
        return used, cells

    def _alone(self, line: str, problem: str) -> list[str]:
        """A line whose quotes are at odds, by itself; nothing, and a refusal, where one is opened and not closed."""
        cells: list[str] = []
        if self._dialect.delimiter == "\t":  # such tables are mostly written without any quoting
            cells = line.rstrip("\r\n").split("\t")
        elif problem != _UNCLOSED and line.count(self._quote) % 2 == 0:
            try:
                cells = next(self._reader([line]), [])
            except csv.Error:
                cells = []
        if cells and self._trimmed(cells) is not None:
            return cells
        said = problem if self._quote not in line else "a quote is opened and not closed"
        self._reject(self._line + 1, said, line.rstrip("\r\n"))
        return []

    def _are_rows(self, between: Sequence[str]) -> bool:
        """Whether all lines inside a quoted field are rows themselves: one with a quote would have ended the field."""
        if self._width < 3 or any(self._quote in line for line in between):
            return False
        return bool(between) and all(map(self._is_row, between))

    def _is_row(self, line: str) -> bool:
        try:
            cells: list[str] = next(self._reader([line], strict=True), [])
        except csv.Error:
            return False
        return self._trimmed(cells) is not None and sum(bool(cell.strip()) for cell in cells) > 1

    def _trimmed(self, cells: list[str]) -> list[str] | None:
        """The cells without empty ones after the last column; None where the row has not the header's width."""
        width = self._width or len(cells)
        if len(cells) < width or any(cell.strip() for cell in cells[width:]):
            return None
        return cells[: self._kept or width]

    def _fitted(self, cells: list[str], line: int, text: object) -> list[str] | None:
        if not self._width:
            self._width = self._kept = len(cells)
            while self._kept > 1 and not cells[self._kept - 1].strip():
                self._kept -= 1
            self._least = self._least_of(cells[: self._kept])
            return cells[: self._kept]
        row = self._trimmed(cells)
        if row is None and self._kept <= len(cells) < self._width:
            return cells[: self._kept]
        if row is None and self._least <= len(cells) < self._kept:
            return [*cells, *[""] * (self._kept - len(cells))]
        if row is None and any(cell.strip() for cell in cells):
            self._reject(line, f"has {len(cells)} fields, the header has {self._kept}", text)
        return row


def _lines(part: str) -> list[str]:
    return list(io.StringIO(part, newline="\n"))
