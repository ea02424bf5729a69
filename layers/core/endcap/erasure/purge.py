"""The purge: takes what was erased out of every store that keeps records, as far as a run's time goes.

A round goes through all stores, pass after pass, until one pass has found nothing: that pass is the scan that a receipt
speaks of. Who works on records that a pass has yet to look through starts again (`Place.fence`), so nothing comes back
behind it. Where it stands is written down after every object, so that the next run goes on there; doing a part of
it again removes nothing twice, and counts nothing twice.

Every round holds to the whole ledger, old entries included, so what arrives late goes with the next. Those that a
round finishes are the ones that were asked for so long before it began that whatever could not be taken out of a
store, such as messages of a queue, has gone since or has met the ledger on its way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Protocol

from endcap.batch import Deadline
from endcap.erasure.inventory import LATE_DAYS, PURGING_DAYS, SETTLED_DAYS
from endcap.erasure.ledger import Ledger
from endcap.erasure.receipt import DAY_MS, Entry
from endcap.observability import logger

Note = Callable[[Mapping[str, int], str], None]
"""Told, before they are removed, how many records of whom go, under a mark that is the same when it is done again."""
SAVE_EVERY: Final = 20
"""Objects without a find between two times that the round is written down."""


@dataclass(frozen=True, slots=True)
class Step:
    """One object, row or page that was looked through.

    Attributes
    ----------
    cursor : where to go on behind it
    found : records that were removed from it
    unreadable : subjects of whom something can't be read, so that nobody knows whether it is to go
    """

    cursor: str
    size: int
    found: int = 0
    unreadable: tuple[str, ...] = ()


class Place(Protocol):
    """A store that can be purged."""

    name: str

    def fence(self) -> None:
        """Before a pass: what others have made of records that they read before it can't be written any more."""
        ...

    def purge(self, ledger: Ledger, cursor: str, note: Note) -> Iterator[Step]:
        """Look through all of it behind `cursor`, and remove what the ledger erases."""
        ...


class Book(Protocol):
    """The ledger's table, as a purge uses it."""

    def read(self) -> tuple[Ledger, list[Entry]]:
        """All of it."""
        ...

    def round(self) -> dict[str, Any] | None:
        """The round as it was saved; None before the first."""
        ...

    def save(self, state: Mapping[str, Any]) -> None:
        """Keep it."""
        ...

    def count(self, subject: str, store: str, removed: int, mark: str) -> None:
        """Add to what was removed of a subject, once for each mark."""
        ...

    def finish(self, entry: Entry, at_ms: int, scanned: Mapping[str, int]) -> None:
        """Write down that nothing is left of an entry, unless it was renewed meanwhile."""
        ...


@dataclass
class Round:
    """Where a round stands.

    Attributes
    ----------
    began_ms : 0 where none is under way
    last_ms : when the last one ended, 0 before the first
    looked : store -> objects looked through in this pass
    size : bytes looked through in this pass
    found : what this pass has removed
    blocked : subjects that can't be finished as something of theirs can't be read
    """

    began_ms: int = 0
    last_ms: int = 0
    passes: int = 1
    place: int = 0
    cursor: str = ""
    looked: dict[str, int] = field(default_factory=dict)
    size: int = 0
    found: int = 0
    removed: dict[str, int] = field(default_factory=dict)
    blocked: list[str] = field(default_factory=list)


def purge(
    places: Sequence[Place],
    book: Book,
    now_ms: int,
    erasure_days: int,
    deadline: Deadline,
    begin: bool = False,
) -> dict[str, Any]:
    """Go on with the round that is under way, or begin one where that is due.

    Parameters
    ----------
    begin : whether to begin one now, whatever is due

    Returns
    -------
    what was done, as JSON: `status` (`idle`, `unfinished` or `done`), how many erasures are `pending`, how many of them
    `late` (within three days of what was promised, or held up), and of the round `passes`, `looked`, `bytes`, `removed`
    """
    ledger, entries = book.read()
    state = _state_of(book.round())
    if not state.began_ms and not (begin or _is_due(state, entries, now_ms, erasure_days)):
        return _report("idle", state, entries, now_ms, erasure_days)
    if not state.began_ms:
        state = Round(began_ms=now_ms, last_ms=state.last_ms)
    finished = _run(places, book, ledger, state, deadline)
    if finished:
        for entry in entries:
            settled = entry.requested_ms <= state.began_ms - SETTLED_DAYS * DAY_MS
            if entry.purged_ms is None and settled and entry.subject not in state.blocked:
                scanned = {"objects": sum(state.looked.values()), "bytes": state.size}
                book.finish(entry, now_ms, scanned)
        report = _report("done", state, book.read()[1], now_ms, erasure_days)
        book.save(asdict(Round(last_ms=now_ms)))
        return report
    book.save(asdict(state))
    return _report("unfinished", state, entries, now_ms, erasure_days)


def _state_of(saved: Mapping[str, Any] | None) -> Round:
    return Round(**saved) if saved else Round()


def _is_due(state: Round, entries: Iterable[Entry], now_ms: int, erasure_days: int) -> bool:
    if not state.last_ms:
        return True  # the first one also finds who was erased before there was a ledger
    waiting = [entry.requested_ms for entry in entries if entry.purged_ms is None]
    wait_days = max(SETTLED_DAYS, erasure_days - PURGING_DAYS)
    return bool(waiting) and min(waiting) <= now_ms - wait_days * DAY_MS


def _run(places: Sequence[Place], book: Book, ledger: Ledger, state: Round, deadline: Deadline) -> bool:
    """Whether a whole pass has found nothing; False where the time was over before."""
    while True:
        if not state.place and not state.cursor:
            for place in places:
                place.fence()
        while state.place < len(places):
            if deadline.ends_work or not _through(places[state.place], book, ledger, state, deadline):
                return False
            state.place, state.cursor = state.place + 1, ""
        if not state.found:
            return True
        logger.info("a pass of the purge has found something", extra={"pass": state.passes, "found": state.found})
        state.passes, state.place, state.cursor = state.passes + 1, 0, ""
        state.looked, state.size, state.found, state.blocked = {}, 0, 0, []
        book.save(asdict(state))


def _through(place: Place, book: Book, ledger: Ledger, state: Round, deadline: Deadline) -> bool:
    removed: Counter[str] = Counter(state.removed)

    def note(subjects: Mapping[str, int], mark: str) -> None:
        for subject, count in subjects.items():
            book.count(subject, place.name, count, mark)

    for number, step in enumerate(place.purge(ledger, state.cursor, note), start=1):
        state.cursor = step.cursor
        state.looked[place.name] = state.looked.get(place.name, 0) + 1
        state.size += step.size
        state.found += step.found
        removed[place.name] += step.found
        state.removed = dict(removed)
        state.blocked = sorted({*state.blocked, *step.unreadable})
        if deadline.ends_work:
            return False
        if step.found or number % SAVE_EVERY == 0:
            book.save(asdict(state))
    return True


def _report(status: str, state: Round, entries: Sequence[Entry], now_ms: int, erasure_days: int) -> dict[str, Any]:
    pending = [entry.requested_ms for entry in entries if entry.purged_ms is None]
    return {
        "status": status,
        "erasures": len(entries),
        "pending": len(pending),
        "late": max(
            len(state.blocked), sum(asked <= now_ms - (erasure_days - LATE_DAYS) * DAY_MS for asked in pending)
        ),
        "unreadable": len(state.blocked),
        "passes": state.passes if state.began_ms else 0,
        "looked": dict(state.looked),
        "bytes": state.size,
        "removed": dict(state.removed),
    }
