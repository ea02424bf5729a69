"""Snapshots that are wrong and consistent in themselves are not served, or answer as a healthy one does."""

from __future__ import annotations

from pathlib import Path

import pytest

from endcap.errors import SnapshotError
from endcap.filenames import MANIFEST
from endcap.probes.requests import probes
from endcap.recommend.pipeline import recommend
from endcap.snapshot import candidate
from endcap.snapshot.examination import examine
from endcap.snapshot.files import read_manifest
from endcap.snapshot.promote import promote
from endcap.snapshot.snapshot import load_snapshot
from tests.fakes.poisons import HARMLESS, NEVER, POISONS, write_poison, write_sound
from tests.fakes.promotions import Folders

NOW_MS = 1_790_000_000_000
LONG = frozenset(
    {
        "half-life of for ever",
        "tokenizer that knows no word",
        "half-life of next to nothing",
        "share above one",
        "groups of others",
        "whitening by chance",
        "everything expired",
        "events of the year 9999",
        "made in the year 9999",
        "events left out",
        "list that drowns all others",
        "measured on a tenth",
        "trend without bounds",
        "weight of a million",
        "scale of next to nothing",
        "grades a million strong",
        "prices that are words",
        "prices below nothing",
        "one title of a megabyte",
        "dates that are none",
        "ids of control characters",
        "titles of others",
        "few groups",
        "brands of others",
        "categories by other names",
        "sold out in the documents alone",
        "text vectors of nothing",
        "one text vector for all",
        "item vectors of nothing",
        "few ids in common",
        "made some day",
        "catalogue of before time",
        "metrics that are null",
        "metrics in a list",
        "one metric left out",
        "metric that is true",
        "metric above one",
        "hit rate of half",
        "too few cases, it says",
        "events in words",
        "events below nothing",
        "popularity of nothing",
        "popularity without bounds",
    }
)
"""Refused by a gate that another poison is refused by, too."""


@pytest.fixture(scope="module")
def current(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Folders]:
    """Buckets whose current snapshot is sound, with and without a user encoder."""
    found = {}
    for trained in (True, False):
        bucket = found[trained] = Folders()
        folder = tmp_path_factory.mktemp("sound")
        promote(bucket.add(write_sound(folder, trained=trained)), bucket, None, now_ms=NOW_MS)
    return found


def bucket_with(current: Folders, folder: Path) -> tuple[Folders, str]:
    bucket = Folders()
    bucket.folders, bucket.pointer = dict(current.folders), current.pointer
    return bucket, bucket.add(folder, folder.name)


def written(tmp_path: Path, name: str) -> Path:
    """The poison in a folder that is called as its version is, or as it would have been."""
    folder = write_poison(tmp_path / "made", name)
    try:
        version = str(read_manifest(folder)["version"])
    except SnapshotError:
        version = "unreadable"
    return folder.rename(tmp_path / ("another" if name == "version of another" else version))


def test_there_are_sixty_of_them() -> None:
    assert len(POISONS) >= 100
    assert len(set(POISONS) - LONG - {name for name, poison in POISONS.items() if poison.hangs}) >= 60
    assert set(POISONS) >= LONG


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.prove] * (n in LONG)) for n in POISONS])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_none_is_served(tmp_path: Path, current: dict[bool, Folders], name: str) -> None:
    bucket, version = bucket_with(current[POISONS[name].trained], written(tmp_path, name))
    before = bucket.pointer
    with pytest.raises(SnapshotError):
        promote(version, bucket, None, now_ms=NOW_MS)
    assert bucket.pointer is before


@pytest.mark.prove
@pytest.mark.parametrize("name", POISONS)
def test_none_is_served_after_it_was_examined_apart(
    tmp_path: Path, current: dict[bool, Folders], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candidate, "examine", examine)
    test_none_is_served(tmp_path, current, name)


@pytest.mark.parametrize("name", HARMLESS)
def test_what_is_harmless_answers_as_the_healthy_one(tmp_path: Path, current: dict[bool, Folders], name: str) -> None:
    bucket, version = bucket_with(current[True], written(tmp_path, name))
    healthy = load_snapshot(bucket.folders[bucket.pointer.version])
    promote(version, bucket, None, now_ms=NOW_MS)
    served = load_snapshot(bucket.folders[version])
    asked = list(probes(healthy, NOW_MS))[::5]
    assert len(asked) >= 10
    for probe in asked:
        theirs, ours = (
            recommend(snapshot, probe.profile, probe.request, NOW_MS, live=probe.live) for snapshot in (healthy, served)
        )
        assert ours.items == theirs.items


def test_poisons_are_sealed(tmp_path: Path) -> None:
    # A wrong hash would be found without any gate.
    folder = write_poison(tmp_path / "made", "prices of others")
    assert load_snapshot(folder).n_items == 60
    assert NEVER > NOW_MS
    assert (folder / MANIFEST).exists()
