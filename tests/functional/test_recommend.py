"""The recommend function over the toy snapshot: its routes, called as the gateway calls them, with moto behind."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from endcap.aws.counters import FoldedCounts
from endcap.aws.items import ItemTable
from endcap.aws.profiles import ProfileTable
from endcap.catalog.item import Item
from endcap.events.counts import DEMAND, LEVELS, PEOPLE, Change, increments
from endcap.events.folding import Folded, Note
from endcap.events.interaction import Interaction
from endcap.profiles.entries import register
from endcap.profiles.profile import UserProfile, profile_of
from tests.fakes import moto_stack
from tests.fakes.functions import context, http_event, load_app, published, stack_for_functions
from tests.fakes.hostile_bodies import HOSTILE, HOSTILE_BASE64

APP = Path(__file__).parents[2] / "functions" / "recommend" / "app.py"
CONTEXT = context(10)
SCENARIOS = {
    "cheap": {"filter": "price < $most", "parameters": {"most": 8}, "limit": 3},
    "by-trend": {"weights": {"popularity": -5.0, "trend": 0.0}, "exclude_seen": "none"},
    "cart": {"relation": "together", "limit": 2},
}

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics")


class Environment:
    """An execution environment of the function; calling it calls a route, and gives status and body of the answer."""

    def __init__(self) -> None:
        self._app = load_app("recommend")

    def __call__(
        self, method: str, path: str, body: object = None, *, user_id: str = "", item_id: str = "", **query: object
    ) -> tuple[int, Any]:
        text = None if body is None else json.dumps(body)
        return self.raw(method, path, text, user_id=user_id, item_id=item_id, **query)

    def raw(
        self,
        method: str,
        path: str,
        body: str | None = None,
        *,
        base64_encoded: bool = False,
        user_id: str = "",
        item_id: str = "",
        **query: object,
    ) -> tuple[int, Any]:
        """The same with a body as it is sent."""
        if user_id and "{user_id}" not in path:
            query["user_id"], user_id = user_id, ""
        names = {k: v for k, v in (("user_id", user_id), ("item_id", item_id)) if v}
        query = {name.replace("__", "."): value for name, value in query.items()}
        event = http_event(method, path, body, names=names, query=query) | {"isBase64Encoded": base64_encoded}
        answer = self._app.handler(event, CONTEXT)
        return answer["statusCode"], json.loads(answer["body"])


@pytest.fixture(scope="module")
def call(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    folder = tmp_path_factory.mktemp("recommend")
    with stack_for_functions(folder):
        published(folder)
        put_scenarios(SCENARIOS)
        bought = Interaction("e1", "ann", "purchase", int(time.time() * 1000) - 3_600_000, "item-20")
        store("ann", profile_of([bought], None))
        put_counts({"item-9": 5, "item-8": 1, "item-7": 4})
        yield Environment()


def store(user_id: str, profile: UserProfile) -> None:
    ProfileTable(moto_stack.client("dynamodb"), moto_stack.PROFILES, 0).update(user_id, lambda _: profile)


def put_counts(chosen: dict[str, int]) -> None:
    """Item -> how many people have just chosen it."""
    now_ms = int(time.time() * 1000)
    changes = [Change(what + name, now_ms, n) for what in (DEMAND, PEOPLE) for name, n in chosen.items()]
    counted = tuple(increments(changes, now_ms))
    counts = FoldedCounts(moto_stack.client("s3"), moto_stack.BUCKET)
    for level in LEVELS:
        folded = Folded(level).with_batch([Note("1", counted)], now_ms)
        assert folded is not None
        counts.write(level, folded.encoded(), None)


def put_scenarios(scenarios: object) -> None:
    moto_stack.client("s3").put_object(
        Bucket=moto_stack.BUCKET, Key="config/scenarios.json", Body=json.dumps(scenarios).encode()
    )


def ids(body: Any) -> list[str]:
    return [item["item_id"] for item in body["items"]]


def ask(call: Environment, **body: Any) -> Any:
    status, answer = call("POST", "/recommendations", body)
    assert status == 200, answer
    return answer


def refused(call: Environment, **body: Any) -> list[str]:
    status, answer = call("POST", "/recommendations", body)
    assert status == 400, answer
    return [f"{error['field']}: {error['message']}" for error in answer["errors"]]


RECOMMENDATIONS = "/users/{user_id}/recommendations"


def test_filter_of_get_and_post(call: Environment) -> None:
    _, got = call("GET", RECOMMENDATIONS, user_id="ann", limit=500, filter="price < 9", fields="price")
    assert sorted(ids(got)) == sorted(f"item-{k}" for k in range(8))
    shown = [(item["item_id"], item["price"]) for item in got["items"]]
    posted = ask(call, user_id="ann", limit=500, filter="price < $most", parameters={"most": 9}, fields=["price"])
    # Not the scores: they fade from one moment to the next.
    assert [(item["item_id"], item["price"]) for item in posted["items"]] == shown
    _, by_query = call(
        "GET", RECOMMENDATIONS, user_id="ann", limit=500, filter="price < $most", parameters__most=9, fields="price"
    )
    assert [(item["item_id"], item["price"]) for item in by_query["items"]] == shown
    assert all(item["price"] < 9 for item in got["items"])


def test_filter_knows_the_stored_history_and_the_running_session(call: Environment) -> None:
    bought = ask(call, user_id="ann", exclude_seen="none", filter="purchased WITHIN 1d")
    assert ids(bought) == ["item-20"]
    session = [{"event_type": "view", "item_id": "item-7"}]
    assert ids(ask(call, interactions=session, exclude_seen="none", filter="viewed")) == ["item-7"]
    assert "item-20" not in ids(ask(call, user_id="ann", exclude_seen="none", filter="NOT purchased", limit=500))


@pytest.mark.parametrize(
    ("body", "finding"),
    [
        ({"filter": "price < "}, "filter: at position 9: expected a value"),
        ({"filter": "prise < 3"}, 'filter: at position 1: no item has a field "prise"'),
        ({"filter": "price < $x"}, "filter: at position 9: parameter $x has no value"),
        ({"filter": "x" * 2001}, "filter: String should have at most 2000 characters"),
        ({"boost": [{"filter": "price <", "weight": 1}]}, "boost.0.filter: at position 8"),
        ({"boost": [{"filter": "price < 3", "weight": 1000}]}, "boost.0.weight: "),
        ({"promotions": [{"name": "a", "filter": "brand", "share": 0.1}]}, "promotions.0.filter: at position 6"),
        ({"promotions": [{"name": n, "filter": "available", "share": 0.6} for n in "ab"]}, "promotions: the shares"),
        (
            {"promotions": [{"name": "a", "filter": "available", "share": 0.1}] * 2},
            "promotions: two have the same name",
        ),
        ({"pinned": [{"item_id": "item-1", "position": 0}]}, "pinned.0.position: "),
        ({"pinned": [{"item_id": i, "position": 1} for i in ("a", "b")]}, "pinned: two have the same position"),
        ({"caps": {"colour": 1}}, "caps.colour"),
        ({"caps": {"brand": 0}}, "caps.brand"),
        ({"relation": "similar"}, "items: relation and items come together"),
        ({"items": ["item-1"]}, "relation: relation and items come together"),
        ({"scenario": "easter"}, "scenario: no scenario of this name"),
        ({"cursor": "AAAA"}, "cursor: is not a cursor"),
        ({"requests": []}, "requests: must be a list of 1 to 10 requests"),
        ({"requests": [{}] * 11}, "requests: must be a list of 1 to 10 requests"),
        ({"requests": [{}, {"user_id": "bob"}]}, "requests.1.user_id: belongs beside requests"),
        ({"requests": [{}, {"limit": 0}]}, "requests.1.limit: "),
        ({"requests": [{"requests": [{}]}]}, "requests.0.requests: "),
        ({"requests": [{}], "cursor": "x"}, "cursor: belongs into one of the requests"),
        ({"requests": ["a"]}, "requests.0: must be an object"),
    ],
)
def test_what_is_wrong_is_said_with_its_field(call: Environment, body: dict[str, Any], finding: str) -> None:
    assert any(said.startswith(finding) for said in refused(call, **body)), refused(call, **body)


@pytest.mark.parametrize(
    ("path", "user_id"),
    [
        ("/recommendations", ""),
        ("/users/{user_id}/rankings", "ann"),
        ("/personalize/recommendations", ""),
        ("/personalize/personalize-ranking", ""),
    ],
)
def test_hostile_bodies_are_refused_with_a_reason(call: Environment, path: str, user_id: str) -> None:
    for name, body in HOSTILE.items():
        # These have a name that is none of a list's and so left out, and nothing else that is wrong.
        odd = path == "/recommendations" and name in ("nothing in it", "null character")
        assert call.raw("POST", path, body, user_id=user_id)[0] == (200 if odd else 400), name
    for name, body in HOSTILE_BASE64.items():
        assert call.raw("POST", path, body, user_id=user_id, base64_encoded=True)[0] == 400, name


def test_unknown_names_are_left_out_and_told_with_the_nearest(call: Environment) -> None:
    status, answer = call("GET", RECOMMENDATIONS, user_id="ann", limitt=5)
    told = {"field": "limitt", "message": "is no parameter and was left out; did you mean limit?"}
    assert (status, answer["warnings"], len(answer["items"])) == (200, [told], 10)
    weighed = ask(call, weights={"next": 1})
    assert [w["field"] for w in weighed["warnings"]] == ["weights"]
    assert ids(weighed) == ids(ask(call))


def test_boost_is_a_reason_of_its_own(call: Environment) -> None:
    plain = {item["item_id"]: item for item in ask(call, limit=500)["items"]}
    boosted = ask(
        call, limit=500, boost=[{"filter": "brand = 'Brook'", "weight": 5}, {"filter": "price > 30", "weight": -1}]
    )
    assert ids(boosted)[0] == "item-1"
    for item in boosted["items"]:
        k = int(item["item_id"].removeprefix("item-"))
        expected = 5.0 * (k % 4 == 1) - (k + 1 > 30)
        told = sum(reason["weight"] for reason in item["reasons"] if reason["kind"] == "boost")
        assert told == pytest.approx(expected)
        assert item["score"] == pytest.approx(plain[item["item_id"]]["score"] + expected, abs=1e-6)
    top = boosted["items"][0]["reasons"][0]
    assert (top["kind"], top["text"]) == ("boost", "Favoured by the shop at the moment.")


def test_promotions_pins_caps_and_blocks(call: Environment) -> None:
    answer = ask(
        call,
        limit=12,
        promotions=[{"name": "toys", "filter": "categories CONTAINS 'toys'", "share": 0.25}],
        pinned=[{"item_id": "item-39", "position": 3}],
        blocked=["item-0", "item-4"],
        caps={"brand": 4},
    )
    assert ids(answer)[2] == "item-39"
    assert [item["rank"] for item in answer["items"] if item.get("promotion") == "toys"] == [4, 8, 12]
    assert answer["items"][3]["item_id"] == "item-9"  # item-4 is blocked
    assert answer["items"][3]["source"] == "shop"
    assert not {"item-0", "item-4"} & set(ids(answer))
    brands = [int(item_id.removeprefix("item-")) % 4 for item_id in ids(answer)]
    assert all(brands.count(brand) <= 4 for brand in (0, 1, 2))  # every fourth item has no brand
    assert all("promotion" not in item for item in answer["items"] if item["rank"] not in (4, 8, 12))


def test_similar_and_together(call: Environment) -> None:
    status, similar = call("GET", "/items/{item_id}/similar", item_id="item-20", limit=5)
    assert (status, len(similar["items"]), similar["source"]) == (200, 5, "related")
    assert "item-20" not in ids(similar)
    (evidence,) = similar["items"][0]["reasons"][0]["evidence"]
    assert (evidence["item_id"], evidence["event_type"]) == ("item-20", "anchor")
    _, together = call("GET", "/items/{item_id}/together", item_id="item-6", limit=3)
    assert ids(together)[0] == "item-7"
    assert ask(call, relation="together", items=["item-6"], limit=3, exclude_seen="none")["items"] == together["items"]
    cart = ask(call, relation="together", items=["item-6", "item-30"], limit=2)
    assert set(ids(cart)) == {"item-7", "item-31"}
    _, own = call("GET", "/items/{item_id}/similar", item_id="item-3", user_id="ann", limit=500)
    _, anybody = call("GET", "/items/{item_id}/similar", item_id="item-3", limit=500)
    assert ids(own) != ids(anybody)
    assert set(ids(own)) == set(ids(anybody))  # what was bought stays in
    for path in ("/items/{item_id}/similar", "/items/{item_id}/together"):
        status, problem = call("GET", path, item_id="nothing")
        assert (status, problem["detail"]) == (404, "there is no item nothing")
    status, problem = call("GET", "/items/{item_id}/similar", item_id="item-1", items="item-2")
    assert (status, problem["errors"][0]["field"]) == (400, "items")


RANKINGS = "/users/{user_id}/rankings"


def test_rankings_order_just_what_is_given(call: Environment) -> None:
    given = ["item-2", "what", "item-21", "item-20", "item-5", "ever", "item-21"]
    status, answer = call("POST", RANKINGS, {"item_ids": given}, user_id="ann")
    assert status == 200
    assert ids(answer)[0] == "item-21"  # follows what ann has bought
    assert ids(answer)[4:] == ["what", "ever"]
    assert set(ids(answer)[:4]) == {"item-2", "item-21", "item-20", "item-5"}
    assert [item["known"] for item in answer["items"]] == [True] * 4 + [False] * 2
    assert [item["rank"] for item in answer["items"]] == [1, 2, 3, 4, 5, 6]
    assert answer["items"][5]["score"] == 0
    assert "cursor" not in answer
    whole = call("POST", RANKINGS, {"item_ids": [f"item-{k}" for k in range(40)]}, user_id="ann")[1]
    assert sorted(ids(whole)) == sorted(f"item-{k}" for k in range(40))
    assert len(call("POST", RANKINGS, {"item_ids": ["?"] * 500}, user_id="ann")[1]["items"]) == 1
    for body in (
        {},
        {"item_ids": []},
        {"item_ids": ["i"] * 501},
        [],
        {"item_ids": "i"},
    ):
        assert call("POST", RANKINGS, body, user_id="ann")[0] == 400
    status, answer = call("POST", RANKINGS, {"item_ids": ["item-2", "item-5"], "limit": 1}, user_id="ann")
    assert (status, len(answer["items"]), [w["field"] for w in answer["warnings"]]) == (200, 2, ["limit"])


def test_rankings_put_what_is_not_for_sale_behind_and_say_so(call: Environment) -> None:
    items = ItemTable(moto_stack.client("dynamodb"), moto_stack.ITEMS)
    items.put(Item("sold-out", title="red mug", available=False))
    items.put(Item("fresh", title="red mug"))
    given = {"item_ids": ["sold-out", "fresh", "item-39"]}
    answer = Environment()("POST", RANKINGS, given, user_id="ann")[1]  # a new one reads changes at once
    assert ids(answer)[2] == "sold-out"
    assert [item["available"] for item in answer["items"]] == [True, True, False]
    assert all(item["known"] for item in answer["items"])


def test_cursor_goes_on_without_repeats_and_belongs_to_its_request(call: Environment) -> None:
    asked = {"user_id": "ann", "filter": "price > 3", "as_of": 1_750_000_000}
    whole = ask(call, limit=500, **asked)
    assert "cursor" not in whole
    pages = [ask(call, limit=15, **asked)]
    while "cursor" in pages[-1]:
        pages.append(ask(call, limit=15, cursor=pages[-1]["cursor"], **asked))
    assert [item for page in pages for item in page["items"]] == whole["items"]
    for other in ({"user_id": "bob"}, {"filter": "price > 4"}, {"diversity": 0.5}):
        said = refused(call, **{**asked, **other, "cursor": pages[0]["cursor"]})
        assert said == [
            "cursor: belongs to another request; only limit, fields, language, explain and interactions may change"
        ]
    assert ask(call, limit=2, fields=["title"], cursor=pages[0]["cursor"], **asked)["items"][0]["rank"] == 16
    _, first = call("GET", RECOMMENDATIONS, user_id="ann", limit=5)
    _, second = call("GET", RECOMMENDATIONS, user_id="ann", limit=5, cursor=first["cursor"])
    assert not set(ids(first)) & set(ids(second))
    assert [item["rank"] for item in second["items"]] == [6, 7, 8, 9, 10]


def test_several_lists_share_nothing_but_the_shopper(call: Environment) -> None:
    widgets = [
        {},
        {"filter": "categories CONTAINS 'garden'"},
        {"relation": "similar", "items": ["item-8"]},
        {"limit": 1},
    ]
    lists = ask(call, user_id="ann", limit=5, requests=widgets)["lists"]
    assert [len(answer["items"]) for answer in lists] == [5, 5, 5, 1]
    shown = [item_id for answer in lists for item_id in ids(answer)]
    assert len(set(shown)) == len(shown)
    assert len({answer["recommendation_id"] for answer in lists}) == 4
    assert {answer["profile_version"] for answer in lists} == {1}
    assert ids(lists[0]) == ids(ask(call, user_id="ann", limit=5))
    exposures = b"".join(moto_stack.objects("exposures/").values()).decode().splitlines()
    recorded = {json.loads(line)["recommendation_id"] for line in exposures}
    assert {answer["recommendation_id"] for answer in lists} <= recorded
    # a list's own cursor goes on with it alone
    alone = ask(call, user_id="ann", limit=5, cursor=lists[0]["cursor"])
    assert not set(ids(alone)) & set(ids(lists[0]))


def test_scenarios_are_defaults_that_a_request_overrides(call: Environment) -> None:
    assert set(ids(ask(call, scenario="cheap"))) < {f"item-{k}" for k in range(7)}
    assert len(ask(call, scenario="cheap")["items"]) == 3
    assert len(ask(call, scenario="cheap", limit=5)["items"]) == 5
    assert ids(ask(call, scenario="cheap", parameters={"most": 2})) == ["item-0"]
    _, got = call("GET", RECOMMENDATIONS, user_id="ann", scenario="cheap", limit=4)
    assert len(got["items"]) == 4
    assert ids(ask(call, scenario="by-trend", limit=1)) == ["item-38"]  # the least popular
    assert ids(ask(call, scenario="cart", items=["item-6"]))[0] == "item-7"
    assert refused(call, scenario="cart") == ["items: relation and items come together"]
    _, search = call("GET", "/search", q="red steel", scenario="cheap")
    assert len(search["items"]) == 3


def test_a_shoppers_own_attributes_can_be_filtered_by(call: Environment) -> None:
    store("kim", UserProfile(attributes=register({"brand": "cedar"}, int(time.time() * 1000))))
    answer = ask(call, user_id="kim", filter="brand = $user.brand", limit=500)
    assert ids(answer)
    assert all(int(item_id.removeprefix("item-")) % 4 == 2 for item_id in ids(answer))


def test_an_anonymous_shopper_has_a_list_of_their_own(call: Environment) -> None:
    did = Interaction("e", "anon:cookie", "purchase", int(time.time() * 1000), "item-7")
    store("anon:cookie", profile_of([did]))
    wanted = ask(call, anonymous_id="cookie", limit=5)
    assert wanted["profile_version"] == 1
    assert ids(ask(call, user_id="nobody-yet", anonymous_id="cookie", limit=5)) == ids(wanted)
    assert ids(call("GET", RECOMMENDATIONS, user_id="anon:cookie", limit=5)[1]) == ids(wanted)
    assert ask(call, user_id="cookie", limit=5)["profile_version"] == 0
    assert (
        ask(call, user_id="ann", anonymous_id="cookie")["profile_version"]
        == ask(call, user_id="ann")["profile_version"]
    )
    _, found = call("GET", "/search", q="red steel", anonymous_id="cookie")
    assert found["profile_version"] == 1


class TestTrending:
    @pytest.mark.parametrize(("window", "span"), [("1h", "hour"), ("24h", "24 hours"), ("7d", "7 days")])
    def test_needs_no_profile_and_says_how_often(self, call: Environment, window: str, span: str) -> None:
        status, body = call("GET", "/trending", window=window, limit=2)
        assert (status, ids(body), body["profile_version"]) == (200, ["item-9", "item-7"], 0)
        assert body["items"][0]["reasons"][0]["text"] == f"Chosen about 5 times in the last {span}."
        assert body["items"][1]["reasons"][0]["text"] == f"Chosen in the last {span}."  # four people's doing
        assert ids(call("GET", "/trending", window=window, limit=2, cursor=body["cursor"])[1]) == ["item-8"]

    def test_of_a_category(self, call: Environment) -> None:
        _, everything = call("GET", "/trending", fields="categories")
        category = everything["items"][0]["categories"][0]
        _, body = call("GET", "/trending", category=category)
        assert ids(body) == [i["item_id"] for i in everything["items"] if category in i["categories"]]
        assert ids(call("GET", "/trending", category="no such")[1]) == []

    def test_is_a_recommendation_with_a_window(self, call: Environment) -> None:
        filtered = ask(call, window="6h", filter='item_id = "item-8" OR item_id = "item-7"', exclude_seen="none")
        assert ids(filtered) == ["item-7", "item-8"]

    @pytest.mark.parametrize(("name", "value"), [("window", "2h"), ("user_id", "ann"), ("q", "lamp"), ("limit", "0")])
    def test_refuses_what_it_does_not_know(self, call: Environment, name: str, value: str) -> None:
        status, body = call("GET", "/trending", **{name: value})
        assert (status, body["errors"][0]["field"]) == (400, name)


def test_exploration_is_answered_and_recorded_with_its_propensities(call: Environment) -> None:
    body = ask(call, exploration=0.5, limit=6)
    assert [item["source"] == "exploration" for item in body["items"]] == [False, True] * 3
    lines = [json.loads(line) for data in moto_stack.objects("exposures/").values() for line in data.splitlines()]
    (record,) = [line for line in lines if line["recommendation_id"] == body["recommendation_id"]]
    assert [i["propensity"] for i in record["items"]] == [i["propensity"] for i in body["items"]]
    assert 0 < body["items"][1]["propensity"] < 1
    assert body["items"][0]["propensity"] == 1
    status, answer = call("GET", RECOMMENDATIONS, user_id="ann", exploration=2)
    assert (status, answer["errors"][0]["field"]) == (400, "exploration")


def test_a_conversation_goes_on_from_what_it_has_understood(call):
    asked = {"user_id": "ann", "limit": 3, "fields": ["price"]}
    status, first = call("POST", "/conversations", asked | {"turns": ["under 8"]})
    assert (status, len(first["items"])) == (200, 3)
    assert all(item["price"] < 8 for item in first["items"])
    dearest = max(item["price"] for item in first["items"])
    status, second = call("POST", "/conversations", asked | {"turns": ["cheaper"], "constraints": first["constraints"]})
    assert (status, len(second["items"])) == (200, 3)
    assert all(item["price"] < dearest for item in second["items"])
