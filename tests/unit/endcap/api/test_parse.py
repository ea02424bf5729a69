"""How bodies, query parameters and scenarios become requests, and that the guide's examples are such bodies."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from endcap.api.cursors import digest_of, write_cursor
from endcap.api.parse import ITEM_DOOR, RequestParser
from endcap.api.scenarios import read_scenarios
from endcap.errors import InvalidRequestError
from endcap.events.types import EVENT_TYPES, PAST_FORMS
from endcap.experiments.assignment import Experiment, Variant
from endcap.filters.tree import FIELDS
from endcap.ranking.slots import Pin
from endcap.recommend.request import RecommendationRequest, check

NOW_MS = 1_760_000_000_000
GUIDE = (Path(__file__).parents[4] / "docs" / "filters.md").read_text()
SCENARIOS: Mapping[str, Mapping[str, Any]] = {
    "home": {"limit": 3, "diversity": 0.3, "exclude_seen": "purchased", "weights": {"trend": 2.0}},
}


def reader() -> RequestParser:
    return RequestParser(NOW_MS, EVENT_TYPES, lambda name: SCENARIOS[name], "secret")


def test_an_empty_body_asks_for_the_defaults() -> None:
    asked = reader().body({})
    assert asked.user_id is None
    assert asked.request == RecommendationRequest()


def test_a_request_comes_before_its_scenario_and_that_before_the_door() -> None:
    by_door = reader().body({}, ITEM_DOOR).request
    assert by_door.exclude_seen == "none"
    by_scenario = reader().body({"scenario": "home"}, ITEM_DOOR).request
    assert (by_scenario.limit, by_scenario.diversity, by_scenario.exclude_seen) == (3, 0.3, "purchased")
    assert by_scenario.weights == {"trend": 2.0}
    own = reader().body({"scenario": "home", "limit": 7, "exclude_seen": "interacted"}, ITEM_DOOR).request
    assert (own.limit, own.diversity, own.exclude_seen) == (7, 0.3, "interacted")


def test_query_parameters_say_what_a_body_says() -> None:
    by_query = reader().query(
        {
            "limit": "4",
            "filter": "price < $most",
            "parameters.most": "9",
            "context.category": "bath",
            "blocked": "a,b",
            "fields": "title,price",
            "explain": "false",
            "diversity": "0.5",
        },
        user_id="ann",
    )
    by_body = reader().body(
        {
            "user_id": "ann",
            "limit": 4,
            "filter": "price < $most",
            "parameters": {"most": "9"},
            "context": {"category": "bath"},
            "blocked": ["a", "b"],
            "fields": ["title", "price"],
            "explain": False,
            "diversity": 0.5,
        }
    )
    assert (by_query.user_id, by_query.request) == (by_body.user_id, by_body.request)
    assert by_body.request.exclude_items == ("a", "b")


@pytest.mark.parametrize("name", ["items", "relation", "boost", "parameters", "interactions", "user_id", "caps"])
def test_what_only_a_body_or_the_path_may_say_is_no_query_parameter(name: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        reader().query({name: "x"}, user_id="ann")
    assert caught.value.errors == [{"field": name, "message": "is no query parameter"}]


def test_a_misspelt_parameter_is_left_out_and_told_with_the_nearest_name() -> None:
    plain = reader().query({"limit": "3"}, user_id="ann")
    for name, meant in (("divrsity", "diversity"), ("feilds", "fields"), ("utm_source", None)):
        asked = reader().query({"limit": "3", name: "0.5"}, user_id="ann")
        assert (asked.request, asked.digest) == (plain.request, plain.digest)
        question = f"; did you mean {meant}?" if meant else ""
        assert asked.warnings == ({"field": name, "message": f"is no parameter and was left out{question}"},)
    assert plain.warnings == ()


def test_what_would_keep_something_out_is_refused_where_it_is_misspelt() -> None:
    for name, meant in (("fliter", "filter"), ("exclude_sen", "exclude_seen"), ("userid", "user_id")):
        with pytest.raises(InvalidRequestError) as caught:
            reader().body({name: "x"})
        assert caught.value.errors == [{"field": name, "message": f"is no parameter; did you mean {meant}?"}]


def test_each_list_and_door_tells_of_its_own_parameters() -> None:
    first, second = reader().lists({"requests": [{"limt": 2}, {"limit": 2}]})
    assert [w["field"] for w in first.warnings] == ["limt"]
    assert second.warnings == ()
    assert [w["field"] for w in reader().ranking("ann", {"item_ids": ["a"], "explian": True}).warnings] == ["explian"]
    assert [w["field"] for w in reader().trending({"windw": "1h"}).warnings] == ["windw"]
    with pytest.raises(InvalidRequestError, match="no parameter of what is trending"):
        reader().trending({"filter": "available"})


def test_whole_numbers_are_ids() -> None:
    asked = reader().body({"user_id": 4711, "candidates": [1, "2"], "exclude_items": [3], "items": [4]})
    assert asked.user_id == "4711"
    assert (asked.request.candidates, asked.request.exclude_items, asked.request.items) == (("1", "2"), ("3",), ("4",))


def test_every_mistake_in_expressions_is_listed() -> None:
    body = {"filter": "price <", "boost": [{"filter": "brand", "weight": 1}, {"filter": "available", "weight": 1}]}
    with pytest.raises(InvalidRequestError) as caught:
        reader().body(body)
    assert [error["field"] for error in caught.value.errors] == ["filter", "boost.0.filter"]


def test_a_cursor_fits_the_request_that_it_came_from_whatever_its_scenario_says_by_now() -> None:
    first = reader().body({"scenario": "home", "user_id": "ann"})
    cursor = write_cursor("secret", first.digest, [b"abcd"])
    changed = RequestParser(NOW_MS, EVENT_TYPES, lambda _: {"limit": 5}, "secret")
    again = changed.body({"scenario": "home", "user_id": "ann", "cursor": cursor, "limit": 50})
    assert again.request.shown_keys == (b"abcd",)
    assert first.digest == digest_of({"user_id": "ann", "scenario": "home"})
    with pytest.raises(InvalidRequestError, match="another request"):
        changed.body({"user_id": "ann", "cursor": cursor})


def test_lists_share_what_stands_beside_them() -> None:
    session = [{"event_type": "view", "item_id": "a"}]
    body = {"user_id": "ann", "limit": 5, "interactions": session, "requests": [{}, {"limit": 2, "query": "mug"}]}
    first, second = reader().lists(body)
    assert (first.user_id, second.user_id) == ("ann", "ann")
    assert (first.request.limit, second.request.limit, second.request.query) == (5, 2, "mug")
    assert [i.item_id for i in second.request.interactions] == ["a"]


def test_ranking_asks_for_every_id_once() -> None:
    request = reader().ranking("ann", {"item_ids": ["b", "a", "b"], "explain": False}).request
    assert (request.candidates, request.limit, request.complete, request.explain) == (("b", "a"), 2, True, False)


def test_examples_of_the_guide_are_requests_and_scenarios() -> None:
    request, scenarios = (json.loads(block) for block in re.findall(r"```json\n(.*?)```", GUIDE, re.DOTALL))
    asked = reader().body(request).request
    check(asked)
    assert asked.pinned == (Pin("22423", 1),)
    assert len(read_scenarios(json.dumps(scenarios).encode())) == 3
    first = re.search(r"```\n(price.*?)\n```", GUIDE)
    assert first is not None
    reader().body({"filter": first.group(1)})


def test_guide_names_every_field_and_every_kind_of_interaction() -> None:
    for name in (*FIELDS, *PAST_FORMS):
        assert f"`{name}" in GUIDE, name


class TestWhomAListIsFor:
    @pytest.mark.parametrize(
        ("body", "key", "other"),
        [
            ({}, None, None),
            ({"user_id": "ann"}, "ann", None),
            ({"anonymous_id": "cookie"}, "anon:cookie", "anon:cookie"),
            ({"user_id": "ann", "anonymous_id": "cookie"}, "ann", "anon:cookie"),
            ({"user_id": "undefined", "anonymous_id": "cookie"}, "anon:cookie", "anon:cookie"),
            ({"user_id": "(not set)", "anonymous_id": "NaN"}, None, None),
        ],
    )
    def test_is_a_user_or_an_anonymous_id_or_nobody(self, body, key, other):
        asked = reader().body(body)
        assert (asked.user_id, asked.anonymous_key) == (key, other)

    def test_is_no_user_whose_id_stands_for_an_anonymous_one(self):
        with pytest.raises(InvalidRequestError) as caught:
            reader().body({"user_id": "anon:cookie"})
        assert [e["field"] for e in caught.value.errors] == ["user_id"]

    def test_is_in_a_path_said_once(self):
        assert reader().query({}, anonymous_id="cookie").user_id == "anon:cookie"
        assert reader().query({"anonymous_id": "cookie"}, user_id="ann").anonymous_key == "anon:cookie"
        for name in ("user_id", "anonymous_id"):
            with pytest.raises(InvalidRequestError):
                reader().query({name: "ann"}, anonymous_id="cookie")

    def test_of_a_ranking_is_the_key_of_a_profile(self):
        for key in ("ann", "anon:cookie"):
            assert reader().ranking(key, {"item_ids": ["a"]}).user_id == key

    def test_is_said_once_for_several_lists(self):
        with pytest.raises(InvalidRequestError):
            reader().lists({"requests": [{"anonymous_id": "cookie"}]})
        (one,) = reader().lists({"anonymous_id": "cookie", "requests": [{}]})
        assert one.user_id == "anon:cookie"

    def test_gets_the_same_variant_as_when_the_id_stood_for_a_user(self):
        experiment = Experiment("e", "salt", (Variant("a", 0.5), Variant("b", 0.5)))
        parser = replace(reader(), experiments=(experiment,))
        for n in range(20):
            by_user, by_cookie = parser.body({"user_id": f"c{n}"}), parser.body({"anonymous_id": f"c{n}"})
            assert by_user.assignment is not None
            assert by_cookie.assignment == by_user.assignment
