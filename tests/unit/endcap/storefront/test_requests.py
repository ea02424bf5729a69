"""What browsers may ask for, and that no rule of the shop's comes from them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from endcap.api.parse import RequestParser
from endcap.api.resolved import ResolvedRequest
from endcap.api.schemas import RecommendInput
from endcap.errors import InvalidRequestError
from endcap.events.types import EVENT_TYPES
from endcap.storefront import requests
from endcap.storefront.requests import MAX_CANDIDATES, MAX_LIMIT

SCENARIOS: dict[str, dict[str, Any]] = {
    "home": {"filter": "price < 20", "limit": 80, "fields": ["margin"], "explain": False},
}
PARSER = RequestParser(1_800_000_000_000, EVENT_TYPES, SCENARIOS.__getitem__, "secret", shopper="anon:me")

Ask = Callable[..., ResolvedRequest]
DOORS: list[Ask] = [
    lambda **asked: requests.recommendations(PARSER, asked),
    lambda **asked: requests.search(PARSER, {"q": "lamp", **asked}),
    lambda **asked: requests.similar(PARSER, "i1", asked),
    lambda **asked: requests.trending(PARSER, asked),
]
every_door = pytest.mark.parametrize("ask", DOORS)


@every_door
def test_lists_are_for_the_visitor_whoever_the_request_names(ask: Ask) -> None:
    assert ask().user_id == "anon:me"
    assert ask(user_id="alice", anonymous_id="bob") == ask()
    assert ask(user_id="", anonymous_id="x" * 1000) == ask()


@every_door
@pytest.mark.parametrize(
    "name",
    sorted(set(RecommendInput.model_fields) - requests.IGNORED - set(requests.RecommendationsInput.model_fields)),
)
def test_rules_of_the_shops_are_refused_by_name(ask: Ask, name: str) -> None:
    if (name, ask) in (("window", DOORS[3]), ("understand", DOORS[1])):
        return
    with pytest.raises(InvalidRequestError) as caught:
        ask(**{name: "1"})
    assert [error["field"] for error in caught.value.errors] == [name]


def test_a_visitor_may_have_their_query_understood() -> None:
    assert requests.search(PARSER, {"q": "lamp", "understand": "true"}).request.understand
    assert not requests.search(PARSER, {"q": "lamp"}).request.understand


@every_door
def test_lists_are_of_a_page_at_most(ask: Ask) -> None:
    assert ask(limit=MAX_LIMIT).request.limit == MAX_LIMIT
    for limit in (MAX_LIMIT + 1, 0, -1, "many"):
        with pytest.raises(InvalidRequestError):
            ask(limit=limit)


@every_door
def test_the_surface_is_told_on(ask: Ask) -> None:
    assert ask(surface="home page").surface == "home page"
    for surface in ("", "x" * 65):
        with pytest.raises(InvalidRequestError):
            ask(surface=surface)


@every_door
def test_fields_are_those_that_any_page_shows(ask: Ask) -> None:
    assert ask(fields="title,price").request.fields == ("title", "price")
    for field in ("margin", "attributes", "expires_at"):
        with pytest.raises(InvalidRequestError):
            ask(fields=field)


@pytest.mark.parametrize("ask", DOORS[:3])
def test_a_scenario_rules_and_keeps_to_a_page(ask: Ask) -> None:
    asked = ask(scenario="home")
    assert asked.request.filter is not None
    assert (asked.request.limit, asked.request.fields, asked.request.explain) == (MAX_LIMIT, ("margin",), False)
    assert ask(scenario="home", limit=3).request.limit == 3


def test_candidates_are_few() -> None:
    ids = [f"i{n}" for n in range(MAX_CANDIDATES)]
    assert DOORS[0](candidates=ids).request.candidates == tuple(ids)
    with pytest.raises(InvalidRequestError):
        DOORS[0](candidates=[*ids, "one more"])


def test_context_says_where_the_visitor_is() -> None:
    assert DOORS[0](context={"device": "mobile"}).request.context == {"device": "mobile"}
    assert DOORS[1](**{"context.device": "mobile"}).request.context == {"device": "mobile"}
    with pytest.raises(InvalidRequestError):
        DOORS[0](context={f"c{n}": "x" for n in range(21)})


def test_a_search_says_what_for() -> None:
    assert DOORS[1]().request.query == "lamp"
    for query in ("", "  ", "x" * 501):
        with pytest.raises(InvalidRequestError):
            DOORS[1](q=query)


def test_what_is_trending_may_be_of_a_category() -> None:
    asked = DOORS[3](window="1h", category='Lamps" OR NOT available OR title CONTAINS "')
    assert asked.request.window == "1h"
    assert asked.request.parameters == {"category": 'Lamps" OR NOT available OR title CONTAINS "'}


@pytest.mark.parametrize("body", [None, 7, "x", [], [{}]])
def test_a_body_is_an_object(body: object) -> None:
    with pytest.raises(InvalidRequestError):
        requests.recommendations(PARSER, body)


def test_the_running_session_counts_for_its_answer_and_nobody_elses() -> None:
    view = {"event_type": "view", "item_id": "i1", "user_id": "alice", "anonymous_id": "bob"}
    nobody = RequestParser(PARSER.now_ms, EVENT_TYPES, SCENARIOS.__getitem__, "secret")
    for parser, whose in ((PARSER, "anon:me"), (nobody, None)):
        asked = requests.recommendations(parser, {"interactions": [view]})
        assert asked.user_id == whose
        assert [(i.item_id, i.anonymous_id) for i in asked.request.interactions] == [("i1", None)]
    with pytest.raises(InvalidRequestError):
        requests.recommendations(PARSER, {"interactions": [view] * (requests.MAX_SESSION + 1)})


def test_the_running_session_is_dated_by_when_it_was_sent() -> None:
    ahead_ms = 3_600_000
    view = {"event_type": "view", "item_id": "i1", "timestamp": PARSER.now_ms + ahead_ms - 5000}
    asked = requests.recommendations(PARSER, {"interactions": [view], "sent_at": PARSER.now_ms + ahead_ms})
    assert [i.timestamp_ms for i in asked.request.interactions] == [PARSER.now_ms - 5000]


@every_door
@pytest.mark.parametrize(
    ("tag", "language"),
    [("zh", "zh"), ("zh-Hant-TW", "zh"), ("zh_CN", "zh"), ("EN-gb", "en"), ("de", None), ("english", None), ("", None)],
)
def test_the_language_of_a_page_is_taken_as_its_tag_says(ask: Ask, tag: str, language: str | None) -> None:
    assert ask(language=tag).request.language == language


@every_door
def test_a_list_speaks_one_language(ask: Ask) -> None:
    assert ask().request.one_language
    assert ask().plain.one_language


def test_shoppers_are_told_what_speaks_for_an_item() -> None:
    against, first, second = ({"kind": "x", "weight": weight, "text": str(weight)} for weight in (-3.0, 2.0, 1.0))
    answer = {"source": "behaviour", "items": [{"item_id": "a", "reasons": [against, first, second]},
                                               {"item_id": "b", "reasons": [against]}]}  # fmt: skip
    told = requests.for_shoppers(answer)
    assert told == {"source": "behaviour", "items": [{"item_id": "a", "reasons": [first, second]},
                                                     {"item_id": "b", "reasons": []}]}  # fmt: skip


def test_what_was_done_on_a_page_may_have_an_id_as_long_as_an_orders() -> None:
    bought = {"event_type": "purchase", "item_id": "i1", "event_id": "o" * 90}
    (said,) = requests.recommendations(PARSER, {"interactions": [bought]}).request.interactions
    assert len(said.event_id) == 32
