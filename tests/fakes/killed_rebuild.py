"""Rebuilds that are killed at a chosen point: `python -m tests.fakes.killed_rebuild SETTINGS POINT...`.

SETTINGS is JSON for `RebuildSettings`; for each point a process of its own rebuilds, with the point's name in place of
"{point}" in the settings, and kills itself there. Prints how each ended.

A point is "step", when a step begins; "step:half", in the middle of one; "write:FILE", when half of a file of the
snapshot is written; or "end", where nothing is killed.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from endcap.snapshot import files
from endcap_rebuild import job
from endcap_rebuild.settings import RebuildSettings
from endcap_rebuild.steps import full
from endcap_rebuild.steps.fast import FastJob, Needed
from endcap_rebuild.steps.runner import Outputs, Step, json_array, json_value
from endcap_rebuild.user_encoder.plan import TowerSettings

_PATHS = ("data", "out", "cache", "work")


def steps_with_encoder() -> Sequence[Step[FastJob]]:
    """The steps of the full budget; where an encoder was trained it has a weight, whatever tuning says.

    The lists of a toy shop are perfect, so that tuning may rightly give an encoder nothing to do.
    """
    (tuned,) = (step.run for step in full.FULL_STEPS if step.name == "weights")

    def wanted(job: FastJob, needed: Needed) -> Outputs:
        found = json_value(tuned(job, needed)["json"])
        if needed["trial_encoder"]:
            found["weights"]["similarity"] = 0.5
        return {"json": json_array(found)}

    return [replace(s, run=wanted) if s.name == "weights" else s for s in full.FULL_STEPS]


def hasten() -> None:
    """Train for two epochs only, and always train."""
    job.BUDGETS["full"] = steps_with_encoder()
    full.TowerSettings = partial(TowerSettings, least_epochs=2, most_epochs=2)  # type: ignore[misc, assignment]


def settings_of(document: str, point: str) -> RebuildSettings:
    """Settings from JSON, with the point's name in its folders."""
    fields: dict[str, Any] = json.loads(document.replace("{point}", point.replace(":", "-")))
    return RebuildSettings(**{name: Path(value) if name in _PATHS else value for name, value in fields.items()})


def kill_at(point: str) -> Any:
    """A progress callback that kills this process at the point."""
    name, _, where = point.partition(":")
    if name == "write":
        written = files.replace_file

        def cut(path: Path, write: Any) -> None:
            if path.name != where or path.parent.name.startswith("endcap-"):  # drafts of the rebuild itself
                written(path, write)
                return

            def half(file: BinaryIO) -> None:
                write(file)
                file.flush()
                os.truncate(file.fileno(), os.fstat(file.fileno()).st_size // 2)
                os.kill(os.getpid(), signal.SIGKILL)

            written(path, half)

        files.replace_file = cut

    def progress(step: str, done: int, total: int) -> None:
        if step == name and (not where or 0 < total // 2 < done):
            os.kill(os.getpid(), signal.SIGKILL)

    return progress


def killed(document: Mapping[str, object], points: Sequence[str]) -> dict[str, int]:
    """Run this module; exit status by point."""
    command = [sys.executable, "-m", __name__, json.dumps(document), *points]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True, check=True)
    return {point: int(status) for point, status in (line.rsplit(" ", 1) for line in done.stdout.splitlines())}


def main(document: str, points: Sequence[str]) -> None:
    """Kill one rebuild after the other."""
    if json.loads(document).get("budget") == "full":
        import endcap_rebuild.user_encoder.training  # noqa: F401 - once for all

        hasten()
    for point in points:
        if not (child := os.fork()):
            job.run_shard(settings_of(document, point), kill_at(point))
            os._exit(0)
        print(point, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
