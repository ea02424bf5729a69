"""What was written about the items as a vector of its own: served where it weighs something, and nowhere else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from endcap.arrays import F32
from endcap.catalog.item import Item
from endcap.events.interaction import Interaction
from endcap.index.overlay import ChangedItem, Overlay
from endcap.index.vectors import without_mean
from endcap.profiles.profile import EMPTY_PROFILE, UserProfile, profile_of
from endcap.ranking.terms.registry import TERMS
from endcap.recommend.pipeline import prepared, recommend
from endcap.recommend.request import RecommendationRequest
from endcap.snapshot.parts import TermWeight, Weights
from endcap.snapshot.snapshot import Snapshot
from endcap.snapshot.verify import verify_snapshot
from tests.fakes.toy_snapshot import CUTOFF_MS, build_toy_snapshot, toy_contents

N = 40
ROWS = [TERMS.index(name) for name in ("described", "described_query")]
LIKED = profile_of([Interaction("e", "u", "like", CUTOFF_MS - 1000, "item-7")], None)


@pytest.fixture(scope="module")
def vectors() -> F32:
    """What was written: even and odd items are of two kinds, and of item 3 nothing is known."""
    dim = toy_contents(N).text_vectors.shape[1]
    kinds = np.random.default_rng(1).normal(size=(2, dim)).astype(np.float32)
    rows = without_mean(kinds[np.arange(N) % 2] * 1.0, np.zeros(dim, dtype=np.float32))
    rows[3] = 0
    return rows


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory, vectors: F32) -> Snapshot:
    weights = Weights({"text": TermWeight(0.5), "described": TermWeight(5.0, 1.0), "described_query": TermWeight(0.0)})
    folder = tmp_path_factory.mktemp("described")
    found = build_toy_snapshot(folder, N, described=vectors, weights=weights)
    verify_snapshot(folder)
    return found


def shares(
    snapshot: Snapshot, profile: UserProfile, request: RecommendationRequest, overlay: Overlay | None = None
) -> F32:
    made = prepared(snapshot, profile, request, CUTOFF_MS, overlay)
    return np.asarray(made.scores.contributions(np.arange(made.index.n_items)))[ROWS]


def test_items_of_the_kind_of_a_liked_one_come_first(snapshot: Snapshot) -> None:
    found = recommend(snapshot, LIKED, RecommendationRequest(limit=15), CUTOFF_MS)
    numbers = [int(item.item_id.removeprefix("item-")) for item in found.items]
    assert all(number % 2 for number in numbers)
    assert 3 not in numbers
    reasons = [reason for reason in found.items[0].reasons if reason.kind == "described"]
    assert reasons[0].evidence[0].item_id == "item-7"
    assert "Similar in kind and use to" in reasons[0].text


def test_what_weighs_nothing_says_nothing(snapshot: Snapshot, tmp_path: Path) -> None:
    plain = build_toy_snapshot(tmp_path, N)
    query = RecommendationRequest(query="red mug")
    assert not shares(plain, LIKED, query).any()
    assert plain.described is None
    assert not shares(snapshot, EMPTY_PROFILE, query).any()
    weighed = replace(query, weights={"described_query": 1.0})
    assert shares(snapshot, EMPTY_PROFILE, weighed)[1].any()


def test_what_has_changed_since_is_not_what_was_described(snapshot: Snapshot) -> None:
    changed = [Item("item-9", "Quite another thing"), Item("fresh", "A new thing")]
    overlay = Overlay(snapshot, [ChangedItem(item.item_id, CUTOFF_MS, item) for item in changed])
    made = shares(snapshot, LIKED, RecommendationRequest(), overlay)[0]
    assert made[snapshot.index["item-9"]] == 0
    assert made[N] == 0
    assert made[snapshot.index["item-11"]] > 0
