"""Promotions: what is refused leaves the pointer where it is, what is forced is noted, what is popular is listed."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from endcap.catalog.item import item_document
from endcap.errors import InvalidRequestError, SnapshotError, SnapshotIntegrityError
from endcap.filenames import MANIFEST
from endcap.snapshot import candidate
from endcap.snapshot.candidate import force_of
from endcap.snapshot.gates import GateError
from endcap.snapshot.promote import MAX_POPULAR, popular_list, promote
from endcap_rebuild.data.columns import columns_of
from tests.fakes.poisons import MEASURES, write_poison, write_sound
from tests.fakes.promotions import Folders, examine_here
from tests.fakes.toy_snapshot import build_toy_snapshot, toy_items


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("snapshots")


@pytest.fixture(scope="module")
def sound(folders: Path) -> Path:
    return write_sound(folders / "sound", trained=False)


@pytest.fixture
def bucket(sound: Path) -> Folders:
    """The sound snapshot is current."""
    found = Folders()
    promote(found.add(sound), found, None)
    return found


@pytest.fixture
def _as_before(sound: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every candidate is measured as the sound one is: what a test is about stands in manifests and pointer."""
    measured = examine_here(sound, sound, 1_790_000_000_000)
    monkeypatch.setattr(candidate, "examine", lambda *_, **__: measured)


def measured_as(folder: Path, quality: float, **changes: Any) -> Path:
    measures = {**MEASURES, "ndcg_at_10": quality}
    metrics = {"validation": {"cases": 400, "after": measures}}
    return write_sound(folder, trained=False, metrics=metrics, model_card=f"{quality}", **changes)


def test_a_first_snapshot_needs_only_items(tmp_path: Path) -> None:
    bucket = Folders()
    build_toy_snapshot(tmp_path / "toy", counts={})
    version = bucket.add(tmp_path / "toy")
    assert (promote(version, bucket, None).previous, bucket.pointer.version) == (None, version)


@pytest.mark.parametrize("name", ["quality of half", "projection without its user encoder"])
def test_a_refusal_leaves_the_pointer(tmp_path: Path, bucket: Folders, name: str) -> None:
    before = bucket.pointer
    with pytest.raises(SnapshotError):
        promote(bucket.add(write_poison(tmp_path / "bad", name)), bucket, None)
    assert bucket.pointer is before


def test_what_is_forced_skips_the_gates_and_is_noted(tmp_path: Path, bucket: Folders) -> None:
    version = bucket.add(measured_as(tmp_path / "worse", 0.05))
    with pytest.raises(GateError, match=r"quality: ndcg_at_10 would fall from 0\.2000 to 0\.0500"):
        promote(version, bucket, None)
    assert promote(version, bucket, None, force="the clock was wrong").forced == "the clock was wrong"
    assert bucket.pointer.promotion["forced"] == "the clock was wrong"
    # From now on this is what others are held to.
    assert promote(bucket.add(measured_as(tmp_path / "next", 0.046)), bucket, None).forced is None
    assert bucket.pointer.promotion["forced"] is None


def test_force_skips_no_verification(tmp_path: Path, bucket: Folders) -> None:
    version = bucket.add(write_poison(tmp_path / "bad", "user encoder of garbage"))
    with pytest.raises(SnapshotIntegrityError):
        promote(version, bucket, None, force="it has to be")


@pytest.mark.usefixtures("_as_before")
def test_many_small_losses_pass_no_more_than_one_large(tmp_path: Path, bucket: Folders) -> None:
    quality, passed = MEASURES["ndcg_at_10"], 0
    for number in range(10):
        quality *= 0.97
        with suppress(GateError):
            promote(bucket.add(measured_as(tmp_path / str(number), quality)), bucket, None)
            passed += 1
    assert passed == 3  # 0.97 ** 3 is above nine tenths, 0.97 ** 4 is not


@pytest.mark.usefixtures("_as_before")
def test_a_slow_loss_is_held_to_the_best_of_the_last_five(tmp_path: Path, bucket: Folders) -> None:
    for number in range(6):
        promote(bucket.add(measured_as(tmp_path / str(number), 0.2 + 0.01 * number)), bucket, None)
    noted = bucket.pointer.promotion["last"]
    assert [round(one["measures"]["ndcg_at_10"], 2) for one in noted] == [0.25, 0.24, 0.23, 0.22, 0.21]


def test_the_manifest_is_that_of_the_version(sound: Path) -> None:
    bucket = Folders()
    with pytest.raises(SnapshotIntegrityError, match="is that of"):
        promote(bucket.add(sound, "20990101T000000Z-0123456789ab"), bucket, None)


def test_without_the_current_one_there_is_nothing_to_compare_with(tmp_path: Path, bucket: Folders) -> None:
    del bucket.folders[bucket.pointer.version]
    version = bucket.add(measured_as(tmp_path / "next", 0.2))
    with pytest.raises(GateError, match="can't be read"):
        promote(version, bucket, None)
    assert promote(version, bucket, None, force="the current one is lost").version == version


@pytest.mark.usefixtures("_as_before")
def test_a_pointer_of_before_has_notes_of_nothing(tmp_path: Path, bucket: Folders) -> None:
    bucket.pointer = replace(bucket.pointer, promotion={})
    with pytest.raises(GateError):
        promote(bucket.add(measured_as(tmp_path / "worse", 0.1)), bucket, None)
    assert promote(bucket.add(measured_as(tmp_path / "as good", 0.19)), bucket, None).previous


@pytest.mark.usefixtures("_as_before")
@pytest.mark.parametrize("last", [3, [None, 3, {}, {"version": 1}], [{"version": "x", "measures": 3}]])
def test_damaged_notes_are_none(tmp_path: Path, bucket: Folders, last: object) -> None:
    bucket.pointer = replace(bucket.pointer, promotion={"last": last})
    assert promote(bucket.add(measured_as(tmp_path / "next", 0.19)), bucket, None).previous


def test_the_candidate_is_read_afresh(tmp_path: Path, bucket: Folders) -> None:
    # GIVEN a version that was promoted, and whose files were changed in the bucket since
    good = measured_as(tmp_path / "good", 0.2)
    version = bucket.add(good)
    promote(version, bucket, None)
    (good / MANIFEST).write_bytes((good / MANIFEST).read_bytes().replace(b'"seed": 0', b'"seed": 1'))
    # THEN promoting it again finds that, whatever is kept of it here
    with pytest.raises(SnapshotIntegrityError):
        promote(version, bucket, None)


@pytest.mark.parametrize(("given", "reason"), [(None, None), (False, None), (True, "no reason given"), (" so ", "so")])
def test_force_says_why(given: object, reason: str | None) -> None:
    assert force_of(given) == reason


@pytest.mark.parametrize("given", ["", "  ", 1, ["x"], "x" * 501, "a\nb"])
def test_force_without_a_reason_is_refused(given: object) -> None:
    with pytest.raises(InvalidRequestError, match="must say why"):
        force_of(given)


class TestPopularList:
    """What is shown while no snapshot can be read."""

    def test_is_the_most_popular_that_is_for_sale_one_of_each_group(self, tmp_path: Path) -> None:
        items = [
            replace(item, available=k != 1, group_id="g" if k in (2, 3) else None) for k, item in enumerate(toy_items())
        ]
        snapshot = build_toy_snapshot(
            tmp_path, documents=[item_document(item) for item in items], columns=columns_of(items)
        )
        popular = popular_list(snapshot)
        assert popular.version == snapshot.version
        assert [item_id for item_id, _ in popular.items[:4]] == ["item-0", "item-2", "item-4", "item-5"]
        assert popular.items[0][1] == items[0].title

    def test_is_of_a_hundred_at_most(self, tmp_path: Path) -> None:
        popular = popular_list(build_toy_snapshot(tmp_path, 130))
        assert len(popular.items) == MAX_POPULAR
        assert popular.items[-1][0] == "item-99"
