"""onnxruntime's sessions: made one at a time, whoever asks, and never cut off by the end of the process."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import onnxruntime
import pytest

from endcap.encoders.session import open_session
from endcap.snapshot.write import write_snapshot
from tests.fakes.toy_snapshot import toy_contents

ROOT = Path(__file__).parents[4]


def test_threads_make_theirs_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    under_way: list[int] = []
    most = 0

    def make(*_args: object, **_options: object) -> SimpleNamespace:
        nonlocal most
        under_way.append(1)
        most = max(most, len(under_way))
        for _ in range(200):
            os.sched_yield()
        under_way.pop()
        return SimpleNamespace()

    monkeypatch.setattr(onnxruntime, "InferenceSession", make)
    with ThreadPoolExecutor(8) as threads:
        assert len(list(threads.map(open_session, [b""] * 32))) == 32
    assert most == 1


def test_a_process_may_end_while_the_encoder_is_made_beside_it(tmp_path: Path) -> None:
    write_snapshot(tmp_path, toy_contents())
    end_at_once = (
        "import sys, threading, onnxruntime\n"
        "made, begun = onnxruntime.InferenceSession, threading.Event()\n"
        "def slowly(*args, **options):\n"
        "    begun.set()\n"
        "    for _ in range(300): made(*args, **options)\n"
        "    return made(*args, **options)\n"
        "onnxruntime.InferenceSession = slowly\n"
        "from pathlib import Path\n"
        "from endcap.live.snapshot import read_snapshot\n"
        "print(read_snapshot(Path(sys.argv[1])).n_items)\n"
        "begun.wait(30)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", end_at_once, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (0, "40\n"), done.stderr
