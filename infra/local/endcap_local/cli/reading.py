"""What the commands that read a folder have in common: a run without effects, and an end where the data is no good."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from endcap_rebuild.data.options import ReadOptions
from endcap_rebuild.data.report import UnusableDataError

if TYPE_CHECKING:
    from rich.console import Console


def dry_run_of(data: Path, options: ReadOptions, console: Console, as_json: bool) -> None:
    """Read a folder, print what was found, change nothing.

    Raises
    ------
    UnusableDataError : the data would not be let pass
    """
    from endcap_local.console import print_json, print_read, progress_bar
    from endcap_rebuild.data.check import check_folder

    started = time.monotonic()
    with stopped_by_data(console, as_json), progress_bar(console) as progress:
        report = check_folder(data, options, int(time.time() * 1000), progress=progress)
    seconds = round(time.monotonic() - started, 1)
    if as_json:
        print_json({**report.document(), "reasons": report.faults(options.allow_bad), "seconds": seconds})
    else:
        print_read(console, report.document())
        console.print(f"read in {seconds} s; nothing was changed")
    report.require_good(options.allow_bad)


@contextmanager
def stopped_by_data(console: Console, as_json: bool) -> Iterator[None]:
    """Print what was found where it was not good enough; the reasons follow with the exit status."""
    from endcap_local.console import print_json, print_read

    try:
        yield
    except UnusableDataError as exc:
        if as_json:
            print_json({**exc.report, "reasons": list(exc.reasons)})
        else:
            print_read(console, exc.report)
        raise
