"""The demo's first scene: what a newcomer gets here, and what in the country that a request names."""

from __future__ import annotations

import io
from typing import Any, cast

import pytest
from rich.console import Console

from endcap_local.demo.session import Session, things_to_try
from endcap_local.demo.story import Story
from endcap_local.http_client import HttpClient, HttpError

EVERYWHERE = {"kind": "popularity", "weight": 0.8, "text": "Popular with other shoppers.", "evidence": []}


def item(rank: int, title: str, *reasons: dict[str, Any]) -> dict[str, Any]:
    return {"item_id": title, "rank": rank, "title": title, "price": 2.5, "reasons": [EVERYWHERE, *reasons]}


class Api:
    """Answers a list, another one where a country is named."""

    def __init__(self, *first: Exception | dict[str, Any]) -> None:
        self.asked: list[dict[str, Any]] = []
        self._first = list(first)

    def get(self, path: str, **parameters: Any) -> dict[str, Any]:
        assert path == "/users/ada/recommendations"
        if self._first:
            first = self._first.pop(0)
            if isinstance(first, Exception):
                raise first
            return first
        self.asked.append(parameters)
        if "context.country" not in parameters:
            return {"items": [item(1, "Mug"), item(2, "Lamp")]}
        there = {"kind": "context", "weight": 0.1, "text": "Popular in DE.", "evidence": []}
        return {"items": [item(1, "Lamp"), item(2, "Ribbon", there)]}


@pytest.fixture
def told() -> tuple[Api, list[str]]:
    api, out = Api(), io.StringIO()
    Session(cast(HttpClient, api), Story(Console(file=out, width=100))).unknown_shopper()
    return api, [line.strip() for line in out.getvalue().splitlines() if line.strip()]


def test_the_first_scene_asks_for_both_and_says_what_the_country_changes(told: tuple[Api, list[str]]) -> None:
    api, lines = told
    assert [parameters.get("context.country") for parameters in api.asked] == [None, "DE"]
    assert lines == [
        "1. Ada comes in, and the shop knows nothing about her",
        "1. Mug   £2.50",
        "Popular with other shoppers.",
        "2. Lamp  £2.50",
        "Popular with other shoppers.",
        "From Germany, which a request may say, 1 of 2 would be others.",
        "1. Lamp    £2.50",
        "Popular with other shoppers.",
        "2. Ribbon  £2.50",
        "Popular in DE.",
    ]


def test_a_list_that_failed_or_lacks_something_is_asked_for_again(told: tuple[Api, list[str]]) -> None:
    lacking = {"items": [item(1, "Mop")], "degraded": {"reason": "profile", "lost": ["profile"]}}
    api, out = Api(HttpError("500", 500), HttpError("no answer"), lacking), io.StringIO()
    Session(cast(HttpClient, api), Story(Console(file=out, width=100))).unknown_shopper()
    assert [line.strip() for line in out.getvalue().splitlines() if line.strip()] == told[1]


def test_a_refused_request_is_not_sent_again() -> None:
    api = Api(HttpError("400", 400))
    with pytest.raises(HttpError, match="400"):
        Session(cast(HttpClient, api), Story(Console(file=io.StringIO()))).unknown_shopper()
    assert api.asked == []


def test_one_of_the_commands_to_go_on_with_names_a_country() -> None:
    assert any("context.country=FR" in command for command in things_to_try("http://127.0.0.1:1"))
