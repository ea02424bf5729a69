"""Every page of the studio: for everybody, in both languages, light, dark, narrow, and whatever a shop's texts say."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from endcap_local.stack import LocalStack
from tests.chinese import halfwidth_in, touching_in
from tests.fakes.browser import Watched, assert_accessible
from tests.fakes.operator_examples import NAUGHTY, answer_with_examples, hostile

# Page, and its heading in English and Chinese.
PAGES = {
    "today": ("Today", "今日"),
    "try": ("Try it", "试一试"),
    "scenarios/home": ("Scenarios", "场景"),
    "merchandise?scenario=home": ("Merchandise", "陈列"),
    "catalogue": ("Catalogue", "商品目录"),
    "catalogue/item-20": ("Steel lamp", "Steel lamp"),
    "shopper/u-1001": ("Shopper", "顾客"),
    "experiments/variety": ("Experiments", "实验"),
    "results": ("Results", "效果"),
    "events": ("Events", "事件"),
    "events/refused": ("Events", "事件"),
    "snapshots": ("Snapshots", "快照"),
    "parameters": ("Parameters", "参数"),
}
LOOKS = {
    "light, wide, English": {},
    "dark, narrow, Chinese": {
        "color_scheme": "dark",
        "locale": "zh-CN",
        "viewport": {"width": 320, "height": 640},
    },
}

# Until the router has heard of it the page before is still there, with nothing on its way.
_FOLLOW = """to => new Promise((done) => {
  addEventListener("hashchange", () => done(), { once: true });
  const before = location.href;
  location.hash = `#/${to}`;
  if (location.href === before) done();
})"""

OpenWindow = Callable[..., Watched]


def go(page: Page, to: str) -> None:
    """Open a page as a link would, and wait until nothing is on its way."""
    page.evaluate(_FOLLOW, to)
    page.wait_for_function(
        "() => !document.querySelector('.loading, [aria-busy=true]') && document.querySelector('main h1')"
    )


def opened(window: Watched, stack: LocalStack, change: Callable[[object], object] | None = None) -> Page:
    page = window.context.new_page()
    answer_with_examples(page, *([change] if change else []))
    page.goto(f"{stack.url}/studio/?start={stack.start_token}")
    page.get_by_role("heading", level=1).wait_for()
    return page


@pytest.mark.parametrize("look", LOOKS)
def test_everybody_can_use_every_page(toy_stack: LocalStack, open_window: OpenWindow, look: str) -> None:
    page = opened(open_window(toy_stack.url, **LOOKS[look]), toy_stack)
    for to, names in PAGES.items():
        go(page, to)
        expect(page.get_by_role("heading", level=1)).to_have_text(names["Chinese" in look])
        assert_accessible(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), to
        if "Chinese" in look:
            said = page.locator("body").inner_text().splitlines()
            said += page.evaluate("[...document.querySelectorAll('[aria-label]')].map(one => one.ariaLabel)")
            assert [line for line in said if halfwidth_in(line) or touching_in(line)] == [], to


@pytest.mark.parametrize(("color_scheme", "locale"), [("dark", "en-GB"), ("light", "zh-CN")])
def test_other_pairs_of_ground_and_text_are_readable(
    toy_stack: LocalStack, open_window: OpenWindow, color_scheme: str, locale: str
) -> None:
    page = opened(open_window(toy_stack.url, color_scheme=color_scheme, locale=locale), toy_stack)
    for to in PAGES:
        go(page, to)
        assert_accessible(page)


def test_texts_of_shops_and_shoppers_are_words_and_nothing_more(toy_stack: LocalStack, open_window: OpenWindow) -> None:
    window = open_window(toy_stack.url)
    page = opened(window, toy_stack, hostile)
    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.message), dialog.dismiss()))
    for to in (*PAGES, f"shopper/{NAUGHTY.replace('/', '%2F')}"):
        go(page, to)
        assert page.locator("main img, main script").count() == 0
    go(page, "try")
    expect(page.get_by_role("link", name=NAUGHTY).first).to_be_visible()
    page.get_by_role("button", name="Why?").first.click()
    expect(page.get_by_role("dialog")).to_contain_text(NAUGHTY)
    assert not asked


def test_the_token_of_the_start_leaves_the_address(toy_stack: LocalStack, open_window: OpenWindow) -> None:
    page = opened(open_window(toy_stack.url), toy_stack)
    assert toy_stack.start_token not in page.url
    assert page.evaluate("document.referrer") == ""


def test_without_a_token_only_the_parameters_are_shown(toy_stack: LocalStack, open_window: OpenWindow) -> None:
    page = open_window(toy_stack.url).open(f"{toy_stack.url}/studio/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Who is there?")
    assert_accessible(page)
    page.get_by_role("link", name="What the ranking goes by").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Parameters")
    page.get_by_role("link", name="Today").click()
    page.get_by_label("Token of this start").fill(toy_stack.start_token)
    page.get_by_role("button", name="Open").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Today")


def test_all_of_it_goes_by_keyboard(toy_stack: LocalStack, open_window: OpenWindow) -> None:
    page = opened(open_window(toy_stack.url), toy_stack)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="To the page")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
    # Another page by its link: reading goes on at the top of that page.
    page.get_by_role("link", name="Merchandise").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Merchandise")
    expect(page.get_by_role("main")).to_be_focused()
    page.get_by_label("List", exact=True).select_option("home")
    page.get_by_role("button", name="One place later: Garden lamp 1", exact=True).focus()
    page.keyboard.press("Space")
    expect(page.get_by_text("Pinned to place 2")).to_be_visible()
    # A dialog takes the focus, Escape gives it back.
    go(page, "try")
    why = page.get_by_role("button", name="Why? Garden lamp 1", exact=True)
    why.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(why).to_be_focused()


def test_an_item_is_dragged_onto_a_place(toy_stack: LocalStack, open_window: OpenWindow) -> None:
    page = opened(open_window(toy_stack.url), toy_stack)
    go(page, "merchandise?scenario=home")
    tiles = page.get_by_role("list", name="The list as it would be").get_by_role("listitem")
    expect(tiles).to_have_count(6)
    tiles.nth(4).drag_to(tiles.nth(1))
    expect(page.get_by_text("Pinned to place 2")).to_be_visible()
    expect(page.get_by_text("not published")).to_be_visible()


def test_a_chart_is_a_table_too(toy_stack: LocalStack, open_window: OpenWindow) -> None:
    page = opened(open_window(toy_stack.url), toy_stack)
    go(page, "experiments/variety")
    expect(page.locator(".plot canvas")).to_be_visible()
    page.get_by_role("button", name="As a table").click()
    expect(page.get_by_role("table", name="Click rate by day, with intervals")).to_contain_text("12%")
    assert_accessible(page)
