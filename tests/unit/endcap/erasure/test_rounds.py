"""Rounds of a purge at their borders: when one begins, when an erasure is finished or late, what is written down."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from typing import Any

import pytest

from endcap.batch import Deadline
from endcap.erasure.inventory import LATE_DAYS, PURGING_DAYS, SETTLED_DAYS
from endcap.erasure.ledger import Ledger
from endcap.erasure.purge import Note, Round, Step, purge
from endcap.erasure.receipt import Entry

DAY_MS = 86_400_000
NOW_MS = 100 * DAY_MS
DAYS = 30


class Book:
    """The ledger's table in memory; remembers what was saved and counted."""

    def __init__(self, *entries: Entry, last_ms: int = 1) -> None:
        self.entries = {entry.subject: entry for entry in entries}
        self.state: dict[str, Any] | None = {"last_ms": last_ms} if last_ms else None
        self.saved, self.counted = list[dict[str, Any]](), list[tuple[str, str, int, str]]()

    def read(self) -> tuple[Ledger, list[Entry]]:
        entries = list(self.entries.values())
        return Ledger({1: b"s"}, {entry.subject: entry.until_ms for entry in entries}), entries

    def round(self) -> dict[str, Any] | None:
        return self.state

    def save(self, state: Mapping[str, Any]) -> None:
        self.state = dict(state)
        self.saved.append(self.state)

    def count(self, subject: str, store: str, removed: int, mark: str) -> None:
        self.counted.append((subject, store, removed, mark))

    def finish(self, entry: Entry, at_ms: int, scanned: Mapping[str, int]) -> None:
        self.entries[entry.subject] = replace(entry, purged_ms=at_ms, scanned=scanned)


class Shelf:
    """A store whose every object takes `size` bytes; what is found in one is found once."""

    def __init__(self, name: str, n: int, finds: Mapping[int, int] | None = None, size: int = 10) -> None:
        self.name, self.n, self.finds, self.size = name, n, dict(finds or {}), size
        self.unreadable: dict[int, tuple[str, ...]] = {}
        self.fences, self.began = 0, list[str]()

    def fence(self) -> None:
        self.fences += 1

    def purge(self, ledger: Ledger, cursor: str, note: Note) -> Iterator[Step]:
        self.began.append(cursor)
        for number in range(int(cursor or -1) + 1, self.n):
            found = self.finds.pop(number, 0)
            if found:
                note({"ann": found}, f"{self.name}-{number}")
            yield Step(str(number), self.size, found, self.unreadable.get(number, ()))


class Some(Deadline):
    """Lets so many steps begin."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.left = steps

    @property
    def ends_work(self) -> bool:
        self.left -= 1
        return self.left < 0


def asked(at_ms: int, subject: str = "ann") -> Entry:
    return Entry(subject, at_ms, at_ms)


def run(
    book: Book, *shelves: Shelf, steps: int = 10_000, begin: bool = False, days: int = DAYS, now_ms: int = NOW_MS
) -> dict[str, Any]:
    return purge(shelves, book, now_ms, days, Some(steps), begin)


def test_what_a_round_is_before_it_begins() -> None:
    assert asdict(Round()) == {
        "began_ms": 0, "last_ms": 0, "passes": 1, "place": 0, "cursor": "", "looked": {}, "size": 0, "found": 0,
        "removed": {}, "blocked": [],
    }  # fmt: skip
    assert Step("c", 3) == Step("c", 3, 0, ())


@pytest.mark.parametrize(
    ("days", "wait_days"), [(DAYS, DAYS - PURGING_DAYS), (26, 16), (25, SETTLED_DAYS), (20, SETTLED_DAYS), (1, 15)]
)
def test_a_round_begins_ten_days_before_the_promise_and_not_before_all_has_settled(days: int, wait_days: int) -> None:
    due_ms = NOW_MS - wait_days * DAY_MS
    assert run(Book(asked(due_ms + 1)), Shelf("a", 1), days=days)["status"] == "idle"
    assert run(Book(asked(due_ms)), Shelf("a", 1), days=days)["status"] == "done"
    # The one that waits longest counts.
    assert run(Book(asked(NOW_MS), asked(due_ms, "b")), Shelf("a", 1), days=days)["status"] == "done"
    assert (SETTLED_DAYS, PURGING_DAYS, LATE_DAYS) == (15, 10, 3)


def test_nothing_is_due_where_nobody_waits() -> None:
    shelf = Shelf("a", 1)
    assert run(Book(), shelf)["status"] == "idle"
    assert run(Book(replace(asked(1), purged_ms=2)), shelf)["status"] == "idle"
    assert purge([shelf], Book(), NOW_MS, DAYS, Some(9))["status"] == "idle"
    assert (shelf.began, shelf.fences) == ([], 0)
    assert run(Book(), shelf, begin=True)["status"] == "done"


def test_an_idle_run_says_so_and_writes_nothing() -> None:
    book = Book(asked(NOW_MS))
    assert run(book, Shelf("a", 1)) == {
        "status": "idle", "erasures": 1, "pending": 1, "late": 0, "unreadable": 0, "passes": 0, "looked": {},
        "bytes": 0, "removed": {},
    }  # fmt: skip
    assert book.saved == []


def test_a_round_tells_what_it_did() -> None:
    settled = NOW_MS - SETTLED_DAYS * DAY_MS
    book = Book(asked(settled), asked(settled + 1, "bob"), replace(asked(3, "cat"), purged_ms=4))
    shelves = Shelf("archive", 3, {1: 2}), Shelf("exposures", 2, {0: 5}, size=100)
    assert run(book, *shelves, begin=True) == {
        "status": "done", "erasures": 3, "pending": 1, "late": 0, "unreadable": 0, "passes": 2,
        "looked": {"archive": 3, "exposures": 2}, "bytes": 230, "removed": {"archive": 2, "exposures": 5},
    }  # fmt: skip
    assert book.counted == [("ann", "archive", 2, "archive-1"), ("ann", "exposures", 5, "exposures-0")]
    ann, bob, cat = (book.entries[name] for name in ("ann", "bob", "cat"))
    assert (ann.purged_ms, ann.scanned) == (NOW_MS, {"objects": 5, "bytes": 230})
    assert (bob.purged_ms, cat.purged_ms) == (None, 4)
    assert book.state == asdict(Round(last_ms=NOW_MS))
    assert [shelf.fences for shelf in shelves] == [2, 2]


def test_every_pass_begins_at_the_first_store_with_a_fence() -> None:
    shelves = Shelf("a", 2, {0: 1}), Shelf("b", 2)
    run(Book(asked(1)), *shelves)
    assert [shelf.began for shelf in shelves] == [["", ""], ["", ""]]


def test_a_run_without_time_looks_at_nothing_and_keeps_its_round() -> None:
    book, shelf = Book(asked(1)), Shelf("a", 2)
    report = run(book, shelf, steps=0)
    assert (report["status"], report["passes"], report["looked"]) == ("unfinished", 1, {})
    assert (shelf.began, shelf.fences) == ([], 1)
    assert book.state == asdict(Round(began_ms=NOW_MS, last_ms=1))


def test_a_run_goes_on_behind_the_last_object_without_a_fence() -> None:
    book, shelves = Book(asked(1)), (Shelf("a", 3), Shelf("b", 2))
    report = run(book, *shelves, steps=2)
    assert (report["status"], report["looked"], report["bytes"]) == ("unfinished", {"a": 2}, 20)
    assert book.state is not None
    assert (book.state["place"], book.state["cursor"]) == (0, "1")
    assert run(book, *shelves, now_ms=NOW_MS + 5)["looked"] == {"a": 3, "b": 2}
    assert [shelf.began for shelf in shelves] == [["", "1"], [""]]
    assert [shelf.fences for shelf in shelves] == [1, 1]
    # Who asked before the round began is told of the moment when it ended.
    assert book.entries["ann"].purged_ms == NOW_MS + 5


def test_between_two_stores_a_run_goes_on_at_the_second() -> None:
    book, shelves = Book(asked(1)), (Shelf("a", 1), Shelf("b", 1))
    run(book, *shelves, steps=2)
    assert book.state is not None
    assert (book.state["place"], book.state["cursor"]) == (1, "")
    assert run(book, *shelves)["status"] == "done"
    assert [shelf.fences for shelf in shelves] == [1, 1]


def test_who_asked_while_a_round_was_under_way_waits_for_the_next() -> None:
    book, shelf = Book(asked(1)), Shelf("a", 2)
    run(book, shelf, steps=1)
    later = NOW_MS + SETTLED_DAYS * DAY_MS
    book.entries["bob"] = asked(NOW_MS, "bob")
    run(book, shelf, now_ms=later)
    assert (book.entries["ann"].purged_ms, book.entries["bob"].purged_ms) == (later, None)


def test_where_a_round_stands_is_written_down_with_each_find_and_every_twenty_objects() -> None:
    book = Book(asked(1))
    run(book, Shelf("a", 45))
    assert [state["cursor"] for state in book.saved] == ["19", "39", ""]
    book = Book(asked(1))
    run(book, Shelf("a", 30, {4: 1, 25: 3}))
    assert [(state["passes"], state["cursor"]) for state in book.saved] == [
        *((1, "4"), (1, "19"), (1, "25")),
        *((2, ""), (2, "19")),
        (1, ""),
    ]
    assert [state["found"] for state in book.saved[:4]] == [1, 1, 4, 0]
    assert book.saved[3] == asdict(Round(began_ms=NOW_MS, last_ms=1, passes=2, removed={"a": 4}))


def test_what_can_not_be_read_is_named_once_and_forgotten_when_it_can() -> None:
    book, shelf = Book(asked(1), asked(1, "bob"), asked(1, "cat")), Shelf("a", 3)
    shelf.unreadable = {0: ("bob", "ann"), 2: ("ann",)}
    report = run(book, shelf)
    assert (report["unreadable"], report["late"], report["pending"]) == (2, 2, 2)
    assert [name for name, entry in book.entries.items() if entry.purged_ms] == ["cat"]
    # A find makes another pass, in which everything can be read.
    book, shelf = Book(asked(1)), Shelf("a", 2, {1: 1})
    shelf.unreadable = {0: ("ann",)}
    step = shelf.purge

    def mended(ledger: Ledger, cursor: str, note: Note) -> Iterator[Step]:
        yield from step(ledger, cursor, note)
        shelf.unreadable = {}

    shelf.purge = mended  # type: ignore[method-assign]
    assert run(book, shelf)["unreadable"] == 0
    assert book.entries["ann"].purged_ms == NOW_MS


def test_late_is_who_is_not_gone_three_days_before_the_promise() -> None:
    late = NOW_MS - (DAYS - LATE_DAYS) * DAY_MS
    book = Book(asked(late), asked(late + 1, "bob"), asked(late - 1, "cat"), replace(asked(1, "dan"), purged_ms=2))
    report = run(book, Shelf("a", 1), steps=0)
    assert (report["late"], report["pending"], report["erasures"]) == (2, 3, 4)
