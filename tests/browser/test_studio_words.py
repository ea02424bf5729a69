"""What the studio's pages say of people and of money: of the shopper, why, and in which currency."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from endcap_local.stack import LocalStack
from tests.browser.test_studio_pages import go, opened
from tests.chinese import touching_in
from tests.fakes.browser import Watched, assert_accessible
from tests.fakes.refusals import in_chinese, latin_in
from tests.fakes.shop_over_http import ask, call, did, ok

OpenWindow = Callable[..., Watched]
TO_SHOPPERS = re.compile(r"\byou(r|rs)?\b|您", re.IGNORECASE)
NOTHING = {"lists": 4, "visible": 4, "clicks": 2, "carts": 1, "purchases": 1, "returns": 0, "ctr": None}
NOTHING |= {"conversion": None}


def results_of(page: Page, *revenues: tuple[str | None, float]) -> None:
    """Answers the page's Results by a total, and a day, with amounts of these currencies."""
    told = [{"currency": currency, "revenue": revenue} for currency, revenue in revenues]
    alone = told[0] if len(told) == 1 else {"currency": None, "revenue": None}
    row = {**NOTHING, **alone, "revenues": told}

    def answered(route: Route) -> None:
        by = "day" if "by=day" in route.request.url else "surface"
        rows = [{**row, by: "2026-01-15" if by == "day" else "cart"}]
        found: dict[str, Any] = {"rows": rows, "total": row, "by": [by], "as_of": 1768471205000}
        route.fulfill(json={**found, "behind": 0, "window_days": 7})

    page.route("**/admin/results?*", answered)


def test_revenue_has_its_currency(toy_stack: LocalStack, open_window: OpenWindow) -> None:
    page = opened(open_window(toy_stack.url), toy_stack)
    results_of(page, ("EUR", 12.5))
    go(page, "results")
    expect(page.get_by_role("table", name="All numbers")).to_contain_text("€12.50")
    expect(page.get_by_role("table", name="Revenue", exact=True)).to_contain_text("€12.50")
    expect(page.get_by_text("Purchases name no currency")).to_have_count(0)


def test_revenue_of_no_known_currency_says_so(toy_stack: LocalStack, open_window: OpenWindow) -> None:
    page = opened(open_window(toy_stack.url), toy_stack)
    results_of(page, (None, 12.5))
    go(page, "results")
    expect(page.get_by_text("Purchases name no currency")).to_be_visible()
    expect(page.get_by_role("table", name="All numbers")).to_contain_text("12.50")


def test_revenues_of_several_currencies_stand_side_by_side(toy_stack: LocalStack, open_window: OpenWindow) -> None:
    page = opened(open_window(toy_stack.url), toy_stack)
    results_of(page, ("EUR", 12.5), ("USD", 7.0), (None, 3.0))
    go(page, "results")
    expect(page.get_by_role("table", name="All numbers")).to_contain_text("€12.50US$7.003.00 no currency named")
    expect(page.get_by_role("main")).not_to_contain_text("22.50")
    measures = page.get_by_label("Measure")
    expect(page.get_by_role("table", name="Revenue, EUR", exact=True)).to_contain_text("€12.50")
    measures.select_option("Revenue, USD")
    expect(page.get_by_role("table", name="Revenue, USD", exact=True)).to_contain_text("US$7.00")
    measures.select_option("Revenue, no currency named")
    expect(page.get_by_role("table", name="Revenue, no currency named", exact=True)).to_contain_text("3.00")
    assert_accessible(page)


def report_of(page: Page, paid: list[dict[str, Any]], differences: list[dict[str, Any]]) -> None:
    """Answers the report of the experiment `variety` by what each of two variants was paid, and their differences."""

    def answered(route: Route) -> None:
        variant = {"share": 0.5, "shoppers": 9, "lists": 20, "ctr": None, "conversion": None, "revenue": None}
        variants = [{**variant, "name": name, "revenues": paid, "revenue_per_shopper": None} for name in ("a", "b")]
        told = {"experiment": "variety", "control": "a", "from_ms": None, "to_ms": None, "as_of": 1768471205000}
        told |= {
            "confidence": 0.95,
            "currencies": [one["currency"] for one in paid],
            "variants": variants,
            "sample_ratio": None,
        }
        route.fulfill(json={**told, "differences": differences, "over_time": []})

    page.route("**/admin/experiments/variety/report", answered)


def test_an_experiment_in_several_currencies_compares_no_money(toy_stack: LocalStack, open_window: OpenWindow) -> None:
    page = opened(open_window(toy_stack.url), toy_stack)
    report_of(page, [{"currency": "EUR", "revenue": 12.5}, {"currency": "USD", "revenue": 7.0}], [])
    go(page, "experiments/variety")
    expect(page.get_by_text("Shoppers paid in several currencies (EUR and USD)")).to_be_visible()
    expect(page.get_by_role("table", name="Variants")).to_contain_text("€12.50US$7.00")


def test_rates_differ_by_points_and_revenue_by_money(toy_stack: LocalStack, open_window: OpenWindow) -> None:
    page = opened(open_window(toy_stack.url), toy_stack)
    rate = {"metric": "ctr", "variant": "b", "difference": 0.012, "low": -0.004, "high": 0.028, "p_value": 0.31}
    amount = {"metric": "revenue", "variant": "b", "difference": -0.5, "low": -0.75, "high": -0.25, "p_value": 0.01}
    few = {"metric": "conversion", "variant": "b", "difference": 0.0, "low": None, "high": None, "p_value": None}
    report_of(page, [{"currency": "EUR", "revenue": 12.5}], [rate, amount, few])
    go(page, "experiments/variety")
    table = page.get_by_role("table", name="Against the control")
    expect(table.get_by_role("row", name=re.compile("^Click rate"))).to_contain_text("−0.40 points … +2.80 points")
    expect(table.get_by_role("row", name=re.compile("^Revenue"))).to_contain_text("−€0.75 … −€0.25")
    expect(table.get_by_role("row", name=re.compile("^Conversion"))).to_contain_text("too early")


@pytest.mark.parametrize("locale", ["en-GB", "zh-CN"])
def test_every_page_with_reasons_speaks_of_the_shopper(
    toy_stack: LocalStack, open_window: OpenWindow, locale: str
) -> None:
    item_id = ask(toy_stack, limit=1)["items"][0]["item_id"]
    did(toy_stack, f"ann-{locale}", {"event_type": "purchase", "item_id": item_id})
    assert TO_SHOPPERS.search(str(ask(toy_stack, user_id=f"ann-{locale}", language=locale[:2])))
    window = open_window(toy_stack.url, locale=locale)
    page = window.open(toy_stack.studio_url)
    page.get_by_role("heading", level=1).wait_for()
    said = ""
    for to in (f"try?shopper=ann-{locale}", f"shopper/ann-{locale}", f"catalogue/{item_id}"):
        go(page, to)
        said += " ".join(page.locator(".why, .words, .reasons").all_inner_texts())
    go(page, f"try?shopper=ann-{locale}")
    page.locator("ol.grid li").first.get_by_role("button").last.click()
    reasons = page.get_by_role("dialog").get_by_role("listitem")
    expect(reasons.last).to_be_visible()
    said += " ".join(reasons.all_inner_texts())
    assert ("the shopper bought" if locale == "en-GB" else "该顾客购买过") in said
    assert not TO_SHOPPERS.search(said)
    window.forgive("status of 404")  # items of the toy snapshot are in no table


def test_each_like_says_what_it_comes_from(toy_stack: LocalStack, open_window: OpenWindow) -> None:
    item_id, title = "clay-pot", "Clay pot"
    ok(call(toy_stack, "PUT", f"/items/{item_id}", {"title": title, "categories": ["pots"]}))
    did(
        toy_stack,
        "eva",
        {"event_type": "purchase", "item_id": item_id},
        *({"event_type": "view", "item_id": item_id, "event_id": f"v{n}"} for n in range(3)),
    )
    page = open_window(toy_stack.url).open(toy_stack.studio_url)
    page.get_by_role("heading", level=1).wait_for()
    go(page, "shopper/eva")
    likes = page.get_by_role("region", name="Likes and dislikes")
    expect(likes.get_by_role("listitem").first).to_have_text(re.compile(rf"^bought “{re.escape(title)}” on \d"))
    expect(likes.get_by_role("listitem").nth(1)).to_have_text(
        re.compile(rf"^viewed “{re.escape(title)}” 3 times, last on \d")
    )
    assert_accessible(page)


SAID = (
    "at position 8: expected a value: text in quotes, a number, true, false or $parameter, found the end",
    'at position 1: no item has a field "colour" (attributes.colour names an attribute that no item needs to have)',
    "must lie between 1 and 500",
    "Input should be less than or equal to 1",
    "no such term: next_door, other",
    "items: there are 3 items, 10 were; for_sale: nothing is for sale",
    "of 40 answers (known) 2 failed, 1 lack items",
    "'<b>' is no known event type",
)
_SAY = "async texts => texts.map((await import(new URL('lib/said.js', document.baseURI))).said)"


def test_pages_say_refusals_as_the_tests_of_their_words_do(toy_stack: LocalStack, open_window: OpenWindow) -> None:
    chinese = open_window(toy_stack.url, locale="zh-CN")
    page = opened(chinese, toy_stack)
    page.wait_for_function(
        "() => performance.getEntriesByName(new URL('lang/refusals.zh.json', document.baseURI)).length"
    )
    said = page.evaluate(_SAY, [*SAID, "something new"])
    assert [text.replace(" ", "") for text in said[:-1]] == [str(in_chinese(text)).replace(" ", "") for text in SAID]
    assert said[-1] == "something new"
    english = opened(open_window(toy_stack.url), toy_stack)
    assert english.evaluate(_SAY, list(SAID)) == list(SAID)


def test_what_is_wrong_with_a_filter_is_told_in_the_language_of_the_page(
    toy_stack: LocalStack, open_window: OpenWindow
) -> None:
    window = open_window(toy_stack.url, locale="zh-CN")
    page = window.open(toy_stack.studio_url)
    page.get_by_role("heading", level=1).wait_for()
    go(page, "catalogue")
    page.get_by_label("筛选条件").fill("price <")
    wrong = page.locator(".field-error")
    expect(wrong).to_have_text(
        "第 8 个字符处：此处应为值：带引号的文本、数字、“true”、“false”或“$”开头的参数，表达式却到此结束。"
    )
    page.get_by_label("语言").select_option("en")
    expect(wrong).to_contain_text("at position 8: expected a value")
    window.forgive("status of 400")  # the list itself, which the same filter is for


def test_a_refusal_without_chinese_says_that_it_is_english(toy_stack: LocalStack, open_window: OpenWindow) -> None:
    window = open_window(toy_stack.url, locale="zh-CN")
    page = opened(window, toy_stack)
    errors = [{"field": "limit", "message": "must be one of a, b"}]
    answers = iter(
        [{"status": 400, "detail": "the request can't be used as it is", "errors": errors}]
        + [{"status": 500, "detail": "the dog ate it"}] * 9
    )

    def refused(route: Route) -> None:
        answer = next(answers)
        route.fulfill(status=answer["status"], json=answer)

    page.route("**/admin/results?*", refused)
    go(page, "results")
    told = page.get_by_role("alert").first
    expect(told).to_contain_text("请求无法使用，请按下列提示修改。")
    expect(told).to_contain_text("列表长度：须为下列之一：“a, b”")
    assert latin_in(told.inner_text()) == []
    page.get_by_role("button", name="刷新").click()
    expect(told).to_have_text("服务器返回（英文）：the dog ate it")
    expect(told.locator("[lang=en]")).to_have_text("the dog ate it")
    window.forgive("status of 400")
    window.forgive("status of 500")


def test_parameters_are_named_in_words_among_chinese_ones(toy_stack: LocalStack, open_window: OpenWindow) -> None:
    page = open_window(toy_stack.url, locale="zh-CN").open(toy_stack.studio_url)
    page.get_by_role("heading", level=1).wait_for()
    go(page, "parameters")
    said = page.get_by_role("region", name="概述").inner_text()
    assert "列表长度：10；个性化程度：完整；过滤已看商品：有过任何行为；" in said
    assert "影响最大的是购买（" in said
    assert latin_in(said) == []
    assert not touching_in(said)


def test_what_a_page_refuses_itself_is_no_word_of_the_server(toy_stack: LocalStack, open_window: OpenWindow) -> None:
    window = open_window(toy_stack.url, locale="zh-CN")
    window.forgive("status of 404")  # nothing is published as home, and no item has this id
    page = window.open(toy_stack.studio_url)
    page.get_by_role("heading", level=1).wait_for()
    go(page, "merchandise?scenario=home")
    field = page.get_by_label("按编号或标题把商品置顶到首位")
    field.fill("没有的商品")
    field.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("没有编号或标题符合“没有的商品”的商品。")
