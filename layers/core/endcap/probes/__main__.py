"""`python -m endcap.probes ASKED`: what `endcap.snapshot.examination` runs, and reads line by line.

Each line is a JSON object: `{"step": what comes next}`, `{"verified": true}`, and at last `{"measured": ...}`, or
`{"refused": why}` where the files are not sound. It may end at any moment: by a limit of its own, or by a crash.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

MAX_SAID: Final = 8 << 20


def main() -> None:
    """Read what is asked, keep to its limits, and say what was found."""
    asked = json.loads(sys.argv[1])
    limits = asked["limits"]
    _limit(limits)
    out = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)  # what a library prints is no verdict

    def say(line: Mapping[str, Any]) -> None:
        out.write(json.dumps(line) + "\n")

    def step(name: str) -> None:
        say({"step": name})
        signal.setitimer(signal.ITIMER_PROF, 0 if name in UNBOUNDED else limits["step_s"])  # nobody handles its signal

    from endcap.errors import EndcapError
    from endcap.probes.measure import UNBOUNDED, measure, verify

    try:
        snapshot = verify(Path(asked["folder"]), step)
    except EndcapError as exc:
        say({"refused": str(exc)})
        return
    say({"verified": True})
    if asked["probing"]:
        current = asked["compared"]
        say({"measured": measure(snapshot, current and Path(current), asked["now_ms"], step).as_document()})


def _limit(limits: Mapping[str, float]) -> None:
    """Of processor time, data, and what is written; none of them higher than they are by now."""
    seconds, data = int(limits["seconds"]) + 1, int(limits["memory_bytes"])
    for what, most in (
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_DATA, data),
        (resource.RLIMIT_FSIZE, MAX_SAID),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(what)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (most, most))


if __name__ == "__main__":
    main()
