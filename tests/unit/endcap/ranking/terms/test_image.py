"""Pictures as a vector of their own: for histories, for what is like an item, and for items that are new."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from endcap.arrays import F32
from endcap.catalog.image_vector import image_levels
from endcap.catalog.item import Item
from endcap.errors import SnapshotIntegrityError
from endcap.events.interaction import Interaction
from endcap.index.overlay import ChangedItem, Overlay
from endcap.index.vectors import without_mean
from endcap.profiles.profile import EMPTY_PROFILE, profile_of
from endcap.recommend.pipeline import recommend
from endcap.recommend.request import RecommendationRequest
from endcap.snapshot.parts import TermWeight, Weights
from endcap.snapshot.snapshot import Snapshot
from endcap.snapshot.verify import verify_snapshot
from endcap.snapshot.write import CentredVectors
from tests.fakes.toy_snapshot import CUTOFF_MS, build_toy_snapshot

N, WIDTH = 40, 12
LIKED = profile_of([Interaction("e", "u", "like", CUTOFF_MS - 1000, "item-7")], None)
SIMILAR = RecommendationRequest(relation="similar", items=("item-7",), limit=15)


@pytest.fixture(scope="module")
def looks() -> F32:
    """Even and odd items look differently; as a shop sends it, with what all pictures share."""
    kinds = np.random.default_rng(2).normal(size=(2, WIDTH)) + 3
    return np.asarray(kinds[np.arange(N) % 2], dtype=np.float32)


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory, looks: F32) -> Snapshot:
    units = looks / np.linalg.norm(looks, axis=1, keepdims=True)
    mean = units.mean(axis=0)
    vectors = without_mean(units, mean)
    vectors[3] = 0
    weights = Weights({"image": TermWeight(5.0), "image_similar": TermWeight(5.0), "similar": TermWeight(0.1)})
    folder = tmp_path_factory.mktemp("images")
    found = build_toy_snapshot(folder, N, images=CentredVectors(vectors, mean), weights=weights)
    verify_snapshot(folder)
    return found


@pytest.mark.parametrize(("request_", "term"), [(RecommendationRequest(limit=15), "image"), (SIMILAR, "image_similar")])
def test_what_looks_alike_comes_first_and_says_so(
    snapshot: Snapshot, request_: RecommendationRequest, term: str
) -> None:
    found = recommend(snapshot, LIKED, request_, CUTOFF_MS)
    numbers = [int(item.item_id.removeprefix("item-")) for item in found.items]
    assert all(number % 2 for number in numbers)
    assert 3 not in numbers
    (reason,) = [reason for reason in found.items[0].reasons if reason.kind == term]
    assert reason.evidence[0].item_id == "item-7"
    assert "Looks like" in reason.text


def test_a_new_item_is_known_by_its_picture_at_once(snapshot: Snapshot, looks: F32) -> None:
    def item(name: str, like: int) -> Item:
        return Item(name, "zzz", image_vector=image_levels(looks[like].tolist()))

    wrong_width = Item("wrong", "zzz", image_vector=image_levels([1.0] * (WIDTH + 1)))
    items = [item("alike", 1), item("unlike", 2), wrong_width, item("item-8", 1), Item("item-9", "No picture now")]
    overlay = Overlay(snapshot, [ChangedItem(one.item_id, CUTOFF_MS, one) for one in items])
    overlay = overlay.with_rows([ChangedItem("later", CUTOFF_MS + 1, item("later", 1))])
    for profile, request in ((LIKED, RecommendationRequest(limit=20)), (EMPTY_PROFILE, replace(SIMILAR, limit=20))):
        found = {one.item_id for one in recommend(snapshot, profile, request, CUTOFF_MS, overlay=overlay).items}
        assert {"alike", "later", "item-8"} <= found
        assert not {"unlike", "wrong", "item-9"} & found


def test_without_pictures_nothing_is_said_of_them(tmp_path: Path) -> None:
    plain = build_toy_snapshot(tmp_path, N)
    weighed = replace(SIMILAR, weights={"image": 9.0, "image_similar": 9.0})
    lists = [recommend(plain, LIKED, one, CUTOFF_MS) for one in (SIMILAR, weighed)]
    assert lists[0].items == lists[1].items


def test_damaged_pictures_are_no_snapshot(tmp_path: Path, looks: F32) -> None:
    with pytest.raises(SnapshotIntegrityError):
        build_toy_snapshot(tmp_path / "mean", N, images=CentredVectors(looks, np.full(WIDTH, np.nan, dtype=np.float32)))
    build_toy_snapshot(tmp_path / "lengths", N, images=CentredVectors(looks, looks[0]))
    with pytest.raises(SnapshotIntegrityError):
        verify_snapshot(tmp_path / "lengths")
