"""Examined in a process of its own: the same verdict, and an end whatever a snapshot does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from endcap.errors import SnapshotIntegrityError
from endcap.snapshot.examination import LIMITS, examine
from endcap.snapshot.gates import GateError
from tests.fakes.poisons import write_poison, write_sound
from tests.fakes.promotions import examine_here

NOW_MS = 1_790_000_000_000


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sound(tmp_path_factory.mktemp("sound"), trained=False)


def test_measures_what_this_process_measures(sound: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not for it")
    apart, here = examine(sound, sound, NOW_MS), examine_here(sound, sound, NOW_MS)
    assert apart is not None
    assert here is not None
    untimed = [
        {kind: replace(route, typical_s=0) for kind, route in measured.routes.items()} for measured in (apart, here)
    ]
    assert untimed[0] == untimed[1]
    assert replace(apart, routes={}, terms={}) == replace(here, routes={}, terms={})


def test_without_probing_it_is_verified_alone(sound: Path) -> None:
    assert examine(sound, None, NOW_MS, probing=False) is None


@pytest.mark.parametrize("name", ["user encoder of garbage", "expression that never ends"])
def test_what_is_not_sound_is_refused_with_its_reason(tmp_path: Path, name: str) -> None:
    with pytest.raises(SnapshotIntegrityError, match=r"encoder|tokenizer"):
        examine(write_poison(tmp_path, name), None, NOW_MS)


def test_too_much_time_ends_it(sound: Path) -> None:
    with pytest.raises(SnapshotIntegrityError, match=r"more than 0\.05 s at the start"):
        examine(sound, None, NOW_MS, limits=replace(LIMITS, seconds=0.05))


def test_too_much_time_for_one_step_ends_it(sound: Path) -> None:
    with pytest.raises(
        (SnapshotIntegrityError, GateError), match=r"a step took more than 0\.001 s at (text|request|its)"
    ):
        examine(sound, None, NOW_MS, limits=replace(LIMITS, step_s=0.001))


def test_too_much_memory_ends_it(sound: Path) -> None:
    with pytest.raises(SnapshotIntegrityError, match=r"can't be (examined|read)"):
        examine(sound, None, NOW_MS, limits=replace(LIMITS, memory_bytes=48 << 20))
