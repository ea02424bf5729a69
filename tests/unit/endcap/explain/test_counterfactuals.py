from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from endcap.api.responses import answer
from endcap.catalog.item import item_document
from endcap.errors import InvalidRequestError, NotFoundError
from endcap.events.interaction import Interaction
from endcap.events.types import EVENT_TYPES
from endcap.explain.counterfactuals import MAX_COUNTERFACTUALS, named_act, without
from endcap.index.index import index_of
from endcap.messages.reasons import sentence_without
from endcap.profiles.profile import EMPTY_PROFILE, UserProfile, profile_of
from endcap.recommend.pipeline import recommend
from endcap.recommend.prepared import encode_with
from endcap.recommend.request import Recommendation, RecommendationRequest
from endcap.snapshot.snapshot import Snapshot
from tests.fakes.toy_snapshot import CUTOFF_MS, build_toy_snapshot, toy_items


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return build_toy_snapshot(tmp_path_factory.mktemp("snapshot"))


def did(*acts: tuple[str, str], text: str | None = None) -> list[Interaction]:
    return [
        Interaction(f"e{k}", "u", kind, CUTOFF_MS - k, item_id, text=text) for k, (kind, item_id) in enumerate(acts)
    ]


def ranked(snapshot: Snapshot, profile: UserProfile, **asked: object) -> Recommendation:
    request = RecommendationRequest(counterfactual=True, **asked)  # type: ignore[arg-type]
    return recommend(snapshot, profile, request, CUTOFF_MS)


def test_says_where_an_item_would_be_without_what_carried_it(snapshot: Snapshot) -> None:
    events = did(("purchase", "item-5"), ("view", "item-20"), ("view", "item-5"))
    best = ranked(snapshot, profile_of(events)).items[0]
    assert best.item_id == "item-6"  # what follows item-5
    found = best.counterfactual
    assert found is not None
    assert (found.item_id, found.event_type, found.timestamp) == ("item-5", "purchase", CUTOFF_MS)
    rest = recommend(snapshot, profile_of(events[1:]), RecommendationRequest(limit=500), CUTOFF_MS)
    assert found.rank == next(item.rank for item in rest.items if item.item_id == "item-6")
    assert found.text.startswith("Without “lamp lamp shirt 5”, which you bought, it would ")


def test_first_ten_items_get_one_and_later_pages_keep_their_ranks(snapshot: Snapshot) -> None:
    profile = profile_of(did(("purchase", "item-5")))
    first = ranked(snapshot, profile, limit=30, weights={"text": 1.0, "popularity": 5.0})
    assert not any(item.counterfactual for item in first.items[MAX_COUNTERFACTUALS:])
    rank_of = {item.item_id: item.counterfactual for item in first.items[:MAX_COUNTERFACTUALS]}
    second = ranked(snapshot, profile, limit=3, offset=4, weights={"text": 1.0, "popularity": 5.0})
    assert [item.rank for item in second.items] == [5, 6, 7]
    assert any(rank_of.values())
    for item in second.items:
        assert item.counterfactual == rank_of[item.item_id]


def test_none_for_someone_unknown_and_none_unless_asked(snapshot: Snapshot) -> None:
    assert not any(item.counterfactual for item in ranked(snapshot, EMPTY_PROFILE).items)
    profile = profile_of(did(("purchase", "item-5")))
    asked = answer(ranked(snapshot, profile), "r", 1)["items"]
    plain = answer(recommend(snapshot, profile, RecommendationRequest(), CUTOFF_MS), "r", 1)["items"]
    assert asked[0]["counterfactual"]["item_id"] == "item-5"
    assert not any("counterfactual" in item for item in plain)
    assert [{k: v for k, v in item.items() if k != "counterfactual"} for item in asked] == plain


def test_a_given_order_has_them_too(snapshot: Snapshot) -> None:
    profile = profile_of(did(("purchase", "item-5")))
    given = ("item-30", "item-6", "no-such")
    items = ranked(snapshot, profile, candidates=given, complete=True, weights={"next": 1.0, "popularity": 1.0}).items
    assert [item.item_id for item in items] == ["item-6", "item-30", "no-such"]
    assert items[0].counterfactual is not None
    assert items[0].counterfactual.rank == 1  # more popular than the other, too
    assert items[2].counterfactual is None


def test_the_words_of_a_review_go_with_it(snapshot: Snapshot) -> None:
    profile = profile_of(did(("review", "item-5"), text="terrible lamp, it broke"), encode_with(snapshot))
    assert profile.texts
    act = named_act(index_of(snapshot), profile, EVENT_TYPES, event_id="e0")
    assert without(profile, act) == replace(EMPTY_PROFILE, is_user=True)


def rank_of(answer: Recommendation, item_id: str) -> int | None:
    return next((item.rank for item in answer.items if item.item_id == item_id), None)


def test_a_named_event_is_left_out_for_every_item(snapshot: Snapshot) -> None:
    events = did(("purchase", "item-5"), ("view", "item-20"), ("purchase", "item-30"))
    events += [Interaction("s", "u", "search", CUTOFF_MS - 9, text="red garden")]
    profile = profile_of(events, encode_with(snapshot))
    for left_out in events:
        rest = profile_of([e for e in events if e is not left_out], encode_with(snapshot))
        again = recommend(snapshot, rest, RecommendationRequest(limit=500), CUTOFF_MS)
        answer = ranked(snapshot, profile, limit=20, without_event=left_out.event_id)
        assert len(answer.items) == 20
        for item in answer.items:
            found = item.counterfactual
            assert found is not None
            assert (found.item_id, found.event_type) == (left_out.item_id, left_out.event_type)
            assert found.rank == rank_of(again, item.item_id)
    assert found.text.startswith("Without your search, it would ")


def test_a_named_item_stands_for_all_that_was_done_with_it_or_its_variants(tmp_path: Path) -> None:
    documents = [item_document(replace(i, group_id="g" if k in (5, 20) else None)) for k, i in enumerate(toy_items())]
    snapshot = build_toy_snapshot(tmp_path, documents=documents)
    events = did(("view", "item-5"), ("purchase", "item-20"), ("view", "item-9"))
    answer = ranked(snapshot, profile_of(events), without_item="item-5")
    again = recommend(snapshot, profile_of(events[2:]), RecommendationRequest(limit=500), CUTOFF_MS)
    for item in answer.items:
        assert item.counterfactual is not None
        assert (item.counterfactual.item_id, item.counterfactual.event_type) == ("item-20", "purchase")
        assert item.counterfactual.rank == rank_of(again, item.item_id)


@pytest.mark.parametrize(
    "asked", [{"without_event": "no-such"}, {"without_item": "item-9"}, {"without_item": "no-such"}]
)
def test_what_was_never_done_is_not_found(snapshot: Snapshot, asked: dict[str, str]) -> None:
    for profile in (EMPTY_PROFILE, profile_of(did(("view", "item-5")))):
        with pytest.raises(NotFoundError):
            ranked(snapshot, profile, **asked)


def test_only_one_thing_can_be_left_out(snapshot: Snapshot) -> None:
    with pytest.raises(InvalidRequestError):
        ranked(snapshot, EMPTY_PROFILE, without_event="e0", without_item="item-5")


@pytest.mark.parametrize(
    ("language", "other", "text"),
    [
        ("en", 14, "Without “Mug”, which you bought, it would be number 14."),
        ("en", 3, "Without “Mug”, which you bought, it would still be number 3."),
        ("en", None, "Without “Mug”, which you bought, it would not be among the first 500."),
        ("zh", 14, "若没有您购买过的“Mug”，它将排在第 14 位。"),
        ("zh", 3, "若没有您购买过的“Mug”，它仍排在第 3 位。"),
        ("zh", None, "若没有您购买过的“Mug”，它不会进入前 500 名。"),
    ],
)
def test_sentence_says_the_other_place(language: str, other: int | None, text: str) -> None:
    assert sentence_without("Mug", "purchase", 3, other, 500, language) == text  # type: ignore[arg-type]
