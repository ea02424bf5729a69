"""What pages say where something is known in part: no more than that, and read on until it is known."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from endcap_local.stack import LocalStack
from tests.browser.test_studio_first_look import NOTHING, answering
from tests.browser.test_studio_pages import go, opened
from tests.fakes.browser import Watched, assert_accessible
from tests.fakes.operator_examples import answer_with_examples

OpenWindow = Callable[..., Watched]
MOMENT = 1768471205000
"""15 January 2026, 10:00:05 UTC."""
DAY_MS = 86_400_000
NOW, OTHER, NEVER = "20260115T033412Z-5f0c", "20260112T000000Z-dddd", "20260113T000000Z-cccc"


def pages_of(page: Page, path: str, field: str, pages: list[list[dict[str, Any]]], **more: Any) -> list[str]:
    """Answers a list page by page; the requests that were made."""
    asked: list[str] = []

    def answered(route: Route) -> None:
        asked.append(route.request.url)
        k = int(found.group(1)) if (found := re.search(r"cursor=(\d+)", route.request.url)) else 0
        route.fulfill(json={**more, field: pages[k]} | ({"cursor": str(k + 1)} if k + 1 < len(pages) else {}))

    page.route(path, answered)
    return asked


def test_when_a_snapshot_was_current_is_read_from_as_many_records_as_it_takes(
    toy_stack: LocalStack, open_window: OpenWindow
) -> None:
    page = opened(open_window(toy_stack.url), toy_stack)
    one = {"version": NOW, "state": "current", "signed": True, "written_at": MOMENT - 9 * DAY_MS, "metrics": {}}
    snapshots = [one, *({**one, "version": version, "state": "other"} for version in (OTHER, NEVER))]
    answering(page, "**/admin/snapshots", {"current": NOW, "snapshots": snapshots, "running": []})
    answering(page, "**/admin/overview*", {"snapshot": {"version": NOW}, "rebuild": "not_configured"})
    record = {"who": "ann", "what": "put_scenario", "target": "home", "before": {}, "after": {}}
    many = [{**record, "at": MOMENT - k} for k in range(3)]
    back = {**record, "at": MOMENT - DAY_MS, "what": "rollback", "target": NOW, "before": OTHER, "after": NOW}
    before = [{**record, "at": MOMENT - 10 * DAY_MS}]
    asked = pages_of(page, "**/admin/audit*", "records", [many, [back], before, many])
    go(page, "snapshots")
    expect(page.get_by_role("row", name=re.compile("dddd"))).to_contain_text("was currentat 14 Jan 2026, 10:00 UTC")
    expect(page.get_by_role("row", name=re.compile("cccc"))).to_contain_text("not in use")
    # Of what had been written later, older records can tell nothing.
    read = [url for url in asked if "limit=100" in url]  # the first page of the studio asks for fewer
    assert ["cursor=" in url and url[-1] for url in read] == [False, "1", "2"]
    page.get_by_label("Language").select_option("zh")
    expect(page.get_by_role("row", name=re.compile("dddd"))).to_contain_text("2026年1月14日 10:00（UTC）时为当前快照")


def test_the_history_of_a_scenario_goes_on_behind_changes_of_others(
    toy_stack: LocalStack, open_window: OpenWindow
) -> None:
    page = opened(open_window(toy_stack.url), toy_stack)
    now = {"version_id": "v9", "at": MOMENT, "current": True, "document": {"limit": 5}}
    early = {"version_id": "v2", "at": MOMENT - DAY_MS, "current": False, "document": {"limit": 4}}
    first = {"version_id": "v1", "at": MOMENT - 2 * DAY_MS, "current": False}
    pages_of(page, "**/scenarios/home/history*", "versions", [[], [now], [], [early, first]], name="home")
    go(page, "scenarios/home")
    history = page.get_by_role("region", name="History")
    expect(history.get_by_role("row")).to_have_count(2)  # with the head
    history.get_by_role("button", name="Older changes").click()
    expect(history.get_by_role("row")).to_have_count(4)
    expect(history.get_by_role("row").nth(3)).to_contain_text("before 14 Jan 2026, 10:00:05")
    expect(history.get_by_role("button", name="Older changes")).to_have_count(0)
    history.get_by_role("row").nth(1).get_by_text("Show").click()
    expect(history.locator(".told")).to_have_text("Length of the list5, before: 4")
    assert_accessible(page)


def test_what_a_version_said_is_told_in_words_before_it_is_told_as_json(
    toy_stack: LocalStack, open_window: OpenWindow
) -> None:
    page = opened(open_window(toy_stack.url), toy_stack)
    pins = [{"item_id": f"item-{k}", "position": k} for k in (1, 2)]
    boost = [{"filter": 'brand = "Acme"', "weight": 0.5, "until": MOMENT}]
    said = [
        {"pinned": pins[:1], "boost": boost, "personalization": "off", "caps": {"brand": 2}},
        {"pinned": pins, "filter": "price < 20", "personalization": "full"},
        {"pinned": pins, "filter": "price < 20", "personalization": "full"},
    ]
    versions = [
        {"version_id": f"v{k}", "at": MOMENT - k * DAY_MS, "current": k == 0, "document": document}
        for k, document in enumerate(said)
    ]
    pages_of(page, "**/scenarios/home/history*", "versions", [versions], name="home")
    found = [{"item_id": f"item-{k}", "title": f"Lamp {k}"} for k in (1, 2)]
    checked = {"valid": True, "errors": [], "count": 2, "of": 9, "sample": found, "fields": []}
    answering(page, "**/admin/filters/check", checked)
    go(page, "scenarios/home")
    history = page.get_by_role("region", name="History")
    for row in (1, 2, 3):
        history.get_by_role("row").nth(row).get_by_text("Show").click()
    told = history.locator(".told")
    expect(told.first.locator("dd").first).to_have_text("no longer: Pinned to place 2: “Lamp 2”")
    terms, lines = (told.first.locator(name).all_inner_texts() for name in ("dt", "dd"))
    assert [" ".join(line.split()) for line in lines] == [
        "no longer: Pinned to place 2: “Lamp 2”",
        'brand = "Acme" (+0.50) · Until: 15 Jan 2026, 10:00 UTC',
        "off, before: full",
        "At most of one brand (2)",
        "no longer: price < 20",
    ]
    assert terms == ["Pinned", "Pushed up or down", "Personalisation", "Caps", "Filter"]
    expect(history).to_contain_text("The same as the version before it.")
    expect(told.nth(2).locator("dd").first).to_contain_text("Pinned to place 1: “Lamp 1”")
    expect(history.locator("pre").first).to_be_hidden()
    history.locator("details details summary").first.click()
    expect(history.locator("pre").first).to_contain_text('"brand": 2')
    assert_accessible(page)


def test_ids_and_shoppers_without_one_are_not_compared_together(toy_stack: LocalStack, open_window: OpenWindow) -> None:
    page = opened(open_window(toy_stack.url), toy_stack)
    go(page, "scenarios/home")
    box, made = page.get_by_label("Shoppers to compare for"), page.get_by_role("group", name="Shoppers without an id")
    page.get_by_role("button", name="An invented newcomer", exact=True).click()
    expect(made.get_by_role("listitem")).to_have_text(["An invented newcomer"])
    box.fill("ann")
    expect(made.get_by_role("listitem")).to_have_count(0)
    page.get_by_role("button", name="An invented newcomer", exact=True).click()
    expect(box).to_have_value("")
    expect(page.get_by_text("Either ids or shoppers without one")).to_be_visible()


def test_what_is_done_on_try_it_is_said_to_be_somebodys_or_nobodys(
    toy_stack: LocalStack, open_window: OpenWindow
) -> None:
    page = opened(open_window(toy_stack.url), toy_stack)
    go(page, "try")
    done = page.get_by_role("region", name="What was done")
    expect(done).to_contain_text("By somebody made up")
    page.get_by_label("Shopper id").fill("ann")
    expect(done).to_contain_text("On top of all that ann has done already. None of it is kept.")


def test_what_is_wrong_with_a_text_is_said_in_the_language_that_was_chosen_since(
    toy_stack: LocalStack, open_window: OpenWindow
) -> None:
    page = opened(open_window(toy_stack.url), toy_stack)
    go(page, "scenarios/home")
    page.get_by_role("button", name="JSON").click()
    for text, english, chinese in (
        ("{", "This is not JSON", "这不是有效的 JSON"),
        ("[]", "A scenario is an object", "场景必须是一个对象"),
    ):
        page.get_by_role("textbox", name="JSON").fill(text)
        told = page.locator(".field-error")
        expect(told).to_contain_text(english)
        page.get_by_label("Language").select_option("zh")
        expect(told).to_contain_text(chinese)
        page.get_by_label("语言").select_option("en")
        expect(told).to_contain_text(english)


@pytest.mark.parametrize(
    ("currency", "price", "written"), [("EUR", 4.5, "€4.50"), (None, 4.5, "4.50"), ("points", 4.5, "4.50")]
)
def test_a_price_has_the_currency_that_orders_name_and_else_none(
    toy_stack: LocalStack, open_window: OpenWindow, currency: str | None, price: float, written: str
) -> None:
    page = opened(open_window(toy_stack.url), toy_stack)
    found = {"rows": [], "total": {**NOTHING, "currency": currency}, "by": ["day"], "as_of": MOMENT}
    answering(page, "**/admin/results?*", {**found, "behind": 0, "window_days": 7})
    items = [
        {"item_id": "plain", "title": "Mug", "price": price, "available": True, "counts": {}},
        {"item_id": "own", "title": "Lamp", "price": price, "currency": "USD", "available": True, "counts": {}},
    ]
    answering(page, "**/admin/items?*", {"items": items, "total": 2})
    go(page, "catalogue")
    rows = page.get_by_role("table", name="Items").get_by_role("row")
    expect(rows.nth(1).get_by_role("cell", name=written, exact=True)).to_be_visible()
    expect(rows.nth(2).get_by_role("cell", name="US$4.50", exact=True)).to_be_visible()


def test_of_a_shop_that_has_just_begun_neither_rates_nor_costs_are_told(
    toy_stack: LocalStack, open_window: OpenWindow
) -> None:
    page = opened(open_window(toy_stack.url), toy_stack)
    told: dict[str, Any] = {}
    answer_with_examples(
        page, lambda found: {**found, **told} if isinstance(found, dict) and "cost" in found else found
    )
    cost = {"usd": 3.42, "month": "2026-01", "since": MOMENT - 60_000, "days": 0.0, "prices_as_of": "2026-11-22"}
    cost |= {"by_service": {"Lambda": 1.1}, "assumed": []}
    rates = dict.fromkeys(("events", "lists", "refused", "degraded"))
    told |= {"snapshot": {"version": NOW, "age_days": 0.26, "items": 3, "quality": {}}}
    told |= {"at": MOMENT, "cost": cost, "rates": {"minutes": 2, "counted": False, **rates}}
    go(page, "today")
    stat = page.locator(".stat").filter(has_text="Events per minute")
    expect(stat).to_contain_text("–nothing counted yet")
    panel = page.get_by_role("region", name="Cost of the month so far")
    expect(panel).to_contain_text("Not enough seen yet: the cost is told once there is a full hour of it.")
    expect(panel).not_to_contain_text("$")
    assert_accessible(page)
    told |= {"cost": {**cost, "since": MOMENT - 3_600_000, "days": 0.04}}
    expect(page.get_by_role("region", name="Snapshot")).to_contain_text("Made6 hours ago")
    told |= {"rates": {"minutes": 15, "counted": True, **dict.fromkeys(rates, 0.0)}}
    page.get_by_role("button", name="Refresh").click()
    expect(panel).to_contain_text("$3.42")
    expect(panel).to_contain_text("worked out at prices of 22 Nov 2026")
    expect(panel).to_contain_text("January 2026")
    expect(stat).to_contain_text("0last 15 minutes")
    told |= {"rates": {**told["rates"], "minutes": 1}}
    page.get_by_role("button", name="Refresh").click()
    expect(stat).to_have_text(re.compile("0last minute$"))


def test_the_catalogue_counts_what_was_asked_for_and_nothing_else(
    toy_stack: LocalStack, open_window: OpenWindow
) -> None:
    page = opened(open_window(toy_stack.url), toy_stack)
    item = {"item_id": "mug", "title": "Mug", "available": True, "counts": {}}
    page.route(
        "**/admin/items?*",
        lambda route: route.fulfill(json={"items": [item], "total": 1 if "q=mug" in route.request.url else 214}),
    )
    go(page, "catalogue")
    panel, all_of_them = page.get_by_role("region", name="Items"), page.get_by_text("214 of 3,877 items")
    expect(panel).to_contain_text("214 in all")
    expect(all_of_them).to_be_visible()
    page.get_by_label("Words").fill("mug")
    expect(panel).to_contain_text("1 found")
    expect(all_of_them).to_have_count(0)  # it is not of those that have the words
    page.get_by_label("Words").fill("")
    expect(panel).to_contain_text("214 in all")
    expect(all_of_them).to_be_visible()


def test_rules_that_end_by_themselves_say_when(toy_stack: LocalStack, open_window: OpenWindow) -> None:
    page = opened(open_window(toy_stack.url), toy_stack)
    ends = [{"what": "hidden", "item_id": f"item-{k}", "until": 4070944805000 + k * DAY_MS} for k in (1, 0)]
    over = {"what": "hidden", "item_id": "item-9", "until": MOMENT}
    one = {"etag": '"1"', "built_in": False, "document": {}}
    found = [
        {**one, "name": "*", "ending": [over, ends[1]]},
        {**one, "name": "home", "ending": ends},
        {**one, "name": "cart", "ending": [over]},
    ]
    answering(page, "**/admin/scenarios", {"scenarios": found})
    go(page, "scenarios")
    names = page.get_by_role("navigation", name="Scenarios")
    expect(names.get_by_role("link", name="All lists")).to_have_text(
        "All lists1 rule ends by itself on 1 Jan 2099, 10:00 UTC"
    )
    expect(names.get_by_role("link", name="home")).to_contain_text("2 rules end by themselves, the first on 1 Jan 2099")
    expect(names.get_by_role("link", name="cart")).to_have_text("cart")


def test_what_publishes_a_form_is_in_sight_from_its_top(toy_stack: LocalStack, open_window: OpenWindow) -> None:
    page = opened(open_window(toy_stack.url, viewport={"width": 390, "height": 640}), toy_stack)
    go(page, "scenarios/home")
    publish = page.get_by_role("button", name="Publish")
    length = page.get_by_label("Length of the list", exact=True)
    length.scroll_into_view_if_needed()
    length.fill("7")
    expect(length).to_be_in_viewport(ratio=1)
    expect(publish).to_be_in_viewport(ratio=1)
    expect(publish).to_be_enabled()
    assert_accessible(page)


def test_an_item_that_stands_where_it_is_pinned_says_so_before_its_score(
    toy_stack: LocalStack, open_window: OpenWindow
) -> None:
    page = opened(open_window(toy_stack.url), toy_stack)
    pinned = {"by": "pinned", "text": "It stands at place 2, as it is pinned there.", "position": 2, "rank_without": 30}
    seen = {"reason": "seen", "text": "The shopper has reviewed this item.", "event_type": "review"}
    not_bought = {"reason": "not_due", "text": "It is not in this list.", "not_due": "not_bought"}
    answer = {"item_id": "item-3", "shown": True, "rank": 2, "limit": 10, "reasons": []}
    answering(page, "**/diagnosis*", {**answer, "placed_by": [pinned], "findings": [seen, not_bought]})
    go(page, "catalogue/item-3")
    told = page.get_by_role("region", name="Is it shown, and if not, why?").get_by_role("status")
    expect(told).to_contain_text("It stands at place 2, as it is pinned there.")
    expect(told.get_by_role("listitem").first).to_contain_text("Reviewed already")
    expect(told.get_by_role("listitem").last).to_contain_text("Never bought")
    page.get_by_label("Language").select_option("zh")
    expect(page.get_by_role("status").get_by_role("listitem").first).to_contain_text("已评价")


def test_counts_that_could_not_be_read_are_no_zeros(toy_stack: LocalStack, open_window: OpenWindow) -> None:
    page = opened(open_window(toy_stack.url), toy_stack)
    item = {"item_id": "item-3", "title": "Lamp", "price": 4, "available": True}
    counts = {window: {"shown": 7, "events": {"demand": 3}} for window in ("24h", "7d")}
    page_of = {"total": 1, "items": [{**item, "counts": counts}], "counted_at": MOMENT}
    answering(page, "**/admin/items?*", page_of)
    go(page, "catalogue")
    row = page.get_by_role("row", name=re.compile("Lamp"))
    expect(row).to_contain_text("7373")
    expect(page.get_by_text("Counted on 15 Jan 2026, 10:00")).to_be_visible()
    page.unroute("**/admin/items?*")
    answering(page, "**/admin/items?*", {**page_of, "items": [{**item, "counts": {}}], "counted_at": None})
    page.get_by_label("Words").fill("lamp")
    expect(page.get_by_text("The counts could not be read just now.")).to_be_visible()
    expect(row).to_contain_text("––––")


def test_a_pin_that_its_filter_keeps_out_is_warned_of_beside_the_draft(
    toy_stack: LocalStack, open_window: OpenWindow
) -> None:
    page = opened(open_window(toy_stack.url), toy_stack)
    document = {"pinned": [{"item_id": "item-30", "position": 1}], "filter": "price < 5"}
    one = {"name": "home", "document": document, "etag": '"1"', "built_in": False}
    answering(page, "**/admin/scenarios/home", one)
    vain = {"field": "pinned.0.item_id", "message": "“Lamp” is pinned in vain: the list's filter does not hold for it"}
    answering(page, "**/recommendations", {"items": [], "warnings": [vain]})
    go(page, "scenarios/home")
    expect(page.get_by_text("is pinned in vain: the list's filter does not hold for it")).to_have_count(1)
    page.get_by_label("Language").select_option("zh")
    expect(page.get_by_text("的置顶不生效：该商品不符合列表的筛选条件")).to_have_count(1)


# The texts that canvases are told to draw.
_DRAWN = """() => {
  window.__drawn = [];
  const fill = CanvasRenderingContext2D.prototype.fillText;
  CanvasRenderingContext2D.prototype.fillText = function (text, ...at) {
    window.__drawn.push(text);
    return fill.call(this, text, ...at);
  };
}"""


def test_results_of_one_day_name_that_day_alone_and_all_stand_in_a_narrow_window(
    toy_stack: LocalStack, open_window: OpenWindow
) -> None:
    page = opened(open_window(toy_stack.url, viewport={"width": 390, "height": 700}), toy_stack)
    rate = {"value": 0.25, "low": 0.2, "high": 0.3}
    row: dict[str, Any] = {**NOTHING, "lists": 412, "visible": 390, "clicks": 102, "carts": 31, "purchases": 21}
    row |= {"ctr": rate, "conversion": rate, "revenue": 12345.5, "currency": "GBP"}
    row |= {"revenues": [{"currency": "GBP", "revenue": 12345.5}]}

    def answered(route: Route) -> None:
        by_day = "by=day" in route.request.url
        rows = [row | ({"day": "2026-01-15"} if by_day else {"scenario": "home", "surface": "below-the-first-fold"})]
        found = {"rows": rows, "total": row, "by": ["day"] if by_day else ["scenario", "surface"], "as_of": MOMENT}
        route.fulfill(json={**found, "behind": 0, "window_days": 7})

    page.route("**/admin/results?*", answered)
    page.evaluate(_DRAWN)
    go(page, "results")
    expect(page.locator(".plot canvas")).to_be_visible()
    drawn = page.wait_for_function("() => window.__drawn.some(text => text.includes('Jan')) && window.__drawn")
    assert {text for text in drawn.json_value() if "Jan" in text} == {"15 Jan"}
    boxes = page.locator("main .scroll").evaluate_all("all => all.map(box => box.scrollWidth <= box.clientWidth)")
    assert boxes
    assert all(boxes)
    table = page.get_by_role("table", name="All numbers")
    expect(table.get_by_role("row")).to_have_count(1)
    expect(table.get_by_role("cell", name="£12,345.50")).to_be_visible()
    assert_accessible(page)
