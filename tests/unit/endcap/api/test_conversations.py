"""Conversations as they come over HTTP, through the one pipeline, and back."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from endcap.api.conversations import conversation_request
from endcap.api.parse import RequestParser
from endcap.api.responses import answer, cursor_after
from endcap.errors import InvalidRequestError
from endcap.events.types import EVENT_TYPES
from endcap.profiles.profile import EMPTY_PROFILE
from endcap.recommend.pipeline import recommend
from endcap.snapshot.snapshot import Snapshot
from tests.fakes.toy_snapshot import CUTOFF_MS, build_toy_snapshot

PARSER = RequestParser(CUTOFF_MS, EVENT_TYPES, lambda _: {"limit": 2}, "secret")


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return build_toy_snapshot(tmp_path_factory.mktemp("shop"))


def ask(snapshot: Snapshot, **body: Any) -> Any:
    asked = conversation_request(PARSER, {"limit": 3, **body})
    found = recommend(snapshot, EMPTY_PROFILE, asked.request, CUTOFF_MS)
    assert cursor_after(found, asked, "secret") is None
    return answer(found, "r", 0)


def ids(body: Any) -> list[str]:
    return [item["item_id"] for item in body["items"]]


def plain(snapshot: Snapshot, **body: Any) -> list[str]:
    asked = PARSER.body({"limit": 3, "exclude_seen": "none", **body})
    return [item.item_id for item in recommend(snapshot, EMPTY_PROFILE, asked.request, CUTOFF_MS).items]


def test_a_turn_ranks_as_the_query_that_it_comes_to(snapshot: Snapshot) -> None:
    found = ask(snapshot, turns=["show me a red mug under 30"])
    assert found["constraints"]["search"] == "mug"
    assert found["constraints"]["filters"] == [
        {"about": "price_to", "filter": "price <= 30", "text": "under 30"},
        {"about": "colour", "filter": 'title MENTIONS "red"', "text": "red"},
    ]
    assert ids(found) == plain(snapshot, query="mug", filter='price <= 30 AND title MENTIONS "red"')
    assert found["constraints"]["shown"] == ids(found)
    assert {"text": "under 30", "meaning": "price <= 30"} in found["words"]
    assert "understood" not in found
    assert found["matched"]


def test_what_holds_comes_back_and_goes_on(snapshot: Snapshot) -> None:
    first = ask(snapshot, turns=["mug"])
    about = {"text": "not that brand", "items": ["item-0"]}
    second = ask(snapshot, turns=[about, "cheaper"], constraints=first["constraints"], fields=["brand"])
    brand = snapshot.document(snapshot.index["item-0"])["brand"]
    assert all(item.get("brand") != brand for item in second["items"])
    third = ask(snapshot, turns=["show me others"], constraints=second["constraints"])
    assert not set(ids(third)) & set(ids(second))
    assert ask(snapshot, turns=[], constraints=first["constraints"])["items"] == first["items"]


def test_the_answer_to_its_question_is_the_next_turn(snapshot: Snapshot) -> None:
    first = ask(snapshot, turns=["mug"])
    asked = first["question"]
    assert first["constraints"]["asked"] == [asked["about"]]
    for option in asked["options"]:
        found = ask(snapshot, turns=[option["text"]], constraints=first["constraints"])
        filters = [one["filter"] for one in found["constraints"]["filters"]]
        assert filters, option
        assert found["items"]
        assert "question" not in found or found["question"]["about"] != asked["about"]


def test_where_nothing_fits_it_asks_what_may_go(snapshot: Snapshot) -> None:
    found = ask(snapshot, turns=["mug under 0.5"])
    assert found["items"] == []
    assert found["question"]["about"] == "drop"
    (option,) = found["question"]["options"]
    assert ask(snapshot, turns=[option["text"]], constraints=found["constraints"])["items"]


def test_the_question_is_in_the_language_of_the_turn(snapshot: Snapshot) -> None:
    assert ask(snapshot, turns=["mug 0.5元以内"])["question"]["text"].startswith("没有")
    assert ask(snapshot, turns=["mug 0.5元以内"], language="en")["question"]["text"].startswith("Nothing")


def test_without_a_word_it_is_a_list_like_any_other(snapshot: Snapshot) -> None:
    assert ids(ask(snapshot, turns=[])) == plain(snapshot)


def held(about: str, text: str) -> Any:
    return {"turns": [], "constraints": {"filters": [{"about": about, "filter": text}]}}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "turns"),
        ({"turns": ["x" * 501]}, "turns.0"),
        ({"turns": [1]}, "turns.0"),
        ({"turns": ["mug"] * 6}, "turns"),
        (held("price_to", "price <"), "constraints.filters.0.filter"),
        (held("taste", "price < 1"), "constraints.filters.0.about"),
        ({"turns": [], "constraints": {"asked": ["taste"]}}, "constraints.asked.0"),
        ({"turns": [], "query": "mug"}, "query"),
        ({"turns": [], "weights": 1, "pinned": []}, "pinned"),
        ({"turns": [], "usr_id": "ann"}, "usr_id"),
    ],
)
def test_what_can_not_be_followed_is_refused_by_name(body: Any, field: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        conversation_request(PARSER, body)
    assert any(error["field"].startswith(field) for error in refused.value.errors)


def test_the_rest_means_what_it_means_in_lists(snapshot: Snapshot) -> None:
    asked = conversation_request(PARSER, {"turns": ["mug"], "anonymous_id": "c-1", "surface": "chat", "scenario": "s"})
    assert (asked.user_id, asked.surface, asked.request.limit) == ("anon:c-1", "chat", 2)
    assert asked.request.exclude_seen == "none"
    told = conversation_request(PARSER, {"turns": [], "colour": "red"})
    assert [warning["field"] for warning in told.warnings] == ["colour"]


def test_the_grammar_is_imported_by_the_first_conversation() -> None:
    code = (
        "import sys, endcap.api.conversations, endcap.recommend.pipeline;"
        "sys.exit(any(f'endcap.{name}' in sys.modules for name in ('understanding.grammar', 'conversation.turns')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
