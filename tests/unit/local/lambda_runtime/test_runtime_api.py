"""Real processes under AWS's own runtime client, of a handler of a few lines."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from endcap_local.bench.import_paths import client_path
from endcap_local.lambda_runtime.runtime_api import ExecutionEnvironment, FunctionEndedError, FunctionError

HANDLER = """
import os, time
calls = 0
def handler(event, context):
    global calls
    calls += 1
    if event.get("raises"):
        raise ValueError("no")
    if event.get("exits"):
        os._exit(3)
    while event.get("hangs"):
        time.sleep(1)
    return {"calls": calls, "left_ms": context.get_remaining_time_in_millis(), "pid": os.getpid()}
"""


def start(folder: Path, code: str = HANDLER, timeout_s: float = 20.0, freezes: bool = False) -> ExecutionEnvironment:
    (folder / "function").mkdir()
    (folder / "function" / "app.py").write_text(code)
    path = [client_path(folder / "packages")]
    return ExecutionEnvironment(
        sys.executable, folder / "function", "app.handler", path, {}, timeout_s, folder / "log", freezes
    )


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[ExecutionEnvironment]:
    made = start(tmp_path)
    yield made
    made.close()


def state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_one_process_answers_call_after_call_and_outlives_what_its_handler_raises(
    environment: ExecutionEnvironment,
) -> None:
    first = environment.invoke({})
    with pytest.raises(FunctionError, match="ValueError: no"):
        environment.invoke({"raises": True})
    last = environment.invoke({})
    assert (first["calls"], last["calls"]) == (1, 3)
    assert first["pid"] == environment.pid
    assert 0 < first["left_ms"] <= 20_000


def test_a_process_that_ends_is_told(environment: ExecutionEnvironment) -> None:
    with pytest.raises(FunctionEndedError, match="ended with 3"):
        environment.invoke({"exits": True})


def test_a_call_past_its_time_is_killed(tmp_path: Path) -> None:
    environment = start(tmp_path, timeout_s=0.5)
    try:
        with pytest.raises(FunctionEndedError, match=r"no answer within 0.5 s"):
            environment.invoke({"hangs": True})
        with pytest.raises(FunctionEndedError):
            environment.invoke({})
    finally:
        environment.close()


def test_a_function_that_cannot_be_loaded_says_why(tmp_path: Path) -> None:
    environment = start(tmp_path, "import nothing_of_this_name")
    try:
        with pytest.raises(FunctionEndedError, match="nothing_of_this_name"):
            environment.wait_until_ready()
    finally:
        environment.close()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the system tells no states of processes")
def test_between_calls_it_is_frozen(tmp_path: Path) -> None:
    environment = start(tmp_path, freezes=True)
    try:
        for calls in (1, 2):
            assert environment.invoke({})["calls"] == calls
            while state(environment.pid) != "T":  # it is stopped when it asks for the next call, which is soon
                pass
    finally:
        environment.close()
