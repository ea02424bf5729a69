"""The storefront door on the local stack: a browser's way through a shop, over HTTP, and what it can't reach."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from endcap_local.stack import LocalStack
from tests.fakes.door_tokens import SECRET, claims, signed
from tests.fakes.shop_over_http import call, ok
from tests.fakes.toy_stack import toy_stack

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics")
SHOP = "https://shop.example"
PARAMETERS = {
    "Storefront": "on",
    "StorefrontSecret": SECRET,
    "StorefrontOrigins": f"{SHOP},https://m.shop.example",
    "StorefrontClientRate": "0",
}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    with toy_stack(tmp_path_factory.mktemp("snapshot"), parameters=PARAMETERS) as stack:
        yield stack


class Browser:
    """A browser at one page: it keeps the cookie, and says where the page is from."""

    def __init__(self, stack: LocalStack, origin: str = SHOP) -> None:
        self.url, self.headers, self.cookie = stack.url, {"origin": origin}, ""

    def __call__(self, method: str, path: str, body: object = None, **headers: str) -> requests.Response:
        sent = {**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        sent |= {"cookie": self.cookie} if self.cookie else {}
        answer = requests.request(method, self.url + path, json=body, headers=sent, timeout=30)
        if "set-cookie" in answer.headers:
            self.cookie = answer.headers["set-cookie"].partition(";")[0]
        return answer


def token(**others: Any) -> str:
    return signed(claims(time.time(), **others))


def test_a_shopper_who_signs_in_is_recommended_by_what_they_did(stack: LocalStack) -> None:
    browser = Browser(stack)
    assert browser("GET", "/storefront/search?q=steel+lamp&limit=5&fields=title").json()["items"][0]["title"]
    assert browser.cookie.startswith("ec_id=")
    before = browser.cookie
    view = {"events": [{"event_type": "view", "item_id": "item-20", "user_id": "somebody-else"}]}
    taken = browser("POST", "/storefront/events", view, endcap_shopper=token(sub="dora"))
    assert (taken.status_code, taken.json()) == (202, {"accepted": 1, "rejected": []})
    assert browser.cookie != before  # the visitor is now known to be dora
    stack.wait_until_idle()
    listed = browser("POST", "/storefront/recommendations", {"limit": 5}, endcap_shopper=token(sub="dora")).json()
    assert listed["profile_version"] > 0
    assert "item-20" not in [item["item_id"] for item in listed["items"]]
    assert ok(call(stack, "GET", "/users/dora/profile"))["recent"][0]["item_id"] == "item-20"
    assert call(stack, "GET", "/users/somebody-else/profile")[0] == 404


def test_a_preflight_comes_before_a_request_across_origins(stack: LocalStack) -> None:
    asked = {"access_control_request_method": "POST", "access_control_request_headers": "content-type,endcap-visitor"}
    for path in ("/storefront/events", "/storefront/items/item-20/similar"):
        answer = Browser(stack)("OPTIONS", path, **asked)
        assert answer.status_code == 204
        assert answer.headers["access-control-allow-origin"] == SHOP
        assert "POST" in answer.headers["access-control-allow-methods"]
    refused = Browser(stack, "https://attacker.example")("OPTIONS", "/storefront/events", **asked)
    assert "access-control-allow-origin" not in refused.headers


def test_a_page_of_another_site_keeps_its_token(stack: LocalStack) -> None:
    page = Browser(stack, "https://m.shop.example")
    first = page("GET", "/storefront/trending?window=7d", endcap_visitor="new")
    assert "set-cookie" not in first.headers
    again = page("GET", "/storefront/items/item-20/similar?limit=3", endcap_visitor=first.json()["visitor"])
    assert again.status_code == 200
    assert "visitor" not in again.json()


def test_what_the_page_says_of_where_the_list_stands_is_recorded(stack: LocalStack) -> None:
    listed = Browser(stack)("POST", "/storefront/recommendations", {"limit": 3, "surface": "cart, below"}).json()
    s3, bucket = stack.client("s3"), stack.function("CollectFunction").environment["DATA_BUCKET"]
    keys = [k["Key"] for k in s3.list_objects_v2(Bucket=bucket, Prefix="exposures/")["Contents"]]
    lines = [line for key in keys for line in s3.get_object(Bucket=bucket, Key=key)["Body"].read().splitlines()]
    (record,) = [r for r in map(json.loads, lines) if r["recommendation_id"] == listed["recommendation_id"]]
    assert record["surface"] == "cart, below"
    assert len(record["pseudonym"]) == 22
    assert "user_id" not in record


def test_nobody_else_is_reached(stack: LocalStack) -> None:
    browser = Browser(stack)
    for forged in (token()[:-1] + "x", signed(claims(time.time()), "x" * 32), "", "alice"):
        assert browser("GET", "/storefront/trending", endcap_shopper=forged).status_code == 401
    for name in ("filter", "boost", "promotions", "weights", "as_of", "preview"):
        answer = browser("POST", "/storefront/recommendations", {name: "1"})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, name)
    assert browser("DELETE", "/storefront/events").status_code == 405
    assert browser("GET", "/storefront/users/alice/profile").status_code == 404
