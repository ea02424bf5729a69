from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from endcap.catalog.item import item_document
from endcap.encoders.quantize import quantize_unit
from endcap.events.types import EVENT_TYPES, event_types
from endcap.index.index import ItemIndex, index_of
from endcap.profiles.entries import Entry, TextSignal, register
from endcap.profiles.profile import EMPTY_PROFILE, UserProfile
from endcap.ranking.features import RankingSettings, decayed, features_of, grade_factor, mean_grade, mean_ranks
from endcap.snapshot.snapshot import Snapshot
from tests.fakes.toy_snapshot import CUTOFF_MS, DAY_MS, build_toy_snapshot, toy_items

SETTINGS = RankingSettings()


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return build_toy_snapshot(tmp_path_factory.mktemp("snapshot"))


@pytest.fixture(scope="module")
def index(snapshot: Snapshot) -> ItemIndex:
    return index_of(snapshot)


def entry(item_id: str, kind: str = "view", at_ms: int = CUTOFF_MS, key: int = 0, **more: float) -> Entry:
    return Entry(at_ms, key.to_bytes(4, "big"), kind, item_id, **more)


def profile(*entries: Entry) -> UserProfile:
    return UserProfile(interactions=entries)


@pytest.mark.parametrize(
    ("grade", "mean", "factor"),
    [(3.5, 3.5, 0.5), (4.5, 3.5, 1.0), (5.0, 3.5, 1.25), (5.0, 3.0, 1.25), (2.5, 3.5, 0.0), (1.0, 4.0, -1.0)],
)
def test_grade_counts_around_the_mean_within_bounds(grade: float, mean: float, factor: float) -> None:
    assert grade_factor(grade, mean) == pytest.approx(factor)


def test_mean_grade_is_drawn_towards_the_prior_and_bounded() -> None:
    assert mean_grade([]) == 3.5
    assert mean_grade([entry("a", "rating", value=4.0)]) == pytest.approx((4 + 3 * 3.5) / 4)
    assert mean_grade([entry("a", "rating", value=1.0, key=k) for k in range(30)]) == 3.0
    assert mean_grade([entry("a", "rating", value=5.0, key=k) for k in range(30)]) == 4.5
    assert mean_grade([entry("a", "purchase", value=1.0)]) == 3.5  # not a grade


def test_user_of_only_bad_grades_likes_nothing(index: ItemIndex) -> None:
    features = features_of(
        profile(*(entry(f"item-{k}", "rating", key=k, value=1.0) for k in range(20))), index, CUTOFF_MS
    )
    assert (features.weights < 0).all()


def test_equal_times_share_their_mean_rank() -> None:
    assert mean_ranks([50, 30, 30, 30, 10]).tolist() == [0, 2, 2, 2, 4]
    assert mean_ranks([10, 50]).tolist() == [1, 0]
    assert mean_ranks([]).tolist() == []


def test_decay_divides_by_total_and_floor() -> None:
    weights, ranks = np.array([1, -1], np.float32), np.array([0, 1], np.float32)
    total = 1 + 0.5
    assert decayed(weights, ranks, 1.0, 0.5) == pytest.approx([1 / (total + 0.5), -0.5 / (total + 0.5)])
    assert not decayed(np.zeros(2, np.float32), ranks, 1.0, 0.0).any()


def test_weight_halves_with_the_half_life_of_its_type(index: ItemIndex) -> None:
    view = EVENT_TYPES["view"]
    at_ms = CUTOFF_MS - int(view.half_life_s * 1000)
    features = features_of(profile(entry("item-3", at_ms=at_ms), entry("item-5", key=1)), index, CUTOFF_MS)
    assert features.positions.tolist() == [3, 5]
    assert features.weights == pytest.approx([view.weight / 2, view.weight])
    assert features.ranks.tolist() == [1, 0]
    slower = features_of(
        profile(entry("item-3", at_ms=at_ms)), index, CUTOFF_MS, RankingSettings(time_half_life_factor=2)
    )
    assert slower.weights == pytest.approx([view.weight * 0.5**0.5])


def test_age_says_nothing_without_a_usable_clock(tmp_path: Path) -> None:
    index = index_of(build_toy_snapshot(tmp_path, clock_usable=False))
    features = features_of(profile(entry("item-3", at_ms=CUTOFF_MS - 900 * DAY_MS)), index, CUTOFF_MS)
    assert features.weights == pytest.approx([EVENT_TYPES["view"].weight])


def test_entry_from_the_future_counts_as_new(index: ItemIndex) -> None:
    features = features_of(profile(entry("item-3", at_ms=CUTOFF_MS + DAY_MS)), index, CUTOFF_MS)
    assert features.weights == pytest.approx([EVENT_TYPES["view"].weight])


def test_entry_of_both_sets_counts_once_and_several_acts_add_up(index: ItemIndex) -> None:
    bought = entry("item-3", "purchase", key=1)
    both = UserProfile(interactions=(bought, entry("item-3", "view", key=2)), strong=(bought,))
    features = features_of(both, index, CUTOFF_MS)
    assert features.weights == pytest.approx([EVENT_TYPES["purchase"].weight + EVENT_TYPES["view"].weight])
    assert features.event_types == ("purchase",)


def test_purchase_that_browsing_pushed_out_still_counts(index: ItemIndex) -> None:
    features = features_of(UserProfile(strong=(entry("item-3", "purchase"),)), index, CUTOFF_MS)
    assert features.positions.tolist() == [3]


def test_reviews_count_by_value_by_tone_or_plainly(index: ItemIndex) -> None:
    weight = EVENT_TYPES["review"].weight
    features = features_of(
        profile(
            entry("item-1", "review", key=1, value=5.0),
            entry("item-2", "review", key=2, polarity=-1.0),
            entry("item-3", "review", key=3, polarity=0.6),
            entry("item-4", "review", key=4),
        ),
        index,
        CUTOFF_MS,
    )
    mean = (5 + 3 * 3.5) / 4
    expected = [0.5 + (5 - mean) / 2, 0.5 + (1 - 3.5) / 2, 0.5 + (4.2 - 3.5) / 2, 1.0]
    assert features.weights == pytest.approx([weight * factor for factor in expected])


@pytest.mark.parametrize(
    ("acts", "newest_first"),
    [
        ([("purchase", 1, {}), ("review", 3, {"polarity": -1.0})], ["item-3", "item-1"]),
        ([("purchase", 1, {}), ("review", 3, {"polarity": 1.0})], ["item-1", "item-3"]),
        ([("view", 1, {}), ("review", 3, {"polarity": -1.0})], ["item-1", "item-3"]),
        ([("review", 1, {"polarity": -1.0}), ("view", 3, {})], ["item-3", "item-1"]),
    ],
)
def test_a_thing_is_as_new_as_what_speaks_for_its_side(
    index: ItemIndex, acts: list[tuple[str, int, dict[str, float]]], newest_first: list[str]
) -> None:
    about = [entry("item-1", kind, CUTOFF_MS + at, key=at, **more) for kind, at, more in acts]
    features = features_of(profile(*about, entry("item-3", at_ms=CUTOFF_MS + 2, key=9)), index, CUTOFF_MS)
    ranked = [f"item-{features.positions[k]}" for k in np.argsort(features.ranks)]
    assert ranked == newest_first


def test_grade_strength_zero_makes_every_rating_a_plain_positive(index: ItemIndex) -> None:
    bad = profile(entry("item-1", "rating", value=1.0))
    features = features_of(bad, index, CUTOFF_MS, RankingSettings(grade_strength=0))
    assert features.weights == pytest.approx([EVENT_TYPES["rating"].weight])


def test_variants_of_a_group_are_one_thing(tmp_path: Path) -> None:
    documents = [item_document(i if k > 1 else replace(i, group_id="g")) for k, i in enumerate(toy_items())]
    index = index_of(build_toy_snapshot(tmp_path, documents=documents))
    features = features_of(
        profile(entry("item-0", at_ms=CUTOFF_MS - 1, key=1), entry("item-1", key=2), entry("item-7", key=3)),
        index,
        CUTOFF_MS,
    )
    view = EVENT_TYPES["view"].weight
    assert features.positions.tolist() == [1, 7]  # the variant touched last stands for the group
    assert features.weights == pytest.approx([2 * view, view])
    assert features.ranks.tolist() == [0.5, 0.5]


def test_unknown_items_and_kinds_weigh_nothing_until_configured(index: ItemIndex) -> None:
    acts = profile(entry("nowhere"), entry("item-4", "gift", key=1))
    assert features_of(acts, index, CUTOFF_MS).is_empty
    features = features_of(acts, index, CUTOFF_MS, event_types=event_types({"gift": 2.0}))
    assert (features.positions.tolist(), features.weights.tolist()) == ([4], [2.0])


def test_texts_of_another_encoder_are_ignored(snapshot: Snapshot, index: ItemIndex) -> None:
    encoder = snapshot.encoder
    assert encoder is not None
    assert index.encoder_tag == encoder.tag
    unit = encoder.encode("red mug")
    vector = quantize_unit(unit).tobytes()
    signals = (
        TextSignal(CUTOFF_MS, b"aaaa", "search", "", 1.0, vector, encoder.tag),
        TextSignal(CUTOFF_MS, b"bbbb", "search", "", 1.0, vector, b"else"),
        TextSignal(CUTOFF_MS, b"cccc", "search", "", 1.0, b"", encoder.tag),
        TextSignal(CUTOFF_MS - 1, b"dddd", "review", "item-2", -0.5, vector, encoder.tag),
    )
    features = features_of(UserProfile(texts=signals), index, CUTOFF_MS)
    assert features.text_weights == pytest.approx([1.0, -0.5])
    assert features.text_items == ("", "item-2")
    assert features.texts[0] @ unit > 0.999


def test_preferences_and_context_are_stated_affinities(index: ItemIndex) -> None:
    stated = UserProfile(preferences=register({"brands": ["Acme", "Nobody"], "categories": "bath"}, CUTOFF_MS))
    features = features_of(stated, index, CUTOFF_MS, context={"category": "bath"})
    assert features.brands == {index.brand_id("Acme"): 0.5}
    assert features.categories == {index.category_id("bath"): 1.0}
    assert features_of(EMPTY_PROFILE, index, CUTOFF_MS, context={"category": "cars"}).is_empty


def test_settings_come_from_the_snapshot_unless_given(index: ItemIndex) -> None:
    settings = RankingSettings.of({"history_half_life_events": 4, "something_else": 1.0})
    assert settings == replace(SETTINGS, history_half_life_events=4.0)
    assert RankingSettings.of(index.snapshot.weights.settings).text_half_life_events == 2.0


def test_demand_fades_with_the_distance_from_the_cut_off_for_known_taste_only(index: ItemIndex) -> None:
    fading = RankingSettings(demand_fade_days=30.0)
    known = profile(entry("item-1"))
    for days in (30, -30):
        at_ms = CUTOFF_MS + days * DAY_MS
        assert features_of(known, index, at_ms, fading).demand == pytest.approx(1 / 2)
        assert features_of(known, index, at_ms).demand == 1
        assert features_of(EMPTY_PROFILE, index, at_ms, fading).demand == 1
        assert features_of(profile(entry("item-1", "dislike")), index, at_ms, fading).demand == 1


@pytest.mark.parametrize(
    "acts",
    [
        (("purchase", 3), ("return", 1)),
        (("purchase", 1), ("return", 1)),
        (("view", 9), ("view", 8), ("add_to_cart", 5), ("purchase", 3), ("return", 1)),
        (("add_to_cart", 3), ("remove_from_cart", 1)),
        (("add_to_cart", 3), ("add_to_cart", 2), ("remove_from_cart", 1)),
    ],
)
def test_what_was_given_back_speaks_for_nothing(index: ItemIndex, acts: tuple[tuple[str, int], ...]) -> None:
    entries = [entry("item-5", kind, CUTOFF_MS - age, key) for key, (kind, age) in enumerate(acts)]
    features = features_of(profile(*entries), index, CUTOFF_MS)
    assert features.positions.tolist() == [5]
    assert (features.weights < 0).all()


def test_what_is_kept_of_an_order_speaks_for_itself(index: ItemIndex) -> None:
    bought = [Entry(CUTOFF_MS - 9, bytes([k]) * 4, "purchase", f"item-{k}", order=b"ORDR") for k in (5, 6)]
    other = Entry(CUTOFF_MS - 8, b"othr", "purchase", "item-7", order=b"OTHR")
    refund = Entry(CUTOFF_MS - 1, b"rfnd", "return", "", order=b"ORDR")
    assert features_of(profile(*bought, other, refund), index, CUTOFF_MS).positions.tolist() == [7]
