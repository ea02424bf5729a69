"""Lists in the mix of the shopper's history."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from endcap.catalog.item import item_document
from endcap.errors import InvalidRequestError
from endcap.events.interaction import Interaction
from endcap.filters.parser import expression
from endcap.index.index import index_of
from endcap.profiles.profile import EMPTY_PROFILE, UserProfile, profile_of
from endcap.ranking.calibration import SMOOTHING, CategoryMix, category_shares, mix_of
from endcap.ranking.features import features_of
from endcap.ranking.rerank import rerank_greedily
from endcap.ranking.slots import Pin, Promotion
from endcap.recommend.pipeline import recommend
from endcap.recommend.request import Recommendation, RecommendationRequest
from endcap.snapshot.snapshot import Snapshot
from endcap_rebuild.data.columns import columns_of
from tests.fakes.toy_snapshot import CATEGORIES, CUTOFF_MS, build_toy_snapshot, toy_items

N = 100


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return build_toy_snapshot(tmp_path_factory.mktemp("snapshot"), N)


def bought(*numbers: int, kind: str = "purchase") -> UserProfile:
    return profile_of([Interaction(f"{kind}{k}", "u", kind, CUTOFF_MS - 60_000 - k, f"item-{k}") for k in numbers])


def ask(snapshot: Snapshot, profile: UserProfile, **asked: Any) -> Recommendation:
    return recommend(snapshot, profile, RecommendationRequest(**asked), CUTOFF_MS)


def numbers(answer: Recommendation) -> list[int]:
    return [int(item.item_id.removeprefix("item-")) for item in answer.items]


def shown(answer: Recommendation) -> Counter[str]:
    return Counter(CATEGORIES[k % 5] for k in numbers(answer))


KITCHEN_AND_GARDEN = (0, 5, 10, 15, 20, 25, 30, 2, 7, 12)  # seven of the kitchen, three of the garden


def test_the_list_has_the_mix_of_the_history(snapshot: Snapshot) -> None:
    answer = ask(snapshot, bought(*KITCHEN_AND_GARDEN), calibration=1.0)
    assert shown(answer) == {"kitchen": 7, "garden": 3}


def test_at_half_most_of_the_list_comes_from_the_history_s_categories(snapshot: Snapshot) -> None:
    profile = bought(*KITCHEN_AND_GARDEN)
    plain, half = shown(ask(snapshot, profile)), shown(ask(snapshot, profile, calibration=0.5))
    assert half["kitchen"] + half["garden"] > plain["kitchen"] + plain["garden"]
    assert half["kitchen"] > half["garden"]


@pytest.mark.parametrize("limit", [1, 7, 40, 500])
def test_zero_and_shoppers_without_a_history_change_nothing(snapshot: Snapshot, limit: int) -> None:
    profile = bought(*KITCHEN_AND_GARDEN)
    assert ask(snapshot, profile, limit=limit, calibration=0.0) == ask(snapshot, profile, limit=limit)
    for unknown in (EMPTY_PROFILE, bought(3, kind="dislike")):
        assert numbers(ask(snapshot, unknown, limit=limit, calibration=0.8)) == numbers(
            ask(snapshot, unknown, limit=limit)
        )


def test_a_longer_list_begins_with_the_shorter(snapshot: Snapshot) -> None:
    profile = bought(*KITCHEN_AND_GARDEN)
    asked: dict[str, Any] = {"calibration": 0.6, "diversity": 0.3}
    whole = numbers(ask(snapshot, profile, limit=20, **asked))
    assert numbers(ask(snapshot, profile, limit=8, **asked)) == whole[:8]
    assert numbers(ask(snapshot, profile, limit=8, offset=8, **asked)) == whole[8:16]


def test_pins_promotions_caps_and_filters_stand_above_the_mix(snapshot: Snapshot) -> None:
    profile = bought(*KITCHEN_AND_GARDEN)
    answer = ask(
        snapshot,
        profile,
        calibration=1.0,
        pinned=(Pin("item-41", 2),),
        promotions=(Promotion("toys", expression('categories CONTAINS "toys"', "filter"), 0.2),),
        caps={"category": 4},
        filter=expression("price < 55", "filter"),
    )
    assert numbers(answer)[1] == 41
    assert [item.rank for item in answer.items if item.promotion == "toys"] == [5, 10]
    assert shown(answer)["kitchen"] == 4
    assert all(k < 54 for k in numbers(answer))


def test_what_was_disliked_is_no_part_of_the_mix(snapshot: Snapshot) -> None:
    acts = [Interaction("a", "u", "purchase", CUTOFF_MS - 1, "item-0")]
    acts += [Interaction(f"b{k}", "u", "dislike", CUTOFF_MS - 1, f"item-{k}") for k in (1, 6, 11)]
    assert set(shown(ask(snapshot, profile_of(acts), calibration=1.0))) == {"kitchen"}


def test_shares_add_up_and_rarer_categories_count_more(snapshot: Snapshot) -> None:
    index = index_of(snapshot)
    shares = category_shares(index, 0)
    home, kitchen = index.category_id("home"), index.category_id("kitchen")
    assert home is not None
    assert kitchen is not None
    assert math.fsum(shares.values()) == pytest.approx(1)
    assert shares[kitchen] == pytest.approx(math.log((N + 1) / (N / 5 + 1)) / (0.1 + math.log((N + 1) / (N / 5 + 1))))
    mix = mix_of(index, features_of(bought(0, 1), index, CUTOFF_MS), np.arange(N))
    assert mix is not None
    assert mix.target.sum() == pytest.approx(1)
    assert (mix.shares.sum(axis=1) <= 1 + 1e-9).all()


def test_divergence_is_steck_s() -> None:
    mix = CategoryMix(np.array([0.7, 0.3]), np.eye(2))
    first = (1 - SMOOTHING) * 0.5 + SMOOTHING * 0.7, (1 - SMOOTHING) * 0.5 + SMOOTHING * 0.3
    expected = 0.7 * math.log(0.7 / first[0]) + 0.3 * math.log(0.3 / first[1])
    assert mix.divergence(np.array([0.5, 0.5])) == pytest.approx(expected)
    assert mix.divergence(mix.target) == pytest.approx(0)
    assert mix.divergence_with_each(np.array([1.0, 0.0]), 1)[1] == pytest.approx(expected)


@pytest.mark.parametrize("calibration", [-0.1, 1.1])
def test_a_knob_out_of_range_is_refused(snapshot: Snapshot, calibration: float) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        ask(snapshot, EMPTY_PROFILE, calibration=calibration)
    assert caught.value.errors[0]["field"] == "calibration"
    with pytest.raises(ValueError, match="rerank_greedily"):
        rerank_greedily(np.ones(2), np.zeros((2, 1), dtype=np.float32), 1, 0.0, calibration)


def test_a_shop_without_categories_is_left_as_it_is(tmp_path: Path) -> None:
    items = [replace(item, categories=()) for item in toy_items(N)]
    plain = build_toy_snapshot(tmp_path, N, documents=[item_document(i) for i in items], columns=columns_of(items))
    profile = bought(*KITCHEN_AND_GARDEN)
    assert numbers(ask(plain, profile, calibration=1.0)) == numbers(ask(plain, profile))
