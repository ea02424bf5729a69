"""What the commands print: tables for people, one JSON object for programs, progress only on a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from endcap_rebuild.settings import Progress as Report

SHOWN_BAD_ROWS = 20


@contextmanager
def progress_bar(console: Console) -> Iterator[Report]:
    """Something to tell (step, done, total) to: a bar on a terminal, elsewhere nothing."""
    bar = Progress(
        TextColumn("{task.description:<22}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
        redirect_stdout=False,  # the local stack has put something in its place that keeps functions' output apart
    )
    with bar:
        task = bar.add_task("starting", total=None)

        def report(step: str, done: int, total: int) -> None:
            bar.update(task, description=step.replace("_", " "), completed=done, total=total or None)

        yield report


def print_read(console: Console, read: Mapping[str, Any]) -> None:
    """What reading a folder found, bad rows with file, line and reason."""
    console.print(f"{read['items']:,} items and {read['events']:,} events read, {read['bad_row_count']:,} bad rows")
    for row in read["bad_rows"][:SHOWN_BAD_ROWS]:
        console.print(f"  {row['file']}:{row['line']}: {row['reason']}", style="yellow", markup=False)
    if read["bad_row_count"] > SHOWN_BAD_ROWS:
        console.print(f"  and {read['bad_row_count'] - SHOWN_BAD_ROWS:,} more")
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
    for outlier in found["named"][:SHOWN_BAD_ROWS]:
        what = f"{outlier['events']:,} events with {outlier['items']:,} items: {', '.join(outlier['signs'])}"
        console.print(f"  {outlier['user_id']}: {what}", style="yellow", markup=False)
    if found["users"] > SHOWN_BAD_ROWS:
        console.print(f"  and {found['users'] - SHOWN_BAD_ROWS:,} more")


def print_json(value: Mapping[str, Any]) -> None:
    """One JSON object on standard output."""
    print(json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True, default=str), flush=True)
