from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from endcap_local.bench.soak import watch
from endcap_local.bench.soak.watch import Watch, private_mib, waited_s

LONG_S = 30.0


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not tell a process's memory")
def test_processes_are_looked_at_again_and_again_and_those_that_are_gone_are_left_out() -> None:
    seen = threading.Semaphore(0)
    with Watch(lambda: {"here": os.getpid(), "gone": 2**22 + 1}, 0.001, lambda _: seen.release()) as looking:
        for _ in range(3):
            assert seen.acquire(timeout=LONG_S)
    assert set(looking.memory) == {"here"}
    times, sizes = zip(*looking.memory["here"], strict=True)
    assert len(times) >= 3
    assert list(times) == sorted(times)
    assert all(mib > 1 for mib in sizes)
    assert looking.strain.harness_cpu_share >= 0
    assert looking.strain.lag_p99_ms >= 0


def test_a_soak_too_short_for_a_look_has_no_lag() -> None:
    with Watch(dict, 1_000.0, lambda _: None) as looking:
        pass
    assert looking.strain.lag_p99_ms == 0
    assert looking.memory == {}


def test_pressure_is_the_share_of_the_time_in_which_something_waited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tmp_path / "cpu"
    monkeypatch.setattr(watch, "PRESSURE", told)
    assert waited_s() is None
    with Watch(dict, 1_000.0, lambda _: None) as looking:
        pass
    assert looking.strain.cpu_pressure is None
    told.write_text("some avg10=1.00 avg60=2.00 avg300=3.00 total=2500000\nfull avg10=0.00 total=0\n")
    assert waited_s() == 2.5
    with Watch(dict, 1_000.0, lambda _: None) as looking:
        pass
    assert looking.strain.cpu_pressure == 0


def test_what_has_ended_has_no_memory() -> None:
    assert private_mib(2**22 + 1) is None
