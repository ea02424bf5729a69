"""A rebuild that was killed, then started again by the same command, ends as one that was never stopped."""

from __future__ import annotations

import json

import pytest

from endcap.errors import SnapshotError
from endcap.snapshot.snapshot import load_snapshot
from endcap_rebuild.job import rebuild
from endcap_rebuild.steps.fast import FAST_STEPS
from tests.fakes.killed_rebuild import killed, settings_of
from tests.fakes.toy_shop import NOW_MS, write_chain_shop
from tests.fakes.toy_snapshot import TINY_ENCODER

POINTS = [
    "reading",
    *(step.name for step in FAST_STEPS),
    "text_vectors:half",
    "write:popularity.npy",
    "write:weights.json",
    "write:manifest.json",
]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, object], str]:
    """The command as JSON, after it was killed once at each point; and the content hash of an uninterrupted run."""
    folder = tmp_path_factory.mktemp("killed")
    write_chain_shop(folder / "shop", n_users=100)
    document: dict[str, object] = {
        "data": str(folder / "shop"),
        "out": str(folder / "{point}" / "snapshot"),
        "work": str(folder / "{point}" / "work"),
        "cache": str(folder / "{point}" / "cache"),
        "encoder": str(TINY_ENCODER),
        "now_ms": NOW_MS,
        "max_cases": 100,
    }
    assert killed(document, POINTS) == dict.fromkeys(POINTS, -9)
    return document, rebuild(settings_of(json.dumps(document), "whole"))["content_hash"]


@pytest.mark.parametrize("point", POINTS)
def test_the_same_command_ends_with_the_content_of_an_uninterrupted_run(
    shop: tuple[dict[str, object], str], point: str
) -> None:
    document, expected = shop
    settings = settings_of(json.dumps(document), point)
    with pytest.raises(SnapshotError):
        load_snapshot(settings.out)
    told: list[str] = []
    assert rebuild(settings, lambda step, done, total: told.append(step))["content_hash"] == expected
    assert load_snapshot(settings.out).n_items == 40
    assert not list(settings.out.glob(".*"))
    assert settings.work is not None
    assert {path.name.split("-")[0] for path in settings.work.glob("*.npz")} == {step.name for step in FAST_STEPS}


def test_what_was_finished_is_not_done_again(shop: tuple[dict[str, object], str]) -> None:
    document, _ = shop
    point = "write:popularity.npy"
    settings = settings_of(json.dumps({**document, "out": str(document["out"]) + "-again"}), point)
    assert settings.work is not None
    times = {path: path.stat().st_mtime_ns for path in settings.work.glob("*.npz")}
    rebuild(settings)
    assert {path: path.stat().st_mtime_ns for path in settings.work.glob("*.npz")} == times
    assert len(times) == len(FAST_STEPS)
