"""Previews: ranked as any list is, with drafts in the place of what is published, and without a trace."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import pytest

from endcap.observability import metrics
from tests.functional.test_admin import Shop, operated_shop, said_in, stored

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with operated_shop(tmp_path_factory.mktemp("previews")) as shop:
        yield shop


def _scoped(shop: Shop) -> Any:
    runtime = shop.app("recommend").runtime
    return patch.dict(runtime.__dict__, guard=replace(runtime.guard, authorisation="scopes"))


def test_previews_rank_exactly_as_live(shop: Shop) -> None:
    asked = {"user_id": "u", "limit": 8, "filter": "price > 3", "promotions": [], "diversity": 0.3}
    live, preview = (shop.ok("POST", "/recommendations", asked | more) for more in ({}, {"preview": True}))
    assert preview["items"] == live["items"]
    assert preview["recommendation_id"].startswith("preview-")


def test_a_draft_ranks_as_it_will_once_it_is_published(shop: Shop) -> None:
    draft = {
        "limit": 6,
        "diversity": 0.6,
        "weights": {"popularity": 0.3},
        "boost": [{"filter": "price > 20", "weight": 1}],
    }
    unnamed = shop.ok("POST", "/recommendations", {"preview": True, "scenario": draft})
    named = shop.ok("POST", "/recommendations", {"preview": True, "scenario": "drafted", "drafts": {"drafted": draft}})
    shop.publish("drafted", draft)
    live = shop.ok("POST", "/recommendations", {"scenario": "drafted"})
    assert unnamed["items"] == named["items"] == live["items"]


def test_a_draft_that_pins_something_in_vain_says_so(shop: Shop) -> None:
    best, last = shop.ids(limit=30)[0], shop.ids(limit=30)[-1]
    pins = [{"item_id": best, "position": 1}, {"item_id": last, "position": 2}]
    drafts = {
        "window": {"pinned": pins, "filter": f'item_id != "{last}" AND NOT purchased'},
        "*": {"hidden": [{"item_id": best}]},
    }
    found = shop.ok("POST", "/recommendations", {"preview": True, "scenario": "window", "drafts": drafts})
    assert [(one["field"], one["message"].partition(": ")[2]) for one in found["warnings"]] == [
        ("pinned.0.item_id", "it is hidden in every list"),
        ("pinned.1.item_id", "the list's filter does not hold for it"),
    ]
    assert not {best, last} & {item["item_id"] for item in found["items"]}
    shop.publish("window", {"pinned": pins})
    plain = shop.ok("POST", "/recommendations", {"preview": True, "scenario": "window"})
    assert "warnings" not in plain
    assert [item["item_id"] for item in plain["items"][:2]] == [best, last]


def test_weights_and_hiding_everywhere_can_be_tried(shop: Shop) -> None:
    best = shop.ids(limit=1)[0]
    hidden = {"drafts": {"*": {"hidden": [{"item_id": best}]}}}
    assert best not in shop.ids(preview=True, limit=40, **hidden)
    assert shop.ids(preview=True, limit=1, weights={"popularity": -5.0}) != [best]
    assert shop.ids(limit=1) == [best]


def test_previews_speak_of_the_shopper_to_staff_who_ask_for_that(shop: Shop) -> None:
    past = {"event_type": "purchase", "item_id": shop.ids(limit=1)[0], "timestamp": int(time.time())}
    asked = {"user_id": "u", "limit": 5, "interactions": [past], "counterfactual": True, "language": "en"}
    asked["as_of"] = past["timestamp"] + 60
    live = shop.ok("POST", "/recommendations", asked)
    told = shop.ok("POST", "/recommendations", asked | {"preview": True, "audience": "staff"})
    plain = shop.ok("POST", "/recommendations", asked | {"preview": True})
    assert plain["items"] == live["items"]  # what shoppers read, unless staff ask for otherwise
    assert [one["score"] for one in told["items"]] == [one["score"] for one in live["items"]]
    assert " you bought" in said_in(live)
    assert " the shopper bought" in said_in(told)
    assert not re.search(r"\byou(r|rs)?\b", said_in(told), re.IGNORECASE)


def test_previews_write_nothing_and_count_nothing(shop: Shop) -> None:
    before, counted = stored(), dict(metrics.provider.metric_set)
    with patch.object(metrics, "add_metric") as add_metric:
        for _ in range(3):
            shop.ids(preview=True, user_id="u", limit=5)
            shop.ok("POST", "/recommendations", {"preview": True, "requests": [{"limit": 2}, {"limit": 2}]})
        names = {call.args[0] for call in add_metric.call_args_list}
    assert stored() == before
    assert not names & {"Recommendations", "DegradedAnswers", "SnapshotAgeDays"}
    assert dict(metrics.provider.metric_set) == counted


def test_several_lists_are_previewed_at_once_and_one_is_a_list_by_itself(shop: Shop) -> None:
    asked = {"preview": True, "user_id": "u"}
    lists = shop.ok("POST", "/recommendations", asked | {"requests": [{"limit": 3}, {"limit": 2}]})["lists"]
    assert [len(one["items"]) for one in lists] == [3, 2]
    assert len({item["item_id"] for one in lists for item in one["items"]}) == 5
    assert len({one["recommendation_id"] for one in lists}) == 2
    assert all(one["recommendation_id"].startswith("preview-") for one in lists)
    assert "lists" not in shop.ok("POST", "/recommendations", asked)


def test_a_draft_of_what_holds_everywhere_is_no_scenario_to_name(shop: Shop) -> None:
    everywhere = {"drafts": {"*": {"hidden": [{"item_id": "item-0"}]}}}
    status, problem = shop("POST", "/recommendations", {"preview": True, "scenario": "*", **everywhere})
    assert (status, problem["errors"][0]["field"]) == (400, "scenario")


@pytest.mark.parametrize(
    "odd",
    [
        {"preview": 1},
        {"preview": True, "drafts": []},
        {"preview": True, "drafts": {"a": {"user_id": "u"}}},
        {"preview": True, "scenario": {"diversity": 3}},
        {"preview": True, "weights": {"nothing": 1}},
        {"preview": True, "weights": 3},
        {"preview": True, "audience": "everybody"},
        {"preview": True, "audience": ["staff"]},
        {"drafts": {}},
    ],
)
def test_previews_that_make_no_sense_are_refused_or_named(shop: Shop, odd: dict[str, Any]) -> None:
    status, answer = shop("POST", "/recommendations", odd)
    assert status == 400 or answer["warnings"][0]["field"] == "drafts"


def test_previews_need_the_scope_to_steer_and_lists_that_of_servers(shop: Shop) -> None:
    with _scoped(shop):
        for scopes, body, status in (
            ("endcap/steer", {"preview": True}, 200),
            ("endcap/server", {"preview": True}, 403),
            ("endcap/steer", {}, 403),
            ("endcap/server", {}, 200),
            ("endcap/look", {"preview": True}, 403),
        ):
            assert shop("POST", "/recommendations", body, scopes=scopes)[0] == status, (scopes, body)
