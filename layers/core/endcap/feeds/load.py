"""A file of a shop taken in a batch of rows at a time: bounded, and gone on with where it was left.

What a row brings about concerns that row alone: it is refused with its line and the reason. What fails for now raises,
and the batch is taken again; taking a row twice changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, Final, Literal, Protocol

from endcap.catalog.item import Item, parse_item
from endcap.catalog.patch import item_patch
from endcap.catalog.row import ItemRow
from endcap.errors import DependencyError, FieldError, InvalidInputError, InvalidItemError
from endcap.events.interaction import interaction_document
from endcap.events.types import EventType
from endcap.feeds.events import EventRows
from endcap.feeds.items import ItemRows
from endcap.feeds.rows import Row, Rows, opened

Role = Literal["items", "events"]
ROLES: Final[tuple[Role, ...]] = ("items", "events")
BATCH_ROWS: Final = 500
WRITERS: Final = 8
MAX_REFUSALS: Final = 5_000
"""Refused rows that one run keeps; of further ones there is the number."""
MAX_IDLE: Final = 600
"""A day of runs: what comes to no row for so long would go on for ever."""
SAMPLE_CHARS: Final = 500
ALLOWED_BAD: Final = 0.2
"""The share of refused rows above which a file counts as failed."""


@dataclass(frozen=True, slots=True)
class Task:
    """A file, and how far it has been taken in.

    Attributes
    ----------
    etag, version : name what the object held
    at_ms : when it was written
    rows : read so far
    changed : items that were new or different
    idle : runs in a row that came to no row, as others had to go first or the way to the next row took all their time
    failure : why no more of it can be read; "" while it can
    """

    key: str
    etag: str
    at_ms: int
    version: str | None = None
    rows: int = 0
    accepted: int = 0
    changed: int = 0
    refused: int = 0
    failure: str = ""
    idle: int = 0

    @property
    def role(self) -> Role:
        """What it holds, by the first folder of its path that says so.

        Raises
        ------
        InvalidInputError : it lies in none
        """
        for folder in self.key.split("/")[:-1]:
            for role in ROLES:
                if folder == role:
                    return role
        raise InvalidInputError(f"the folder says neither {' nor '.join(ROLES)}")

    @property
    def failed(self) -> bool:
        """Whether somebody should look at it."""
        return bool(self.failure) or self.refused > ALLOWED_BAD * (self.refused + self.accepted)

    def document(self) -> dict[str, Any]:
        """As JSON, which `Task(**document)` reads back."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row that was not taken, and why."""

    line: int
    errors: Sequence[FieldError]
    row: str

    def json(self) -> str:
        """One line of JSON."""
        return json.dumps({"line": self.line, "errors": list(self.errors), "row": self.row}, ensure_ascii=False)


@dataclass(slots=True)
class Run:
    """What one run of a task has come to.

    Attributes
    ----------
    done : whether there is no more to read
    """

    task: Task
    done: bool = False
    refusals: list[Refusal] = field(default_factory=list)
    warnings: int = 0


class Items(Protocol):
    """The catalogue."""

    def many(self, item_ids: Sequence[str]) -> Mapping[str, ItemRow | None]: ...

    def put(self, item: Item) -> bool: ...

    def change(self, item_id: str, change: Callable[[Item], Item]) -> tuple[Item, bool] | None: ...


class Events(Protocol):
    """The queue of events; `send` answers the indices of those that it did not take."""

    def send(self, documents: Sequence[Mapping[str, Any]]) -> list[int]: ...


def load(
    path: Path,
    task: Task,
    items: Callable[[], Items],
    events: Callable[[], Events],
    event_types: Mapping[str, EventType],
    may_go_on: Callable[[], bool],
) -> Run:
    """Take in the rows of a file from where `task` was left, as long as `may_go_on` says so before each batch.

    Raises
    ------
    ThrottledError, DependencyError : something did not answer; what was taken until then is taken again, to no effect
    """
    run = Run(task)
    seen = 0

    def reject(line: int, reason: str, row: object) -> None:
        if seen >= task.rows:
            _refuse(run, line, [FieldError(field="", message=reason)], row)

    try:
        found = opened(path, reject)
        take = _taker(task.role, found, task, items, events, event_types)
        for _ in islice(found.rows, task.rows):
            seen += 1
        while may_go_on():
            batch = list(islice(found.rows, BATCH_ROWS))
            if not batch:
                run.done = True
                break
            seen += len(batch)
            take(batch, run)
            run.task = replace(run.task, rows=run.task.rows + len(batch))
    except InvalidInputError as exc:  # of the file: a row's are told row by row
        run.task, run.done = replace(run.task, failure=str(exc)), True
    idle = 0 if run.done or run.task.rows > task.rows else task.idle + 1
    run.task = replace(run.task, idle=idle)
    if idle > MAX_IDLE:
        run.task, run.done = replace(run.task, failure=f"{MAX_IDLE} runs in a row came to no row of it"), True
    return run


Take = Callable[[list[Row], Run], None]


def _taker(
    role: Role,
    found: Rows,
    task: Task,
    items: Callable[[], Items],
    events: Callable[[], Events],
    event_types: Mapping[str, EventType],
) -> Take:
    if role == "items":
        catalogue, reader = items(), ItemRows(found.mark)
        return lambda batch, run: _take_items(batch, run, reader, catalogue)
    queue = events()
    rows = EventRows(f"{task.key}/{task.etag}", task.at_ms, event_types, found.mark)
    return lambda batch, run: _take_events(batch, run, rows, queue)


def _take_events(batch: list[Row], run: Run, reader: EventRows, queue: Events) -> None:
    documents: list[dict[str, Any]] = []
    accepted = 0
    for number, (line, row) in enumerate(batch, run.task.rows + 1):
        warnings: list[FieldError] = []
        try:
            documents += map(interaction_document, reader.interactions(number, row, warnings))
        except InvalidInputError as exc:
            _refuse(run, line, exc.errors, row)
            continue
        accepted += 1
        run.warnings += len(warnings)
    if documents and queue.send(documents):
        raise DependencyError("the queue did not take all events")
    run.task = replace(run.task, accepted=run.task.accepted + accepted)


def _take_items(batch: list[Row], run: Run, reader: ItemRows, catalogue: Items) -> None:
    wanted: dict[str, tuple[int, Row, dict[str, Any], Item]] = {}
    taken = 0
    for line, row in batch:
        warnings: list[FieldError] = []
        try:
            document = reader.document(row, warnings)
            item = parse_item(document, warnings)
        except InvalidItemError as exc:
            _refuse(run, line, exc.errors, row)
            continue
        run.warnings += len(warnings)
        taken += 1
        if item.item_id in wanted:  # two rows of one item, as of its price and its stock, each say their part
            before = wanted.pop(item.item_id)[2]
            document = {**before, **document}
            item = parse_item(document, [])
        wanted[item.item_id] = line, (line, row), document, item
    known = catalogue.many(list(wanted))

    def stored(entry: tuple[int, Row, dict[str, Any], Item]) -> bool | InvalidItemError:
        _, _, document, item = entry
        row = known.get(item.item_id)
        if row is not None and row.item == item:
            return False
        try:
            if item.title:
                return catalogue.put(item)
            outcome = catalogue.change(item.item_id, item_patch(item.item_id, document, []))
        except InvalidItemError as exc:
            return exc
        if outcome is None:
            return InvalidItemError([FieldError(field="title", message="is required: this is no item yet")])
        return outcome[1]

    with ThreadPoolExecutor(WRITERS) as writers:
        outcomes = list(writers.map(stored, wanted.values()))
    changed = 0
    for (line, (_, row), _, _), outcome in zip(wanted.values(), outcomes, strict=True):
        if isinstance(outcome, InvalidItemError):
            taken -= 1
            _refuse(run, line, outcome.errors, row)
        else:
            changed += outcome
    run.task = replace(run.task, accepted=run.task.accepted + taken, changed=run.task.changed + changed)


def _refuse(run: Run, line: int, errors: Sequence[FieldError], row: object) -> None:
    run.task = replace(run.task, refused=run.task.refused + 1)
    if len(run.refusals) < MAX_REFUSALS:
        text = row if isinstance(row, str) else json.dumps(row, ensure_ascii=False, default=str)
        sample = text[:SAMPLE_CHARS].encode(errors="replace").decode()
        run.refusals.append(Refusal(line, list(errors)[:10], sample))
