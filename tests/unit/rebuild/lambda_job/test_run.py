"""A rebuild within one call; tests/infra/test_rebuild.py has it within an execution of the state machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from endcap.errors import EncoderError, InvalidInputError
from endcap_rebuild.lambda_job import run
from endcap_rebuild.lambda_job.run import rebuild_here
from endcap_rebuild.sagemaker.contract import Choices
from endcap_rebuild.settings import Progress, RebuildSettings

MANIFEST = {"version": "v", "content_hash": "h", "counts": {}, "parent_version": None, "more": 1}


class Bucket:
    """A publisher that rebuilds as a test says."""

    def __init__(self, rebuilt: Callable[[Progress], dict[str, Any]]) -> None:
        self._rebuilt = rebuilt
        self.asked: list[RebuildSettings] = []

    def fetch(self, prefix: str, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "fetched").write_text(prefix)

    def rebuild(self, settings: RebuildSettings, result: str = "", progress: Progress = print) -> dict[str, Any]:
        self.asked.append(settings)
        return self._rebuilt(progress)


def call(
    bucket: Bucket, folder: Path, left_s: Callable[[], float] = lambda: 800.0, memory_mb: int = 100_000
) -> dict[str, Any]:
    choices = Choices(budget="fast")
    return rebuild_here(bucket, "run-1", choices, folder / "job", folder / "encoders", left_s, memory_mb)  # type: ignore[arg-type]


def raising(exc: BaseException) -> Callable[[Progress], dict[str, Any]]:
    def rebuilt(progress: Progress) -> dict[str, Any]:
        raise exc

    return rebuilt


def test_answer_names_the_snapshot_and_the_disk_is_left_empty(tmp_path: Path) -> None:
    bucket = Bucket(lambda progress: MANIFEST)
    assert call(bucket, tmp_path) == {
        "snapshot": {"version": "v", "content_hash": "h", "counts": {}, "parent_version": None}
    }
    (settings,) = bucket.asked
    assert (settings.data, settings.budget, settings.work) == (tmp_path / "job" / "data", "fast", None)
    assert not (tmp_path / "job").exists()
    assert (tmp_path / "encoders" / "fetched").read_text() == "encoders/"


def test_what_will_not_end_in_time_is_handed_over_at_the_next_step(tmp_path: Path) -> None:
    left = iter([700.0, 700.0, 61.0, 59.0, 59.0])

    def rebuilt(progress: Progress) -> dict[str, Any]:
        progress("reading", 0, 1)
        progress("weights", 1, 9)
        progress("weights", 2, 9)
        raise AssertionError("it went on")

    (why,) = call(Bucket(rebuilt), tmp_path, lambda: next(left)).values()
    assert why == "less than 60 s are left, and it is at weights 1/9"
    assert not (tmp_path / "job").exists()


def test_what_takes_all_memory_is_handed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "_used_mb", lambda: 2_900)

    def rebuilt(progress: Progress) -> dict[str, Any]:
        progress("trial", 0, 1)
        raise AssertionError("it went on")

    assert call(Bucket(rebuilt), tmp_path, memory_mb=3_008) == {
        "handed_over": "2900 of 3008 MB are taken, and it is at trial 0/1"
    }


@pytest.mark.parametrize("exc", [MemoryError(), EncoderError("onnx is missing")])
def test_what_a_training_job_can_have_and_a_call_can_not_is_handed_over(exc: Exception, tmp_path: Path) -> None:
    assert list(call(Bucket(raising(exc)), tmp_path)) == ["handed_over"]


def test_what_no_other_machine_would_mend_is_raised(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError):
        call(Bucket(raising(InvalidInputError("no items"))), tmp_path)
    assert not (tmp_path / "job").exists()
