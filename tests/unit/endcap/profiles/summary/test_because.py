"""What a like, a dislike or an opinion comes from."""

from __future__ import annotations

import pytest

from endcap.catalog.item import Item
from endcap.events.interaction import Interaction
from endcap.events.types import EVENT_TYPES
from endcap.profiles.profile import profile_of
from endcap.profiles.summary.because import MAX_DEEDS, Deed, deeds_of, reviews_of, weighed
from endcap.profiles.summary.describe import describe, item_weights

NOW_MS = 1_768_471_200_000
DAY_MS = 86_400_000
ITEMS = {
    "lamp": Item("lamp", "Garden lamp", categories=("garden",), brand="Acme"),
    "rake": Item("rake", "Rake", categories=("garden",)),
    "mug": Item("mug", "Mug", categories=("kitchen",)),
}


def event(event_type: str, item_id: str, age_days: float = 0.0, **fields: object) -> Interaction:
    at_ms = NOW_MS - round(age_days * DAY_MS)
    return Interaction(f"{event_type} {item_id} {age_days}", "u", event_type, at_ms, item_id, **fields)  # type: ignore[arg-type]


def told(*events: Interaction, language: str = "en") -> dict[str, dict[str, object]]:
    """Name of a tag or an aspect -> what is told of it."""
    profile = profile_of(events)
    weights = item_weights(profile, NOW_MS, EVENT_TYPES)
    found = describe(profile, ITEMS, weights, NOW_MS, EVENT_TYPES, language)  # type: ignore[arg-type]
    return {one["name"]: one for one in [*found["tags"], *found["aspects"]]}


def test_a_like_says_what_was_done_with_what_and_when() -> None:
    garden = told(event("purchase", "lamp", 3), event("view", "rake", 1), event("view", "mug"))["garden"]
    assert garden["because"] == [
        {
            "event_type": "purchase",
            "item_id": "lamp",
            "title": "Garden lamp",
            "times": 1,
            "timestamp": NOW_MS - 3 * DAY_MS,
            "weight": pytest.approx(EVENT_TYPES["purchase"].weight, rel=0.1),
            "text": "bought “Garden lamp”",
        },
        {
            "event_type": "view",
            "item_id": "rake",
            "title": "Rake",
            "times": 1,
            "timestamp": NOW_MS - DAY_MS,
            "weight": pytest.approx(EVENT_TYPES["view"].weight, rel=0.2),
            "text": "viewed “Rake”",
        },
    ]
    assert garden["deeds"] == 2


def test_what_was_done_several_times_is_told_once_with_its_latest_time() -> None:
    (views,) = told(*(event("view", "lamp", age) for age in (5, 1, 3)))["garden"]["because"]  # type: ignore[misc]
    assert (views["times"], views["timestamp"], views["text"]) == (
        3,
        NOW_MS - DAY_MS,
        "viewed “Garden lamp” 3 times",
    )


def test_the_shares_of_all_that_was_done_add_up_to_the_like() -> None:
    events = [event("purchase", "lamp", 3), event("return", "rake", 1), event("view", "rake", 2), event("view", "lamp")]
    profile = profile_of(events)
    weights = item_weights(profile, NOW_MS, EVENT_TYPES)
    deeds = deeds_of(weighed(profile, NOW_MS, EVENT_TYPES))
    assert sum(one.weight for one in deeds) == pytest.approx(sum(weights.values()))
    assert [abs(one.weight) for one in deeds] == sorted((abs(one.weight) for one in deeds), reverse=True)


def test_the_most_telling_things_are_named_and_the_others_counted() -> None:
    views = [event("view", item_id, age) for item_id in ("lamp", "rake") for age in (1, 2)]
    garden = told(event("purchase", "lamp"), event("add_to_cart", "lamp", 1), *views)["garden"]
    texts = [one["text"] for one in garden["because"]]  # type: ignore[attr-defined]
    assert len(texts) == MAX_DEEDS
    assert texts[:2] == ["bought “Garden lamp”", "put “Garden lamp” in the cart"]
    assert garden["deeds"] == 6


def test_what_counts_for_nothing_is_no_reason() -> None:
    garden = told(event("purchase", "lamp"), event("rating", "rake", value=3))["garden"]
    assert [one["item_id"] for one in garden["because"]] == ["lamp"]  # type: ignore[attr-defined]


def test_what_speaks_against_a_like_is_none_of_its_reasons() -> None:
    events = [event("purchase", "lamp"), event("rating", "rake", value=1), event("view", "lamp")]
    garden, acme = (told(*events)[name] for name in ("garden", "Acme"))
    assert garden["weight"] > 0  # type: ignore[operator]
    assert [one["event_type"] for one in garden["because"]] == ["purchase", "view"]  # type: ignore[attr-defined]
    (against,) = garden["against"]  # type: ignore[misc]
    assert (against["item_id"], against["weight"] < 0) == ("rake", True)
    assert garden["deeds"] == 3
    assert acme["against"] == []


def test_a_dislike_has_what_was_disliked_for_its_reason() -> None:
    garden = told(event("view", "lamp"), event("return", "rake"), event("rating", "rake", value=1))["garden"]
    assert garden["weight"] < 0  # type: ignore[operator]
    assert {one["item_id"] for one in garden["because"]} == {"rake"}  # type: ignore[attr-defined]
    assert [one["item_id"] for one in garden["against"]] == ["lamp"]  # type: ignore[attr-defined]


def test_an_opinion_names_the_reviews_that_hold_it() -> None:
    events = [event("review", "lamp", 9, text="great quality"), event("review", "rake", 1, text="poor quality")]
    found = told(*events, language="zh")["质量"]
    assert found["sentiment"] > 0  # type: ignore[operator]
    for part, named in (("because", ("评价“Garden lamp”", "lamp")), ("against", ("评价“Rake”", "rake"))):
        assert [(one["text"], one["item_id"]) for one in found[part]] == [named]  # type: ignore[attr-defined]
    newer, older = reviews_of(profile_of(events), "quality")
    assert newer == Deed("review", "rake", 1, NOW_MS - DAY_MS, newer.weight)
    assert newer.weight < 0 < older.weight
    assert reviews_of(profile_of(events), "delivery") == []


def test_an_item_that_is_gone_is_named_by_its_id() -> None:
    profile = profile_of([event("review", "gone", text="great quality")])
    found = describe(profile, {}, item_weights(profile, NOW_MS, EVENT_TYPES), NOW_MS, EVENT_TYPES, "en")
    (reason,) = found["aspects"][0]["because"]
    assert (reason["title"], reason["text"]) == ("", "reviewed “gone”")
