"""What is made of what an examination says, and of how it ends, without starting one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO, Any

import pytest

from endcap.errors import SnapshotIntegrityError
from endcap.snapshot import examination
from endcap.snapshot.examination import LIMITS, Limits, examine, files_compared
from endcap.snapshot.figures import Measured
from endcap.snapshot.format import OPTIONAL_ARRAYS, array_file
from endcap.snapshot.gates import GateError

MEASURED = Measured(3, 2, 1)
VERIFIED = {"verified": True}
NOW_MS = 7


class Process:
    """Stands for the process: what it says, and how it ends; None where it would not."""

    started: list[Process]

    def __init__(self, command: list[str], **options: Any) -> None:
        self.command, self.options, self.killed, self.waited = command, options, False, None
        Process.started.append(self)

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_exception: object) -> None: ...

    def wait(self, seconds: float) -> int:
        self.waited = seconds
        said, errors, ended = Process.script
        out: IO[bytes] = self.options["stdout"]
        out.write(said)
        self.options["stderr"].write(errors)
        if ended is None:
            raise subprocess.TimeoutExpired("it", seconds)
        return ended

    def kill(self) -> None:
        self.killed = True

    script: tuple[bytes, bytes, int | None]


@pytest.fixture(autouse=True)
def _no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    Process.started = []
    monkeypatch.setattr(examination.subprocess, "Popen", Process)


def lines(*said: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in said)


def examined(
    tmp_path: Path, said: bytes, ended: int | None = 0, errors: bytes = b"", limits: Limits = LIMITS, **options: Any
) -> Measured | None:
    Process.script = (said, errors, ended)
    return examine(tmp_path, None, NOW_MS, limits=limits, **options)


def test_it_is_given_five_minutes_three_gibibytes_and_twenty_seconds_a_step() -> None:
    assert Limits(300.0, 20.0, 3 * 1024**3) == LIMITS


def test_what_was_measured_is_the_verdict_however_it_ends(tmp_path: Path) -> None:
    said = lines({"step": "its files"}, VERIFIED, {"step": "request 1"}, {"measured": MEASURED.as_document()})
    for ended in (0, 1, None, -9):
        assert examined(tmp_path, said, ended) == MEASURED


def test_it_is_told_what_to_look_at_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "PYTHONSTARTUP"):
        monkeypatch.setenv(name, "not for it")
    for name in ("LD_LIBRARY_PATH", "TZ"):
        monkeypatch.setenv(name, "for it")
    monkeypatch.delenv("LC_ALL", raising=False)
    monkeypatch.setattr(sys, "path", ["", "relative", "/there"])
    examined(tmp_path, lines(VERIFIED), probing=False)
    (process,) = Process.started
    assert process.command[:4] == [sys.executable, "-P", "-m", "endcap.probes"]
    assert json.loads(process.command[4]) == {
        "folder": str(tmp_path),
        "compared": None,
        "now_ms": 7,
        "probing": False,
        "limits": {"seconds": 300.0, "step_s": 20.0, "memory_bytes": 3 << 30},
    }
    environment = process.options["env"]
    assert set(environment) <= {
        *("LD_LIBRARY_PATH", "PATH", "HOME", "TMPDIR", "TZ", "LANG"),
        *("PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "POWERTOOLS_TRACE_DISABLED"),
        *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"),
    }
    assert (environment["LD_LIBRARY_PATH"], environment["TZ"]) == ("for it", "for it")
    assert environment["PYTHONPATH"] == os.pathsep.join([str(Path("relative").resolve()), "/there"])
    ones = ("PYTHONDONTWRITEBYTECODE", "POWERTOOLS_TRACE_DISABLED", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    assert {environment[name] for name in ones} == {"1"}
    assert (process.options["cwd"], process.options["stdin"]) == (str(tmp_path), subprocess.DEVNULL)
    assert (process.waited, process.killed) == (300.0, True)


def test_the_folder_that_it_is_compared_with_is_named(tmp_path: Path) -> None:
    Process.script = (lines(VERIFIED), b"", 0)
    with pytest.raises(GateError):
        examine(tmp_path, tmp_path / "current", NOW_MS)
    asked = json.loads(Process.started[0].command[4])
    assert (asked["compared"], asked["probing"]) == (str(tmp_path / "current"), True)


def test_what_it_refuses_is_refused_in_its_words(tmp_path: Path) -> None:
    with pytest.raises(SnapshotIntegrityError, match=r"^the hash of a file$"):
        examined(tmp_path, lines({"step": "its files"}, {"refused": "the hash of a file"}, VERIFIED))


@pytest.mark.parametrize(
    ("ended", "how"),
    [
        (None, "it took more than 300 s at the start"),
        (-signal.SIGPROF, "a step took more than 20 s at the start"),
        (-signal.SIGXCPU, "it was ended by the system, as it took too much time or memory at the start"),
        (-signal.SIGKILL, "it was ended by the system, as it took too much time or memory at the start"),
        (-signal.SIGSEGV, f"it died of signal {int(signal.SIGSEGV)} at the start"),
        (-signal.SIGHUP, "it died of signal 1 at the start"),
        (1, "it ended with status 1 at the start"),
        (0, "it ended with status 0 at the start"),
    ],
)
def test_how_it_ended_is_told(tmp_path: Path, ended: int | None, how: str) -> None:
    with pytest.raises(SnapshotIntegrityError) as caught:
        examined(tmp_path, b"", ended)
    assert str(caught.value) == f"the snapshot can't be examined: {how}"


def test_after_it_was_verified_an_end_is_for_the_gates_and_the_last_step_is_told(tmp_path: Path) -> None:
    said = lines({"step": "its files"}, VERIFIED, {"step": "request 3"}, {"other": 1})
    for said_in_full in (said, said + b'{"measured": {"items"', said + b"\xff\n" + lines({"step": "never read"})):
        with pytest.raises(GateError) as caught:
            examined(tmp_path, said_in_full, -signal.SIGPROF, limits=Limits(step_s=0.5))
        assert str(caught.value) == "the snapshot can't be examined: a step took more than 0.5 s at request 3"


def test_without_probing_it_has_to_be_verified(tmp_path: Path) -> None:
    assert examined(tmp_path, lines(VERIFIED), probing=False) is None
    with pytest.raises(SnapshotIntegrityError, match="ended with status 0 at its files"):
        examined(tmp_path, lines({"step": "its files"}), probing=False)


def test_its_last_words_are_told_in_part(tmp_path: Path) -> None:
    with pytest.raises(SnapshotIntegrityError) as caught:
        examined(tmp_path, b"", 1, b"Traceback\nMemoryError: no more\n\n")
    assert str(caught.value).endswith("it ended with status 1 at the start (MemoryError: no more)")
    with pytest.raises(SnapshotIntegrityError) as caught:
        examined(tmp_path, b"", 1, b"first line\n" + b"x" * 5000 + b"y" * 299)
    assert str(caught.value).endswith(f"({'x' * 300})")
    for words in ("Killed", "😀" * 300):
        with pytest.raises(SnapshotIntegrityError) as caught:
            examined(tmp_path, b"", 1, words.encode())
        assert str(caught.value).endswith(f"({words})")
    with pytest.raises(SnapshotIntegrityError) as caught:
        examined(tmp_path, b"", 1, "\n".join(["early", "e" * 2000, "late é"]).encode())
    assert str(caught.value).endswith("(late é)")


def test_files_that_are_compared_hold_ids_popularity_and_what_can_be_shown() -> None:
    shown = ("popularity.npy", "available.npy", "expires_at_ms.npy")
    ids = {array_file(name): {} for name in OPTIONAL_ARRAYS["ids"]}
    read = ("id_text.npy", "id_offsets.npy", "id_slots.npy")
    assert files_compared({"files": ids}) == (*shown, *read)
    assert files_compared({"files": {}}) == files_compared({"files": {read[0]: {}}}) == (*shown, "items.jsonl")
