"""Queries read by a writer: what the query does not say is thrown away, and the grammar reads it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from endcap.live.waiting import Waiting
from endcap.understanding.facets import Facet
from endcap.writing.asked import Asked
from endcap.writing.queries import SYSTEM, ask, may_be_sent, normalised, read
from tests.fakes.inline_workers import InlineWorkers

GOOD = {"search": "mug", "min_price": None, "max_price": 30, "exclude": ["plastic"], "colour": ["red"], "sort": None}
QUERY = "a red mug for 30 at the very most, plastic is out"


class Writer:
    def __init__(self, answer: object = GOOD) -> None:
        self.answer, self.asked = answer, list[Mapping[str, Any]]()

    def write(self, system: str, data: Mapping[str, Any], most_tokens: int) -> object:
        assert system == SYSTEM
        self.asked.append(data)
        return self.answer


class Shop:
    def named_in(self, text: str) -> list[Facet]:
        return [Facet("brand", "OPI", 3, 6)] if text == "by opi" else []

    def condition(self, facet: Facet) -> str | None:
        return None if facet.value == "purple" else f"title MENTIONS '{facet.value}'"


def test_what_was_read_is_a_filter_and_words_to_search_for() -> None:
    written = read(QUERY, GOOD)
    assert written is not None
    found = written.understood(QUERY, Shop())
    assert (found.search, found.filter) == ("mug", "price <= 30 AND title MENTIONS 'red'")
    assert (found.exclude, found.sort) == (("plastic",), None)
    assert [reading.meaning for reading in found.words] == ["price <= 30", "colour: red", "not: plastic"]


def test_a_brand_is_as_the_shop_writes_it_and_what_no_item_has_is_no_condition() -> None:
    written = read("purple opi polish", {"search": "polish", "brand": ["opi"], "colour": ["purple"]})
    assert written is not None
    assert written.understood("purple opi polish", Shop()).filter == "title MENTIONS 'OPI'"


def test_where_nothing_was_read_the_query_is_searched_for_as_it_is() -> None:
    written = read("spf 30 lotion", {"search": "lotion"})
    assert written is not None
    assert written.understood("SPF 30 Lotion", Shop()).search == "SPF 30 Lotion"


@pytest.mark.parametrize(
    "change",
    [
        {"max_price": 40},
        {"max_price": "30"},
        {"max_price": True},
        {"min_price": 30, "max_price": 24},
        {"exclude": ["glass"]},
        {"exclude": "plastic"},
        {"colour": ["blue"]},
        {"colour": [7]},
        {"search": "cheap mug"},
        {"search": 7},
        {"sort": "best"},
    ],
)
def test_what_the_query_does_not_say_is_thrown_away(change: dict[str, Any]) -> None:
    assert read(QUERY, GOOD | change) is None


@pytest.mark.parametrize("answer", [None, [], "mug", 7, {"exclude": {}}])
def test_answers_of_another_form_are_none(answer: object) -> None:
    assert read(QUERY, answer) is None


@pytest.mark.parametrize(
    ("query", "price", "right"),
    [("三百元以内的枕头", 300, True), ("about 20 dollars", 16, True), ("under 50p", 0.5, True), ("a mug", 5, False)],
)
def test_prices_are_those_that_the_query_names(query: str, price: float, right: bool) -> None:
    assert (read(query, {"search": "", "max_price": price}) is not None) == right


@settings(max_examples=20, deadline=None)
@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(max_size=5), lambda s: st.lists(s, max_size=3)))
def test_no_answer_is_a_fault(value: object) -> None:
    for name in (*GOOD, "brand"):
        read(QUERY, GOOD | {name: value})


def test_a_query_is_asked_about_once_however_it_is_typed() -> None:
    writer, asked = Writer(), Asked[Any](Waiting(InlineWorkers()))
    first = ask(asked, writer, QUERY)
    assert first is not None
    assert ask(asked, writer, f"  {QUERY.upper()} ") == first
    assert writer.asked == [{"query": normalised(QUERY)}]


@pytest.mark.parametrize(
    "query", ["mail me at kim@example.org", "call 0151 2345 6789", "order 1234567", "x" * 201, "  "]
)
def test_what_may_be_somebodys_is_not_sent(query: str) -> None:
    writer = Writer()
    assert not may_be_sent(query)
    assert ask(Asked(Waiting(InlineWorkers())), writer, query) is None
    assert writer.asked == []
