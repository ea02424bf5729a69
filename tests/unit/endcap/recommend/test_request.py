"""What a request may be: stated once, and held to by the pipeline and by the schemas of the API alike."""

import math
from dataclasses import replace
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from endcap.api.schemas import RecommendInput
from endcap.errors import InvalidRequestError
from endcap.events.counts import WINDOWS, WindowName
from endcap.filters.parser import expression
from endcap.ranking.slots import Pin, Promotion
from endcap.recommend.request import BOUNDS, CHOICES, Boost, RecommendationRequest, check

EVERYTHING = expression("price > 0")
NUMBERS = {name: bounds for name, bounds in BOUNDS.items() if name != "offset"}


def problems(**parts: Any) -> list[tuple[str, str]]:
    with pytest.raises(InvalidRequestError) as caught:
        check(replace(RecommendationRequest(), **parts))
    return [(error["field"], error["message"]) for error in caught.value.errors]


@pytest.mark.parametrize("name", NUMBERS)
def test_the_ends_of_a_range_are_in_it_and_what_lies_beyond_is_refused_by_both(name: str) -> None:
    lowest, highest = NUMBERS[name]
    for number in (lowest, highest):
        check(replace(RecommendationRequest(), **{name: number}))
        RecommendInput.model_validate({name: number})
    for number in (lowest - 1, highest + 1):
        assert problems(**{name: number}) == [(name, f"must lie between {lowest:g} and {highest:g}")]
        with pytest.raises(ValidationError):
            RecommendInput.model_validate({name: number})


def test_a_number_that_is_none_is_refused() -> None:
    assert problems(diversity=math.nan) == [("diversity", "must lie between 0 and 1")]


@pytest.mark.parametrize("name", CHOICES)
def test_the_schema_offers_the_choices(name: str) -> None:
    schema = RecommendInput.model_json_schema()["properties"][name]
    offered = schema.get("enum") or schema["anyOf"][0]["enum"]
    assert offered == list(CHOICES[name])
    assert problems(**{name: "all"}) == [(name, f"must be one of {', '.join(CHOICES[name])}")]


def test_the_names_of_windows_are_those_of_the_windows() -> None:
    assert get_args(WindowName) == tuple(WINDOWS)


def test_every_finding_is_told_in_its_words_and_in_one_order() -> None:
    found = problems(
        limit=501,
        offset=-1,
        exploration=2.0,
        exclude_seen="all",
        personalization="some",
        language="fr",
        weights={"next": 1001.0, "luck": 1.0},
        window="1h",
        as_of_ms=1,
        without_event="e",
        without_item="i",
        complete=True,
        relation="similar",
        boosts=(Boost(EVERYTHING, 101.0),),
        promotions=(Promotion("sale", EVERYTHING, 0.7), Promotion("sale", EVERYTHING, 0.7)),
        pinned=(Pin("a", 0), Pin("a", 0)),
        caps={"brand": 0},
    )
    assert found == [
        ("limit", "must lie between 1 and 500"),
        ("offset", "must not be negative"),
        ("exploration", "must lie between 0 and 1"),
        ("exclude_seen", "must be one of interacted, purchased, none"),
        ("personalization", "must be one of off, session, full"),
        ("language", "must be one of en, zh"),
        ("weights", "no such term: luck"),
        ("weights", "must lie between -1000 and 1000"),
        ("window", "ends now: live counts know no other moment"),
        ("without_item", "can't be asked together with without_event"),
        ("candidates", "are what a complete order is of"),
        ("items", "relation and items come together"),
        ("boost", "a weight must lie between -100 and 100"),
        ("promotions", "the shares must not add up to more than 1"),
        ("promotions", "two have the same name"),
        ("pinned", "a position must lie between 1 and 500"),
        ("pinned", "two have the same position"),
        ("pinned", "two have the same item_id"),
        ("caps", "must be at least 1, and of category or brand"),
    ]
