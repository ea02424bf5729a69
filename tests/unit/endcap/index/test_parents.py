"""Events and requests that name a parent, none of whose variants they name."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from endcap.catalog.item import Item, item_document
from endcap.errors import NotFoundError, SnapshotIntegrityError
from endcap.events.counts import WINDOWS, Demand
from endcap.events.interaction import Interaction
from endcap.filters.parser import expression
from endcap.index.index import ItemIndex, index_of
from endcap.index.overlay import ChangedItem, Overlay
from endcap.profiles.profile import EMPTY_PROFILE, UserProfile, profile_of
from endcap.ranking.features import features_of
from endcap.ranking.terms.live_trend import by_item
from endcap.recommend.pipeline import recommend
from endcap.recommend.request import Recommendation, RecommendationRequest
from endcap.snapshot.parents import Parents, variants_by_parent
from endcap.snapshot.snapshot import Snapshot
from tests.fakes.toy_snapshot import CUTOFF_MS, build_toy_snapshot, toy_items

HOODIE = "hoodie"
VARIANTS = ("item-4", "item-5")


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    items = [replace(item, group_id=HOODIE) if item.item_id in VARIANTS else item for item in toy_items()]
    return build_toy_snapshot(tmp_path_factory.mktemp("snapshot"), documents=[item_document(item) for item in items])


@pytest.fixture(scope="module")
def index(snapshot: Snapshot) -> ItemIndex:
    return index_of(snapshot)


def did(kind: str, item_id: str, age_s: int = 60) -> UserProfile:
    return profile_of([Interaction(f"{kind} {item_id}", "u", kind, CUTOFF_MS - age_s * 1000, item_id)])


def shown(snapshot: Snapshot, profile: UserProfile = EMPTY_PROFILE, **asked: object) -> list[str]:
    request = RecommendationRequest(limit=500, **asked)  # type: ignore[arg-type]
    answer: Recommendation = recommend(snapshot, profile, request, CUTOFF_MS)
    return [item.item_id for item in answer.items]


def test_a_parent_stands_for_its_first_variant_that_is_for_sale() -> None:
    assert variants_by_parent(
        [("a", "g", False), ("b", "g", True), ("c", "h", False), ("d", None, True), ("e", "d", True)]
    ) == {"g": 1, "h": 2}


def test_the_snapshot_keeps_parents_and_lacks_them_without_variants(
    snapshot: Snapshot, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert snapshot.parents is not None
    assert [snapshot.parents.row(name) for name in (HOODIE, "item-4", "hood")] == [4, None, None]
    assert build_toy_snapshot(tmp_path_factory.mktemp("plain")).parents is None


def test_parents_of_rows_that_are_not_there_are_refused() -> None:
    with pytest.raises(SnapshotIntegrityError):
        Parents(Parents.arrays({"g": 7}), n_items=7)


def test_what_was_done_with_a_parent_counts_for_the_group(index: ItemIndex) -> None:
    by_parent, by_variant = (features_of(did("view", name), index, CUTOFF_MS) for name in (HOODIE, "item-4"))
    assert by_parent.positions.tolist() == [4]
    assert np.array_equal(by_parent.weights, by_variant.weights)
    both = profile_of([Interaction(name, "u", "view", CUTOFF_MS - 60_000, name) for name in (HOODIE, "item-5")])
    assert len(features_of(both, index, CUTOFF_MS).positions) == 1


def test_a_parent_is_given_back_by_a_variant(index: ItemIndex) -> None:
    bought = Interaction("1", "u", "purchase", CUTOFF_MS - 9_000, "item-5")
    returned = Interaction("2", "u", "return", CUTOFF_MS - 5_000, HOODIE)
    assert (features_of(profile_of([bought, returned]), index, CUTOFF_MS).weights < 0).all()


def test_lists_seen_and_filters_follow(snapshot: Snapshot) -> None:
    assert set(VARIANTS).isdisjoint(shown(snapshot, did("view", HOODIE)))
    assert shown(snapshot, relation="similar", items=(HOODIE,)) == shown(
        snapshot, relation="similar", items=("item-4",)
    )
    left = shown(snapshot, did("purchase", HOODIE), exclude_seen="none", filter=expression("NOT purchased", "filter"))
    assert set(VARIANTS).isdisjoint(left)
    with pytest.raises(NotFoundError):
        shown(snapshot, relation="similar", items=("hood",))


def test_a_parent_that_came_later_and_one_whose_first_variant_went(snapshot: Snapshot) -> None:
    late = Item("late", title="red steel", group_id="jacket")
    index = Overlay(snapshot, [ChangedItem("late", CUTOFF_MS, late), ChangedItem("item-4", CUTOFF_MS)]).index
    assert index.position("jacket") == index.position("late")
    assert index.position(HOODIE) == index.position("item-5")


def test_live_demand_for_a_parent_is_that_for_its_variant(index: ItemIndex, snapshot: Snapshot) -> None:
    demand = Demand(WINDOWS["24h"], {HOODIE: 2, "item-4": 1, "x": 1}, {HOODIE: 1.5, "item-4": 0.5})
    found = by_item(index, demand)
    assert (dict(found.times), dict(found.decayed)) == ({"item-4": 3, "x": 1}, {"item-4": 2.0})
