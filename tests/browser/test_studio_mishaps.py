"""What goes wrong while somebody works in the studio, and what the page says to it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Request, Route, expect

from endcap_local.stack import LocalStack
from tests.browser.test_studio_first_look import answering
from tests.browser.test_studio_pages import go, opened
from tests.browser.test_studio_races import until
from tests.fakes.browser import Watched, assert_accessible

OpenWindow = Callable[..., Watched]


def test_a_page_that_could_not_be_had_is_loaded_again(toy_stack: LocalStack, open_window: OpenWindow) -> None:
    window = open_window(toy_stack.url)
    page = opened(window, toy_stack)
    page.route("**/pages/results.js", lambda route: route.abort())
    page.get_by_role("link", name="Results").click()
    expect(page.get_by_role("alert")).to_contain_text("its server does not answer")
    page.unroute("**/pages/results.js")
    page.get_by_role("button", name="Load again").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Results")
    window.forgive("ERR_FAILED")


def test_an_event_that_was_sent_again_stands_once(toy_stack: LocalStack, open_window: OpenWindow) -> None:
    def seen(event_id: str | None, who: str) -> dict[str, Any]:
        event = {"event_type": "click", "item_id": "item-2", "anonymous_id": who} | (
            {"event_id": event_id} if event_id else {}
        )
        return {"at": 1768471205000, "event": event, "refused": False, "errors": []}

    answers = [
        [seen("a", "ann"), seen("a", "ann"), seen("a", "ben"), seen(None, "cas")],
        [seen("a", "ann"), seen(None, "cas"), seen("b", "dan")],
    ]

    def answer(route: Route) -> None:
        events = answers.pop(0) if answers else []
        route.fulfill(json={"events": events, "cursor": "c", "delay_s": 0})

    page = opened(open_window(toy_stack.url), toy_stack)
    page.route("**/admin/events/tail*", answer)
    go(page, "events")
    who = page.get_by_role("row").filter(has_text="item-2").locator("td:nth-child(4)")
    expect(who).to_have_text(["dan", "cas", "cas", "ben", "ann"])


def test_what_would_have_no_effect_is_said_before_it_is_done(toy_stack: LocalStack, open_window: OpenWindow) -> None:
    window = open_window(toy_stack.url)
    page = opened(window, toy_stack)
    go(page, "catalogue/item-20")
    hiding = page.get_by_role("region", name="Take it out of all lists")
    hide = hiding.get_by_role("button", name="Hide everywhere")
    hiding.get_by_label("Until").fill("2020-01-01T00:00")
    expect(hiding.get_by_text("This moment has passed")).to_be_visible()
    expect(hide).to_be_disabled()
    hiding.get_by_label("Until").fill((datetime.now(UTC) + timedelta(days=9)).strftime("%Y-%m-%dT00:00"))
    expect(hide).to_be_enabled()
    # An id that no item has is not laid out.
    go(page, "merchandise")
    page.route("**/items/no-such-item*", lambda route: route.fulfill(status=404, json={"detail": "no such item"}))
    page.route("**/admin/items?*", lambda route: route.fulfill(json={"items": [], "total": 0}))
    zone = page.evaluate("Intl.DateTimeFormat().resolvedOptions().timeZone")
    expect(page.get_by_label("Until")).to_have_accessible_description(re.compile(f"by the clock of {zone};"))
    page.get_by_label("Hide an item by its id or title").fill("no-such-item")
    page.get_by_role("button", name="Hide", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("No item has the id or the words “no-such-item”")
    expect(page.get_by_role("button", name="Publish")).to_be_disabled()
    # A scenario has a name.
    go(page, "scenarios")
    page.get_by_role("button", name="New scenario").click()
    expect(page.get_by_role("button", name="Begin")).to_be_disabled()
    window.forgive("status of 404")


def test_for_all_lists_nothing_is_offered_but_hiding(toy_stack: LocalStack, open_window: OpenWindow) -> None:
    page = opened(open_window(toy_stack.url), toy_stack)
    go(page, "scenarios/*")
    form = page.get_by_role("form", name="Scenario")
    expect(form.get_by_role("button", name="Hide an item")).to_have_count(1)
    for other in ("Pin an item", "Add a push", "Promise places"):
        expect(form.get_by_role("button", name=other)).to_have_count(0)
    go(page, "merchandise")
    tools = page.get_by_role("group", name="Place: Garden lamp 1", exact=True)
    expect(tools.get_by_role("button")).to_have_count(1)
    expect(tools.get_by_role("button")).to_have_accessible_name("Hide: Garden lamp 1")


def test_words_of_a_title_offer_ids(toy_stack: LocalStack, open_window: OpenWindow) -> None:
    page = opened(open_window(toy_stack.url), toy_stack)
    go(page, "merchandise?scenario=home")
    asked = page.get_by_label("Pin an item to the first place by its id")
    with page.expect_response("**/admin/items?q=lamp*"):
        asked.fill("lamp")
    # In sight, and not in a list that only some browsers show.
    offered = page.get_by_role("list", name="Items that fit").get_by_role("button")
    expect(offered.first).to_be_visible()
    assert_accessible(page)
    offered.first.click()
    expect(asked).to_have_value(re.compile("^item-"))
    expect(asked).to_be_focused()
    expect(offered).to_have_count(0)


def test_a_text_that_is_no_scenario_is_not_published(toy_stack: LocalStack, open_window: OpenWindow) -> None:
    page = opened(open_window(toy_stack.url), toy_stack)
    go(page, "scenarios/home")
    page.get_by_role("button", name="JSON").click()
    text, publish = page.get_by_role("textbox", name="JSON"), page.get_by_role("button", name="Publish")
    for broken in ('{"diversity": 0.', "[]", "null"):
        text.fill('{"diversity": 0.9}')
        expect(publish).to_be_enabled()
        text.fill(broken)
        expect(text).to_have_attribute("aria-invalid", "true")
        expect(publish).to_be_disabled()


def test_rules_about_items_that_are_not_there_are_named(toy_stack: LocalStack, open_window: OpenWindow) -> None:
    page = opened(open_window(toy_stack.url), toy_stack)
    go(page, "scenarios/home")
    told = page.get_by_text("No item has this id")
    pinned = page.get_by_role("group", name="Pinned 1").get_by_label("Item id")
    expect(pinned).to_have_value("item-12")
    expect(told).to_have_count(0)
    pinned.fill("item-1200")
    expect(told).to_be_visible()
    expect(pinned).to_have_attribute("aria-invalid", "true")


def test_a_rebuild_that_failed_and_a_promotion_that_was_refused_are_told_with_their_reasons(
    toy_stack: LocalStack, open_window: OpenWindow
) -> None:
    failed = {"what": "rebuild", "name": "studio-7", "since": 1768471205000, "ended": 1768471900000, "error": "no item"}

    def change(answer: Any) -> Any:
        return answer | {"failed": failed} if "snapshots" in answer else answer

    page = opened(open_window(toy_stack.url), toy_stack, change)
    go(page, "snapshots")
    told = page.get_by_role("alert")
    expect(told.filter(has_text="The rebuild studio-7 failed")).to_contain_text("no item")
    expect(told.filter(has_text="20260114T033009Z-91be was refused")).to_contain_text("coverage is 0.41")
    assert_accessible(page)


def test_what_a_rebuild_tried_is_drawn_and_is_a_table_too(toy_stack: LocalStack, open_window: OpenWindow) -> None:
    page = opened(open_window(toy_stack.url), toy_stack)
    go(page, "snapshots")
    page.get_by_role("button", name="Report 20260115T033412Z-5f0c").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator(".plot canvas")).to_have_count(2)
    assert_accessible(page)
    dialog.get_by_role("button", name="As a table: How much better").click()
    expect(dialog.get_by_role("table", name="How much better")).to_contain_text("+0.0220")


@pytest.mark.parametrize("name", ["..", "."])
def test_a_name_that_is_a_step_in_an_address_asks_for_nothing_else(
    toy_stack: LocalStack, open_window: OpenWindow, name: str
) -> None:
    window = open_window(toy_stack.url)
    page = opened(window, toy_stack)
    window.requests.clear()
    go(page, f"shopper/{name}")
    expect(page.get_by_role("alert").first).to_contain_text(f"what is called “{name}”")
    assert not [url for method, url in window.requests if "/users" in url or method != "GET"]


def test_who_makes_what_another_has_made_meanwhile_is_told_so(toy_stack: LocalStack, open_window: OpenWindow) -> None:
    window = open_window(toy_stack.url)
    page = opened(window, toy_stack)

    def made_meanwhile(route: Route) -> None:
        if route.request.method == "PUT":
            route.fulfill(status=428, json={"detail": "the header If-Match must say what is to be changed"})
        elif route.request.method == "GET":
            route.fulfill(status=404, json={"detail": "there is no such scenario"})
        else:
            route.fallback()

    page.route("**/admin/scenarios/cart", made_meanwhile)
    go(page, "scenarios/cart")
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_role("alert")).to_contain_text("Somebody else has published meanwhile")
    window.forgive("status of 4")


def test_a_draft_outlives_its_page_and_a_reload(toy_stack: LocalStack, open_window: OpenWindow) -> None:
    page = opened(open_window(toy_stack.url), toy_stack)
    go(page, "merchandise?scenario=home")
    pinned = page.get_by_text("Pinned to place 2")
    expect(pinned).to_have_count(0)
    page.get_by_role("button", name="One place later: Garden lamp 1", exact=True).click()
    expect(pinned).to_be_visible()
    go(page, "today")
    page.go_back()
    expect(pinned).to_be_visible()
    page.reload()
    expect(pinned).to_be_visible()
    page.get_by_role("button", name="Discard the draft").click()
    page.reload()
    expect(page.get_by_role("button", name="One place later: Garden lamp 1", exact=True)).to_be_visible()
    expect(pinned).to_have_count(0)


def test_words_that_one_title_has_are_that_item(toy_stack: LocalStack, open_window: OpenWindow) -> None:
    window = open_window(toy_stack.url)
    page = opened(window, toy_stack)
    # Items that the list beside does not show: their titles come from the search alone.
    found = [{"item_id": f"item-{n}", "title": f"Green lamp {n}"} for n in (91, 92)]
    page.route("**/items/green*", lambda route: route.fulfill(status=404, json={"detail": "no such item"}))
    page.route("**/admin/items?*", lambda route: route.fulfill(json={"items": found, "total": len(found)}))
    go(page, "merchandise")
    page.get_by_label("Hide an item by its id").fill("green lamp")
    hide = page.get_by_role("button", name="Hide", exact=True)
    hide.click()
    told = page.get_by_role("alert")
    expect(told).to_contain_text("Several items fit “green lamp”: choose one of those below the box")
    del found[1]
    hide.click()
    expect(page.get_by_role("button", name="Take back: Hidden, Green lamp 91", exact=True)).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)
    window.forgive("status of 404")


def test_a_refusal_names_the_row_and_not_a_path(toy_stack: LocalStack, open_window: OpenWindow) -> None:
    window = open_window(toy_stack.url)
    page = opened(window, toy_stack)
    wrong = [
        ("pinned.1.item_id", "must not be empty", "Pinned, row 2: choose an item"),
        ("boost.0.weight", "must be a number", "Pushed up or down, row 1: By how much: must be a number"),
        ("promotions.2.until", "lies before from", "Promised places, row 3: Until: lies before from"),
        ("caps.brand", "must be at least 1", "Caps: At most of one brand: must be at least 1"),
        ("diversity", "must be at most 1", "Variety: must be at most 1"),
        ("drafts.home.hidden.0.item_id", "must not be empty", "Hidden, row 1: choose an item"),
    ]
    errors = [{"field": field, "message": message} for field, message, _ in wrong]

    def refuse(route: Route) -> None:
        if route.request.method == "PUT":
            route.fulfill(status=400, json={"detail": "invalid scenario", "errors": errors})
        else:
            route.fallback()

    page.route("**/admin/scenarios/home", refuse)
    go(page, "scenarios/home")
    for _ in range(2):
        page.get_by_role("button", name="Pin an item").click()
    page.get_by_role("button", name="Publish").click()
    told = page.get_by_role("alert").get_by_role("listitem")
    expect(told).to_have_text([text for _, _, text in wrong])
    row = page.get_by_role("group", name="Pinned 2").get_by_label("Item id")
    expect(row).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_role("group", name="Pinned 2")).to_contain_text("choose an item")
    assert_accessible(page)
    row.fill("item-12")
    expect(row).not_to_have_attribute("aria-invalid", "true")
    window.forgive("status of 400")


def test_a_scenario_that_is_but_drafted_stays_in_the_list(toy_stack: LocalStack, open_window: OpenWindow) -> None:
    window = open_window(toy_stack.url)
    page = opened(window, toy_stack)
    missing = {"status": 404, "json": {"detail": "there is no such scenario"}}
    page.route("**/admin/scenarios/gifts*", lambda route: route.fulfill(**missing))
    go(page, "scenarios/gifts")
    # The page is left within the frame of the click.
    page.get_by_role("button", name="Pin an item").evaluate("one => { one.click(); location.hash = '#/today'; }")
    expect(page.get_by_role("heading", level=1)).to_have_text("Today")
    go(page, "scenarios")
    link = page.get_by_role("navigation", name="Scenarios").get_by_role("link", name="gifts")
    expect(link).to_contain_text("not published")
    link.click()
    expect(page.get_by_role("group", name="Pinned 1")).to_be_visible()
    discard = page.get_by_role("button", name="Discard the draft")
    discard.evaluate("one => { one.click(); location.hash = '#/scenarios'; }")
    expect(page.get_by_role("group", name="Pinned 1")).to_have_count(0)
    expect(link).to_have_count(0)
    # One that says nothing yet stays as well, and only where it was begun.
    go(page, "scenarios/gifts")
    go(page, "scenarios")
    expect(link).to_have_count(0)
    page.get_by_role("button", name="New scenario").click()
    page.get_by_role("dialog").get_by_label("Name").fill("gifts")
    page.get_by_role("button", name="Begin").click()
    expect(discard).to_be_visible()
    go(page, "today")
    page.reload()
    go(page, "scenarios")
    expect(link).to_contain_text("not published")
    link.click()
    discard.click()
    go(page, "scenarios")
    expect(link).to_have_count(0)
    window.forgive("status of 404")


def test_an_empty_draft_does_not_lie_over_what_is_published(toy_stack: LocalStack, open_window: OpenWindow) -> None:
    page = opened(open_window(toy_stack.url), toy_stack)
    go(page, "scenarios")
    page.get_by_role("button", name="New scenario").click()
    page.get_by_role("dialog").get_by_label("Name").fill("home")
    page.get_by_role("button", name="Begin").click()
    expect(page.get_by_role("group", name="Pinned 1").get_by_label("Item id")).to_have_value("item-12")
    expect(page.get_by_role("button", name="Publish")).to_be_disabled()
    expect(page.get_by_text("not published")).to_have_count(0)


def test_a_scenario_is_deleted_only_once_that_is_confirmed(toy_stack: LocalStack, open_window: OpenWindow) -> None:
    page = opened(open_window(toy_stack.url), toy_stack)
    go(page, "scenarios/home")
    gone: list[str] = []
    page.on("request", lambda request: gone.append(request.url) if request.method == "DELETE" else None)
    page.get_by_role("button", name="Delete").click()
    asked = page.get_by_role("dialog")
    expect(asked).to_contain_text("pages that ask for it get an error")
    expect(asked).not_to_contain_text("built-in")
    asked.get_by_role("button", name="Cancel").click()
    expect(asked).to_have_count(0)
    assert gone == []
    page.get_by_role("button", name="Delete").click()
    asked.get_by_role("button", name="Delete").click()
    expect(page.locator(".teller [role=status]")).to_contain_text("home is no longer published.")
    assert [url.rpartition("/")[2] for url in gone] == ["home"]


def test_a_draft_is_compared_by_its_own_length(toy_stack: LocalStack, open_window: OpenWindow) -> None:
    page = opened(open_window(toy_stack.url), toy_stack)
    go(page, "scenarios/home")

    def lengths() -> set[int]:
        asked.clear()
        until(page, lambda: len(asked) >= 2)
        return set(asked)

    asked: list[int] = []

    def note(request: Request) -> None:
        if request.url.endswith("/recommendations") and request.post_data_json:
            asked.append(request.post_data_json["limit"])

    page.on("request", note)
    length = page.get_by_role("spinbutton", name="Length of the list")
    length.fill("5")
    assert lengths() == {5, 10}
    length.fill("40")
    assert lengths() == {10, 20}
    expect(page.get_by_text("Draft: the first 20 of 40")).to_be_visible()


def test_a_row_shows_its_item_and_takes_words_of_one_title(toy_stack: LocalStack, open_window: OpenWindow) -> None:
    page = opened(open_window(toy_stack.url), toy_stack)
    found = [{"item_id": "item-20", "title": "Steel lamp"}, {"item_id": "item-21", "title": "Steel pot"}]
    page.route("**/admin/items?*", lambda route: route.fulfill(json={"items": found, "total": len(found)}))
    go(page, "scenarios/home")
    row = page.get_by_role("group", name="Pinned 1")
    box = row.get_by_label("Item id")
    expect(box).to_have_accessible_description("Brass lamp")
    box.fill("steel")
    box.blur()
    expect(row.get_by_text("No item has this id")).to_be_visible()
    expect(box).to_have_value("steel")
    del found[1]
    box.fill("steel lamp")
    box.blur()
    expect(box).to_have_value("item-20")
    expect(box).to_have_accessible_description("Steel lamp")
    expect(row.get_by_text("No item has this id")).to_have_count(0)
    assert_accessible(page)


def test_an_experiment_that_was_made_is_opened(toy_stack: LocalStack, open_window: OpenWindow) -> None:
    running = [{"name": "words", "state": "running", "variants": [{"name": "control", "share": 1}]}]

    def change(answer: Any) -> Any:
        return answer | {"experiments": running} if "experiments" in answer and "etag" in answer else answer

    page = opened(open_window(toy_stack.url), toy_stack, change)
    go(page, "experiments")
    page.get_by_role("button", name="New experiment").click()
    dialog = page.get_by_role("dialog")
    lists = dialog.get_by_label("Scenario").first
    expect(lists.locator("option").first).to_have_text("All lists")
    expect(lists).to_have_accessible_description(re.compile("^Which lists take part"))
    expect(dialog.get_by_label("Share, in %").first).to_have_value("50")
    assert_accessible(page)
    dialog.get_by_label("Name").first.fill("words")
    dialog.get_by_label("Scenario").last.select_option("home")
    dialog.get_by_role("button", name="Start").click()
    expect(page.get_by_role("region", name="words")).to_contain_text("first list on 15 Jan 2026")


def test_a_list_of_what_is_bought_again_wants_a_shopper(toy_stack: LocalStack, open_window: OpenWindow) -> None:
    page = opened(open_window(toy_stack.url), toy_stack)
    due = {"name": "due", "etag": '"1"', "built_in": True, "document": {"relation": "buy_again"}, "ending": []}
    page.route("**/admin/scenarios", lambda route: route.fulfill(json={"scenarios": [due]}))
    page.route("**/admin/scenarios/due", lambda route: route.fulfill(json=due))
    empty = {"recommendation_id": "0" * 32, "items": [], "source": "personal", "snapshot_version": "s"}
    page.route("**/recommendations", lambda route: route.fulfill(json=empty))
    told = page.get_by_text("This list needs a shopper who has bought something")
    for to in ("try?scenario=due", "merchandise?scenario=due", "scenarios/due"):
        go(page, to)
        expect(told.first).to_be_visible()
        expect(page.get_by_text("Type an exact id: what your shop sends as user_id").first).to_be_visible()
    go(page, "try?scenario=due&shopper=u-1001")
    expect(page.get_by_text("nothing was bought yet, nothing is due again")).to_be_visible()
    expect(told).to_have_count(0)
    go(page, "shopper/u-1001")
    lists = page.get_by_role("region", name="Lists")
    expect(lists.get_by_text("No item is left to show")).to_be_visible()
    lists.get_by_label("Scenario").select_option("due")
    expect(lists.get_by_text("nothing was bought yet, nothing is due again")).to_be_visible()
    # Whoever was looked at is offered where a list wants somebody.
    for to, box in (("try", "Shopper id"), ("merchandise", "Shopper id"), ("scenarios/due", "Shoppers to compare for")):
        go(page, to if to.startswith("scenarios") else f"{to}?scenario=due")
        offered = page.get_by_role("group", name="Take one that was looked at lately").first
        offered.get_by_role("button", name="u-1001").click()
        expect(page.get_by_label(box)).to_have_value("u-1001")
        expect(told).to_have_count(0)
        assert_accessible(page)


def test_an_id_that_is_not_known_is_told_and_a_known_one_is_offered_again(
    toy_stack: LocalStack, open_window: OpenWindow
) -> None:
    window = open_window(toy_stack.url)
    page = opened(window, toy_stack)
    page.route("**/users/nobody/profile*", lambda route: route.fulfill(status=404, json={"detail": "not known"}))
    go(page, "try")
    page.get_by_label("Shopper id").fill("nobody")
    expect(page.get_by_text("“nobody” is not known here")).to_be_visible()
    with page.expect_response("**/users/u-1001/profile*"):
        page.get_by_label("Shopper id").fill("u-1001")
    expect(page.get_by_text("is not known here")).to_have_count(0)
    go(page, "scenarios/home")
    offered = page.get_by_role("group", name="Looked at lately")
    expect(offered.get_by_role("button")).to_have_text(["u-1001"])
    compared = page.get_by_label("Shoppers to compare for")
    compared.fill("nobody")
    expect(page.get_by_text("“nobody” is not known here")).to_be_visible()
    offered.get_by_role("button", name="u-1001").click()
    expect(compared).to_have_value("nobody, u-1001")
    # An erased shopper's id is not kept.
    go(page, "shopper/u-1001")
    page.get_by_role("button", name="Erase").click()
    page.get_by_label("Type the id again").fill("u-1001")
    page.get_by_role("button", name="Erase for good").click()
    go(page, "scenarios/home")
    expect(offered).to_have_count(0)
    window.forgive("status of 404")


def test_a_single_day_is_drawn(toy_stack: LocalStack, open_window: OpenWindow) -> None:
    page = opened(open_window(toy_stack.url), toy_stack)
    counted = {"lists": 4, "visible": 4, "clicks": 2, "carts": 1, "purchases": 1, "returns": 0, "revenue": 12.5}
    counted |= {"currency": "EUR", "revenues": [{"currency": "EUR", "revenue": 12.5}]}
    found = {"rows": [{"day": "2026-01-15", **counted}], "total": counted, "by": ["day"], "as_of": 1768471205000}
    page.route("**/admin/results?*", lambda route: route.fulfill(json={**found, "behind": 0, "window_days": 7}))
    go(page, "results")
    canvas = page.locator(".plot canvas")
    expect(canvas).to_be_visible()
    # The point stands whole in the middle of what is drawn, in the colour of its line.
    drawn = """(canvas) => {
      const to = canvas.getContext("2d");
      const made = document.createElement("canvas").getContext("2d");
      made.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("--series-0").trim();
      made.fillRect(0, 0, 1, 1);
      const [r, g, b] = made.getImageData(0, 0, 1, 1).data;
      const { data, width } = to.getImageData(0, 0, canvas.width, canvas.height);
      const places = [];
      for (let i = 0; i < data.length; i += 4) {
        const is_line = data[i] === r && data[i + 1] === g && data[i + 2] === b && data[i + 3] === 255;
        if (is_line) places.push((i / 4) % width / width);
      }
      return places;
    }"""
    places = canvas.evaluate(drawn)
    assert len(places) > 20
    assert 0.3 < min(places) <= max(places) < 0.8


def test_a_wide_table_has_the_page_to_itself(toy_stack: LocalStack, open_window: OpenWindow) -> None:
    page = opened(open_window(toy_stack.url, viewport={"width": 1366, "height": 768}), toy_stack)
    go(page, "parameters")
    for table in page.locator("main .scroll").all():
        assert table.evaluate("box => box.scrollWidth <= box.clientWidth"), table.get_attribute("aria-label")


@pytest.mark.parametrize("width", [390, 1366])
def test_what_can_be_done_with_a_snapshot_stays_in_sight(
    toy_stack: LocalStack, open_window: OpenWindow, width: int
) -> None:
    page = opened(open_window(toy_stack.url, viewport={"width": width, "height": 800}), toy_stack)
    go(page, "snapshots")
    for button in page.get_by_role("table", name="Snapshots").get_by_role("button").all():
        box = button.bounding_box()
        assert box is not None
        assert 0 <= box["x"] <= box["x"] + box["width"] <= width


def test_a_chart_is_drawn_whatever_the_browser_calls_its_language(
    toy_stack: LocalStack, open_window: OpenWindow
) -> None:
    window = open_window(toy_stack.url)
    window.context.add_init_script(
        "Object.defineProperty(Navigator.prototype, 'language', { get: () => 'en-US@posix', configurable: true });"
        "Object.defineProperty(Navigator.prototype, 'languages', { get: () => ['en-US@posix'], configurable: true });"
    )
    page = opened(window, toy_stack)
    go(page, "results")
    expect(page.locator(".plot canvas")).to_be_visible()


def test_a_pseudonym_is_told_as_what_it_is(toy_stack: LocalStack, open_window: OpenWindow) -> None:
    window = open_window(toy_stack.url)
    page = opened(window, toy_stack)
    page.route("**/users/0a1b2c3d/profile*", lambda route: route.fulfill(status=404, json={"detail": "not known"}))
    event = {"event_id": "a", "event_type": "view", "item_id": "item-1", "pseudonym": "0a1b2c3d" * 8}
    tail = {"events": [{"at": 1, "event": event, "refused": False, "errors": []}], "cursor": "c", "delay_s": 0}
    page.route("**/admin/events/tail*", lambda route: route.fulfill(json=tail))
    go(page, "events")
    expect(page.get_by_role("cell", name="0a1b2c3d", exact=True)).to_be_visible()
    expect(page.get_by_text("are pseudonyms, which can’t be looked up")).to_be_visible()
    go(page, "shopper/0a1b2c3d")
    expect(page.get_by_text("may be a pseudonym")).to_be_visible()
    for name in ("Export", "Erase"):
        expect(page.get_by_role("button", name=name)).to_have_count(0)
    # The archive may hold events of an id whose profile is gone.
    page.get_by_text("Somebody with this id wants to be erased").click()
    page.get_by_role("button", name="Erase").click()
    expect(page.get_by_role("dialog")).to_contain_text("Type the id again")
    window.forgive("status of 404")


def test_a_list_is_compared_with_one_of_the_same_shopper(toy_stack: LocalStack, open_window: OpenWindow) -> None:
    page = opened(open_window(toy_stack.url), toy_stack)

    def listed(route: Route) -> None:
        asked = route.request.post_data_json
        first = f"{asked.get('user_id', 'nobody')}-{len(asked.get('interactions', []))}"
        items = [{"item_id": one, "title": one, "rank": n, "reasons": []} for n, one in enumerate((first, "item-9"), 1)]
        route.fulfill(json={"items": items, "source": "personal"})

    page.route("**/recommendations", listed)
    go(page, "try")
    shown = page.get_by_role("region", name="List")
    expect(shown.get_by_role("link", name="nobody-0")).to_be_visible()
    shown.get_by_role("button", name="Viewed: item-9", exact=True).click()
    expect(shown.get_by_role("link", name="nobody-1")).to_be_visible()
    expect(shown.get_by_text("new here")).to_have_count(1)
    page.get_by_label("Shopper id").fill("u-1001")
    expect(shown.get_by_role("link", name="u-1001-1")).to_be_visible()
    expect(shown.get_by_text("new here")).to_have_count(0)
    shown.get_by_role("button", name="Viewed: item-9", exact=True).click()
    expect(shown.get_by_role("link", name="u-1001-2")).to_be_visible()
    expect(shown.get_by_text("new here")).to_have_count(1)
    shown.get_by_role("link", name="Catalogue").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Catalogue")


DONE = {"start": "Started", "stop": "Stopped", "create": "Planned", "change": "Changed", "delete": "Deleted"}


def test_changes_say_what_was_done_to_what_and_by_whom(toy_stack: LocalStack, open_window: OpenWindow) -> None:
    page = opened(open_window(toy_stack.url), toy_stack)
    at = 1768471205000
    who = "iam:arn:aws:iam::123456789012:user/local"
    put = {"what": "put_experiments", "target": "experiments", "before": [], "after": []}
    records: list[dict[str, Any]] = [
        {"what": "put_scenario", "target": "*", "before": None, "after": {}},
        {"what": "put_scenario", "target": "home", "before": None, "after": {}},
        {"what": "put_scenario", "target": "home", "before": {"limit": 3}, "after": {"limit": 3, "hidden": []}},
        {"what": "put_scenario", "target": "buy_again", "before": None, "after": {}},
        {"what": "delete_scenario", "target": "buy_again", "before": {}, "after": None},
        {"what": "delete_scenario", "target": "*", "before": {}, "after": None},
        {"what": "delete_scenario", "target": "home", "before": {}, "after": None},
        put,
        *({**put, "done": [{"what": f"{what}_experiment", "target": "b"}]} for what in DONE),
        {**put, "done": [{"what": f"{what}_experiment", "target": what} for what in ("stop", "start")]},
        {"what": "promote", "target": "v2", "before": "v1", "after": "v2"},
        {"what": "rollback", "target": "v1", "before": "v2", "after": "v1"},
        {"what": "rebuild", "target": "nightly", "before": None, "after": None},
        {"what": "erase", "target": "0a1b2c3d" * 8, "before": None, "after": None},
    ]
    answer = {"records": [{"at": at, "who": who, **one} for one in records]}
    page.route("**/admin/audit*", lambda route: route.fulfill(json=answer))
    go(page, "results")
    go(page, "today")
    rows = page.get_by_role("table", name="Latest changes").get_by_role("row")
    said = [
        "Published a scenario All lists local",
        "Published a new scenario home local",
        "Published a scenario Hidden home local",
        "Published a scenario buy_again local",
        "Took a scenario back to the built-in one buy_again local",
        "Took back what all lists hide All lists local",
        "Deleted a scenario home local",
        "Changed experiments experiments local",
        *(f"{words} an experiment b local" for words in DONE.values()),
        "Stopped an experiment Started an experiment stop start local",
        "Promoted a snapshot v2 local",
        "Rolled a snapshot back v1 local",
        "Started a rebuild nightly local",
        "Erased a shopper 0a1b2c3d… local",
    ]
    assert rows.count() == len(said) + 1
    for n, text in enumerate(said, 1):
        cells = rows.nth(n).get_by_role("cell").all_inner_texts()
        assert " ".join(" ".join(cells[:3]).split()) == text
    expect(page.get_by_title("0a1b2c3d" * 8)).to_be_visible()
    expect(page.get_by_title(who).first).to_be_visible()


@pytest.mark.parametrize("width", [390, 1300, 1360])
def test_many_snapshots_stand_in_a_page(toy_stack: LocalStack, open_window: OpenWindow, width: int) -> None:
    page = opened(open_window(toy_stack.url, viewport={"width": width, "height": 800}), toy_stack)
    metrics = {"ndcg_at_10": 0.0831, "recall_at_10": 0.1211, "coverage": 0.5211, "mrr": 0.2}
    one = {"items": 3877, "events": 397884, "metrics": metrics, "signed": True, "created": 1768471205000}
    found = [
        {**one, "version": "20260115T033412Z-5f0c", "state": "current"},
        {**one, "version": "20260114T033412Z-5f0c", "state": "previous", "rollbacks": True},
        {**one, "version": "20260113T033412Z-5f0c", "state": "incomplete", "rollbacks": False},
    ]
    answer = {"snapshots": found, "running": []}
    page.route("**/admin/snapshots", lambda route: route.fulfill(json=answer))
    go(page, "snapshots")
    table = page.get_by_role("table", name="Snapshots")
    buttons = [table.get_by_role("button", name=f"{name} 20260114").bounding_box() for name in ("Report", "Roll back")]
    assert buttons[0] is not None
    assert buttons[1] is not None
    if width == 1360:
        assert buttons[0]["y"] == buttons[1]["y"]
    if width >= 1300:
        assert page.locator("main .scroll").evaluate("box => box.scrollWidth <= box.clientWidth")
    state = table.get_by_text("incomplete").bounding_box()
    assert state is not None
    assert state["x"] + state["width"] <= buttons[0]["x"]


# How wide the widest column of a table is beyond what its texts need, and the lines of its cells.
_ROOM = """table => Math.max(...[...table.tHead.rows[0].cells].map((head, i) => {
  const texts = [...table.rows].map(row => {
    const range = document.createRange();
    range.selectNodeContents(row.cells[i]);
    return range.getBoundingClientRect().width;
  });
  return head.clientWidth - Math.max(...texts);
}))"""
_LINES = """table => [...table.querySelectorAll('small, code')].map(one => {
  const words = one.textContent;
  const range = document.createRange();
  const lines = new Map();
  for (let i = 0; i < words.length; i++) {
    range.setStart(one.firstChild, i);
    range.setEnd(one.firstChild, i + 1);
    const top = Math.round(range.getBoundingClientRect().top);
    lines.set(top, (lines.get(top) ?? '') + words[i]);
  }
  return [...lines.values()];
}).flat()"""


def test_chinese_dates_of_snapshots_stay_whole_and_no_column_is_wide_for_nothing(
    toy_stack: LocalStack, open_window: OpenWindow
) -> None:
    options = {"viewport": {"width": 1300, "height": 800}, "locale": "zh-CN"}
    page = opened(open_window(toy_stack.url, **options), toy_stack)
    metrics = {"ndcg_at_10": 0.0831, "recall_at_10": 0.1211, "coverage": 0.5211}
    one = {"items": 3877, "events": 397884, "metrics": metrics, "signed": False, "created": 1768471205000}
    names = [f"2026011{day}T033412Z-d1adc775c4f2" for day in (5, 4)]
    now, before = ({**one, "version": name, "written_at": 1768471205000} for name in names)
    found = [{**now, "state": "current"}, {**before, "state": "other", "rollbacks": False}]
    answering(page, "**/admin/snapshots", {"snapshots": found, "current": names[0], "running": []})
    back = {"who": "ann", "what": "rollback", "target": names[0], "before": names[1], "after": "x", "at": 1768471205000}
    answering(page, "**/admin/audit*", {"records": [back]})
    go(page, "snapshots")
    table = page.get_by_role("table", name="快照")
    expect(table).to_contain_text("2026年1月15日 10:00（UTC）时为当前快照")
    lines = [line.strip() for line in table.evaluate(_LINES)]
    assert any(line.startswith("2026年1月15日") for line in lines)
    assert [line for line in lines if re.fullmatch(r"[年月日时（）]+|\d{1,2}日.*|.*\d{4}年|.*\d{1,2}月", line)] == []
    assert page.locator("main .scroll").evaluate("box => box.scrollWidth <= box.clientWidth")
    assert table.evaluate(_ROOM) < 120


def test_a_pin_that_the_list_has_no_place_for_says_so(toy_stack: LocalStack, open_window: OpenWindow) -> None:
    page = opened(open_window(toy_stack.url), toy_stack)
    far = int(datetime.now(UTC).timestamp() * 1000) + 86_400_000
    pinned: list[dict[str, Any]] = [
        {"item_id": "item-77", "position": 1},
        {"item_id": "item-78", "position": 40},  # further down than the page shows
        {"item_id": "item-79", "position": 3, "from": far},
    ]
    document: dict[str, Any] = {"pinned": pinned}
    due = {"name": "due", "etag": '"1"', "built_in": False, "document": document, "ending": []}
    page.route("**/admin/scenarios", lambda route: route.fulfill(json={"scenarios": [due]}))
    page.route("**/admin/scenarios/due", lambda route: route.fulfill(json=due))
    rules = page.get_by_role("region", name="By hand")
    go(page, "merchandise?scenario=due")
    told = rules.get_by_role("listitem").filter(has_text="Not shown in the list below")
    expect(told).to_have_count(1)
    expect(told).to_contain_text("Pinned to place 1")
    expect(told).to_contain_text("something keeps it out")
    expect(told.get_by_role("link")).to_have_attribute("href", re.compile("catalogue/item-77.*scenario=due"))
    expect(page.get_by_text("Drag an item onto the place")).to_be_visible()
    assert_accessible(page)
    # The form of the scenario says so beside the pin, once the draft has been tried.
    go(page, "scenarios/due")
    pins = [page.get_by_role("group", name=f"Pinned {row}", exact=True) for row in (1, 2, 3)]
    expect(pins[0]).to_contain_text("Not in the draft's list: the filter, another rule or availability keeps it out.")
    expect(pins[0].get_by_role("link")).to_have_attribute("href", re.compile("catalogue/item-77.*scenario=due"))
    for pinned_elsewhere in pins[1:]:
        expect(pinned_elsewhere).not_to_contain_text("Not in the draft's list")
    assert_accessible(page)
    pins[0].get_by_label("Item id").fill("item-1")  # which the draft's list has
    expect(page.get_by_text("Not in the draft's list")).to_have_count(0)
    page.get_by_role("button", name="Discard the draft").click()
    document["relation"] = "buy_again"
    empty = {"recommendation_id": "0" * 32, "items": [], "source": "personal", "snapshot_version": "s"}
    page.route("**/recommendations", lambda route: route.fulfill(json=empty))
    go(page, "today")
    go(page, "merchandise?scenario=due")
    expect(told).to_contain_text("only what the shopper has bought before")
    expect(page.get_by_text("Drag an item onto the place")).to_have_count(0)
    page.get_by_label("List", exact=True).select_option("*")
    expect(page.get_by_text("Take items out of every list.")).to_be_visible()


def test_three_that_are_made_up_take_the_place_of_ids(toy_stack: LocalStack, open_window: OpenWindow) -> None:
    page = opened(open_window(toy_stack.url), toy_stack)
    go(page, "scenarios/home")
    box = page.get_by_label("Shoppers to compare for")
    box.fill("ann, ben, cid")
    full = page.get_by_text("3 shoppers are chosen")
    expect(full).to_be_visible()
    page.get_by_role("button", name="Make up three").click()
    expect(box).to_have_value("")
    made = page.get_by_role("group", name="Shoppers without an id")
    expect(made.get_by_role("listitem")).to_have_count(3)
    expect(full).to_be_visible()
    expect(page.get_by_role("button", name="Add this shopper")).to_be_disabled()
    assert_accessible(page)
    made.get_by_role("button", name="Take out: An invented newcomer").click()
    expect(full).to_have_count(0)


def test_what_is_built_in_is_taken_back_to_that(toy_stack: LocalStack, open_window: OpenWindow) -> None:
    page = opened(open_window(toy_stack.url), toy_stack)
    document = {"limit": 5, "pinned": [{"item_id": "item-20", "position": 1}]}
    again = {"name": "buy_again", "etag": '"1"', "built_in": False, "document": document, "ending": []}
    home = {"version_id": "v1", "at": 1768471205000, "current": False}  # when another scenario was published
    own = {"version_id": "v2", "at": 1768474805000, "current": True, "document": document}
    versions = [own, home]
    page.route("**/admin/scenarios/buy_again", lambda route: route.fulfill(json=again))
    page.route("**/buy_again/history", lambda route: route.fulfill(json={"name": "buy_again", "versions": versions}))
    found = {"valid": True, "count": 1, "sample": [{"item_id": "item-20", "title": "Steel lamp"}]}
    page.route("**/admin/filters/check", lambda route: route.fulfill(json=found))
    go(page, "scenarios/buy_again")
    rows = page.get_by_role("region", name="History").get_by_role("row")
    expect(rows).to_have_count(3)
    expect(rows.nth(2)).to_contain_text("before 15 Jan 2026, 11:00:05")
    expect(rows.nth(2)).to_contain_text("the built-in list")
    rows.nth(1).get_by_text("Show").click()
    expect(rows.nth(1).locator("pre")).to_contain_text('"item_id": "item-20", Steel lamp')
    assert_accessible(page)
    rows.nth(2).get_by_role("button", name="Take all of it back").click()
    asked = page.get_by_role("dialog")
    expect(asked).to_contain_text("buy_again is the built-in list again")
    expect(asked).not_to_contain_text("error")
    asked.get_by_role("button", name="Take all of it back").click()
    expect(page.locator(".teller [role=status]")).to_have_text("buy_again is the built-in list again.")
    # Of one that was never published nothing is told, whatever else was.
    versions[:] = [home | {"current": True}]
    go(page, "today")
    go(page, "scenarios/buy_again")
    expect(page.get_by_role("region", name="History")).to_contain_text("No earlier version is kept.")
