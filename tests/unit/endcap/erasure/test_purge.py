from dataclasses import replace

import pytest

from endcap.batch import Deadline
from endcap.erasure.inventory import PURGING_DAYS, SETTLED_DAYS
from endcap.erasure.ledger import Ledger
from endcap.erasure.purge import Step, purge
from endcap.erasure.receipt import DAY_MS, Entry

NOW_MS = 100 * DAY_MS
DAYS = 30


class Book:
    """The ledger's table in memory."""

    def __init__(self, *entries):
        self.entries = {entry.subject: entry for entry in entries}
        self.state, self.marks = None, {}

    def read(self):
        return Ledger({1: b"s"}, {s: e.until_ms for s, e in self.entries.items()}), list(self.entries.values())

    def round(self):
        return self.state

    def save(self, state):
        self.state = dict(state)

    def count(self, subject, store, removed, mark):
        if self.marks.get(subject) != mark:
            self.marks[subject] = mark
            entry = self.entries[subject]
            counts = {**entry.removed, store: entry.removed.get(store, 0) + removed}
            self.entries[subject] = replace(entry, removed=counts)

    def finish(self, entry, at_ms, scanned):
        self.entries[entry.subject] = replace(self.entries[entry.subject], purged_ms=at_ms, scanned=scanned)


class Shelf:
    """A store of things that belong to somebody; None stands for what nobody can read."""

    def __init__(self, name, things):
        self.name, self.things, self.looked = name, dict(enumerate(things)), 0

    def fence(self):
        pass

    def purge(self, ledger, cursor, note):
        for number in sorted(self.things):
            if cursor and number <= int(cursor):
                continue
            self.looked += 1
            owner = self.things[number]
            gone = owner in ledger.entries
            if gone:
                note({owner: 1}, f"{self.name}-{number}")
                del self.things[number]
            yield Step(str(number), 10, int(gone), ("ann",) if owner is None else ())


class Some(Deadline):
    """Lets so many steps begin."""

    def __init__(self, steps):
        super().__init__()
        self.left = steps

    @property
    def ends_work(self):
        self.left -= 1
        return self.left < 0


def ann(age_days, subject="ann"):
    return Entry(subject, NOW_MS - age_days * DAY_MS, NOW_MS - age_days * DAY_MS)


def run(book, *shelves, steps=10_000, begin=False, now_ms=NOW_MS):
    return purge(shelves, book, now_ms, DAYS, Some(steps), begin)


def ended(book):
    """A book that has seen a round before."""
    book.save({"last_ms": 1})
    return book


def test_a_round_ends_with_a_pass_that_finds_nothing_and_the_receipt_says_what_it_looked_through():
    book, shelf = ended(Book(ann(25))), Shelf("archive", ["ann", "bob", "ann", "bob"])
    report = run(book, shelf)
    assert (report["status"], report["passes"], report["removed"]) == ("done", 2, {"archive": 2})
    assert list(shelf.things.values()) == ["bob", "bob"]
    entry = book.entries["ann"]
    assert (entry.removed, entry.purged_ms, entry.scanned) == ({"archive": 2}, NOW_MS, {"objects": 2, "bytes": 20})


@pytest.mark.parametrize("steps", [1, 2, 3, 5])
def test_a_run_goes_on_where_the_last_one_ended_and_counts_nothing_twice(steps):
    book = ended(Book(ann(25), ann(22, "cat")))
    shelves = [Shelf("archive", ["ann", "bob", "cat"] * 3), Shelf("exposures", ["ann"] * 4)]
    runs = 0
    while run(book, *shelves, steps=steps)["status"] != "done":
        runs += 1
        assert runs < 60
    assert runs > 2
    assert (book.entries["ann"].removed, book.entries["cat"].removed) == (
        {"archive": 3, "exposures": 4},
        {"archive": 3},
    )
    assert not book.state["began_ms"]


class Digest(Shelf):
    """A store made of another one by somebody who reads it and writes later, unless there is a fence between."""

    def __init__(self, source):
        super().__init__("digest", [])
        self.source, self.read, self.fences = source, None, 0

    def fence(self):
        self.read, self.fences = None, self.fences + 1

    def look(self):
        self.read = dict(self.source.things)

    def write(self):
        self.things, self.read = self.things if self.read is None else self.read, None


@pytest.mark.parametrize("looks_at", range(12))
@pytest.mark.parametrize("writes_after", range(12))
def test_what_is_made_of_records_that_were_there_before_a_pass_does_not_come_back_after_it(looks_at, writes_after):
    archive = Shelf("archive", ["ann", "bob"])
    digest = Digest(archive)
    book, now = ended(Book(ann(25))), 0

    class Between(Some):
        @property
        def ends_work(self):
            nonlocal now
            if now == looks_at:
                digest.look()
            if now == looks_at + writes_after:
                digest.write()
            now += 1
            return False

    purge([archive, digest], book, NOW_MS, DAYS, Between(0), False)
    digest.write()
    assert book.entries["ann"].purged_ms == NOW_MS
    assert "ann" not in [*archive.things.values(), *digest.things.values()]
    assert digest.fences >= 2


def test_nothing_is_begun_before_it_is_due():
    wait = max(SETTLED_DAYS, DAYS - PURGING_DAYS)
    shelf = Shelf("archive", ["ann"])
    assert run(ended(Book(ann(wait - 1))), shelf)["status"] == "idle"
    assert shelf.looked == 0
    assert run(ended(Book(ann(wait))), shelf)["status"] == "done"


def test_the_first_round_of_a_stack_finds_who_was_erased_before_there_was_a_ledger():
    shelf = Shelf("profiles", ["bob"])
    assert run(Book(), shelf)["status"] == "done"
    assert shelf.looked == 1


def test_a_round_by_hand_removes_at_once_and_promises_no_more_than_has_settled():
    book, shelf = ended(Book(ann(SETTLED_DAYS), ann(1, "cat"))), Shelf("archive", ["ann", "cat"])
    assert run(book, shelf, begin=True)["pending"] == 1
    assert not shelf.things
    assert book.entries["ann"].purged_ms == NOW_MS
    assert book.entries["cat"].purged_ms is None  # a queue may still hold something


def test_what_came_late_goes_with_the_next_round_also_of_those_who_have_their_receipt():
    book, shelf = ended(Book(replace(ann(60), purged_ms=1), ann(25, "cat"))), Shelf("archive", ["ann"])
    run(book, shelf)
    assert not shelf.things
    assert book.entries["ann"].purged_ms == 1


def test_what_can_not_be_read_holds_up_its_own_receipt_alone():
    book, shelf = ended(Book(ann(25), ann(25, "cat"))), Shelf("profiles", [None, "cat"])
    report = run(book, shelf)
    assert (report["unreadable"], report["late"]) == (1, 1)
    assert (book.entries["ann"].purged_ms, book.entries["cat"].purged_ms) == (None, NOW_MS)


def test_who_is_not_gone_three_days_before_the_promised_day_is_late():
    book = ended(Book(ann(DAYS - 3), ann(DAYS - 4, "cat")))
    assert purge([Shelf("archive", ["bob"])], book, NOW_MS, DAYS, Some(0))["late"] == 1
