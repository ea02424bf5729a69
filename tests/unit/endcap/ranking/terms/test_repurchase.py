"""What comes up again for a shopper, and when."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcap.catalog.item import Item, item_document
from endcap.errors import InvalidRequestError
from endcap.events.interaction import Interaction
from endcap.filters.parser import expression
from endcap.index.index import index_of
from endcap.index.overlay import ChangedItem, Overlay
from endcap.messages.reasons import due_again
from endcap.profiles.profile import EMPTY_PROFILE, UserProfile, profile_of
from endcap.ranking.terms.repurchase import HORIZON_DAYS, due_items, occasions, probability
from endcap.recommend.pipeline import recommend, recommend_lists
from endcap.recommend.request import Recommendation, RecommendationRequest
from endcap.snapshot.parts import Repurchase
from endcap.snapshot.snapshot import Snapshot, load_snapshot
from tests.fakes.toy_snapshot import CUTOFF_MS, DAY_MS, build_toy_snapshot, toy_items

N = 12
MILK, RAZORS, SOFA = "item-1", "item-2", "item-3"
SHARES: Mapping[str, tuple[float, float]] = {MILK: (0.9, 7.0), RAZORS: (0.8, 60.0), SOFA: (0.01, 60.0)}
"""How likely each is bought again, and after how many days."""


def repurchase(n: int = N) -> Repurchase:
    share, gap = np.full(n, 0.3, dtype=np.float32), np.full(n, 30.0, dtype=np.float32)
    for item_id, (s, g) in SHARES.items():
        share[int(item_id.removeprefix("item-"))], gap[int(item_id.removeprefix("item-"))] = s, g
    return Repurchase(share, gap, np.full(n, 0.5, dtype=np.float32))


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return build_toy_snapshot(tmp_path_factory.mktemp("snapshot"), N, repurchase=repurchase())


def act(item_id: str, days_ago: float, kind: str = "purchase") -> Interaction:
    return Interaction(f"{kind}-{item_id}-{days_ago}", "u", kind, CUTOFF_MS - round(days_ago * DAY_MS), item_id)


def shopper(*acts: Interaction) -> UserProfile:
    return profile_of(acts)


def ask(snapshot: Snapshot, profile: UserProfile, **asked: Any) -> Recommendation:
    asked = {"relation": "buy_again", **asked}
    return recommend(snapshot, profile, RecommendationRequest(**asked), CUTOFF_MS)


def ids(answer: Recommendation) -> list[str]:
    return [item.item_id for item in answer.items]


def test_the_probability_is_that_of_the_mixture_in_which_some_never_come_back() -> None:
    share, gap, spread, days = 0.6, math.log(20), 0.7, 15.0
    chance = np.random.default_rng(0)
    gaps = np.where(chance.random(2_000_000) < share, np.exp(gap + spread * chance.standard_normal(2_000_000)), np.inf)
    waiting = gaps[gaps > days]
    assert probability(share, gap, spread, days) == pytest.approx((waiting <= days + HORIZON_DAYS).mean(), abs=2e-3)


@given(st.floats(0, 0.99), st.floats(-1, 7), st.floats(0.2, 3), st.floats(0.01, 5_000))
def test_a_probability_is_one_and_grows_with_the_share(share: float, gap: float, spread: float, days: float) -> None:
    found = probability(share, gap, spread, days)
    assert 0 <= found <= 1
    assert found <= probability((share + 0.99) / 2, gap, spread, days) + 1e-12


@given(st.lists(st.integers(0, 20 * DAY_MS), min_size=1, max_size=20))
def test_occasions_are_a_day_apart_and_cover_every_purchase(times: list[int]) -> None:
    starts = occasions(times)
    assert all(b - a >= DAY_MS for a, b in pairwise(starts))
    assert all(any(start <= at < start + DAY_MS for start in starts) for at in times)
    assert set(starts) <= set(times)


def test_what_is_usually_bought_again_about_now_comes_first(snapshot: Snapshot) -> None:
    # Milk is due after a week, razors after two months.
    assert ids(ask(snapshot, shopper(act(MILK, 8), act(RAZORS, 8)))) == [MILK, RAZORS]
    assert ids(ask(snapshot, shopper(act(MILK, 65), act(RAZORS, 65)))) == [RAZORS, MILK]


def test_what_nobody_buys_twice_does_not_come_up(snapshot: Snapshot) -> None:
    for days in (1.5, 30, 60, 400):
        assert ids(ask(snapshot, shopper(act(SOFA, days), act(MILK, 8)))) == [MILK]
    assert ids(ask(snapshot, shopper(act(SOFA, 60)))) == []


def test_a_shopper_who_does_buy_it_again_is_believed(snapshot: Snapshot) -> None:
    assert SOFA in ids(ask(snapshot, shopper(act(SOFA, 200), act(SOFA, 130), act(SOFA, 60))))


def test_own_gaps_move_the_usual_moment(snapshot: Snapshot) -> None:
    every_week = shopper(*(act(RAZORS, days) for days in (42, 35, 28, 21, 14, 7)))
    once = shopper(act(RAZORS, 7))
    assert due_items(index_of(snapshot), every_week, CUTOFF_MS).scores[0] > (
        2 * due_items(index_of(snapshot), once, CUTOFF_MS).scores[0]
    )


def test_only_purchases_count_and_seen_items_are_no_obstacle(snapshot: Snapshot) -> None:
    profile = shopper(act(MILK, 8), act("item-5", 9, "view"), act("item-6", 9, "add_to_cart"))
    for exclude_seen in ("interacted", "purchased", "none"):
        assert ids(ask(snapshot, profile, exclude_seen=exclude_seen)) == [MILK]


def test_just_bought_or_given_back_does_not_come_up(snapshot: Snapshot) -> None:
    assert ids(ask(snapshot, shopper(act(MILK, 0.2)))) == []
    assert ids(ask(snapshot, shopper(act(MILK, 9), act(MILK, 0.2)))) == []
    assert ids(ask(snapshot, shopper(act(MILK, 9), act(MILK, 8, "return")))) == []
    assert ids(ask(snapshot, shopper(act(MILK, 30), act(MILK, 9), act(MILK, 8, "return")))) == [MILK]


def test_without_purchases_the_list_is_empty(snapshot: Snapshot) -> None:
    for profile in (EMPTY_PROFILE, shopper(act(MILK, 9, "view"))):
        answer = ask(snapshot, profile)
        assert (answer.items, answer.has_more) == ((), False)
    assert ids(ask(snapshot, shopper(act(MILK, 8)), personalization="off")) == []


def test_the_running_session_and_the_moment_count(snapshot: Snapshot) -> None:
    session = (act(MILK, 8),)
    assert ids(ask(snapshot, EMPTY_PROFILE, interactions=session)) == [MILK]
    assert ids(ask(snapshot, shopper(act(MILK, 8)), as_of_ms=CUTOFF_MS - 9 * DAY_MS)) == []


def test_filters_pins_and_other_lists_hold(snapshot: Snapshot) -> None:
    profile = shopper(act(MILK, 8), act(RAZORS, 60), act("item-5", 30))
    assert set(ids(ask(snapshot, profile))) == {MILK, RAZORS, "item-5"}
    assert ids(ask(snapshot, profile, filter=expression("price > 5", "filter"))) == ["item-5"]
    assert MILK not in ids(ask(snapshot, profile, exclude_items=(MILK,)))
    again = RecommendationRequest(relation="buy_again")
    first, second = recommend_lists(snapshot, profile, [replace(again, limit=1), again], CUTOFF_MS)
    assert set(ids(first) + ids(second)) == {MILK, RAZORS, "item-5"}
    assert not set(ids(first)) & set(ids(second))


def test_the_reason_says_why_now(snapshot: Snapshot) -> None:
    profile = shopper(act(MILK, 38), act(MILK, 24), act(MILK, 9), act(RAZORS, 50), act("item-5", 44), act("item-5", 20))
    answers = {item.item_id: item for item in ask(snapshot, profile, language="en").items}
    reasons = {item_id: next(r for r in item.reasons if r.kind == "due") for item_id, item in answers.items()}
    assert reasons[MILK].text == "You usually buy this every 14 days; it has been 9."
    assert reasons[RAZORS].text == "Often bought again after about 60 days; you bought it 50 days ago."
    assert reasons["item-5"].text == "You bought this again after 24 days; it has been 20 days."
    assert [(e.item_id, e.event_type) for e in reasons[MILK].evidence] == [(MILK, "purchase")]
    for item in answers.values():
        assert item.source == "behaviour"
        assert sum(reason.weight for reason in item.reasons) == pytest.approx(item.score, abs=1e-6)
    chinese = ask(snapshot, profile, language="zh", candidates=(MILK,)).items[0]
    assert "您通常每 14 天购买一次，距上次购买已有 9 天。" in [reason.text for reason in chinese.reasons]


@pytest.mark.parametrize(
    ("known", "en", "zh"),
    [
        ((1, None, None, None), "You bought this before.", "您购买过它。"),
        ((3, None, None, None), "You bought this 3 times.", "您购买过 3 次。"),
        ((1, 1.2, None, None), "You bought this a day ago.", "您在 1 天前购买过它。"),
        (
            (3, 2.0, 1.0, 9.0),
            "You usually buy this every day; it has been 2.",
            "您通常每天购买一次，距上次购买已有 2 天。",
        ),
    ],
)
def test_every_habit_has_a_sentence(known: tuple, en: str, zh: str) -> None:
    assert due_again(*known, "en") == en
    assert due_again(*known, "zh") == zh


def test_a_counterfactual_is_told_without_the_purchase(snapshot: Snapshot) -> None:
    profile = shopper(act(MILK, 38), act(MILK, 9), act(RAZORS, 60))
    found = {item.item_id: item.counterfactual for item in ask(snapshot, profile, counterfactual=True).items}
    assert found[RAZORS] is not None
    assert (found[RAZORS].item_id, found[RAZORS].rank) == (RAZORS, None)


def test_every_variant_bought_stands_for_its_group(tmp_path: Path) -> None:
    documents = [item_document(replace(i, group_id="g" if k in (1, 2) else None)) for k, i in enumerate(toy_items(N))]
    grouped = build_toy_snapshot(tmp_path, N, repurchase=repurchase(), documents=documents)
    due = due_items(index_of(grouped), shopper(act("item-1", 20), act("item-2", 9)), CUTOFF_MS)
    assert due.rows.tolist() == [1, 2]
    assert due.scores[0] == due.scores[1]
    assert due.habits[0].times == 2
    assert len(ids(ask(grouped, shopper(act("item-1", 20), act("item-2", 9))))) == 1


@pytest.mark.parametrize("absent", ["arrays", "clock"])
def test_without_times_or_counts_the_number_of_purchases_decides(tmp_path: Path, absent: str) -> None:
    changes: dict[str, Any] = {"clock_usable": False, "repurchase": repurchase()} if absent == "clock" else {}
    build_toy_snapshot(tmp_path, N, **changes)
    old = load_snapshot(tmp_path)
    assert (old.repurchase is None) == (absent == "arrays")
    profile = shopper(act("item-7", 50), act("item-7", 40), act("item-7", 30), act("item-5", 8), act("item-5", 0.1))
    answer = ask(old, profile, language="en", weights=None)
    assert ids(answer) == ["item-7", "item-5"]
    assert "You bought this 3 times." in [reason.text for reason in answer.items[0].reasons]


def test_an_item_newer_than_the_snapshot_comes_up_as_the_average_item(snapshot: Snapshot) -> None:
    overlay = Overlay(snapshot, [ChangedItem("new", CUTOFF_MS, Item(item_id="new", title="red mug"))])
    request = RecommendationRequest(relation="buy_again")
    answer = recommend(snapshot, shopper(act("new", 20)), request, CUTOFF_MS, overlay)
    assert ids(answer) == ["new"]


def test_items_and_buy_again_do_not_go_together(snapshot: Snapshot) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        ask(snapshot, EMPTY_PROFILE, items=(MILK,))
    assert caught.value.errors[0]["field"] == "items"
