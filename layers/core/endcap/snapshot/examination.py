"""A candidate looked at in a process of its own, with limits of time and memory.

What it carries runs there for the first time: graphs, a tokenizer's expressions, documents of any length. Should one of
them never end, or take all memory, the process ends and the promotion says so. It is given none of the credentials, and
can write no file. `endcap.probes` is what runs in it; that package stands above this one, and is known by name alone.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess  # nosec B404 # our own interpreter on our own module, see `_ran`
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from endcap.errors import SnapshotIntegrityError
from endcap.snapshot.figures import Measured
from endcap.snapshot.files import has_part
from endcap.snapshot.format import array_file
from endcap.snapshot.gates import GateError

MODULE: Final = "endcap.probes"
MAX_WORDS: Final = 300
"""Of what a process that died said last."""
_PASSED_ON: Final = ("LD_LIBRARY_PATH", "PATH", "HOME", "TMPDIR", "TZ", "LANG", "LC_ALL")


@dataclass(frozen=True, slots=True)
class Limits:
    """What an examination may take.

    Attributes
    ----------
    seconds : by the clock, altogether, and of processor time
    step_s : of processor time for one step after the files were read: one text, one answer
    memory_bytes : of its own data (RLIMIT_DATA). Files that are mapped to be read do not count, other than with
        RLIMIT_AS, so that a large catalogue is not taken for a hungry one
    """

    seconds: float = 300.0
    step_s: float = 20.0
    memory_bytes: int = 3 << 30


LIMITS: Final = Limits()
"""`promote` has 3,538 MB and 15 minutes."""


def files_compared(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """Files of the current snapshot that a candidate is compared with: ids, popularity, what can be shown."""
    ids = ("id_text", "id_offsets", "id_slots") if has_part(manifest, "ids") else ()
    names = tuple(array_file(name) for name in ("popularity", "available", "expires_at_ms", *ids))
    return names if ids else (*names, "items.jsonl")


def examine(
    folder: Path, compared: Path | None, now_ms: int, *, probing: bool = True, limits: Limits = LIMITS
) -> Measured | None:
    """Verify a snapshot, and unless `probing` is off, measure what the gates ask for.

    Parameters
    ----------
    folder : the snapshot's files
    compared : folder with some of the current snapshot's, as `endcap.probes.current` reads them; None for none

    Returns
    -------
    None without probing

    Raises
    ------
    SnapshotIntegrityError : the files are not sound, or reading them takes more than the limits allow
    GateError : it was verified, and the probes did not come to an end within the limits
    """
    asked = {
        "folder": str(folder),
        "compared": None if compared is None else str(compared),
        "now_ms": now_ms,
        "probing": probing,
        "limits": asdict(limits),
    }
    ended, said, words = _ran(asked, limits.seconds)
    step, verified = "the start", False
    for line in _lines(said):
        if "refused" in line:
            raise SnapshotIntegrityError(str(line["refused"]))
        step, verified = str(line.get("step", step)), verified or "verified" in line
        if "measured" in line:
            return Measured.read(line["measured"])
    if verified and not probing:
        return None
    problem = f"the snapshot can't be examined: {_how(ended, limits)} at {step}" + (f" ({words})" if words else "")
    raise GateError(problem) if verified else SnapshotIntegrityError(problem)


def _ran(asked: dict[str, Any], seconds: float) -> tuple[int | None, bytes, str]:
    """Exit status (None where time was up), what was written to stdout, and the last words of stderr."""
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    environment |= {
        "PYTHONPATH": os.pathsep.join(str(Path(path).resolve()) for path in sys.path if path),
        "PYTHONDONTWRITEBYTECODE": "1",
        "POWERTOOLS_TRACE_DISABLED": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    command = [sys.executable, "-P", "-m", MODULE, json.dumps(asked)]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        with subprocess.Popen(  # nosec B603 # no shell; the paths are ours
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=errors, env=environment, cwd=asked["folder"]
        ) as process:
            try:
                ended: int | None = process.wait(seconds)
            except subprocess.TimeoutExpired:
                ended = None
            finally:
                process.kill()
        out.seek(0)
        errors.seek(max(0, errors.tell() - 4 * MAX_WORDS))
        words = errors.read().decode(errors="replace").strip().splitlines()
        return ended, out.read(), words[-1][:MAX_WORDS] if words else ""


def _lines(said: bytes) -> Iterator[dict[str, Any]]:
    for line in said.splitlines():
        try:
            document = json.loads(line)
        except ValueError:  # cut off in its midst
            return
        yield document


def _how(ended: int | None, limits: Limits) -> str:
    """How a process ended that said no verdict."""
    if ended is None:
        return f"it took more than {limits.seconds:g} s"
    if ended == -signal.SIGPROF:
        return f"a step took more than {limits.step_s:g} s"
    if ended in (-signal.SIGXCPU, -signal.SIGKILL):
        return "it was ended by the system, as it took too much time or memory"
    return f"it died of signal {-ended}" if ended < 0 else f"it ended with status {ended}"
