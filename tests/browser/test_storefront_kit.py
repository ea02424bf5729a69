"""The kit in a browser, against a running stack: what is asked, kept and counted, and that nothing is counted twice."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, Page, Route

from endcap.storefront.tokens import read_visitor
from endcap_local.stack import LocalStack
from tests.browser.kit_pages import (
    KIT,
    LIST,
    RENDERED,
    asked,
    deeds,
    page_of,
    records,
    sent,
    serve,
    stored,
    until,
    warm,
)
from tests.fakes.browser import Watched, assert_accessible, launch
from tests.fakes.door_tokens import SECRET, claims, signed
from tests.fakes.toy_stack import toy_stack

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics")
ROOT = Path(__file__).parents[2]
SHOP = "http://shop.test"
PARAMETERS = {
    "Storefront": "on",
    "StorefrontSecret": SECRET,
    "StorefrontOrigins": SHOP,
    "StorefrontClientRate": "0",
    "Pseudonyms": "off",  # tests tell by ids whose records are whose
}
_ITEMS = "lists => lists.map(one => [...one.querySelectorAll('[data-ec-item]')].map(item => item.dataset.ecItem))"
_HEADED = """<section><h2>For you</h2><endcap-list limit="4"><ul data-ec-slot></ul>
<template><li><a data-ec-text="title"></a></li></template></endcap-list></section>"""
_BY_ID = """<endcap-list><ul data-ec-slot></ul><template><li><a data-ec-href="/item.html?id={item_id}">
<img data-ec-src="image_url" data-ec-alt="title"><img data-ec-src="image_url" src="/none.png" alt="">
</a></li></template></endcap-list>"""
OpenWindow = Callable[..., Watched]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    with toy_stack(tmp_path_factory.mktemp("snapshot"), parameters=PARAMETERS) as stack:
        warm(stack)
        yield stack


@pytest.fixture(scope="module")
def browser(browser: Browser) -> Iterator[Browser]:
    """One that keeps no cookies of third parties, and lets pages that only a test knows ask this machine."""
    options = ("--test-third-party-cookie-phaseout", "--disable-features=LocalNetworkAccessChecks")
    strict = launch(SimpleNamespace(chromium=browser.browser_type), *options)  # type: ignore[arg-type]
    yield strict
    strict.close()


@pytest.fixture
def window(open_window: OpenWindow, stack: LocalStack) -> Watched:
    """A window on pages of the shop's own site, and on those of another, where the door is a third party."""
    window = open_window(stack.url, SHOP)
    for origin, base in ((stack.url, "/storefront"), (SHOP, f"{stack.url}/storefront")):
        pages = {
            f"/{how}": page_of(LIST + RENDERED, base=base, consent=how) for how in ("pending", "granted", "denied")
        }
        pages["/bones"] = page_of(LIST.replace("<endcap-list ", "<endcap-list skeleton "), base=base, consent="granted")
        pages["/google"] = page_of(LIST, base=base, consent="google")
        pages["/bare"] = page_of("", base=base, consent="granted")
        pages["/headed"] = page_of(_HEADED, base=base)
        pages["/hidden"] = page_of(_HEADED.replace("<endcap-list ", "<endcap-list hidden "), base=base)
        pages["/by-id"] = page_of(_BY_ID, base=base, consent="denied")
        pages["/debug"] = page_of("", base=base, consent="granted", debug="")
        pages["/waiting"] = page_of(
            LIST.replace("<endcap-list ", '<endcap-list item="" '), base=base, consent="granted"
        )
        pages["/chinese"] = pages["/granted"].replace('lang="en"', 'lang="zh-Hans-CN"')
        pages["/far"] = page_of(f"<div>{'<br>' * 200}</div>{LIST}", base=base, consent="granted")
        serve(window, origin, pages)
    return window


def visitor(page: Page) -> str:
    """Who the page's visitor is to the stack, where the page keeps the token itself."""
    until(page, "localStorage['ec.v']")
    known = read_visitor(page.evaluate("localStorage['ec.v']"), (SECRET,), time.time())
    assert known is not None
    return f"anon:{known.anonymous_id}"


def settled(page: Page) -> None:
    """When the browser has told what can be seen: of one frame, earlier observers hear before this one."""
    page.evaluate(
        "new Promise(go => new IntersectionObserver((_, own) => go(own.disconnect())).observe(document.body))"
    )


def wait_for(page: Page, so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not so():
        assert time.monotonic() < deadline
        page.wait_for_timeout(10)


def listed(page: Page) -> list[str]:
    page.wait_for_selector("endcap-list[data-ec-list] [data-ec-item]")
    return [str(e.get_attribute("data-ec-item")) for e in page.query_selector_all("endcap-list [data-ec-item]")]


def test_before_consent_nothing_is_asked_and_then_nothing_is_lost(window: Watched, stack: LocalStack) -> None:
    page = window.open(f"{stack.url}/pending")
    page.evaluate("endcap('view', 'item-3')")
    page.click("text=Seven")
    assert page.inner_text("endcap-list li") == "Our bestsellers"
    assert (asked(window, stack), stored(page), window.context.cookies()) == ([], [], [])
    page.evaluate("endcap('consent', 'granted')")
    assert len(listed(page)) == 4
    sent(page)
    # What was looked at is kept until it is taken, and may just have been.
    assert [name for name in stored(page) if name != "ec.e."] == ["ec.v"]
    (cookie,) = window.context.cookies()
    assert (cookie["name"], cookie["httpOnly"]) == ("ec_id", True)
    known = read_visitor(cookie["value"], (SECRET,), time.time())
    assert known is not None
    assert [d for d in deeds(stack, f"anon:{known.anonymous_id}") if d[0] != "impression"] == [
        ("click", "item-7"),
        ("view", "item-3"),
    ]


def profiles(stack: LocalStack) -> Any:
    table = stack.function("UpdateProfileFunction").environment["PROFILES_TABLE"]
    return stack.client("dynamodb").scan(TableName=table)["Items"]


@pytest.mark.parametrize("how", ["denied", "gpc"])
def test_who_refuses_gets_lists_and_nothing_is_kept_anywhere(window: Watched, stack: LocalStack, how: str) -> None:
    stack.wait_until_idle()
    kept = [len(records(stack, prefix)) for prefix in ("exposures/", "events/")]
    rows = profiles(stack)
    if how == "gpc":
        window.context.add_init_script("Object.defineProperty(navigator, 'globalPrivacyControl', {value: true})")
    headers: list[dict[str, str]] = []
    window.context.on("request", lambda r: "/storefront/" in r.url and headers.append(r.all_headers()))
    page = window.open(f"{stack.url}/{'denied' if how == 'denied' else 'granted'}")
    listed(page)
    page.evaluate("endcap('view', 'item-3')")
    again = page.evaluate("endcap('list', {limit: 5})")
    assert "item-3" not in [item["item_id"] for item in again["items"]]  # what was just seen counts for the answer
    assert again["profile_version"] == 0
    assert (stored(page), window.context.cookies()) == ([], [])
    assert {path for _, path in asked(window, stack)} == {"/storefront/recommendations"}
    assert all(h["endcap-visitor"] == "none" and "cookie" not in h for h in headers)
    stack.wait_until_idle()
    assert [len(records(stack, prefix)) for prefix in ("exposures/", "events/")] == kept
    assert profiles(stack) == rows


def test_who_takes_it_back_leaves_no_trace_in_the_browser(window: Watched, stack: LocalStack) -> None:
    page = window.open(f"{stack.url}/granted")
    listed(page)
    assert window.context.cookies()
    with page.expect_response("**/storefront/trending?limit=1"):
        page.evaluate("endcap('consent', 'denied')")
    assert (stored(page), window.context.cookies()) == ([], [])


def test_what_stood_there_comes_back_where_no_list_comes(window: Watched, stack: LocalStack) -> None:
    answers: list[Route] = []
    window.context.route("**/storefront/recommendations", lambda route: answers.append(route))
    page = window.open(f"{stack.url}/bones")
    page.wait_for_selector(".ec-skeleton >> nth=3", state="attached")
    assert page.locator("endcap-list .fallback").count() == 0
    wait_for(page, lambda: bool(answers))
    answers.pop().fulfill(status=503, body="{}")
    page.wait_for_selector("endcap-list .fallback")
    assert page.locator("endcap-list li").count() == 1
    page.evaluate("void document.querySelector('endcap-list').load()")
    wait_for(page, lambda: bool(answers))
    answers.pop().fallback()
    assert len(listed(page)) == 4
    window.forgive("Failed to load resource")


def test_hostile_items_are_only_texts_and_addresses_of_the_web(window: Watched, stack: LocalStack) -> None:
    urls = [
        "javascript:alert(1)",
        " jAvascript:alert(1)",
        "java\tscript:alert(1)",
        "data:text/html,x",
        None,
        "https://a.example/1",
    ]
    items = [{"item_id": f"i{n}", "title": "<img src=x onerror=alert(1)>", "url": url} for n, url in enumerate(urls)]
    body = json.dumps({"recommendation_id": "r", "items": [{**item, "reasons": []} for item in items]})
    window.context.route("**/storefront/recommendations", lambda route: route.fulfill(body=body))
    page = window.open(f"{stack.url}/granted")
    assert len(listed(page)) == len(urls)
    links = page.eval_on_selector_all("endcap-list a", "all => all.map(one => one.getAttribute('href'))")
    assert links == ["/item"] * 5 + ["https://a.example/1"]  # the template's own, where there is no other
    assert page.locator("endcap-list img").count() == 0
    assert page.inner_text("endcap-list li:first-child span") == "<img src=x onerror=alert(1)>"


@pytest.mark.parametrize("how", ["headed", "hidden"])
def test_a_list_of_nothing_is_hidden_from_the_start_and_shown_when_it_comes(
    window: Watched, stack: LocalStack, how: str
) -> None:
    page = window.open(f"{stack.url}/{how}")
    hidden = "document.querySelector('endcap-list').hidden"
    assert page.evaluate(hidden)
    # Each time that it is shown or hidden, and how many items stand there then.
    page.evaluate(
        "window.turns = []; new MutationObserver(() => turns.push(document.querySelectorAll('[data-ec-item]').length))"
        ".observe(document.querySelector('endcap-list'), {attributeFilter: ['hidden']})"
    )
    page.evaluate("endcap('consent', 'denied')")
    assert len(listed(page)) == 4
    assert not page.evaluate(hidden)
    assert page.evaluate("turns") == [4]
    empty = json.dumps({"recommendation_id": "r", "items": []})
    window.context.route("**/storefront/recommendations", lambda route: route.fulfill(body=empty))
    page.evaluate("delete document.querySelector('endcap-list').dataset.ecList")
    page.evaluate("document.querySelector('endcap-list').load()")
    until(page, hidden)


def test_items_without_address_or_image_get_links_by_id_and_no_broken_images(
    window: Watched, stack: LocalStack
) -> None:
    items = [{"item_id": "a b/c?&d"}, {"item_id": "é", "title": "E", "image_url": "/e.png"}]
    body = json.dumps({"recommendation_id": "r", "items": [{**item, "reasons": []} for item in items]})
    bodies: list[Any] = []

    def answer(route: Route) -> None:
        bodies.append(route.request.post_data_json)
        route.fulfill(body=body)

    window.context.route("**/storefront/recommendations", answer)
    window.context.route("**/*.png", lambda route: route.fulfill(body="<svg/>", content_type="image/svg+xml"))
    page = window.open(f"{stack.url}/by-id")
    assert listed(page) == [item["item_id"] for item in items]
    links = page.eval_on_selector_all("endcap-list a", "all => all.map(one => one.getAttribute('href'))")
    assert links == ["/item.html?id=a%20b%2Fc%3F%26d", "/item.html?id=%C3%A9"]
    images = "all => all.map(one => [one.getAttribute('src'), one.hidden])"
    assert page.eval_on_selector_all("endcap-list img", images) == [
        [None, True],
        ["/none.png", False],
        ["/e.png", False],
        ["/e.png", False],
    ]
    assert [sorted(one["fields"]) for one in bodies] == [["image_url", "title"]]
    window.forgive("img-src")


def test_what_is_refused_is_said_on_the_console_where_asked(window: Watched, stack: LocalStack) -> None:
    page = window.open(f"{stack.url}/debug")
    with page.expect_console_message(lambda message: "[endcap]" in message.text) as said:
        page.evaluate("endcap('track', 'rating', 'item-3')")
    assert said.value.text.startswith("[endcap] refused")
    assert said.value.text.endswith("{field: value, message: is required for rating}")
    sent(page)
    window.forgive("Failed to load resource")


def test_google_consent_mode_is_read(window: Watched, stack: LocalStack) -> None:
    window.context.add_init_script(
        "window.dataLayer = []; window.gtag = function () { dataLayer.push(arguments); };"
        "gtag('consent', 'default', {analytics_storage: 'denied'});"
    )
    page = window.open(f"{stack.url}/google")
    assert page.evaluate("endcap.state") == "pending"
    page.evaluate("gtag('consent', 'update', {analytics_storage: 'granted'})")
    assert page.evaluate("endcap.state") == "granted"
    page.evaluate("gtag('consent', 'update', {personalization_storage: 'denied'}); gtag('event', 'x')")
    assert page.evaluate("endcap.state") == "denied"


def test_what_was_clicked_is_bought_by_the_list_it_was_clicked_in(window: Watched, stack: LocalStack) -> None:
    page = window.open(f"{SHOP}/granted")
    who, items = visitor(page), listed(page)
    name = page.get_attribute("endcap-list", "data-ec-list")
    with page.expect_navigation():
        page.evaluate("document.querySelector('[data-ec-position=\"2\"] a').href = '/bare'")
        page.click('[data-ec-position="2"] a')
    for _ in range(2):  # the page of thanks is loaded again
        lines = f"[{{item_id: '{items[1]}', price: 9.5, quantity: 2}}, {{item_id: 'item-39'}}]"
        page.evaluate(f"endcap('order', 77, {lines})")
    sent(page)
    stack.wait_until_idle()
    mine = [e for e in records(stack, "events/") if f"anon:{e.get('anonymous_id')}" == who]
    (bought,) = [e for e in mine if (e["event_type"], e.get("item_id")) == ("purchase", items[1])]
    assert (bought["recommendation_id"], bought["position"]) == (name, 2)
    assert (bought["properties"]["order_id"], bought["properties"]["price"]) == ("77", 9.5)
    assert bought["value"] == 2 * 9.5
    assert next(e for e in mine if e.get("item_id") == "item-39").get("recommendation_id") is None
    assert deeds(stack, who).count(("purchase", "item-39")) == 1
    (shown,) = [r for r in records(stack, "exposures/") if r["recommendation_id"] == name]
    assert shown["surface"] == "home, top"


def test_lines_of_one_item_each_count_and_once_when_the_page_is_loaded_again(
    window: Watched, stack: LocalStack
) -> None:
    page = window.open(f"{SHOP}/bare")
    page.evaluate("endcap('list', {limit: 1})")
    who = visitor(page)
    cups = [("item-5", 24), ("item-5", 24), ("item-6", 9), ("item-5", 30)]
    lines = json.dumps([{"item_id": item_id, "price": price, "quantity": 1} for item_id, price in cups])
    for _ in range(2):
        page.evaluate(f"endcap('order', '20001', {lines})")
        sent(page)
    page.evaluate(f"endcap('order', '{'9' * 70}', {lines})")  # its lines are told apart too
    sent(page)
    stack.wait_until_idle()
    mine = [e for e in records(stack, "events/") if f"anon:{e.get('anonymous_id')}" == who]
    bought = {e["event_id"]: (e["item_id"], e["value"]) for e in mine if e["properties"]["order_id"] == "20001"}
    assert sorted(bought.values()) == sorted(cups)
    long = {e["event_id"] for e in mine if e["properties"]["order_id"] != "20001"}
    assert len(long) == len(cups)


def test_a_type_of_event_is_a_call_and_what_can_not_be_done_stops_nothing(window: Watched, stack: LocalStack) -> None:
    early = [["wishlist", "item-2"], ["wishlst", "item-2"], ["order", "1"], ["consent", "granted"], ["view", "item-3"]]
    queued = f"<script>window.endcap = {{q: {json.dumps(early)}}}</script>"
    script = f'{queued}<script src="/endcap.js" data-base="{stack.url}/storefront"></script>'
    serve(window, SHOP, {"/early": f"<!doctype html><title>A shop</title>{script}"}, "default-src * 'unsafe-inline'")
    said: list[str] = []
    window.context.on("console", lambda message: said.append(message.text))
    page = window.open(f"{SHOP}/early")
    who = visitor(page)
    sent(page)
    assert deeds(stack, who) == [("view", "item-3"), ("wishlist", "item-2")]
    assert [text.partition(" TypeError")[0] for text in said] == ["[endcap] wishlst", "[endcap] order"]
    with page.expect_console_message(lambda message: "purchse" in message.text):
        page.evaluate("endcap('purchse', 'item-4')")
    page.evaluate("endcap('like', 'item-4')")
    sent(page)
    assert deeds(stack, who) == [("like", "item-4"), ("view", "item-3"), ("wishlist", "item-2")]


def test_a_word_that_is_no_answer_to_consent_changes_nothing(window: Watched, stack: LocalStack) -> None:
    page = window.open(f"{stack.url}/pending")
    for state in ("pending", "granted", "denied"):
        page.evaluate(f"endcap('consent', '{state}')")
        with page.expect_console_message(lambda message: "consent yes" in message.text):
            page.evaluate("endcap('consent', 'yes')")
        assert page.evaluate("endcap.state") == state


def test_what_is_said_of_an_item_speaks_for_it_and_in_the_pages_language(window: Watched, stack: LocalStack) -> None:
    page = window.open(f"{stack.url}/chinese")
    listed(page)
    said = page.eval_on_selector_all("endcap-list small", "all => all.map(one => one.textContent)")
    assert all(re.search("[\u4e00-\u9fff]", text) for text in said)
    page.evaluate("endcap('dislike', 'item-4'); endcap('view', 'item-2')")
    asked = {
        "limit": 40,
        "interactions": [{"event_type": "dislike", "item_id": "item-4"}],
        "personalization": "session",
    }
    whole = operated_list(stack, asked)
    assert any(reason["weight"] < 0 for item in whole["items"] for reason in item["reasons"])
    shown = page.evaluate("endcap('list', {limit: 40, explain: true, language: 'en-GB'})")["items"]
    assert any(item["reasons"] for item in shown)
    assert all(reason["weight"] > 0 for item in shown for reason in item["reasons"])


def operated_list(stack: LocalStack, asked: dict[str, Any]) -> Any:
    answer = requests.post(f"{stack.url}/recommendations", json=asked, timeout=30)
    assert answer.ok, answer.text
    return answer.json()


def test_a_list_waits_for_its_item(window: Watched, stack: LocalStack) -> None:
    page = window.open(f"{stack.url}/waiting")
    assert page.inner_text("endcap-list li") == "Our bestsellers"
    page.evaluate("endcap('list', {limit: 1})")  # goes out, and comes back, after whatever the element would have asked
    until(page, "document.querySelector('endcap-list').getAttribute('data-ec-list') == null")
    page.evaluate("document.querySelector('endcap-list').setAttribute('item', 'item-7')")
    assert len(listed(page)) == 4
    lists = [path for _, path in asked(window, stack) if not path.endswith("/events")]
    assert lists == ["/storefront/recommendations", "/storefront/items/item-7/similar"]
    page.evaluate("document.querySelector('endcap-list').setAttribute('item', '')")
    assert page.inner_text("endcap-list li") == "Our bestsellers"


def test_an_error_says_what_can_not_be_asked(window: Watched, stack: LocalStack) -> None:
    page = window.open(f"{SHOP}/bare")
    told = page.evaluate("endcap('list', {scenario: 'nowhere'}).catch(error => [error.status, error.message])")
    assert told == [400, "no scenario of this name is configured"]
    window.forgive("Failed to load resource")


def operated(stack: LocalStack, path: str, **query: str) -> Any:
    answer = requests.get(f"{stack.url}{path}", query, headers={"endcap-start": stack.start_token}, timeout=30)
    assert answer.ok, answer.text
    return answer.json()


def clicks_of(stack: LocalStack, item_id: str) -> float:
    """What the counters of an item have."""
    (item,) = operated(stack, "/admin/items", filter=f"item_id = '{item_id}'")["items"]
    return float(item["counts"]["1h"]["events"]["click"])


def test_each_event_counts_once_whatever_happens_on_the_way(window: Watched, stack: LocalStack) -> None:
    window.context.clock.install()
    page = window.open(f"{SHOP}/bare")
    shown = page.evaluate("endcap('list', {limit: 40, surface: 'trial'})")
    places = {item["item_id"]: item["rank"] for item in shown["items"]}
    expected = [f"item-{n}" for n in range(7)]
    counted = {item_id: clicks_of(stack, item_id) for item_id in expected}

    def click(tab: Page, n: int) -> None:
        item_id = f"item-{n}"
        named = {"recommendation_id": shown["recommendation_id"], "position": places[item_id]}
        tab.evaluate(f"endcap('track', 'click', '{item_id}', {json.dumps(named)})")

    click(page, 0)
    who = visitor(page)
    sent(page)

    # No network for five minutes.
    window.context.set_offline(True)
    click(page, 1)
    page.clock.fast_forward(300_000)
    assert stored(page) == ["ec.e.", "ec.t.", "ec.v"]
    window.context.set_offline(False)
    sent(page)

    # Two answers of 503, the second of them after the events were taken: they are sent again, and known again.
    failures = ["refused", "taken"]

    def failing(route: Route) -> None:
        if not failures:
            route.fallback()
        elif failures.pop(0) == "taken":
            route.fetch()
            route.fulfill(status=503, body="{}")
        else:
            route.fulfill(status=503, body="{}")

    window.context.route("**/storefront/events", failing)
    click(page, 2)
    page.evaluate("endcap('flush')")
    while failures:
        page.evaluate("endcap('online')")
        page.wait_for_timeout(20)
    page.evaluate("endcap('online')")
    sent(page)
    window.context.unroute("**/storefront/events", failing)

    # The tab is closed at once, and the shop opened again another day; twice, in two tabs that both have it to send.
    window.context.set_offline(True)
    click(page, 3)
    page.close()
    window.context.set_offline(False)
    tabs = [window.open(f"{SHOP}/bare") for _ in range(2)]
    for n, tab in enumerate(tabs):
        click(tab, 4 + n)
        tab.evaluate("endcap('flush')")
    for tab in tabs:
        sent(tab)

    # And by a clock that is an hour slow.
    tabs[1].clock.set_system_time(time.time() - 3600)
    click(tabs[1], 6)
    sent(tabs[1])

    # In the profile, in the counters, in results.
    assert visitor(tabs[0]) == who
    assert deeds(stack, who) == [("click", item_id) for item_id in expected]
    wait_for(tabs[0], lambda: all(clicks_of(stack, one) > counted[one] + 0.5 for one in expected))
    assert {one: round(clicks_of(stack, one) - counted[one]) for one in expected} == dict.fromkeys(expected, 1)

    def trial() -> dict[str, Any]:
        rows = operated(stack, "/admin/results", by="surface")["rows"]
        return next((row for row in rows if row["surface"] == "trial"), {"clicks": 0})

    wait_for(tabs[0], lambda: trial()["clicks"] >= len(expected))
    assert (trial()["lists"], trial()["clicks"]) == (1, len(expected))
    assert operated(stack, "/admin/events/tail")["delay_s"] == 0  # what has come in is there at once
    window.forgive("Failed to load resource")
    window.forgive("blocked by CORS policy")


def test_five_minutes_without_an_answer_are_waited_for_and_no_longer(window: Watched, stack: LocalStack) -> None:
    window.context.clock.install()
    tried: list[float] = []
    page = window.open(f"{SHOP}/bare")

    def busy(route: Route) -> None:
        tried.append(time.monotonic())
        if len(tried) < 3:
            headers = {"retry-after": "300", "access-control-allow-origin": SHOP}
            headers |= {
                "access-control-allow-credentials": "true",
                "access-control-expose-headers": "date, retry-after",
            }
            route.fulfill(status=503, body="{}", headers=headers)
        else:
            route.fallback()

    window.context.route("**/storefront/events", busy)
    page.evaluate(
        "window.read = 0; const json = Response.prototype.json;"
        "Response.prototype.json = function () { return json.call(this).finally(() => read++); }; 0"
    )
    page.evaluate("endcap('view', 'item-9')")
    waiting = "Object.keys(localStorage).some(name => name.startsWith('ec.e.'))"
    for tries in (1, 2):
        page.clock.fast_forward(2_000)
        wait_for(page, lambda tries=tries: len(tried) == tries)
        until(page, f"read == {tries}")  # the wait begins when the answer is there
        page.clock.fast_forward(200_000)  # and as long as this takes, by the clock on the wall
        assert (len(tried), page.evaluate(waiting)) == (tries, True)
        page.clock.fast_forward(150_000)
    sent(page)
    assert len(tried) == 3
    assert deeds(stack, visitor(page)) == [("view", "item-9")]
    window.forgive("Failed to load resource")


def test_what_is_done_while_a_batch_is_on_its_way_follows_it(window: Watched, stack: LocalStack) -> None:
    window.context.clock.install()
    page = window.open(f"{stack.url}/bare")
    held: list[Route] = []
    page.route("**/storefront/events", lambda route: held.append(route))
    page.evaluate("endcap('view', 'item-8')")
    page.clock.fast_forward(2_000)
    wait_for(page, lambda: bool(held))
    page.unroute("**/storefront/events")  # not what is held
    page.evaluate("endcap('view', 'item-9')")
    page.clock.fast_forward(30_000)  # its turn came, and the network was taken
    held[0].fallback()
    until(page, "Object.keys(localStorage).filter(name => name.startsWith('ec.e.')).length == 1")
    page.clock.fast_forward(2_000)
    sent(page)
    (cookie,) = window.context.cookies()
    known = read_visitor(cookie["value"], (SECRET,), time.time())
    assert known is not None
    assert deeds(stack, f"anon:{known.anonymous_id}") == [("view", "item-8"), ("view", "item-9")]


def test_what_was_seen_counts_once_after_a_second_of_half_of_it(window: Watched, stack: LocalStack) -> None:
    window.context.clock.install()
    page = window.open(f"{stack.url}/far")
    listed(page)
    page.clock.fast_forward(5_000)
    impressions = "Object.values(localStorage).filter(text => /impression/.test(text)).length"
    page.evaluate("endcap('consent', 'granted')")
    assert page.evaluate(impressions) == 0
    page.clock.pause_at(time.time() + 3_600)  # from here time passes only where the test says so
    window.context.set_offline(True)
    for _ in range(2):
        page.evaluate("scrollTo(0, 1e6)")
        settled(page)
        page.clock.fast_forward(900)
        page.evaluate("scrollTo(0, 0)")  # not long enough
        settled(page)
    assert page.evaluate(impressions) == 0
    for _ in range(2):
        page.evaluate("scrollTo(0, 1e6)")
        settled(page)
        page.clock.fast_forward(1_100)
        page.evaluate("scrollTo(0, 0)")
        settled(page)
    assert page.evaluate(impressions) == 4
    window.context.set_offline(False)
    window.forgive("Failed to load resource")


def test_the_bare_page_of_the_recipe_has_two_lists_and_is_followed(window: Watched, stack: LocalStack) -> None:
    recipe = (KIT.parent / "recipes" / "plain.html").read_text()
    serve(window, stack.url, {"/a-lamp": recipe}, policy="default-src 'self' 'unsafe-inline'")
    page = window.open(f"{stack.url}/a-lamp")
    assert page.inner_text("endcap-list >> nth=0") == "All our lamps"
    assert asked(window, stack) == []
    page.get_by_role("button", name="Yes").click()
    page.wait_for_selector("endcap-list >> nth=1 >> [data-ec-item]")
    assert page.locator("endcap-list [data-ec-item]").count() == 8
    page.get_by_role("button", name="Add to basket").click()
    sent(page)
    (cookie,) = window.context.cookies()
    known = read_visitor(cookie["value"], (SECRET,), time.time())
    assert known is not None
    found = deeds(stack, f"anon:{known.anonymous_id}")
    assert [d for d in found if d[0] != "impression"] == [("add_to_cart", "item-7"), ("view", "item-7")]
    page.reload()  # and on the next page the answer is known
    page.wait_for_selector("endcap-list >> nth=1 >> [data-ec-item]")
    assert not page.get_by_role("button", name="Yes").is_visible()


@pytest.mark.parametrize("strict", [False, True])
def test_the_page_put_it_on_your_page_says_all_that_is_needed(window: Watched, stack: LocalStack, strict: bool) -> None:
    told = (ROOT / "docs" / "storefront.md").read_text()
    script, element, calls, banner = re.findall(r"```html\n(.*?)```", told, re.DOTALL)
    (by_address,) = (one for one in re.findall(r"```js\n(.*?)```", told, re.DOTALL) if "location.search" in one)
    script = script.replace("http://127.0.0.1:8787/storefront", "/storefront").replace(' data-consent="granted"', "")
    second = element.replace('surface="home, top"', 'item="" surface="home, similar"')
    calls = calls.replace("'42'", "'item-2'").replace("'43'", "'item-3'")
    own = f"{re.sub('</?script>', '', calls)}\n{by_address}"
    if strict:  # what the page says of a strict policy: no code in the page, but in a script of its own
        script = re.sub(r"<script>.*?</script>\n", "", script) + '<script src="/own.js" defer></script>'
        calls = ""
    else:
        script += '<script src="/own.js" defer></script>'
        own = by_address.replace("endcap('view', item);", "")
    page = f'<!doctype html><html lang="en"><title>A shop</title>{script}<main>{banner}{element}{second}{calls}</main>'
    policy = "default-src 'self' 'unsafe-inline'"
    if strict:
        (policy,) = re.findall(r"`(script-src 'self'; connect-src .*?)`", told)
    serve(window, stack.url, {"/followed": page, "/own.js": own}, policy=policy)
    shown = window.open(f"{stack.url}/followed?id=item-7")
    shown.get_by_role("button", name="Yes").click()
    shown.wait_for_selector("endcap-list >> nth=1 >> [data-ec-item]")
    assert [len(one) for one in shown.eval_on_selector_all("endcap-list", _ITEMS)] == [8, 8]
    assert ("GET", "/storefront/items/item-7/similar") in asked(window, stack)
    sent(shown)
    (cookie,) = window.context.cookies()
    known = read_visitor(cookie["value"], (SECRET,), time.time())
    assert known is not None
    found = [kind for kind, _ in deeds(stack, f"anon:{known.anonymous_id}") if kind != "impression"]
    views = ["view"] * (2 if strict else 1)  # of the item in the address, beside the one that is said
    assert sorted(found) == ["add_to_cart", "purchase", "purchase", "review", *views]  # a search is a text, and apart


def test_the_banner_does_not_ask_whose_browser_has_said_no(window: Watched, stack: LocalStack) -> None:
    recipe = (KIT.parent / "recipes" / "plain.html").read_text()
    serve(window, stack.url, {"/a-lamp": recipe}, policy="default-src 'self' 'unsafe-inline'")
    window.context.add_init_script("Object.defineProperty(navigator, 'globalPrivacyControl', {value: true})")
    page = window.open(f"{stack.url}/a-lamp")
    page.wait_for_selector("endcap-list >> nth=1 >> [data-ec-item]")
    assert not page.get_by_role("button", name="Yes").is_visible()
    assert (page.evaluate("endcap.state"), stored(page)) == ("denied", [])


@pytest.mark.parametrize("hours", [1, -1])
def test_a_clock_that_is_off_by_an_hour_changes_nothing(window: Watched, stack: LocalStack, hours: int) -> None:
    window.context.clock.install(time=time.time() + 3600 * hours)
    page = window.open(f"{SHOP}/bare")
    page.evaluate("endcap('view', 'item-8')")
    page.evaluate("endcap('list', {limit: 2})")  # the session goes along with it
    page.evaluate("endcap('flush')")
    who = visitor(page)
    sent(page)
    assert deeds(stack, who) == [("view", "item-8")]
    (event,) = [e for e in records(stack, "events/") if f"anon:{e.get('anonymous_id')}" == who]
    assert abs(event["timestamp"] / 1000 - time.time()) < 600


def test_events_stay_with_whom_they_are_of(window: Watched, stack: LocalStack) -> None:
    def signs_in(name: str) -> str:
        token = signed(claims(time.time(), sub=f"{name}-of-one-browser"))
        return f"endcap('identify', '{token}')"

    page = window.open(f"{SHOP}/bare")
    page.evaluate("endcap('view', 'item-1')")
    visitor(page)
    sent(page)
    page.evaluate(signs_in("ann") + "; endcap('view', 'item-2')")
    sent(page)
    window.context.set_offline(True)
    page.evaluate("endcap('view', 'item-3'); endcap('identify', null)")
    page.evaluate(signs_in("ben") + "; endcap('view', 'item-4')")
    window.context.set_offline(False)
    page.evaluate("endcap('online')")
    sent(page)
    assert deeds(stack, "ann-of-one-browser") == [("view", "item-1"), ("view", "item-2"), ("view", "item-3")]
    assert deeds(stack, "ben-of-one-browser") == [("view", "item-4")]
    window.forgive("Failed to load resource")
    window.forgive("blocked by CORS policy")


def test_a_list_is_a_good_part_of_its_page(window: Watched, stack: LocalStack) -> None:
    page = window.open(f"{stack.url}/granted")
    listed(page)
    assert page.inner_text("endcap-list li:first-child b").startswith("€")
    assert page.inner_text("endcap-list li:first-child small")
    assert page.locator(".fallback").count() == 0
    assert_accessible(page)
    shown = "[...document.querySelectorAll('endcap-list [data-ec-item]')].length"
    page.evaluate("document.querySelector('endcap-list').setAttribute('item', 'item-7')")
    until(page, f"{shown} == 4 && document.querySelector('endcap-list').dataset.ecList")
    assert ("GET", "/storefront/items/item-7/similar") in asked(window, stack)
