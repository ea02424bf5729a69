"""What the commands print: tables for people, one JSON object for programs, progress only on a terminal."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from endcap_rebuild.settings import Progress as Report

SHOWN_REASONS = 20
SHOWN_OUTLIERS = 20
SHOWN_FIELDS = 12
SAMPLE_CHARS = 160
NEW_STEP_S, SAME_STEP_S = 5.0, 30.0


@contextmanager
def progress_bar(console: Console) -> Iterator[Report]:
    """Something to tell (step, done, total) to: a line on a terminal, elsewhere one now and then on stderr.

    It has the time of the whole job so far, and an estimate of what is left of the step that it is at.
    """
    if not console.is_terminal:
        yield lines_now_and_then()
        return
    bar = Progress(
        TextColumn("{task.description:<22}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("so far; this step:"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        redirect_stdout=False,  # the local stack has put something in its place that keeps functions' output apart
    )
    with bar:
        task = bar.add_task("starting", total=None)

        def report(step: str, done: int, total: int) -> None:
            bar.update(task, description=step.replace("_", " "), completed=done, total=total or None)

        yield report


def lines_now_and_then(clock: Callable[[], float] = time.monotonic) -> Report:
    """Something to tell (step, done, total) to, for logs: a line as a step begins, and while it lasts.

    Between two lines lie `NEW_STEP_S` at least, or `SAME_STEP_S`, so that what is soon done says nothing.
    """
    started = told = clock()
    at = ""

    def report(step: str, done: int, total: int) -> None:
        nonlocal told, at
        now = clock()
        if now - told < (SAME_STEP_S if step == at else NEW_STEP_S):
            return
        told, at = now, step
        far = f" {done:,} of {total:,}" if total > 1 else f" {done:,}" if done else ""
        print(f"{int(now - started) // 60}:{int(now - started) % 60:02} {step.replace('_', ' ')}{far}", file=sys.stderr)

    return report


def print_read(console: Console, read: Mapping[str, Any]) -> None:
    """What reading a folder found: refused rows by their reasons, and what the data looks like."""
    console.print(f"{read['items']:,} items and {read['events']:,} events read, {read['bad_row_count']:,} bad rows")
    for group in read["refused"][:SHOWN_REASONS]:
        where = ", ".join(f"{row['file']}:{row['line']}" for row in group["first"])
        console.print(f"  {group['count']:,} refused: {group['reason']} ({where})", style="yellow", markup=False)
        if group.get("sample"):
            console.print(f"    {group['sample'][:SAMPLE_CHARS]}", style="dim", markup=False)
    if len(read["refused"]) > SHOWN_REASONS:
        console.print(f"  and {len(read['refused']) - SHOWN_REASONS:,} more reasons")
    for line in _lines_of(read):
        console.print(f"  {line}", markup=False)
    for name, what in (
        ("duplicate_events", "events stood there twice"),
        ("replaced_items", "items were replaced by a later row"),
        ("unknown_item_events", "events are about items that the catalogue does not have"),
        ("erased_events", "events were left out, as their users were erased"),
    ):
        if read[name]:
            console.print(f"  {read[name]:,} {what}")


def print_outliers(console: Console, found: Mapping[str, Any]) -> None:
    """Users who act as no shopper does, by name and sign (`OutlierReport` as a dictionary)."""
    if not found["users"]:
        return
    done = "left out" if found["left_out"] else "kept, as was asked for"
    console.print(
        f"{found['users']:,} users act as no shopper does (usual are {found['usual_events']:g} events); "
        f"{done}: {found['events']:,} events"
    )
    for outlier in found["named"][:SHOWN_OUTLIERS]:
        what = f"{outlier['events']:,} events with {outlier['items']:,} items: {', '.join(outlier['signs'])}"
        console.print(f"  {outlier['user_id']}: {what}", style="yellow", markup=False)
    if found["users"] > SHOWN_OUTLIERS:
        console.print(f"  and {found['users'] - SHOWN_OUTLIERS:,} more")


def _lines_of(read: Mapping[str, Any]) -> Iterator[str]:
    """The data report, and what was guessed, dropped and passed over, a line each."""
    found = read["report"]
    for file in found["files"]:
        guesses = ", ".join(f"{name} {value}" for name, value in file["guesses"].items())
        yield f"{file['file']}: {file['format']}, {file['lines']:,} lines" + (f"; {guesses}" if guesses else "")
    for file in read["passed_over_files"]:
        yield f"passed over {file['file']}: {file['reason']}"
    if found["rows_by_type"]:
        kinds = ", ".join(f"{count:,} {name}" for name, count in found["rows_by_type"].items())
        span = f" from {found['first']} to {found['last']}" if found["first"] else ""
        yield f"events: {kinds}; {found['users']:,} users, {found['largest_user_share']:.1%} by one of them{span}"
    lacking = ", ".join(f"{count:,} without {name}" for name, count in found["items_without"].items() if count)
    if lacking:
        yield f"items: {lacking}"
    if found["unknown_item_share"]:
        yield f"{found['unknown_item_share']:.1%} of the events name items that the catalogue does not have"
    if found["ignored_rows"]:
        yield f"{found['ignored_rows']:,} rows say nothing about an item"
    ignored = list(read["ignored_fields"])
    if ignored:
        more = f" and {len(ignored) - SHOWN_FIELDS} more" if len(ignored) > SHOWN_FIELDS else ""
        yield f"fields that nothing reads: {', '.join(ignored[:SHOWN_FIELDS])}{more}"
    for what, count in list(found["dropped_fields"].items())[:SHOWN_FIELDS]:
        yield f"{count:,} left out: {what}"
    yield from found["notes"]
    yield from found.get("hints", ())


def print_json(value: Mapping[str, Any]) -> None:
    """One JSON object on standard output."""
    print(json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True, default=str), flush=True)
