"""What lists do for shoppers in their situations, over HTTP on the local stack: regulars, and people not known yet."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from endcap_local.data_import.into_local import load_folder
from endcap_local.http_client import HttpClient, HttpError
from endcap_local.stack import LocalStack
from tests.fakes.short_polls import short_polls

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics")
ROOT = Path(__file__).parents[2]
TINY_ENCODER = ROOT / "tests" / "data" / "tiny_encoder"
DAY_S = 86_400
GROCERIES = ("milk", "coffee", "tea", "bread", "pasta", "rice")
FURNITURE = ("sofa", "table", "chair", "lamp", "shelf", "desk")
GARDEN = ("spade", "rake", "hose", "seeds", "gloves", "pot")
GAP_DAYS = {"milk": 7, "coffee": 30, "tea": 45, "bread": 4, "pasta": 20, "rice": 60}


def write_shop(folder: Path, now_s: int) -> Path:
    """A year of a shop: groceries are bought again, furniture is not; Germany and France garden with other things."""
    chance = random.Random(0)
    items = [
        {"item_id": name, "title": f"{name} {kind}", "categories": [kind], "price": 5.0 + k}
        for kind, names in (("groceries", GROCERIES), ("furniture", FURNITURE), ("garden", GARDEN))
        for k, name in enumerate(names)
    ]
    events = []

    def buy(user: str, item: str, day: float) -> None:
        at = {"event_type": "purchase", "timestamp": int(now_s - day * DAY_S)}
        where = {"country": "DE" if int(user.removeprefix("shopper-")) % 2 else "FR", "device": "mobile"}
        events.append({"user_id": user, "item_id": item, **at, "properties": where})

    for number in range(60):
        user = f"shopper-{number}"
        for item in chance.sample(GROCERIES, 2):
            day = 360 * chance.random()
            while day > 0:
                buy(user, item, day)
                day -= GAP_DAYS[item] * chance.uniform(0.8, 1.2)
        own_garden = GARDEN[:3] if number % 2 else GARDEN[3:]
        for item in chance.sample(FURNITURE, 2) + chance.sample(own_garden, 2):
            buy(user, item, 20 + 340 * chance.random())
    (folder / "items.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))
    (folder / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    return folder


@pytest.fixture(scope="module")
def now_s() -> int:
    return int(time.time())


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory, now_s: int) -> Iterator[HttpClient]:
    with short_polls(), LocalStack(ROOT / "template.yaml") as stack:
        folder = write_shop(tmp_path_factory.mktemp("shop"), now_s)
        load_folder(stack, folder, lambda *_: None, encoder=str(TINY_ENCODER), max_cases=100)
        yield HttpClient(stack.url)


def ids(answer: dict[str, Any]) -> list[str]:
    return [item["item_id"] for item in answer["items"]]


def settled(api: HttpClient, user_id: str, path: str, **query: str) -> dict[str, Any]:
    """An answer made from the profile that the events just sent are in."""
    for _ in range(400):
        answer: dict[str, Any] = api.get(path, **query)
        if answer["profile_version"] > 0:
            return answer
    raise AssertionError(f"no profile of {user_id}")


def bought(user_id: str, item_id: str, at_s: float) -> dict[str, Any]:
    return {"user_id": user_id, "event_type": "purchase", "item_id": item_id, "timestamp": at_s}


def test_what_is_due_comes_up_again_and_the_sofa_does_not(api: HttpClient, now_s: int) -> None:
    events = [bought("ann", "sofa", now_s - 3 * DAY_S), bought("ann", "coffee", now_s - 3 * DAY_S)]
    events += [bought("ann", "milk", now_s - days * DAY_S) for days in (21, 14, 7)]
    assert api.post("/events", {"events": events})["accepted"] == len(events)
    path = "/users/ann/recommendations"
    answer = settled(api, "ann", path, scenario="buy_again", language="en")
    assert ids(answer) == ["milk", "coffee"]
    assert answer["source"] == "personal"
    milk = answer["items"][0]
    assert "You usually buy this every 7 days; it has been 7." in [reason["text"] for reason in milk["reasons"]]
    assert sum(reason["weight"] for reason in milk["reasons"]) == pytest.approx(milk["score"], abs=1e-6)
    chinese = api.get(path, scenario="buy_again", language="zh")["items"][0]
    assert "您通常每 7 天购买一次，距上次购买已有 7 天。" in [reason["text"] for reason in chinese["reasons"]]


def test_buying_again_by_every_door(api: HttpClient, now_s: int) -> None:
    session = [
        {key: value for key, value in bought("", item, now_s - days * DAY_S).items() if key != "user_id"}
        for item, days in (("tea", 44), ("bread", 5), ("sofa", 5))
    ]
    by_scenario = api.post("/recommendations", {"scenario": "buy_again", "interactions": session})
    by_relation = api.post("/recommendations", {"relation": "buy_again", "interactions": session})
    assert ids(by_scenario) == ids(by_relation) == ["bread", "tea"]
    lists = api.post(
        "/recommendations",
        {"interactions": session, "limit": 3, "requests": [{"scenario": "buy_again"}, {"exclude_seen": "none"}]},
    )["lists"]
    assert ids(lists[0]) == ["bread", "tea"]
    assert len(lists[1]["items"]) == 3
    assert not set(ids(lists[0])) & set(ids(lists[1]))


def test_nothing_to_buy_again_is_an_empty_list(api: HttpClient) -> None:
    answer = api.get("/users/nobody/recommendations", scenario="buy_again")
    assert (answer["items"], answer["source"], answer["profile_version"]) == ([], "personal", 0)
    assert "buy_again" in api.get("/parameters")["scenarios"]


def test_a_calibrated_list_has_the_mix_of_the_history(api: HttpClient) -> None:
    session = [
        {"event_type": "purchase", "item_id": item} for item in ("milk", "coffee", "tea", "bread", "spade", "rake")
    ]
    asked = {"interactions": session, "exclude_seen": "none", "limit": 6, "fields": ["categories"]}
    answer = api.post("/recommendations", {**asked, "calibration": 1})
    shown = [item["categories"][0] for item in answer["items"]]
    assert sorted(shown) == ["garden", "garden", *["groceries"] * 4]
    plain, off = (api.post("/recommendations", {**asked, **more}) for more in ({}, {"calibration": 0}))
    assert ids(plain) == ids(off)
    with pytest.raises(HttpError, match="400"):
        api.post("/recommendations", {"calibration": 1.5})


def test_a_new_shopper_climbs_the_ladder(api: HttpClient) -> None:
    gardening = {"filter": 'categories CONTAINS "garden"', "limit": 3, "language": "en"}

    def first(**asked: Any) -> dict[str, Any]:
        answer: dict[str, Any] = api.post("/recommendations", {**gardening, **asked})
        return answer

    def kinds(answer: dict[str, Any]) -> set[str]:
        return {reason["kind"] for item in answer["items"] for reason in item["reasons"]}

    nothing = first()
    assert nothing["source"] == "popular"
    assert "context" not in kinds(nothing)
    germany, france = (first(context={"country": country}) for country in ("de", "FR"))
    assert set(ids(germany)) == set(GARDEN[:3])
    assert set(ids(france)) == set(GARDEN[3:])
    assert (germany["source"], germany["profile_version"]) == ("popular", 0)
    assert "Popular in DE." in [reason["text"] for reason in germany["items"][0]["reasons"]]
    by_get = api.get("/users/nobody/recommendations", **{"context.country": "DE", "filter": gardening["filter"]})
    assert set(ids(by_get)[:3]) == set(GARDEN[:3])

    looking = [{"event_type": "view", "item_id": "sofa"}]
    everything = {"context": {"country": "de"}, "filter": "available", "limit": 50}
    before, session = first(**everything), first(**everything, interactions=looking)
    assert (before["source"], session["source"]) == ("popular", "personal")
    assert {"text", "category"} <= kinds(session) - kinds(before)
    places = [
        sum(ids(answer).index(item) for item in FURNITURE if item != "sofa") - len(answer["items"])
        for answer in (before, session)
    ]
    assert places[1] < places[0]  # what is like the sofa has come up
    query = first(context={"country": "de"}, interactions=looking, query="gloves")
    assert (query["source"], ids(query)[0]) == ("query", "gloves")


def test_stated_preferences_come_before_the_place(api: HttpClient) -> None:
    api.put("/users/erin", {"preferences": {"categories": ["furniture"]}})
    answer = settled(api, "erin", "/users/erin/recommendations", limit="6", **{"context.country": "DE"})
    assert set(ids(answer)) == set(FURNITURE)


def test_contexts_that_nobody_counted_change_nothing(api: HttpClient) -> None:
    plain, odd = (api.post("/recommendations", {"context": context}) for context in ({}, {"country": "Atlantis"}))
    assert ids(plain) == ids(odd)
    told = {context["name"]: context["values"] for context in api.get("/parameters")["contexts"]}
    assert told == {"country": ["de", "fr"], "device": ["mobile"]}
