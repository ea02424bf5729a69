"""Why an item is where it is, and what is known of a shopper, over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from endcap_local.stack import LocalStack
from tests.fakes.shop_over_http import call, did, ok
from tests.fakes.toy_snapshot import toy_items
from tests.fakes.toy_stack import toy_stack

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics")


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    with toy_stack(tmp_path_factory.mktemp("snapshot"), redelivery_s=0) as running:
        rows = [
            {"item_id": i.item_id, "title": i.title, "categories": i.categories, "brand": i.brand} for i in toy_items()
        ]
        ok(call(running, "POST", "/items", {"items": rows}))
        yield running


def test_a_profile_is_told_in_words(toy: LocalStack) -> None:
    did(
        toy,
        "ann",
        {"event_type": "view", "item_id": "item-5", "timestamp": 1_760_000_000},
        {"event_type": "add_to_cart", "item_id": "item-5"},
        {"event_type": "view", "item_id": "item-15"},
        {
            "event_type": "review",
            "item_id": "item-9",
            "text": "Great quality, but the shipping was slow and it runs small.",
        },
    )
    told = ok(call(toy, "GET", "/users/ann/profile"))
    assert told["language"] == "en"
    assert {one["aspect"]: one["sentiment"] > 0 for one in told["aspects"]} == {
        "quality": True,
        "delivery": False,
        "fit": False,
    }
    assert "Your reviews praise quality." in told["summary"]
    assert "Your reviews complain about delivery and size and fit." in told["summary"]
    assert "Lately you paid attention to 2 items of “kitchen”." in told["summary"]
    assert "In your cart: “lamp lamp shirt 5”." in told["summary"]
    assert [one["item_id"] for one in told["intent"]["in_cart"]] == ["item-5"]
    assert {"name": "lamp", "weight": pytest.approx(sum_of(told, "item-5", "item-15"), abs=2e-4)} in told["interests"][
        "words"
    ]
    chinese = ok(call(toy, "GET", "/users/ann/profile", accept_language="zh-CN,zh;q=0.9"))
    assert "您在评价中称赞质量。" in chinese["summary"]
    worded = ("language", "summary", "described", "aspects", "recent", "tags")
    kitchen, in_chinese = (one["tags"][0] for one in (told, chinese))
    assert {**in_chinese, "because": ""} == {**kitchen, "because": ""}
    assert [one["item_id"] for one in in_chinese["because"]] == [one["item_id"] for one in kitchen["because"]]
    assert {k: v for k, v in chinese.items() if k not in worded} == {k: v for k, v in told.items() if k not in worded}
    assert ok(call(toy, "GET", "/users/ann/profile?language=en", accept_language="zh"))["language"] == "en"
    assert call(toy, "GET", "/users/ann/profile?language=de")[0] == 400
    stored = ok(call(toy, "GET", "/users/ann/export"))["strong_interactions"][0]
    assert set(stored["aspects"]) == {"quality", "delivery", "fit"}
    assert "runs small" not in json.dumps(stored)


def sum_of(told: dict[str, Any], *item_ids: str) -> float:
    return float(sum(item["weight"] for item in told["items"] if item["item_id"] in item_ids))


def test_reasons_name_the_words_that_carried_an_item(toy: LocalStack) -> None:
    did(toy, "eve", {"event_type": "view", "item_id": "item-5"})
    items = ok(call(toy, "GET", "/users/eve/recommendations?limit=40&fields=title,categories,brand"))["items"]
    told = 0
    for item in items:
        assert sum(reason["weight"] for reason in item["reasons"]) == pytest.approx(item["score"], abs=1e-6)
        text = " ".join([item["title"], *item["categories"], item.get("brand", "")])
        for evidence in (one for reason in item["reasons"] for one in reason["evidence"]):
            told += len(evidence["words"])
            assert all(word.lower() in text.lower() for word in evidence["words"])
    assert told > 5
    items = ok(call(toy, "GET", "/search?q=shirt+lamp&limit=40"))["items"]
    found = next(item for item in items if item["item_id"] == "item-5")  # lamp lamp shirt 5
    lexical = next(reason for reason in found["reasons"] if reason["kind"] == "lexical")
    assert lexical["evidence"] == [{"event_type": "query", "words": ["lamp", "shirt"]}]  # lamps are rarer
    assert lexical["text"] == "Contains the words of your search: lamp, shirt."
    session = [{"event_type": "search", "text": "shirt lamp"}]
    answer = ok(call(toy, "POST", "/recommendations", {"interactions": session, "candidates": ["item-5"]}))
    (words,) = (reason for reason in answer["items"][0]["reasons"] if reason["kind"] == "words")
    assert words["evidence"] == [{"event_type": "search", "words": ["lamp", "shirt"]}]


def test_a_counterfactual_is_where_an_item_stands_without_the_event(toy: LocalStack) -> None:
    acts = [("purchase", "item-5"), ("view", "item-20"), ("view", "item-30")]
    done = [
        {"event_type": kind, "item_id": item, "timestamp": 1_760_000_000 - k} for k, (kind, item) in enumerate(acts)
    ]
    did(toy, "kim", *done)
    did(toy, "kim-without", *done[1:])
    again = ok(call(toy, "GET", "/users/kim-without/recommendations?limit=500&explain=false"))["items"]
    ranks = {item["item_id"]: item["rank"] for item in again}
    path = "/users/kim/recommendations?limit=5&explain=false"
    for query in ("&without_event=kim-0", "&without_item=item-5"):
        items = ok(call(toy, "GET", path + query))["items"]
        assert len(items) == 5
        for item in items:
            found = item["counterfactual"]
            assert (found["item_id"], found["event_type"]) == ("item-5", "purchase")
            assert found["rank"] == ranks.get(item["item_id"])
            assert found["text"].startswith("Without “lamp lamp shirt 5”, which you bought, it would ")
    body = {"user_id": "kim", "limit": 5, "explain": False, "without_event": "kim-0"}
    posted = ok(call(toy, "POST", "/recommendations", body))["items"]
    assert [item["counterfactual"]["rank"] for item in posted] == [item["counterfactual"]["rank"] for item in items]
    most = ok(call(toy, "GET", path + "&counterfactual=true&language=zh"))["items"][0]["counterfactual"]
    assert (most["item_id"], most["text"][:3]) == ("item-5", "若没有")
    given = {"item_ids": ["item-30", "item-6"], "without_item": "item-5"}
    assert "counterfactual" in ok(call(toy, "POST", "/users/kim/rankings", given))["items"][0]
    assert call(toy, "GET", path + "&without_event=never")[0] == 404
    assert call(toy, "GET", path + "&without_event=kim-0&without_item=item-5")[0] == 400
    assert call(toy, "GET", path + "&without_event=" + "x" * 65)[0] == 400


def test_parameters_are_told_from_live_configuration(toy: LocalStack) -> None:
    told = ok(call(toy, "GET", "/parameters"))
    assert {term["name"]: term["weight"] for term in told["terms"]}["text"] == 0.5  # the snapshot's own
    assert any("text (0.5)" in text for text in told["summary"])
    assert {choice["name"]: choice["default"] for choice in told["choices"]}["diversity"] == 0
    chinese = ok(call(toy, "GET", "/parameters", accept_language="zh-CN"))
    assert chinese["language"] == "zh"
    assert any("“text”（0.5）" in text for text in chinese["summary"])
    assert ok(call(toy, "GET", "/parameters?language=en", accept_language="zh"))["summary"] == told["summary"]
    assert call(toy, "GET", "/parameters?language=fr")[0] == 400
