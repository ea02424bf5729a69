"""What is done in the studio within a frame, while an answer is on its way, or by two people at once."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, Route, expect

from endcap.api.openapi import openapi_document
from endcap_local.stack import LocalStack
from tests.browser.test_studio_pages import go, opened
from tests.fakes.browser import PATIENCE_MS, Watched

OpenWindow = Callable[..., Watched]
HOME = "**/admin/scenarios/home"


class Scenario:
    """One scenario behind the page's calls: what is published, and by which etag."""

    def __init__(self, page: Page, document: dict[str, Any]) -> None:
        self.document, self.number = document, 1
        self.puts: list[dict[str, Any]] = []
        self.held: list[Route] = []
        self.holds = False
        page.route(HOME, self.answer)

    @property
    def etag(self) -> str:
        return f'"{self.number}"'

    def answer(self, route: Route) -> None:
        if route.request.method != "PUT":
            self.tell(route)
        elif self.holds:
            self.held.append(route)
        else:
            self.put(route)

    def put(self, route: Route) -> None:
        given = json.loads(route.request.post_data or "{}")
        self.puts.append(given)
        if route.request.headers.get("if-match") != self.etag:
            route.fulfill(status=412, json={"detail": "changed meanwhile", "etag": self.etag})
            return
        self.publish(given)
        self.tell(route)

    def publish(self, document: dict[str, Any]) -> None:
        self.document, self.number = document, self.number + 1

    def tell(self, route: Route) -> None:
        body = {"name": "home", "document": self.document, "etag": self.etag, "built_in": False, "ending": []}
        route.fulfill(json=body, headers={"etag": self.etag})


def at_home(window: Watched, stack: LocalStack) -> tuple[Page, Scenario]:
    page = opened(window, stack)
    scenario = Scenario(page, {"diversity": 0.3})
    go(page, "scenarios/home")
    return page, scenario


def until(page: Page, holds: Callable[[], bool]) -> None:
    """Let the page's calls come in until it holds."""
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while not holds():
        assert time.monotonic() < deadline
        page.evaluate("() => new Promise(requestAnimationFrame)")


def test_what_is_changed_while_it_is_published_is_a_draft_over_it(
    toy_stack: LocalStack, open_window: OpenWindow
) -> None:
    page, scenario = at_home(open_window(toy_stack.url), toy_stack)
    variety = page.get_by_role("slider", name="Variety")
    publish = page.get_by_role("button", name="Publish")
    variety.fill("0.5")
    scenario.holds = True
    # A second click within the frame of the first asks for nothing.
    publish.evaluate("one => { one.click(); one.click(); }")
    expect(publish).to_be_disabled()
    variety.fill("0.7")
    until(page, lambda: bool(scenario.held))
    assert len(scenario.held) == 1
    scenario.holds = False
    scenario.put(scenario.held.pop())
    expect(page.get_by_role("status").filter(has_text="home is published").first).to_be_visible()
    expect(variety).to_have_value("0.7")
    expect(publish).to_be_enabled()
    page.reload()
    expect(variety).to_have_value("0.7")
    publish.click()
    expect(publish).to_be_disabled()
    assert scenario.puts == [{"diversity": 0.5}, {"diversity": 0.7}]


def test_a_draft_that_another_has_overtaken_is_kept_and_can_be_laid_over_theirs(
    toy_stack: LocalStack, open_window: OpenWindow
) -> None:
    window = open_window(toy_stack.url)
    page, scenario = at_home(window, toy_stack)
    variety = page.get_by_role("slider", name="Variety")
    variety.fill("0.6")
    scenario.publish({"diversity": 0.1})  # by somebody else
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_role("alert")).to_contain_text("Somebody else has published meanwhile")
    page.get_by_role("button", name="Read what is published now").click()
    expect(variety).to_have_value("0.1")
    expect(page.get_by_role("alert")).to_have_count(0)
    page.reload()  # and it is offered all the same
    expect(variety).to_have_value("0.1")
    page.get_by_role("button", name="Take my draft up again").click()
    expect(variety).to_have_value("0.6")
    with page.expect_response(lambda answer: answer.request.method == "PUT" and answer.ok):
        page.get_by_role("button", name="Publish").click()
    assert scenario.document == {"diversity": 0.6}
    expect(page.get_by_role("button", name="Publish")).to_be_disabled()
    # Dropped, it is gone for good.
    variety.fill("0.8")
    scenario.publish({"diversity": 0.2})
    page.reload()
    page.get_by_role("button", name="Drop my draft").click()
    expect(variety).to_have_value("0.2")
    page.reload()
    expect(variety).to_have_value("0.2")
    expect(page.get_by_role("button", name="Drop my draft")).to_have_count(0)
    window.forgive("status of 412")


def test_a_text_follows_the_draft_that_was_discarded(toy_stack: LocalStack, open_window: OpenWindow) -> None:
    page, _ = at_home(open_window(toy_stack.url), toy_stack)
    page.get_by_role("button", name="JSON").click()
    text = page.get_by_role("textbox", name="JSON")
    text.fill('{"diversity": 0.9}')
    page.get_by_role("button", name="Discard the draft").click()
    expect(text).to_have_value('{\n  "diversity": 0.3\n}')
    text.fill("{")
    expect(text).to_have_attribute("aria-invalid", "true")


def test_an_item_goes_two_places_where_it_is_moved_twice_at_once(
    toy_stack: LocalStack, open_window: OpenWindow
) -> None:
    page = opened(open_window(toy_stack.url), toy_stack)
    go(page, "merchandise?scenario=home")
    later = page.get_by_role("button", name="One place later: Garden lamp 1", exact=True)
    # The list that shows where it has come to is on its way yet.
    page.route("**/recommendations", lambda route: None)
    later.click()
    expect(page.get_by_text("Pinned to place 2")).to_be_visible()
    later.click()
    expect(page.get_by_text("Pinned to place 3")).to_be_visible()


def test_an_address_is_what_the_page_shows_on_the_way_back_too(toy_stack: LocalStack, open_window: OpenWindow) -> None:
    page = opened(open_window(toy_stack.url), toy_stack)
    go(page, "events")
    page.get_by_role("button", name="Refused").click()
    expect(page.get_by_role("region", name="Why")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("button", name="Refused")).to_have_attribute("aria-pressed", "false")
    go(page, "try?shopper=u-1001")
    expect(page.get_by_label("Shopper id")).to_have_value("u-1001")
    page.get_by_role("link", name="Try it").click()
    expect(page.get_by_label("Shopper id")).to_have_value("")
    page.go_back()
    expect(page.get_by_label("Shopper id")).to_have_value("u-1001")
    go(page, "catalogue/%")  # no address that anybody was given
    expect(page.get_by_role("heading", level=1)).to_have_text("Steel lamp")


def test_a_page_that_came_too_late_to_fail_says_nothing_on_the_next(
    toy_stack: LocalStack, open_window: OpenWindow
) -> None:
    window = open_window(toy_stack.url)
    page = opened(window, toy_stack)
    held: list[Route] = []
    page.route("**/pages/results.js", lambda route: held.append(route))
    page.get_by_role("link", name="Results").click()
    until(page, lambda: bool(held))
    go(page, "parameters")
    with page.expect_event("requestfailed"):
        held[0].abort()
    page.evaluate("() => new Promise(requestAnimationFrame)")
    expect(page.get_by_role("heading", level=1)).to_have_text("Parameters")
    expect(page.get_by_role("alert")).to_have_count(0)
    window.forgive("ERR_FAILED")


def test_the_next_page_of_items_belongs_to_what_was_asked(toy_stack: LocalStack, open_window: OpenWindow) -> None:
    page = opened(open_window(toy_stack.url), toy_stack)
    held: list[Route] = []

    def listed(title: str) -> dict[str, Any]:
        item = {"item_id": title, "title": title, "available": True, "counts": {}}
        return {"items": [item], "total": 2, "cursor": "next"}

    def answer(route: Route) -> None:
        if "cursor=" in route.request.url:
            held.append(route)
        else:
            route.fulfill(json=listed("green" if "q=green" in route.request.url else "any"))

    page.route("**/admin/items?*", answer)
    go(page, "catalogue")
    page.get_by_role("button", name="More").click()
    until(page, lambda: bool(held))
    page.get_by_label("Words").fill("green")
    rows = page.get_by_role("table", name="Items").get_by_role("link")
    expect(rows).to_have_text(["green"])
    with page.expect_response("**/admin/items?*cursor=*"):
        held[0].fulfill(json=listed("late"))
    expect(page.get_by_role("button", name="More")).to_be_enabled()
    expect(rows).to_have_text(["green"])


def test_a_dialog_gives_the_focus_back_however_it_is_left(toy_stack: LocalStack, open_window: OpenWindow) -> None:
    page = opened(open_window(toy_stack.url), toy_stack)
    go(page, "try")
    why = page.get_by_role("button", name="Why? Garden lamp 1", exact=True)
    for leave in (lambda: page.keyboard.press("Escape"), lambda: page.get_by_role("button", name="Close").click()):
        why.focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("dialog")).to_be_visible()
        leave()
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(why).to_be_focused()


def test_a_language_chosen_last_is_the_one(toy_stack: LocalStack, open_window: OpenWindow) -> None:
    page = opened(open_window(toy_stack.url), toy_stack)
    held: list[Route] = []
    page.route("**/lang/zh.json", lambda route: held.append(route))
    choice = page.get_by_label("Language")
    choice.select_option("zh")
    until(page, lambda: bool(held))
    with page.expect_response("**/lang/en.json"):
        choice.select_option("en")
    with page.expect_response("**/lang/zh.json"):
        held[0].continue_()
    page.evaluate("() => new Promise(requestAnimationFrame)")
    expect(page.get_by_role("heading", level=1)).to_have_text("Today")
    assert page.evaluate("document.documentElement.lang") == "en"


def test_a_rebuild_is_followed_until_it_ends_and_a_miss_is_told(toy_stack: LocalStack, open_window: OpenWindow) -> None:
    window = open_window(toy_stack.url)
    page = opened(window, toy_stack)
    page.clock.install()
    go(page, "today")
    told = page.get_by_role("status").filter(has_text="The rebuild studio-1768471205 began")
    expect(told).to_contain_text("Step 3 of 4: learning from what shoppers did.")
    page.route("**/admin/overview*", lambda route: route.fulfill(status=503, json={"detail": "busy; try again"}))
    with page.expect_response("**/admin/overview*"):
        page.clock.run_for(5000)
    expect(page.get_by_role("alert")).to_contain_text("busy; try again")
    expect(told).to_be_visible()
    page.unroute("**/admin/overview*")

    overview = json.loads(openapi_document())["components"]["schemas"]["Overview"]["examples"][0]
    page.route("**/admin/overview*", lambda route: route.fulfill(json=overview | {"running": []}))
    with page.expect_response("**/admin/overview*"):
        page.clock.run_for(5000)
    expect(told).to_have_count(0)
    expect(page.get_by_role("alert")).to_have_count(0)
    window.forgive("status of 503")
