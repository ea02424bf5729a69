"""What a storefront can ask for, over HTTP, on a part of the orders of a real shop for gifts.

Of the demo's extract, which everybody has, and in `make prove` of the whole table where it is at hand.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config

from endcap_local.demo_data import DEMO_DATA
from endcap_local.stack import LocalStack
from tests.fakes.real_shop import data_of, serving, write_cut
from tests.fakes.shop_over_http import ask, call, comes_true, did, get, ids, ok

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics")
DAY_S = 86_400
LAST_DAY = "2011-12-09T12:00:00Z"
CAKE_STAND, LANTERN, BUNTING = "22423", "84879", "47566"  # among the best sellers
Answer = dict[str, Any]


WHOLE_TABLE = pytest.param("online-retail", marks=[pytest.mark.shared_data, pytest.mark.prove])


@pytest.fixture(scope="module", params=["demo", WHOLE_TABLE])
def shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    folder = DEMO_DATA if request.param == "demo" else data_of(request.param)
    with serving(write_cut(folder, tmp_path_factory.mktemp("retail"), 400, 250, 100)) as stack:
        yield stack


def bought(*item_ids: str, days_ago: float = 0) -> list[Answer]:
    return [{"event_type": "purchase", "item_id": i, "timestamp": time.time() - days_ago * DAY_S} for i in item_ids]


def test_a_cart_gets_complements_and_a_known_shopper_their_own(shop: LocalStack) -> None:
    cart = [CAKE_STAND, "22699", "22697"]  # and two cups of the set
    answer = ask(shop, relation="together", items=cart, limit=5, fields=["title"])
    assert answer["source"] == "related"
    assert not set(cart) & set(ids(answer))
    assert {reason["kind"] for reason in answer["items"][0]["reasons"]} & {"complement"}
    assert any("teacup" in item["title"].lower() for item in answer["items"])
    one = get(shop, f"/items/{CAKE_STAND}/together", limit=50)
    assert ids(one) != ids(get(shop, f"/items/{LANTERN}/together", limit=50))
    did(shop, "carla", *bought("22720", "22722"))
    assert ids(get(shop, f"/items/{CAKE_STAND}/together", limit=50, user_id="carla")) != ids(one)
    assert ids(ask(shop, relation="together", items=["no-such", CAKE_STAND], limit=50)) == ids(one)
    assert call(shop, "GET", "/items/no-such/together")[0] == 404


def test_what_is_bought_now_is_trending(shop: LocalStack) -> None:
    events = [event | {"user_id": f"t{n}"} for n in range(4) for event in bought("85123A", LANTERN)[: 2 - n % 2]]
    assert ok(call(shop, "POST", "/events", {"events": events}))["accepted"] == 6
    shop.wait_until_idle()
    path = "/trending"
    assert comes_true(lambda: ids(get(shop, path, window="1h", limit=2)) == ["85123A", LANTERN])
    assert "last hour" in get(shop, path, window="1h")["items"][0]["reasons"][0]["text"]
    assert get(shop, path, window="1h", category="no such thing")["items"] == []
    assert call(shop, "GET", f"{path}?window=1y")[0] == 400


def test_what_is_due_is_bought_again(shop: LocalStack) -> None:
    events = [event for days in (90, 60, 30) for event in bought(LANTERN, days_ago=days)]
    did(shop, "olga", *events, *bought(CAKE_STAND, days_ago=0.2))
    answer = get(shop, "/users/olga/recommendations", scenario="buy_again", language="en")
    assert ids(answer) == [LANTERN]  # and not what was bought just now
    texts = [reason["text"] for reason in answer["items"][0]["reasons"]]
    assert any(text.startswith("You usually buy this every") for text in texts)
    assert get(shop, "/users/nobody/recommendations", scenario="buy_again")["items"] == []


def test_purchases_of_the_last_days_are_filtered_by_their_time(shop: LocalStack) -> None:
    did(shop, "fay", *bought(LANTERN, days_ago=40), *bought(CAKE_STAND, days_ago=2))

    def shown(text: str) -> set[str]:
        return set(ids(get(shop, "/users/fay/recommendations", filter=text, exclude_seen="none", limit=500)))

    assert shown("purchased") == {LANTERN, CAKE_STAND}
    assert shown("purchased WITHIN 30d") == {CAKE_STAND}
    assert {LANTERN} <= shown("NOT purchased WITHIN 30d") == shown("item_id EXISTS") - {CAKE_STAND}


def test_as_of_a_moment_only_what_was_known_counts(shop: LocalStack) -> None:
    did(shop, "asta", {"event_type": "purchase", "item_id": LANTERN, "timestamp": "2011-12-01"}, *bought(CAKE_STAND))
    before = ask(shop, user_id="asta", as_of="2011-11-30", limit=20)
    then = ask(shop, user_id="asta", as_of=LAST_DAY, limit=20)
    assert (before["source"], then["source"]) == ("popular", "personal")
    alike = ask(
        shop,
        interactions=[{"event_type": "purchase", "item_id": LANTERN, "timestamp": "2011-12-01"}],
        as_of=LAST_DAY,
        limit=20,
    )
    assert ids(then) == ids(alike)


def test_an_anonymous_history_is_the_shoppers_who_signs_in(shop: LocalStack) -> None:
    seen, wanted = {"event_type": "view", "item_id": LANTERN}, {"event_type": "add_to_cart", "item_id": BUNTING}
    did(shop, "", *({**event, "anonymous_id": "cookie-1"} for event in (seen, wanted)))
    anonymous = ask(shop, anonymous_id="cookie-1", limit=30)
    assert ids(get(shop, "/users/anon:cookie-1/recommendations", limit=30)) == ids(anonymous)
    identify = {"event_type": "identify", "anonymous_id": "cookie-1", "timestamp": time.time()}
    did(shop, "ida", identify)
    path = "/users/ida/export"
    entries = sorted((e["event_type"], e["item_id"]) for e in get(shop, path)["interactions"])
    assert entries == [("add_to_cart", BUNTING), ("view", LANTERN)]
    assert ids(get(shop, "/users/ida/recommendations", limit=30)) == ids(anonymous)
    version = get(shop, "/users/ida/recommendations")["profile_version"]
    did(shop, "ida", identify)  # delivered again
    assert get(shop, "/users/ida/recommendations")["profile_version"] == version


def test_who_is_erased_is_erased_on_every_device(shop: LocalStack) -> None:
    devices = [f"device-{n}" for n in range(6)]
    did(shop, "", *({"event_type": "view", "item_id": LANTERN, "anonymous_id": device} for device in devices))
    did(shop, "edda", *({"event_type": "identify", "anonymous_id": device} for device in devices))
    assert ok(call(shop, "DELETE", "/users/edda"))["status"] == "pending"
    shop.wait_until_idle()
    erasure = get(shop, "/users/edda/export")["erasure"]
    assert (erasure["status"], erasure["pending_anonymous_ids"]) == ("done", 0)
    assert erasure["receipt"]["purge_by"] > erasure["receipt"]["requested_at"]
    assert {call(shop, "GET", f"/users/anon:{device}/profile")[0] for device in devices} == {404}


def test_ga4_segment_and_cloudevents_are_taken_as_they_come(shop: LocalStack) -> None:
    now = int(time.time())
    ga4 = {
        "client_id": "gabi",
        "timestamp_micros": str(now * 1_000_000),
        "events": [{"name": "add_to_cart", "params": {"items": [{"item_id": LANTERN}, {"item_id": BUNTING}]}}],
    }
    segment = {
        "type": "track",
        "event": "Order Completed",
        "userId": "seva",
        "messageId": "m-1",
        "properties": {"order_id": "o-1", "products": [{"product_id": CAKE_STAND, "quantity": 1}]},
    }
    cloud = {
        "specversion": "1.0",
        "id": "c-1",
        "source": "/shop",
        "type": "com.example.view",
        "data": {"user_id": "clio", "event_type": "view", "item_id": LANTERN},
    }
    wanted = {
        "anon:gabi": [("add_to_cart", BUNTING), ("add_to_cart", LANTERN)],
        "seva": [("purchase", CAKE_STAND)],
        "clio": [("view", LANTERN)],
    }
    for _ in range(2):  # a client that sends everything twice
        for body in (ga4, segment, cloud):
            assert ok(call(shop, "POST", "/events", body))["rejected"] == []
    shop.wait_until_idle()
    for user, entries in wanted.items():
        export = get(shop, f"/users/{user}/export")
        assert sorted((e["event_type"], e["item_id"]) for e in export["interactions"]) == entries


def test_a_counterfactual_is_the_list_without_the_purchase(shop: LocalStack) -> None:
    act, rest = bought(LANTERN, days_ago=1), bought("22720", "21212", days_ago=3)
    did(shop, "kai", *act, *rest)
    did(shop, "kai-without", *rest)
    again = {i["item_id"]: i["rank"] for i in get(shop, "/users/kai-without/recommendations", limit=500)["items"]}
    asked = get(shop, "/users/kai/recommendations", limit=10, without_item=LANTERN, language="en")["items"]
    assert [item["counterfactual"]["rank"] for item in asked] == [again.get(item["item_id"]) for item in asked]
    assert all("which you bought, it would" in item["counterfactual"]["text"] for item in asked)
    chosen = get(shop, "/users/kai/recommendations", limit=10, counterfactual="true")["items"]
    named = {item["counterfactual"]["item_id"] for item in chosen if "counterfactual" in item}
    assert named
    assert named <= {LANTERN, "22720", "21212"}


def test_reasons_add_up_and_are_told_in_both_languages(shop: LocalStack) -> None:
    asked = {"interactions": bought(LANTERN, CAKE_STAND), "query": "red retrospot", "limit": 50}
    for language, phrase in (("en", "you bought"), ("zh", "您")):
        items = ask(shop, **asked, language=language, boost=[{"filter": "price < 2", "weight": 0.3}])["items"]
        assert all(sum(r["weight"] for r in i["reasons"]) == pytest.approx(i["score"], abs=1e-6) for i in items)
        assert any(phrase in reason["text"] for item in items for reason in item["reasons"])


def test_a_shopper_in_words_and_then_forgotten(shop: LocalStack) -> None:
    review = {"event_type": "review", "item_id": LANTERN, "text": "Great quality, but the shipping was slow."}
    did(shop, "paul", *bought("22720", "22722", "22423"), review)
    told = get(shop, "/users/paul/profile", language="en")
    assert "Your reviews praise quality." in told["summary"]
    assert {one["aspect"] for one in told["aspects"]} == {"quality", "delivery"}
    assert get(shop, "/users/paul/profile", language="zh")["language"] == "zh"
    assert ok(call(shop, "DELETE", "/users/paul"))
    assert get(shop, "/users/paul/recommendations")["source"] == "popular"
    did(shop, "paul", *bought("22720", days_ago=3))  # late, from before the erasure
    assert get(shop, "/users/paul/recommendations")["source"] == "popular"


def test_popularity_is_that_of_the_orders(shop: LocalStack) -> None:
    answer = ask(shop, limit=20, personalization="off", fields=["title", "price"])
    assert answer["source"] == "popular"
    assert Counter(reason["kind"] for item in answer["items"] for reason in item["reasons"])["popularity"] == 20


def test_boto3s_personalize_clients_need_another_endpoint_only(shop: LocalStack) -> None:
    def client(service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=f"{shop.url}/personalize",
            region_name="us-east-1",
            config=Config(signature_version=UNSIGNED),
        )

    arn = "arn:aws:personalize:us-east-1:123456789012:campaign/shop"
    event = {"eventType": "Purchase", "itemId": LANTERN, "sentAt": time.time()}
    client("personalize-events").put_events(trackingId="t", sessionId="s", userId="pia", eventList=[event])
    shop.wait_until_idle()
    runtime = client("personalize-runtime")
    found = runtime.get_recommendations(campaignArn=arn, userId="pia", numResults=10)["itemList"]
    assert [item["itemId"] for item in found] == ids(
        get(shop, "/users/pia/recommendations", limit=10, exclude_seen="none")
    )
    given = [item["itemId"] for item in found][::-1]
    ranked = runtime.get_personalized_ranking(campaignArn=arn, userId="pia", inputList=given)["personalizedRanking"]
    assert [item["itemId"] for item in ranked] == given[::-1]
