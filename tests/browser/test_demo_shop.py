"""The demo shop: a visitor's way through it, in two languages, with the kit alone."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
import requests
from playwright.sync_api import Page, Route, expect

from endcap.api.limits import BURST
from endcap_local.stack import LocalStack
from tests.browser.kit_pages import asked, records, until, warm
from tests.fakes.browser import Watched, assert_accessible

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics")


def home(window: Watched, stack: LocalStack, query: str = "") -> Page:
    page = window.open(f"{stack.url}/shop/{query}")
    page.wait_for_selector("endcap-list[data-ec-list] [data-ec-item]:not(.ec-skeleton)")
    return page


def test_a_purchase_after_a_click_is_known_by_the_place_it_was_clicked_at(
    toy_stack: LocalStack, open_window: Callable[..., Watched]
) -> None:
    warm(toy_stack)
    window = open_window(toy_stack.url)
    page = home(window, toy_stack)
    assert_accessible(page)
    assert [name for name in page.evaluate("Object.keys(localStorage)") if name.startswith("ec.")] == []
    page.get_by_role("button", name="Yes, remember").click()
    until(page, "localStorage['ec.v']")
    page.wait_for_selector("endcap-list[data-ec-list] [data-ec-item]:not(.ec-skeleton)")
    page.locator("main .card-link").nth(1).click()
    title = page.locator(".item h1").inner_text()
    page.get_by_role("button", name="Add to basket").click()
    page.get_by_label("What do you think").fill("Lovely colours, but it was broken when it arrived")
    page.get_by_role("button", name="Send").click()
    expect(page.locator("#pane .aspects")).to_contain_text("durability")
    assert_accessible(page)
    page.get_by_role("link", name="Basket").click()
    assert_accessible(page)
    page.get_by_role("button", name="Place the order").click()
    expect(page.locator("h1")).to_have_text("Thank you!")
    until(page, "!Object.keys(localStorage).some(name => name.startsWith('ec.e.'))")
    expect(page.locator("#pane .recent")).to_contain_text("bought")
    toy_stack.wait_until_idle()
    (bought,) = [e for e in records(toy_stack, "events/") if e["event_type"] == "purchase"]
    (shown,) = [r for r in records(toy_stack, "exposures/") if r["recommendation_id"] == bought["recommendation_id"]]
    assert shown["surface"] == "home, top"
    assert shown["items"][bought["position"] - 1]["item_id"] == bought["item_id"]
    assert title
    found = results(toy_stack, "home, top")
    assert (found["clicks"], found["carts"], found["purchases"]) == (1, 1, 1)
    assert (found["revenue"], found["currency"]) == (pytest.approx(bought["value"]), "GBP")


def test_three_pages_may_be_opened_at_once(toy_stack: LocalStack, open_window: Callable[..., Watched]) -> None:
    window = open_window(toy_stack.url)
    page = home(window, toy_stack)
    page.get_by_role("button", name="Yes, remember").click()
    until(page, "localStorage['ec.v']")
    before = len(asked(window, toy_stack))
    for place in ("", "?item=item-20", "?department=garden"):
        home(window, toy_stack, place)
        page.wait_for_load_state("networkidle")
    assert 3 <= len(asked(window, toy_stack)) - before <= BURST


def results(stack: LocalStack, surface: str) -> dict[str, Any]:
    """What lists of a place have brought, as soon as a purchase is among it: within a minute."""
    deadline, headers = time.monotonic() + 60, {"endcap-start": stack.start_token}
    while time.monotonic() < deadline:
        answer = requests.get(f"{stack.url}/admin/results?by=scenario,surface", headers=headers, timeout=30).json()
        for row in answer["rows"]:
            if row["surface"] == surface and row["purchases"]:
                return dict(row)
        time.sleep(0.2)
    raise AssertionError(f"no purchase by {surface} within a minute")


def test_it_speaks_chinese_and_fits_a_telephone(toy_stack: LocalStack, open_window: Callable[..., Watched]) -> None:
    window = open_window(toy_stack.url, locale="zh-CN", viewport={"width": 320, "height": 700}, color_scheme="dark")
    page = home(window, toy_stack)
    expect(page.locator("html")).to_have_attribute("lang", "zh")
    expect(page.locator(".departments a").first).to_have_text("厨房与烘焙")
    for place in ("?q=lamp", "?department=garden", "?item=item-20", "?cart="):
        page = home(window, toy_stack, place)
        assert_accessible(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), place
    page.get_by_role("button", name="English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")


def test_a_newcomer_says_a_country_and_the_list_asks_for_what_is_bought_there(
    toy_stack: LocalStack, open_window: Callable[..., Watched]
) -> None:
    window = open_window(toy_stack.url, locale="en-GB")
    asked = []

    def note(route: Route) -> None:
        body = route.request.post_data_json
        asked.extend([body["context"]] if body.get("context") else [])
        route.continue_()

    counted = [{"name": "device", "values": ["mobile"]}, {"name": "country", "values": ["gb", "de", "old prussia"]}]
    window.context.route("**/parameters", lambda route: route.fulfill(json={"contexts": counted}))
    window.context.route("**/storefront/recommendations", note)
    page = home(window, toy_stack)
    shelf = page.locator(".shelf", has=page.get_by_role("heading", name="If you come from"))
    expect(shelf.locator("option")).to_have_text(["Germany", "United Kingdom"])
    expect(shelf.locator("[data-ec-list] .card-link[href^='?item=']")).to_have_count(6)
    assert_accessible(page)
    assert asked == [{"country": "de"}]
    lists = shelf.locator("[data-ec-list]")
    first = lists.get_attribute("data-ec-list")
    shelf.get_by_label("Country").select_option("gb")
    expect(lists).not_to_have_attribute("data-ec-list", first or "")
    assert asked == [{"country": "de"}, {"country": "gb"}]
    assert [card.get_attribute("data-ec-position") for card in shelf.locator("[data-ec-item]").all()] == list("123456")


def test_a_shop_that_counts_no_countries_asks_for_none(
    toy_stack: LocalStack, open_window: Callable[..., Watched]
) -> None:
    page = home(open_window(toy_stack.url), toy_stack)
    expect(page.get_by_role("heading", name="If you come from")).to_be_hidden()


@pytest.mark.parametrize(
    ("status", "expected"), [(429, "a lot at once"), (503, "right now"), (None, "no connection")], ids=str
)
def test_lists_that_can_not_be_had_leave_no_bare_headings_and_come_when_they_can(
    toy_stack: LocalStack, open_window: Callable[..., Watched], status: int | None, expected: str
) -> None:
    window = open_window(toy_stack.url)

    def refuse(route: Route) -> None:
        if status is None:
            route.abort("internetdisconnected")
        else:
            route.fulfill(status=status, json={"message": "no"})

    window.context.route("**/storefront/**", refuse)
    page = window.open(f"{toy_stack.url}/shop/")
    expect(page.get_by_role("status").filter(has_text=expected)).to_have_count(1)
    expect(page.locator(".shelf h2:visible")).to_have_count(1)
    assert_accessible(page)
    window.context.unroute("**/storefront/**")
    page.get_by_role("button", name="Try again").click()
    page.wait_for_selector("endcap-list[data-ec-list] [data-ec-item]:not(.ec-skeleton)")
    expect(page.locator(".lacking")).to_have_count(0)
    headings = page.locator(".shelf:not([hidden])")
    for n in range(headings.count()):
        expect(headings.nth(n).locator("[data-ec-item]").first).to_be_visible()
    window.forgive("Failed to load resource")


def test_hostile_words_of_an_address_are_only_words(toy_stack: LocalStack, open_window: Callable[..., Watched]) -> None:
    window = open_window(toy_stack.url)
    for place in ("?q=<img src=x onerror=alert(1)>", "?item=<script>alert(1)</script>", "?department=__proto__"):
        home(window, toy_stack, place)
    page = home(window, toy_stack, f"?q={'Donaudampfschiff' * 20}")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    expect(page.locator("h1")).to_contain_text("this comes nearest")
    window.forgive("404")
