"""One run of the summariser: new files of the archive are entered into the book, and the days that change written."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, Protocol

from endcap.results.book import Book
from endcap.results.codec import decoded, encoded, encoded_lists
from endcap.results.facts import act_of, shown_list
from endcap.results.open_lists import SPAN_MS
from endcap.results.read_files import ReadFiles
from endcap.results.tables import day_lines, day_parquet, day_rows

LISTS: Final = "exposures/"
FIRST_DAYS: Final = 7
"""How far back the first run goes: further back lists would be without what was done long after."""
LATE_DAYS: Final = 2
"""How many days a file may come after the day that it is dated by."""
FILES_AT_ONCE: Final = 40


class Store(Protocol):
    """Where book, tables and archive are; see `endcap.aws.results.ResultStore`."""

    def book(self) -> tuple[bytes, str] | None: ...

    def put_book(self, data: bytes, etag: str | None) -> None: ...

    def open_lists(self, name: str) -> bytes: ...

    def put_open_lists(self, name: str, data: bytes) -> None: ...

    def put_day(self, day: str, lines: bytes, parquet: bytes) -> None: ...

    def put_mark(self, mark: dict[str, Any]) -> None: ...

    def unread(self, read: Container[str], since: date, today: date) -> list[str]: ...

    def records(self, key: str) -> Iterator[dict[str, Any]]: ...


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run did: files that it entered, those that it left, days that it wrote."""

    entered: int
    left: int
    days: int


def summarise(store: Store, now_ms: int, *, goes_on: Callable[[], bool] = lambda: True) -> Summary:
    """Enter what is new, as much of it as there is time for.

    Parameters
    ----------
    goes_on : whether there is time for some more files

    Raises
    ------
    ConflictError : another run has written meanwhile; what this one read is read again
    StoredDataError : the book can't be read
    ThrottledError, DependencyError
    """
    found = store.book()
    book, read, as_of_ms = decoded(found[0], store.open_lists) if found else (Book(), ReadFiles(), None)
    today = datetime.fromtimestamp(now_ms / 1000, UTC).date()
    since = min(read.days, default=today - timedelta(days=FIRST_DAYS))
    since = max(since, today - timedelta(days=FIRST_DAYS))
    keys, entered = store.unread(read, since, today), 0
    unwritten, book.touched = book.touched, set()
    while entered < len(keys) and (entered == 0 or goes_on()):
        for key in keys[entered : entered + FILES_AT_ONCE]:
            as_of_ms = _enter(book, store, key, as_of_ms)
            read.add(key)
        entered += len(keys[entered : entered + FILES_AT_ONCE])
    if entered:
        book.close(now_ms)
        read.forget_before(min(today - timedelta(days=LATE_DAYS), max(read.days)))
        # Under new names, as a run that is overtaken must change nothing that the other one reads.
        for span, lists in book.lists.changed():
            book.lists.names[span] = f"{span * SPAN_MS}-{secrets.token_hex(6)}"
            store.put_open_lists(book.lists.names[span], encoded_lists(book, lists))
        store.put_book(encoded(book, read, as_of_ms), found[1] if found else None)
    days = sorted(unwritten | book.touched)  # what a run before has not written, since it was cut off
    for day in days:
        rows = day_rows(book.cells, day)
        store.put_day(day, day_lines(rows), day_parquet(rows))
    summary = Summary(entered, len(keys) - entered, len(days))
    if entered:
        store.put_mark({"as_of_ms": as_of_ms, "left": summary.left})
    return summary


def _enter(book: Book, store: Store, key: str, as_of_ms: int | None) -> int | None:
    records = list(store.records(key))
    if key.startswith(LISTS):
        lists = [shown for record in records if (shown := shown_list(record)) is not None]
        book.enter(lists, ())
        return max([as_of_ms or 0, *(shown.at_ms for shown in lists)]) or None
    book.enter((), [act for record in records if (act := act_of(record)) is not None])
    return as_of_ms
