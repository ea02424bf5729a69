"""Shoppers of whom nothing is known but where they are; and how little that says once more is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from endcap.api.parameters import parameters
from endcap.api.parse import RequestParser
from endcap.catalog.item import Item
from endcap.errors import InvalidRequestError
from endcap.events.contexts import context_value
from endcap.events.interaction import Interaction
from endcap.events.types import EVENT_TYPES
from endcap.index.index import index_of
from endcap.index.overlay import ChangedItem, Overlay
from endcap.messages.reasons import popular_in
from endcap.profiles.entries import register
from endcap.profiles.profile import EMPTY_PROFILE, UserProfile
from endcap.ranking.terms.context import context_scores, known_contexts
from endcap.recommend.pipeline import recommend
from endcap.recommend.request import Recommendation, RecommendationRequest
from endcap.snapshot.parts import ContextDemand, ItemList, TermWeight, Weights
from endcap.snapshot.snapshot import Snapshot
from tests.fakes.toy_snapshot import CUTOFF_MS, DAY_MS, build_toy_snapshot

N = 40
PAIRS = (("country", "de"), ("country", "fr"), ("device", "mobile"))
TIMES = {("country", "de"): {30: 8, 31: 7}, ("country", "fr"): {33: 5}, ("device", "mobile"): {31: 4, 35: 3}}
"""How often what was chosen where; item k was chosen 38 - k times, the last two never."""
TOTAL = sum(range(39))


def demand() -> ContextDemand:
    sizes = [len(TIMES[pair]) for pair in PAIRS]
    return ContextDemand(
        PAIRS,
        np.asarray([sum(TIMES[pair].values()) / TOTAL for pair in PAIRS], dtype=np.float32),
        ItemList(
            np.cumsum([0, *sizes]).astype(np.int64),
            np.asarray([item for pair in PAIRS for item in TIMES[pair]], dtype=np.int32),
            np.asarray([np.log1p(n) for pair in PAIRS for n in TIMES[pair].values()], dtype=np.float16),
        ),
    )


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return build_toy_snapshot(tmp_path_factory.mktemp("snapshot"), N, contexts=demand())


def ask(snapshot: Snapshot, profile: UserProfile = EMPTY_PROFILE, **asked: Any) -> Recommendation:
    return recommend(snapshot, profile, RecommendationRequest(**asked), CUTOFF_MS)


def ids(answer: Recommendation) -> list[str]:
    return [item.item_id for item in answer.items]


def viewed(item_id: str) -> Interaction:
    return Interaction("e", "u", "view", CUTOFF_MS - 1000, item_id)


def test_each_rung_of_the_ladder_says_more_than_the_one_below(snapshot: Snapshot) -> None:
    germany = {"country": "DE"}
    assert ids(ask(snapshot, limit=2)) == ["item-0", "item-1"]  # popular
    assert ids(ask(snapshot, limit=2, context=germany)) == ["item-30", "item-31"]  # popular there
    session = (viewed("item-9"),)
    assert ids(ask(snapshot, limit=1, context=germany, interactions=session)) == [
        "item-10"
    ]  # follows what they look at
    assert ids(ask(snapshot, limit=1, context=germany, query="item-17")) == ["item-17"]  # what they ask for


def test_what_a_shopper_states_outright_comes_before_where_they_are(snapshot: Snapshot) -> None:
    stated = UserProfile(preferences=register({"categories": ["bath"]}, CUTOFF_MS))
    answer = ask(snapshot, stated, limit=3, context={"country": "de"})
    assert all(int(i.removeprefix("item-")) % 5 == 1 for i in ids(answer))
    assert answer.items[0].item_id == "item-31"  # of these, what is popular there


def test_the_answer_still_says_that_nothing_is_known(snapshot: Snapshot) -> None:
    answer = ask(snapshot, limit=1, context={"country": "de"}, language="en")
    assert (answer.source, answer.items[0].source) == ("popular", "popular")
    assert ("context", "Popular in DE.") in [(reason.kind, reason.text) for reason in answer.items[0].reasons]
    assert sum(r.weight for r in answer.items[0].reasons) == pytest.approx(answer.items[0].score, abs=1e-9)


def test_several_contexts_add_up_and_the_strongest_is_named(snapshot: Snapshot) -> None:
    answer = ask(snapshot, limit=3, context={"country": "de", "device": "mobile"}, language="zh")
    assert set(ids(answer)) >= {"item-30", "item-31"}
    texts = {item.item_id: [reason.text for reason in item.reasons] for item in answer.items}
    assert "在 DE 受欢迎。" in texts["item-31"]
    assert "在手机上受欢迎。" in [
        r.text for i in ask(snapshot, context={"device": "Mobile"}, language="zh").items for r in i.reasons
    ]
    rows = known_contexts(snapshot, {"country": "de", "device": "mobile"})
    expected = np.log((7 + 1) / (7 * 15 / TOTAL + 1)) + np.log((4 + 1) / (7 * 7 / TOTAL + 1))
    assert context_scores(index_of(snapshot), rows)[31] == pytest.approx(expected, abs=2e-3)


def test_with_popularity_it_is_popularity_there(snapshot: Snapshot) -> None:
    found = ask(snapshot, limit=N, context={"country": "de"}, explain=False)
    order = [int(item.item_id.removeprefix("item-")) for item in found.items]
    everywhere = np.maximum(38 - np.arange(N), 0)
    there = np.zeros(N)
    there[[30, 31]] = 8, 7
    plain = np.log1p(everywhere) + np.log1p(there) - np.log1p(everywhere * 15 / TOTAL)
    assert plain[order] == pytest.approx(np.sort(plain)[::-1], abs=5e-3)


def test_what_sells_elsewhere_only_is_set_back_and_says_so(snapshot: Snapshot) -> None:
    (item,) = ask(snapshot, candidates=("item-0",), context={"country": "fr"}, language="en").items
    texts = {reason.kind: (reason.weight < 0, reason.text) for reason in item.reasons}
    assert texts["context"] == (True, "Lower, as it is less popular in FR.")


@pytest.mark.parametrize("context", [{}, {"country": "jp"}, {"weather": "rain"}, {"country": ""}, {"device": "de"}])
def test_what_was_not_counted_changes_nothing(snapshot: Snapshot, context: dict[str, str]) -> None:
    assert ask(snapshot, limit=40, context=context) == ask(snapshot, limit=40)


def test_a_snapshot_without_contexts_ranks_as_ever(tmp_path: Path) -> None:
    old = build_toy_snapshot(tmp_path, N)
    assert old.contexts is None
    assert ids(ask(old, context={"country": "de"})) == ids(ask(old))


def test_items_newer_than_the_snapshot_are_popular_nowhere(snapshot: Snapshot) -> None:
    overlay = Overlay(snapshot, [ChangedItem("new", CUTOFF_MS, Item(item_id="new", title="red mug"))])
    request = RecommendationRequest(limit=500, context={"country": "de"})
    answer = recommend(snapshot, EMPTY_PROFILE, request, CUTOFF_MS, overlay)
    assert ids(answer)[0] == "item-30"
    assert "new" in ids(answer)


def test_the_context_fades_with_popularity_for_shoppers_who_are_known(tmp_path: Path) -> None:
    weights = Weights({"popularity": TermWeight(0.4), "context": TermWeight(0.4)}, {"demand_fade_days": 10.0})
    fading = build_toy_snapshot(tmp_path, N, contexts=demand(), weights=weights)
    shares = []
    for days in (0, 10):
        request = RecommendationRequest(
            candidates=("item-30",), context={"country": "de"}, interactions=(viewed("item-9"),)
        )
        (item,) = recommend(fading, EMPTY_PROFILE, request, CUTOFF_MS + days * DAY_MS).items
        shares.append({reason.kind: reason.weight for reason in item.reasons}["context"])
    assert shares[1] == pytest.approx(shares[0] / 2, rel=1e-3)


@pytest.mark.parametrize(
    ("value", "spelled"),
    [
        (" Mobile ", "mobile"),
        ("https://www.Example.com/a?b=c", "example.com"),
        ("http://[broken", ""),
        ("https://", ""),
        ("x" * 65, ""),
        (True, "true"),
        (2.5, "2.5"),
        ("手机", "手机"),
    ],
)
def test_a_value_has_one_spelling(value: object, spelled: str) -> None:
    assert context_value(value) == spelled


@pytest.mark.parametrize(
    ("name", "value", "en", "zh"),
    [
        ("device", "mobile", "Popular on mobile.", "在手机上受欢迎。"),
        ("country", "gb", "Popular in GB.", "在 GB 受欢迎。"),
        ("country", "new zealand", "Popular in New Zealand.", "在 New Zealand 受欢迎。"),
        ("referrer", "a.com", "Popular with shoppers who come from a.com.", "在来自 a.com 的顾客中受欢迎。"),
        ("store", "7", "Popular where store is 7.", "在 store 为 7 时受欢迎。"),
    ],
)
def test_every_context_has_a_sentence(name: str, value: str, en: str, zh: str) -> None:
    assert (popular_in(name, value, "en"), popular_in(name, value, "zh")) == (en, zh)


def test_parameters_name_the_contexts(snapshot: Snapshot, tmp_path: Path) -> None:
    assert parameters(snapshot, EVENT_TYPES, {})["contexts"] == [
        {"name": "country", "values": ["de", "fr"]},
        {"name": "device", "values": ["mobile"]},
    ]
    assert parameters(build_toy_snapshot(tmp_path, 5), EVENT_TYPES, {})["contexts"] == []


def test_what_fp16_rounds_off_is_no_demand(tmp_path: Path) -> None:
    popularity = np.log1p(np.arange(N) * 99_991.0).astype(np.float32)
    rows = ItemList(np.asarray([0, N]), np.arange(N, dtype=np.int32), popularity.astype(np.float16))
    everyone = ContextDemand((("device", "mobile"),), np.ones(1, dtype=np.float32), rows)
    snapshot = build_toy_snapshot(tmp_path, N, popularity=popularity, contexts=everyone)
    assert not context_scores(index_of(snapshot), (0,)).any()


def test_a_request_may_name_the_whole_address_that_a_shopper_came_from() -> None:
    address = "https://www.example.com/?gclid=" + "x" * 2000
    reader = RequestParser(CUTOFF_MS, EVENT_TYPES, lambda name: {}, "secret")
    asked = reader.query({"context.referrer": address})
    assert context_value(asked.request.context["referrer"]) == "example.com"
    with pytest.raises(InvalidRequestError):
        reader.query({"context.referrer": address + "x" * 100})
