from __future__ import annotations

import numpy as np
import pytest

from endcap.catalog.item import Item, item_text
from endcap.encoders.quantize import quantize_unit
from endcap.index import imputation as imputation
from endcap.index.imputation import NEAREST, donors_of
from endcap.index.index import index_of
from endcap.index.overlay import ChangedItem, Overlay
from endcap.profiles.entries import Entry
from endcap.profiles.profile import EMPTY_PROFILE, UserProfile
from endcap.ranking.features import RankingSettings, features_of
from endcap.ranking.score import term_scores
from endcap.ranking.terms.lists import LISTS
from endcap.ranking.terms.registry import TERMS
from endcap.recommend.pipeline import recommend
from endcap.recommend.request import RecommendationRequest
from endcap.snapshot.snapshot import Snapshot
from endcap_rebuild.behaviour.imputation import text_neighbours
from tests.fakes.toy_snapshot import CUTOFF_MS, build_toy_snapshot

NEW = Item("fresh", title="red steel garden deluxe")


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return build_toy_snapshot(tmp_path_factory.mktemp("snapshot"))


@pytest.fixture(scope="module")
def shopper() -> UserProfile:
    return UserProfile(
        interactions=tuple(Entry(CUTOFF_MS - k, bytes(4), "purchase", f"item-{i}") for k, i in enumerate((19, 4, 30)))
    )


def added(snapshot: Snapshot, item: Item, at_ms: int = CUTOFF_MS) -> ChangedItem:
    encoder = snapshot.encoder
    assert encoder is not None
    return ChangedItem(item.item_id, at_ms, item, quantize_unit(encoder.encode(item_text(item))).tobytes(), encoder.tag)


def test_donors_are_those_of_the_rebuild(snapshot: Snapshot) -> None:
    index = index_of(snapshot)
    unseen = np.flatnonzero(index.unseen)
    vectors = index.white.rows(np.arange(40))
    rows, shares = donors_of(index.tables, vectors[unseen])
    expected = text_neighbours(vectors, np.asarray(snapshot.interaction_counts)).toarray()
    for row, donor_shares, item in zip(rows, shares, unseen.tolist(), strict=True):
        dense = np.zeros(40)
        dense[row] = donor_shares
        assert dense == pytest.approx(expected[item], abs=1e-6)


def test_new_item_gets_the_weighted_mean_of_its_donors_lists(snapshot: Snapshot, shopper: UserProfile) -> None:
    index = Overlay(snapshot, [added(snapshot, NEW)]).index
    (new,), (donors,), (donor_shares,) = index.imputation
    assert (index.item_id(int(new)), donor_shares.sum()) == ("fresh", pytest.approx(1))
    terms = term_scores(index, features_of(shopper, index, CUTOFF_MS))
    for name in LISTS:
        values = terms[TERMS.index(name)]
        assert values[new] == pytest.approx(values[donors] @ donor_shares)
    assert any(terms[TERMS.index(name), new] > 0 for name in LISTS)


def test_borrowed_terms_are_explained_by_the_past_items_behind_the_lenders(
    snapshot: Snapshot, shopper: UserProfile
) -> None:
    request = RecommendationRequest(limit=50, weights={term: float(term in LISTS) for term in TERMS})
    answer = recommend(snapshot, shopper, request, CUTOFF_MS, Overlay(snapshot, [added(snapshot, NEW)]))
    fresh = next(item for item in answer.items if item.item_id == "fresh")
    assert sum(reason.weight for reason in fresh.reasons) == pytest.approx(fresh.score, abs=1e-6)
    assert fresh.reasons
    bought = {"item-19", "item-4", "item-30"}
    for reason in fresh.reasons:
        assert {evidence.item_id for evidence in reason.evidence} <= bought
        assert reason.evidence


def test_items_of_the_snapshot_keep_their_own_lists(snapshot: Snapshot, shopper: UserProfile) -> None:
    changed = Overlay(snapshot, [added(snapshot, Item("item-5", title="red steel garden"))]).index
    assert not len(changed.imputation[0])
    settings = RankingSettings()
    before = term_scores(index_of(snapshot), features_of(shopper, index_of(snapshot), CUTOFF_MS), settings)
    after = term_scores(changed, features_of(shopper, changed, CUTOFF_MS), settings)
    for name in LISTS:
        assert (after[TERMS.index(name)] == before[TERMS.index(name)]).all()


def test_item_without_vector_borrows_once_it_has_one(snapshot: Snapshot) -> None:
    overlay = Overlay(snapshot, [ChangedItem("fresh", CUTOFF_MS, NEW)])
    assert not len(overlay.index.imputation[0])
    assert len(overlay.with_rows([added(snapshot, NEW)]).index.imputation[0]) == 1


def test_many_new_items_find_their_donors_over_several_folds_the_newest_first(
    snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imputation, "PRODUCTS_PER_FOLD", 1)
    rows = [added(snapshot, Item(f"n{k}", title="red mug"), CUTOFF_MS + k) for k in range(3)]
    overlay = Overlay(snapshot).with_rows(rows)
    borrowers = []
    for _ in range(3):
        borrowers.append([overlay.index.item_id(int(row)) for row in overlay.index.imputation[0]])
        overlay = overlay.with_rows(rows)
    assert borrowers == [["n2"], ["n1", "n2"], ["n0", "n1", "n2"]]
    assert overlay.with_rows(rows) is overlay
    assert len(Overlay(snapshot, rows).index.imputation[0]) == 3  # for a batch all are looked for at once


def test_catalogue_that_nobody_touched_lends_nothing(tmp_path_factory: pytest.TempPathFactory) -> None:
    untouched = build_toy_snapshot(tmp_path_factory.mktemp("s"), interaction_counts=np.zeros(40, dtype=np.int32))
    overlay = Overlay(untouched, [added(untouched, NEW)])
    assert overlay.index.changes is not None
    assert overlay.index.changes.donors.shape == (1, NEAREST)
    assert not len(overlay.index.imputation[0])
    assert recommend(untouched, EMPTY_PROFILE, RecommendationRequest(), CUTOFF_MS, overlay).items
