"""The snapshot beside the current one: held once, dropped when nobody wants it, and no reason to fail."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from endcap.errors import DependencyError, NotFoundError
from endcap.live.challenger import RETRY_S, Challenger
from tests.fakes.toy_snapshot import build_toy_snapshot

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics")


class Folder:
    """A bucket with one snapshot, which fails when told to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.downloads: list[str] = []
        self.forgotten: list[str] = []
        self.error: Exception | None = None

    def signature(self, version: str) -> None:
        return None

    def download(self, version: str, names: None, manifest_sha256: str | None) -> Path:
        self.downloads.append(version)
        if self.error:
            raise self.error
        return self.folder

    def forget(self, version: str) -> None:
        self.forgotten.append(version)


@pytest.fixture
def bucket(tmp_path: Path) -> Folder:
    build_toy_snapshot(tmp_path)
    return Folder(tmp_path)


def at(seconds: list[float]) -> Callable[[], float]:
    return lambda: seconds[0]


def test_it_is_loaded_once_and_dropped_when_another_or_none_is_wanted(bucket: Folder) -> None:
    challenger = Challenger(bucket, at([0.0]))
    assert challenger.get(None) is None
    assert bucket.downloads == []
    first = challenger.get("v1")
    assert first is not None
    assert challenger.get("v1") is first
    assert bucket.downloads == ["v1"]
    challenger.get("v2")
    assert (bucket.downloads, bucket.forgotten) == (["v1", "v2"], ["v1"])
    assert challenger.get(None) is None
    assert bucket.forgotten == ["v1", "v2"]


@pytest.mark.parametrize("error", [NotFoundError("gone"), DependencyError("down"), OSError("no space left on device")])
def test_one_that_can_not_be_fetched_is_tried_again_after_a_while(bucket: Folder, error: Exception) -> None:
    seconds = [0.0]
    challenger, bucket.error = Challenger(bucket, at(seconds)), error
    for _ in range(3):
        assert challenger.get("v1") is None
    assert bucket.downloads == ["v1"]
    bucket.error, seconds[0] = None, RETRY_S
    assert challenger.get("v1") is not None


def test_a_damaged_one_is_not_served_and_not_kept(bucket: Folder) -> None:
    weights = bucket.folder / "weights.json"
    weights.write_bytes(weights.read_bytes() + b" ")
    assert Challenger(bucket, at([0.0])).get("v1") is None
    assert bucket.forgotten == ["v1"]
