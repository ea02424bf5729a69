"""Conversations at the storefront door: as any other, about nothing but what a page shows."""

from __future__ import annotations

from typing import Any

import pytest

from endcap.api.parse import RequestParser
from endcap.api.resolved import ResolvedRequest
from endcap.errors import InvalidRequestError
from endcap.events.types import EVENT_TYPES
from endcap.storefront.conversations import conversation

NOW_MS = 1_790_000_000_000
PARSER = RequestParser(NOW_MS, EVENT_TYPES, lambda _: {"limit": 500, "diversity": 0.3}, "secret", shopper="anon:v")


def ask(**body: Any) -> ResolvedRequest:
    return conversation(PARSER, {"turns": ["mug"], **body})


def refused(**body: Any) -> list[str]:
    with pytest.raises(InvalidRequestError) as found:
        ask(**body)
    return [error["field"] for error in found.value.errors]


def held(filter_: str) -> dict[str, Any]:
    return {"filters": [{"about": "price_to", "filter": filter_, "text": "said"}]}


def test_a_turn_is_the_visitors_whoever_the_request_names() -> None:
    asked = ask(user_id="somebody-else", surface="chat")
    assert (asked.user_id, asked.surface) == ("anon:v", "chat")
    assert asked.request.conversation is not None
    assert [turn.text for turn in asked.request.conversation.turns] == ["mug"]
    assert asked.request.exclude_seen == "none"


def test_a_list_is_of_a_page_at_most_whatever_the_scenario_says() -> None:
    asked = ask(scenario="home")
    assert asked.request.limit <= 50
    assert asked.request.diversity == 0.3
    assert refused(limit=51) == ["limit"]


@pytest.mark.parametrize(
    "name", ["filter", "parameters", "exclude_seen", "personalization", "boost", "weights", "cursor", "as_of", "query"]
)
def test_rules_of_the_shops_are_refused_by_name(name: str) -> None:
    assert refused(**{name: "x"}) == [name]


@pytest.mark.parametrize(
    "test",
    [
        "price <= 30",
        'title MENTIONS "red"',
        'NOT (brand = "Acme" OR categories CONTAINS "mugs")',
        'attributes.Colour MENTIONS "red" OR attributes."材质" MENTIONS "棉"',
    ],
)
def test_what_was_held_comes_back(test: str) -> None:
    asked = ask(constraints=held(test))
    assert asked.request.conversation is not None
    assert asked.request.conversation.constraints.conditions[0].filter == test


@pytest.mark.parametrize(
    "test",
    [
        "attributes.margin > 3",
        "price < 3 AND (brand = 'a' OR NOT attributes.cost < 2)",
        "available = true",
        "HISTORY purchase WITHIN 3 DAYS",
        "created_at WITHIN 7 DAYS",
        "price <",
    ],
)
def test_conditions_are_about_what_any_page_shows(test: str) -> None:
    assert refused(constraints=held(test)) == ["constraints.filters.0.filter"]


def test_the_running_session_counts_for_its_answer_and_nobody_elses() -> None:
    done = {"event_type": "view", "item_id": "a", "user_id": "somebody-else", "timestamp": NOW_MS - 5000}
    asked = ask(interactions=[done], sent_at=NOW_MS)
    assert [one.item_id for one in asked.request.interactions] == ["a"]


def test_fields_are_those_that_any_page_shows() -> None:
    assert ask(fields=["title", "price"]).request.fields == ("title", "price")
    assert refused(fields=["attributes"]) == ["fields.0"]
