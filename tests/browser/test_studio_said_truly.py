"""What the studio says is so: in one language, of what was seen and done, and with nothing left out unsaid."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, Route, expect

from endcap_local.stack import LocalStack
from tests.browser.test_studio_first_look import NOTHING, answering
from tests.browser.test_studio_pages import go, opened
from tests.fakes.browser import Watched, assert_accessible
from tests.fakes.operator_examples import PROFILE

OpenWindow = Callable[..., Watched]
MOMENT = 1768471205000
"""15 January 2026, 10:00:05 UTC."""
_TELL = "async text => (await import(new URL('lib/ui.js', document.baseURI))).tell(text)"
_WRITE = """async () => {
  const { dateTime, exact, money, number, percent, signed } = await import(new URL('lib/i18n.js', document.baseURI));
  return [dateTime(1768471205000), number(-1.5, 1), exact(-1, 2), percent(-0.1), signed(-1), money(-1, "GBP")];
}"""


def test_what_a_page_said_is_said_in_the_language_that_was_chosen_since(
    toy_stack: LocalStack, open_window: OpenWindow
) -> None:
    window = open_window(toy_stack.url)
    page = opened(window, toy_stack)
    page.route("**/items/lamp?*", lambda route: route.fulfill(status=404, json={"detail": "no such item"}))
    two = [{"item_id": f"item-{k}", "title": f"Lamp {k}", "counts": {}} for k in range(2)]
    answering(page, "**/admin/items?*", {"items": two, "total": 2})
    go(page, "merchandise?scenario=home")
    field = page.get_by_label("Pin an item to the first place by its id or title")
    field.fill("lamp")
    field.press("Enter")
    told = page.get_by_role("alert")
    expect(told).to_contain_text("Several items fit")
    page.evaluate(_TELL, "It was done.")
    expect(page.locator(".teller [role=status]")).to_have_text("It was done.")
    page.get_by_label("Language").select_option("zh")
    expect(told).to_have_text("有多件商品符合“lamp”，请从输入框下方选择。")
    expect(page.locator(".teller [role=status]")).to_have_text("")
    window.forgive("status of 404")


def test_moments_and_figures_are_written_in_one_way(toy_stack: LocalStack, open_window: OpenWindow) -> None:
    chinese = opened(open_window(toy_stack.url, locale="zh-CN"), toy_stack)
    assert chinese.evaluate(_WRITE) == ["2026年1月15日 10:00（UTC）", "−1.5", "−1.00", "−10%", "−1.00", "−£1.00"]
    english = opened(open_window(toy_stack.url), toy_stack)
    assert english.evaluate(_WRITE) == ["15 Jan 2026, 10:00 UTC", "−1.5", "−1.00", "−10%", "−1.00", "−£1.00"]


def test_results_name_what_is_not_drawn_and_what_was_seen_in_part(
    toy_stack: LocalStack, open_window: OpenWindow
) -> None:
    page = opened(open_window(toy_stack.url), toy_stack)
    rate = {"value": 0.5, "low": 0.3, "high": 0.7}
    many = {**NOTHING, "surface": "cart", "lists": 40, "visible": 3, "clicks": 25, "purchases": 1}
    many |= {"ctr": rate, "conversion": rate}
    few = {**many, "lists": 3, "visible": 3}
    rows = [many, {**few, "surface": "home"}, {**few, "surface": "top"}]

    def answered(route: Route) -> None:
        by = ["day"] if "by=day" in route.request.url else ["surface"]
        found = {"rows": [] if by == ["day"] else rows, "total": many, "by": by, "as_of": MOMENT}
        route.fulfill(json={**found, "behind": 0, "window_days": 7})

    page.route("**/admin/results?*", answered)
    go(page, "results")
    page.get_by_label("Measure").select_option("Click rate")
    compared = page.get_by_role("region", name="Click rate compared")
    expect(compared.get_by_role("row")).to_have_count(1)
    expect(compared).to_contain_text("Too few lists for a rate, less than 20: home and top.")
    expect(page.get_by_role("region", name="Click rate by day")).to_contain_text("No list was shown in these days.")
    expect(page.get_by_role("main")).to_contain_text("Fewer lists were reported as seen than were clicked")
    expect(page.get_by_role("table", name="All numbers").get_by_role("row").nth(1)).to_contain_text("not all reported")
    expect(page.get_by_role("main")).to_contain_text("Beside each stands its 95% interval.")
    assert_accessible(page)


def reported(page: Page, **parts: Any) -> None:
    """Answers an experiment `fresh` that was started without a moment, and its report."""
    two = [{"name": "a", "share": 0.5}, {"name": "b", "share": 0.5, "scenario": "cosy"}]
    plans = {"etag": '"1"', "experiments": [{"name": "fresh", "state": "running", "variants": two}]}
    answering(page, "**/admin/experiments", plans)
    flat = {"value": 0.0, "low": 0.0, "high": 0.0}
    row = {"share": 0.5, "shoppers": None, "lists": None, "ctr": flat, "conversion": None, "revenue": 0.0}
    row |= {"revenues": [], "revenue_per_shopper": flat}
    report = {"experiment": "fresh", "control": "a", "from_ms": None, "to_ms": None, "as_of": MOMENT, "over_time": []}
    report |= {"confidence": 0.95, "currencies": [], "differences": [], "sample_ratio": None}
    report["variants"] = [{**row, "name": one["name"]} for one in two]
    answering(page, "**/admin/experiments/fresh/report", {**report, **parts})


def test_a_report_of_a_few_shoppers_claims_nothing(toy_stack: LocalStack, open_window: OpenWindow) -> None:
    page = opened(open_window(toy_stack.url), toy_stack)
    reported(page, sample_ratio={"p_value": 0.414, "mismatch": False})
    done = [{"what": "create_experiment", "target": "fresh"}]
    saved = {"at": MOMENT, "who": "anna", "what": "put_experiments", "target": "*", "before": None, "after": None}
    answering(page, "**/admin/audit?*", {"records": [{**saved, "done": done}]})
    go(page, "experiments/fresh")
    told = page.get_by_role("region", name="What came of it")
    expect(told).to_contain_text("Counted up to 15 Jan 2026, 10:00 UTC. Beside each rate stands its 95% interval.")
    expect(told).to_contain_text("Too few shoppers yet to say")
    row = told.get_by_role("table", name="Variants").get_by_role("row").nth(1)
    expect(row.get_by_role("cell")).to_have_text(["50%", "under 5", "under 5", "0% –", "–", "–", "–"])
    expect(page.get_by_role("region", name="fresh")).to_contain_text("saved at 15 Jan 2026, 10:00 UTC")


def test_a_shopper_is_told_by_what_was_looked_at_and_what_was_bought(
    toy_stack: LocalStack, open_window: OpenWindow
) -> None:
    page = opened(open_window(toy_stack.url), toy_stack)
    kinds = ("purchase", "add_to_cart", "view", "view", "view", "view", "click")
    recent = [
        {"event_type": kind, "item_id": f"i{k}", "title": f"Thing {k}", "timestamp": MOMENT, "age_s": 60}
        for k, kind in enumerate(kinds)
    ]
    cart = [{"item_id": "i1", "title": "Thing 1"}]
    intent = {**PROFILE["intent"], "looked_at": [*cart, {"item_id": "i2", "title": "Thing 2"}], "in_cart": cart}
    told = {**PROFILE, "intent": intent, "recent": recent, "consent": None}
    answering(page, "**/users/u-1001/profile*", {**told, "counts": {**PROFILE["counts"], "interactions": 64}})
    go(page, "shopper/u-1001")
    session = page.get_by_role("region", name="Latest session").get_by_role("definition")
    expect(session).to_have_text(["“Thing 2”, “Thing 3” and “Thing 4” and 2 more", "“Thing 1”", "“Thing 0”", "1"])
    done = page.get_by_role("region", name="What they did")
    expect(done).to_contain_text("the latest 7 of 64")
    kept = page.get_by_role("region", name="What is stored of this shopper, and what they agreed to")
    expect(kept).to_contain_text("personalisation is on")
    # Panels follow each other in columns, so that none leaves room empty beside a long one.
    tops = [one.bounding_box() for one in page.locator(".flow > .panel").all()]
    assert len({round(box["x"]) for box in tops if box}) > 1


def test_who_was_erased_and_is_looked_up_again_has_no_receipt(toy_stack: LocalStack, open_window: OpenWindow) -> None:
    window = open_window(toy_stack.url)
    page = opened(window, toy_stack)
    go(page, "shopper/u-1001")
    page.get_by_role("button", name="Erase").click()
    page.get_by_label("Type the id again").fill("u-1001")
    page.route("**/users/u-1001/profile*", lambda route: route.fulfill(status=404, json={"detail": "not known"}))
    page.get_by_role("button", name="Erase for good").click()
    expect(page.get_by_text("How much was removed stands below")).to_be_visible()
    page.get_by_role("button", name="Look", exact=True).click()
    expect(page.get_by_text("Nobody is known by the id u-1001")).to_be_visible()
    expect(page.get_by_role("region", name="Receipt of the erasure")).to_have_count(0)
    window.forgive("status of 404")


def test_variants_have_names_of_the_language_to_begin_with(toy_stack: LocalStack, open_window: OpenWindow) -> None:
    page = opened(open_window(toy_stack.url, locale="zh-CN"), toy_stack)
    go(page, "experiments")
    page.get_by_role("button", name="新建实验").click()
    names = page.get_by_role("dialog").get_by_label("名称", exact=True)
    assert [one.input_value() for one in names.all()] == ["", "对照组", "新方案"]


def test_measures_without_a_name_wait_behind_a_fold(toy_stack: LocalStack, open_window: OpenWindow) -> None:
    page = opened(open_window(toy_stack.url), toy_stack)
    metrics = {"validation": {"ndcg_at_10": 0.12, "odd_thing": 3}}
    one = {"version": "v1", "written_at": MOMENT, "metrics": metrics, "size_bytes": 9}
    one |= {"state": "current", "signed": True}
    answering(page, "**/admin/snapshots", {"current": "v1", "snapshots": [one], "running": []})
    go(page, "snapshots")
    page.get_by_role("button", name="Report v1").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("table", name="Measures", exact=True).get_by_role("row")).to_have_count(2)
    expect(dialog.get_by_text("validation.odd_thing")).to_be_hidden()
    dialog.locator("summary", has_text="All measures").click()
    expect(dialog.get_by_text("validation.odd_thing")).to_be_visible()


def test_a_button_stands_beside_the_box_of_its_field(toy_stack: LocalStack, open_window: OpenWindow) -> None:
    page = opened(open_window(toy_stack.url, locale="zh-CN"), toy_stack)
    go(page, "catalogue/item-20")
    box = page.get_by_label("截止时间").bounding_box()
    button = page.get_by_role("button", name="从所有列表中屏蔽").bounding_box()
    assert box
    assert button
    assert abs(box["y"] - button["y"]) < 3
