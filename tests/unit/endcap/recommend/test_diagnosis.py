"""Why an item is missing from a list: what the pipeline itself does with it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from endcap.events.interaction import Interaction
from endcap.filters.parser import expression
from endcap.profiles.profile import EMPTY_PROFILE, UserProfile, profile_of
from endcap.ranking.slots import Pin, Promotion
from endcap.recommend.diagnosis import Diagnosis, diagnose
from endcap.recommend.pipeline import recommend
from endcap.recommend.placement import Placed
from endcap.recommend.prepared import prepared
from endcap.recommend.request import Boost, RecommendationRequest
from endcap.snapshot.parts import Repurchase
from endcap.snapshot.snapshot import Snapshot
from tests.fakes.toy_snapshot import build_toy_snapshot

NOW_MS = 1_750_000_000_000 + 86_400_000
DAY_MS = 86_400_000
BEST = ("item-0", "item-1", "item-2", "item-3")


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return build_toy_snapshot(tmp_path_factory.mktemp("toy"))


def diagnosed(snapshot: Snapshot, item_id: str, profile: UserProfile = EMPTY_PROFILE, **asked: Any) -> Diagnosis:
    request = RecommendationRequest(**{"limit": 4, **asked})
    return diagnose(prepared(snapshot, profile, request, NOW_MS), item_id)


def causes(found: Diagnosis) -> list[str]:
    return [finding.cause for finding in found.findings]


def test_what_is_shown_has_its_rank_and_nothing_against_it(snapshot: Snapshot) -> None:
    found = diagnosed(snapshot, "item-2")
    assert (found.rank, causes(found)) == (3, [])
    assert found.reasons[0].kind == "popularity"


def test_what_scores_too_little_is_told_by_how_much(snapshot: Snapshot) -> None:
    found = diagnosed(snapshot, "item-9")
    (finding,) = found.findings
    assert (finding.cause, found.rank) == ("score", 10)
    assert finding.score is not None
    assert finding.needed is not None
    assert finding.score < finding.needed
    assert finding.by == "item-3"


@pytest.mark.parametrize(
    ("asked", "cause"),
    [
        ({"filter": expression("price > 30")}, "filter"),
        ({"exclude_items": ("item-1",)}, "excluded"),
        ({"candidates": ("item-5", "item-6")}, "not_candidate"),
        ({"relation": "similar", "items": ("item-1",)}, "named"),
        ({"relation": "buy_again"}, "not_due"),
    ],
)
def test_what_keeps_an_item_out_is_named(snapshot: Snapshot, asked: dict[str, Any], cause: str) -> None:
    assert causes(diagnosed(snapshot, "item-1", **asked)) == [cause]


def test_the_place_that_an_item_has_or_would_have_is_told(snapshot: Snapshot) -> None:
    shown, behind = diagnosed(snapshot, "item-2"), diagnosed(snapshot, "item-9")
    assert [(one.rank, one.by_score) for one in (shown, behind)] == [(3, 3), (10, 10)]
    kept_out = diagnosed(snapshot, "item-2", exclude_items=("item-2", "item-0"))
    assert (kept_out.rank, kept_out.by_score) == (None, 2)  # behind item-1 alone
    among = diagnosed(snapshot, "item-6", candidates=("item-5", "item-6"))
    assert (among.rank, among.by_score) == (2, 2)
    for asked in ({"candidates": ("item-5",)}, {"relation": "buy_again"}):
        assert diagnosed(snapshot, "item-1", **asked).by_score is None


def test_all_that_keeps_an_item_out_is_told(snapshot: Snapshot) -> None:
    found = diagnosed(snapshot, "item-1", filter=expression("price > 30"), exclude_items=("item-1",))
    assert causes(found) == ["excluded", "filter"]


def test_what_was_seen_is_left_out_unless_it_is_pinned(snapshot: Snapshot) -> None:
    profile = profile_of([Interaction("e", "u", "view", NOW_MS - 1000, "item-1")], None)
    assert causes(diagnosed(snapshot, "item-1", profile)) == ["seen"]
    assert causes(diagnosed(snapshot, "item-1", profile, exclude_seen="none")) != ["seen"]
    pinned = diagnosed(snapshot, "item-1", profile, pinned=(Pin("item-1", 1),))
    assert (pinned.rank, causes(pinned)) == (1, [])


@pytest.mark.parametrize(
    ("deeds", "asked", "deed"),
    [
        (("view",), {}, "view"),
        (("purchase", "view"), {}, "purchase"),
        (("view", "purchase"), {"exclude_seen": "purchased"}, "purchase"),
    ],
)
def test_what_was_seen_is_told_with_the_weightiest_of_what_was_done(
    snapshot: Snapshot, deeds: tuple[str, ...], asked: dict[str, Any], deed: str
) -> None:
    did = [Interaction(f"e{k}", "u", name, NOW_MS - 9000 + k, "item-1") for k, name in enumerate(deeds)]
    (finding,) = diagnosed(snapshot, "item-1", profile_of(did, None), **asked).findings
    assert (finding.cause, finding.deed) == ("seen", deed)


@pytest.mark.parametrize(
    ("deeds", "why"),
    [
        ((("view", 9),), "not_bought"),
        ((("purchase", 9), ("return", 8)), "returned"),
        ((("purchase", 0.5),), "too_soon"),
        ((("purchase", 9),), "bought_once"),
    ],
)
def test_why_an_item_is_not_due_to_be_bought_again(
    tmp_path: Path, deeds: tuple[tuple[str, float], ...], why: str
) -> None:
    seldom = Repurchase(*(np.full(12, value, dtype=np.float32) for value in (0.01, 30.0, 0.5)))
    snapshot = build_toy_snapshot(tmp_path, 12, repurchase=seldom)
    did = [Interaction(f"{days}", "u", name, NOW_MS - int(days * DAY_MS), "item-1") for name, days in deeds]
    (finding,) = diagnosed(snapshot, "item-1", profile_of(did, None), relation="buy_again").findings
    assert (finding.cause, finding.not_due) == ("not_due", why)


def test_an_unknown_item_is_that_and_nothing_else(snapshot: Snapshot) -> None:
    found = diagnosed(snapshot, "nothing", filter=expression("price > 30"))
    assert (causes(found), found.score) == (["unknown_item"], None)


def test_places_that_others_were_given_are_told_apart_from_the_score(snapshot: Snapshot) -> None:
    pins = tuple(Pin(f"item-{30 + k}", k + 1) for k in range(4))
    assert causes(diagnosed(snapshot, "item-1", pinned=pins)) == ["displaced", "score"]
    promotion = (Promotion("dear", expression("price > 30"), 1.0),)
    assert causes(diagnosed(snapshot, "item-1", promotions=promotion)) == ["displaced", "score"]


def test_caps_are_told_apart_from_the_score(snapshot: Snapshot) -> None:
    assert causes(diagnosed(snapshot, "item-4", limit=5)) == []
    found = diagnosed(snapshot, "item-4", limit=5, caps={"brand": 1})  # item-0 is of the same brand
    assert "cap" in causes(found)


def test_what_is_pinned_is_told_so_with_the_place_it_would_have_without(snapshot: Snapshot) -> None:
    found = diagnosed(snapshot, "item-9", pinned=(Pin("item-9", 2), Pin("item-0", 3)))
    assert (found.rank, causes(found)) == (2, [])
    assert found.placed_by == (Placed("pinned", position=2, rank_without=10),)
    assert diagnosed(snapshot, "item-2", pinned=(Pin("item-9", 2),)).placed_by == ()


def test_what_would_not_be_there_without_its_pin_has_no_place_without(snapshot: Snapshot) -> None:
    seen = profile_of([Interaction("e", "u", "view", NOW_MS - 1000, "item-9")], None)
    found = diagnosed(snapshot, "item-9", seen, pinned=(Pin("item-9", 40),))
    assert [(one.by, one.position, one.rank_without) for one in found.placed_by] == [("pinned", 40, None)]


def test_a_pin_of_what_is_kept_out_is_told_to_be_in_vain(snapshot: Snapshot) -> None:
    found = diagnosed(snapshot, "item-1", pinned=(Pin("item-1", 2),), filter=expression("price > 30"))
    assert (found.rank, causes(found)) == (None, ["filter"])
    assert found.placed_by == (Placed("pinned_in_vain", position=2),)


def test_a_promotion_that_an_item_stands_by_is_told(snapshot: Snapshot) -> None:
    promotions = (Promotion("season", expression('item_id = "item-9"'), 0.5),)
    found = diagnosed(snapshot, "item-9", promotions=promotions)
    assert found.placed_by == (Placed("promoted", promotion="season", rank_without=10),)
    assert (found.rank, causes(found)) == (2, [])


@pytest.mark.parametrize(("weight", "by"), [(50.0, "boosted"), (-50.0, "lowered")])
def test_a_boost_is_told_with_what_it_adds_and_the_place_without(snapshot: Snapshot, weight: float, by: str) -> None:
    found = diagnosed(snapshot, "item-9", boosts=(Boost(expression('item_id = "item-9"'), weight),))
    (placed,) = found.placed_by
    assert (placed.by, placed.rank_without) == (by, 10)
    assert placed.weight is not None
    assert (placed.weight > 0) == (weight > 0)
    assert found.rank is not None
    assert (found.rank == 1) == (weight > 0)
    assert diagnosed(snapshot, "item-2", boosts=(Boost(expression('item_id = "item-9"'), 1.0),)).placed_by == ()


@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_it_says_what_the_list_shows(snapshot: Snapshot, data: st.DataObject) -> None:
    request = RecommendationRequest(
        limit=data.draw(st.integers(1, 12)),
        diversity=data.draw(st.sampled_from([0.0, 0.7])),
        caps=data.draw(st.sampled_from([{}, {"brand": 2}])),
        filter=data.draw(st.sampled_from([None, expression("price > 7")])),
        pinned=data.draw(st.sampled_from([(), (Pin("item-20", 2),)])),
        exclude_items=tuple(data.draw(st.lists(st.sampled_from(BEST), max_size=2))),
    )
    shown = [item.item_id for item in recommend(snapshot, EMPTY_PROFILE, request, NOW_MS).items]
    made = prepared(snapshot, EMPTY_PROFILE, request, NOW_MS)
    for item_id in (*BEST, "item-20", "item-39"):
        found = diagnose(made, item_id)
        assert (not found.findings) == (item_id in shown)
        if item_id in shown:
            assert found.rank == shown.index(item_id) + 1


def test_no_item_is_followed_through_another_list(snapshot: Snapshot) -> None:
    made = prepared(snapshot, EMPTY_PROFILE, RecommendationRequest(limit=4), NOW_MS)
    narrower = replace(made, request=replace(made.request, limit=1))
    assert [diagnose(narrower, item).findings == () for item in BEST] == [True, False, False, False]
