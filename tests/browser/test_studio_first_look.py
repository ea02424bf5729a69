"""What misled somebody who saw the studio for the first time, and what the pages say now."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from endcap_local.stack import LocalStack
from tests.browser.test_studio_pages import PAGES, go, opened
from tests.fakes.browser import Watched, assert_accessible
from tests.fakes.operator_examples import PROFILE, deed

OpenWindow = Callable[..., Watched]
TIME_OF_DAY = re.compile(r"\b\d{1,2}:\d{2}\b")


def answering(page: Page, path: str, answer: object) -> None:
    page.route(path, lambda route: route.fulfill(json=answer))


def told_in(page: Page) -> list[str]:
    """Every line that a page shows, or tells whoever points at something."""
    lines: list[str] = page.locator("main").inner_text().splitlines()
    return lines + page.evaluate("[...document.querySelectorAll('main [title]')].map(one => one.title)")


NOTHING: dict[str, Any] = {
    **dict.fromkeys(("lists", "visible", "impressions", "clicks", "carts", "purchases", "returns", "revenue"), 0),
    **{"currency": None, "revenues": [], "ctr": None, "conversion": None},
}
CLICKED: dict[str, Any] = {
    **NOTHING,
    **{"lists": 1, "clicks": 1},
    **{"ctr": {"value": 1.0, "low": 0.2, "high": 1.0}, "conversion": {"value": 0.0, "low": 0.0, "high": 0.8}},
}


class TestExperiments:
    def begun(self, stack: LocalStack, open_window: OpenWindow, **options: Any) -> tuple[Page, list[dict[str, Any]]]:
        """The dialog of a new experiment, and the bodies that are put."""
        page = opened(open_window(stack.url, **options), stack)
        sent: list[dict[str, Any]] = []
        page.on("request", lambda asked: sent.append(asked.post_data_json) if asked.method == "PUT" else None)
        go(page, "experiments")
        page.get_by_role("button", name="New experiment").click()
        page.get_by_label("Name").first.fill("cosy")
        return page, sent

    def test_one_that_compares_nothing_can_not_begin(self, toy_stack: LocalStack, open_window: OpenWindow) -> None:
        page, sent = self.begun(toy_stack, open_window, viewport={"width": 390, "height": 640})
        dialog = page.get_by_role("dialog")
        start = dialog.get_by_role("button", name="Start", exact=True)
        why = dialog.get_by_text("Neither control nor b changes anything, so there is nothing to compare")
        expect(why).to_be_in_viewport(ratio=1)  # beside the button, however much stands above it
        expect(start).to_be_in_viewport(ratio=1)
        expect(start).to_be_disabled()
        assert_accessible(page)
        dialog.get_by_label("Scenario").last.select_option("home")
        expect(dialog.get_by_role("list", name="What shoppers would get").get_by_role("listitem")).to_have_text(
            ["control: 50% of the shoppers get the usual lists", "b: 50% of the shoppers get lists by home"]
        )
        # What all of its lists say anyhow changes nothing.
        dialog.get_by_label("Scenario").first.select_option("home")
        expect(start).to_be_disabled()
        dialog.get_by_label("Scenario").first.select_option("")
        dialog.get_by_label("Share").first.fill("60")
        expect(dialog).to_contain_text("The shares add up to 110%: more than all shoppers.")
        expect(start).to_be_disabled()
        for share in dialog.get_by_label("Share").all():
            share.fill("")
        expect(dialog.get_by_text("No variant has a share of the shoppers yet.")).to_be_in_viewport(ratio=1)
        expect(start).to_be_disabled()
        assert sent == []

    def test_one_for_a_part_of_the_shoppers_is_asked_about(
        self, toy_stack: LocalStack, open_window: OpenWindow
    ) -> None:
        page, sent = self.begun(toy_stack, open_window)
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Scenario").last.select_option("home")
        dialog.get_by_label("Share").last.fill("12.5")
        expect(dialog).to_contain_text("The remaining 37.5% get no variant")
        dialog.get_by_role("button", name="Start", exact=True).click()
        expect(dialog).to_contain_text("Begin with 62.5% of the shoppers?")
        assert sent == []
        dialog.get_by_role("button", name="Cancel").click()
        expect(dialog.get_by_label("Share").last).to_have_value("12.5")  # nothing of the plan is lost
        dialog.get_by_role("button", name="Start", exact=True).click()
        dialog.get_by_role("button", name="Start", exact=True).click()
        expect(dialog).to_have_count(0)
        assert [one["share"] for one in sent[0]["experiments"][-1]["variants"]] == [0.5, 0.125]

    def test_lists_that_need_what_requests_may_not_have_are_asked_about(
        self, toy_stack: LocalStack, open_window: OpenWindow
    ) -> None:
        page = opened(open_window(toy_stack.url, viewport={"width": 1000, "height": 640}), toy_stack)
        kinds = {"buy_again": "buy_again", "like": "similar", "with": "together"}
        scenarios = [
            {"name": name, "etag": '"1"', "built_in": True, "document": {"relation": kind}, "ending": []}
            for name, kind in kinds.items()
        ]
        answering(page, "**/admin/scenarios", {"scenarios": scenarios})
        sent: list[str] = []
        page.on("request", lambda asked: sent.append(asked.url) if asked.method == "PUT" else None)
        go(page, "experiments")
        page.get_by_role("button", name="New experiment").click()
        dialog = page.get_by_role("dialog")
        start = dialog.get_by_role("button", name="Start", exact=True)
        expect(start).to_be_in_viewport()  # however much stands above it
        dialog.get_by_label("Name").first.fill("again")
        lists, other = dialog.get_by_label("Scenario").first, dialog.get_by_label("Scenario").last
        warned = dialog.locator(".notice.warning")
        other.select_option("like")
        expect(warned).to_contain_text("like needs items in the request")
        lists.select_option("with")  # whose pages name items
        expect(warned).to_have_count(0)
        lists.select_option("")
        other.select_option("buy_again")
        expect(warned).to_contain_text("buy_again needs a shopper who has bought something")
        assert_accessible(page)
        start.click()
        expect(dialog).to_contain_text("Everybody else in this share gets an empty list.")
        expect(dialog).not_to_contain_text("The shares add up")
        assert sent == []
        start.click()
        expect(dialog).to_have_count(0)
        assert len(sent) == 1
        # One that was planned is asked about as well.
        plan = [{"name": "control", "share": 0.5}, {"name": "b", "share": 0.5, "scenario": "buy_again"}]
        answering(
            page,
            "**/admin/experiments",
            {"etag": '"1"', "experiments": [{"name": "later", "state": "planned", "variants": plan}]},
        )
        go(page, "today")
        go(page, "experiments/later")
        expect(page.get_by_role("region", name="later")).to_contain_text("b: buy_again needs a shopper")
        page.get_by_role("button", name="Start", exact=True).click()
        expect(dialog).to_contain_text("Begin with lists that some shoppers may not get?")

    def test_a_planned_one_says_what_it_comes_to(self, toy_stack: LocalStack, open_window: OpenWindow) -> None:
        page = opened(open_window(toy_stack.url), toy_stack)
        two = [{"name": "a", "share": 0.4}, {"name": "b", "share": 0.4, "weights": {"text": 2.0}}]
        plans = [{"name": "part", "state": "planned", "variants": two}]
        twins = [{"name": name, "share": 0.5, "scenario": "home"} for name in ("a", "c")]
        plans += [{"name": "twins", "state": "planned", "variants": twins}]
        answering(page, "**/admin/experiments", {"etag": '"1"', "experiments": plans})
        go(page, "experiments/part")
        expect(page.get_by_role("region", name="part")).to_contain_text("b: 40% of the shoppers get lists by Meaning")
        page.get_by_role("button", name="Start", exact=True).click()
        expect(page.get_by_role("dialog")).to_contain_text("The remaining 20% of the shoppers take no part")
        page.get_by_role("button", name="Cancel").click()
        go(page, "experiments/twins")
        expect(page.get_by_role("region", name="twins")).to_contain_text("a and c change the same")
        expect(page.get_by_role("button", name="Start", exact=True)).to_be_disabled()


class TestResults:
    def shown(self, stack: LocalStack, open_window: OpenWindow, total: dict[str, Any], **options: Any) -> Page:
        page = opened(open_window(stack.url, **options), stack)
        rows = [{"day": "2026-01-15", "scenario": "", "surface": "cart", "variant": "", **total}]
        found = {"total": total, "as_of": 1768471205000, "behind": 0, "window_days": 7}

        def answered(route: Route) -> None:
            by = route.request.url.partition("by=")[2].replace("%2C", ",").split(",")
            route.fulfill(json={**found, "rows": rows if total["lists"] else [], "by": by})

        page.route("**/admin/results?*", answered)
        go(page, "results")
        return page

    def test_a_rate_of_a_few_lists_is_told_as_what_it_is(self, toy_stack: LocalStack, open_window: OpenWindow) -> None:
        page = self.shown(toy_stack, open_window, CLICKED)
        said = "\n".join(told_in(page))
        assert "100%" not in said
        assert "1 of 1 lists: too few for a rate" in said
        row = page.get_by_role("table", name="All numbers").get_by_role("row").last
        expect(row).to_contain_text("1 of 1 lists")
        expect(row).to_contain_text("not reported")  # and not that nobody has seen any
        assert "Rates are shares of the lists that were made" in said
        page.get_by_label("Measure").select_option("Click rate")
        expect(page.get_by_text("No row has 20 lists yet")).to_be_visible()
        assert_accessible(page)

    def test_a_rate_of_many_lists_says_of_what(self, toy_stack: LocalStack, open_window: OpenWindow) -> None:
        rate = {"value": 0.25, "low": 0.15, "high": 0.4}
        page = self.shown(toy_stack, open_window, {**CLICKED, "lists": 40, "visible": 30, "ctr": rate})
        expect(page.get_by_text("10 of 40 lists · 15% – 40%")).to_be_visible()
        expect(page.get_by_text("30 were seen")).to_be_visible()

    @pytest.mark.parametrize(
        ("counted", "missing"),
        [
            ({}, "No list was shown in these days."),
            ({"lists": 3}, "No click or purchase names one of these lists yet."),
            ({"lists": 3, "clicks": 1}, "Nothing was bought from these lists yet."),
            ({"lists": 3, "clicks": 1, "purchases": 1}, "does not report which lists were seen"),
        ],
    )
    def test_what_is_missing_is_said(
        self, toy_stack: LocalStack, open_window: OpenWindow, counted: dict[str, int], missing: str
    ) -> None:
        page = self.shown(toy_stack, open_window, {**NOTHING, **counted})
        expect(page.locator(".notice")).to_contain_text(missing)
        if not counted.get("purchases"):
            assert not re.search(r"\b0\.00\b", "\n".join(told_in(page)))  # of which currency?
            expect(page.locator("dl.stats")).to_contain_text("Nothing was bought yet.")

    def test_a_day_is_the_day_that_was_counted(self, toy_stack: LocalStack, open_window: OpenWindow) -> None:
        page = self.shown(toy_stack, open_window, CLICKED, timezone_id="America/Los_Angeles")
        page.get_by_label("Day", exact=True).check()
        expect(page.get_by_role("table", name="All numbers")).to_contain_text("15 Jan 2026")
        page.get_by_label("Measure").select_option("Clicks")
        page.get_by_role("button", name="As a table").click()
        expect(page.get_by_role("table", name="Clicks by day")).to_contain_text("15 Jan 2026")
        assert "14 Jan" not in "\n".join(told_in(page))


class TestSnapshots:
    NOW, BEFORE = "20260115T033412Z-5f0c", "20260114T033412Z-aaaa"

    def listed(self, current: str, *others: tuple[str, str]) -> dict[str, Any]:
        found = [{"version": current, "state": "current", "signed": True, "written_at": 1768471205000, "metrics": {}}]
        for n, (version, state) in enumerate(others, 1):
            found.append(
                {**found[0], "version": version, "state": state} | ({"rollbacks": n} if "pre" in state else {})
            )
        return {"current": current, "snapshots": found, "running": []}

    def loaded(self, page: Page, version: str) -> None:
        answering(page, "**/admin/overview*", {"snapshot": {"version": version}, "rebuild": "not_configured"})

    def test_where_there_is_nothing_to_go_back_to_that_is_said(
        self, toy_stack: LocalStack, open_window: OpenWindow
    ) -> None:
        page = opened(open_window(toy_stack.url), toy_stack)
        answering(page, "**/admin/snapshots", self.listed(self.NOW))
        go(page, "snapshots")
        expect(page.get_by_text("There is nothing to roll back to yet")).to_be_visible()
        expect(page.get_by_text("“Rebuild now” makes another one.")).to_be_visible()
        # Where there are others, one of them may have been current, and is nothing that a rollback leads to.
        back = {"at": 1768471205000, "who": "ann", "what": "rollback", "target": self.NOW, "before": "20260116-dddd"}
        answering(page, "**/admin/audit*", {"records": [back | {"after": self.NOW}]})
        others = (("20260116-dddd", "other"), ("20260113T000000Z-cccc", "other"))
        answering(page, "**/admin/snapshots", self.listed(self.NOW, *others))
        go(page, "today")
        go(page, "snapshots")
        told = page.get_by_text("“Roll back” leads to what was current before the current one")
        expect(told).to_be_visible()
        expect(page.get_by_text("There is nothing to roll back to yet")).to_have_count(0)
        expect(page.get_by_role("row", name=re.compile("cccc"))).to_contain_text("not in use")
        expect(page.get_by_role("row", name=re.compile("dddd"))).to_contain_text("was current")
        # And it stands below the table, not over its last row.
        table, text = page.get_by_role("table", name="Snapshots").bounding_box(), told.bounding_box()
        assert table is not None
        assert text is not None
        assert table["y"] + table["height"] <= text["y"]
        assert_accessible(page)
        answering(page, "**/admin/snapshots", self.listed(self.NOW, (self.BEFORE, "previous")))
        go(page, "today")
        go(page, "snapshots")
        expect(page.get_by_role("button", name=f"Roll back {self.BEFORE}")).to_be_visible()
        expect(told).to_have_count(0)
        # Where there are no rebuilds, none is spoken of.
        self.loaded(page, self.NOW)
        answering(page, "**/admin/snapshots", self.listed(self.NOW))
        go(page, "parameters")
        go(page, "snapshots")
        expect(page.get_by_text("There is nothing to roll back to yet")).to_be_visible()
        expect(page.get_by_text("makes another one")).to_have_count(0)

    def test_it_is_told_what_lists_are_made_from_until_the_other_is_loaded(
        self, toy_stack: LocalStack, open_window: OpenWindow
    ) -> None:
        page = opened(open_window(toy_stack.url), toy_stack)
        page.clock.install()
        answering(page, "**/admin/snapshots", self.listed(self.NOW, (self.BEFORE, "previous")))
        self.loaded(page, self.NOW)
        go(page, "snapshots")
        page.get_by_role("button", name=f"Roll back {self.BEFORE}").click()
        page.get_by_role("dialog").get_by_role("button", name="Roll back").click()
        moving = page.locator(".notice").get_by_role("status")
        expect(moving).to_have_text(f"Going back to {self.BEFORE}. Until then lists are made from {self.NOW}.")
        row = page.get_by_role("row", name=re.compile(self.BEFORE))
        expect(row).to_contain_text("on its way")
        expect(row.get_by_role("button", name=re.compile("^Roll back"))).to_be_disabled()
        assert_accessible(page)
        answering(page, "**/admin/snapshots", self.listed(self.BEFORE, (self.NOW, "previous")))
        page.clock.run_for(3500)
        expect(moving).to_contain_text(f"{self.BEFORE} is the current one, and is being loaded.")
        expect(moving).to_contain_text(f"Until then lists are made from {self.NOW}.")
        self.loaded(page, self.BEFORE)
        page.clock.run_for(3500)
        expect(moving).to_have_count(0)
        expect(page.locator(".teller")).to_have_text(f"{self.BEFORE} is current, and lists are made from it.")
        expect(row).not_to_contain_text("on its way")
        expect(page.get_by_role("button", name=f"Roll back {self.NOW}")).to_be_enabled()

    def test_a_rebuild_is_asked_about(self, toy_stack: LocalStack, open_window: OpenWindow) -> None:
        page = opened(open_window(toy_stack.url), toy_stack)
        since = 1768471205000
        rebuilt = {"what": "rebuild", "name": "nightly", "since": since, "ended": since + 25 * 60_000}
        answering(page, "**/admin/snapshots", self.listed(self.NOW) | {"rebuilt": rebuilt})
        answering(page, "**/admin/overview*", {"snapshot": {"version": self.NOW}, "rebuild": "available"})
        sent: list[str] = []
        page.on("request", lambda asked: sent.append(asked.url) if asked.method == "POST" else None)
        go(page, "snapshots")
        page.get_by_role("button", name="Rebuild now").click()
        asked = page.get_by_role("dialog")
        expect(asked).to_contain_text("If it passes, it becomes the current one, and all lists are made from it.")
        expect(asked).to_contain_text("The last one took about 25 min.")
        assert sent == []
        asked.get_by_role("button", name="Rebuild now").click()
        expect(page.locator(".teller")).to_have_text("A rebuild has begun.")
        assert [url.rpartition("/")[2] for url in sent] == ["rebuilds"]

    def test_one_that_is_refused_is_not_waited_for(self, toy_stack: LocalStack, open_window: OpenWindow) -> None:
        page = opened(open_window(toy_stack.url), toy_stack)
        page.clock.install()
        other = self.listed(self.NOW, (self.BEFORE, "other"))
        answering(page, "**/admin/snapshots", other)
        self.loaded(page, self.NOW)
        go(page, "snapshots")
        page.get_by_role("button", name=f"Promote {self.BEFORE}").click()
        page.get_by_role("dialog").get_by_role("button", name="Promote").click()
        moving = page.locator(".notice").get_by_role("status")
        expect(moving).to_contain_text(f"{self.BEFORE} is being checked; it becomes the current one if it passes.")
        refused = {"what": "promote", "version": self.BEFORE, "at": 1768471205000, "error": "coverage: too little"}
        answering(page, "**/admin/snapshots", other | {"refused": refused})
        page.clock.run_for(3500)
        expect(page.get_by_role("alert")).to_contain_text("coverage: too little")
        expect(moving).to_have_count(0)


def test_what_speaks_against_a_like_is_told_apart_from_its_reasons(
    toy_stack: LocalStack, open_window: OpenWindow
) -> None:
    page = opened(open_window(toy_stack.url), toy_stack)
    like = {"name": "Baking", "weight": 1.1, "kind": "category", "because": [deed("bought “Tin”")], "deeds": 5}
    like["against"] = [deed("rated “Tin”", 2)]
    dislike = {**like, "name": "Toys", "weight": -0.4, "because": [deed("returned “Kite”")], "deeds": 3}
    answering(page, "**/users/u-1001/profile*", {**PROFILE, "tags": [like, dislike]})
    go(page, "shopper/u-1001")
    told = page.get_by_role("region", name="Likes and dislikes").get_by_role("listitem")
    expect(told).to_have_text(
        [
            "bought “Tin” on 15 Jan 2026",
            "weakens it: rated “Tin”, last on 15 Jan 2026",
            "and 2 more",
            "returned “Kite” on 15 Jan 2026",
            "speaks for it all the same: rated “Tin”, last on 15 Jan 2026",
        ]
    )


@pytest.mark.parametrize("locale", ["en-GB", "zh-CN"])
def test_every_time_of_day_stands_with_its_zone(toy_stack: LocalStack, open_window: OpenWindow, locale: str) -> None:
    page = opened(open_window(toy_stack.url, locale=locale, timezone_id="Asia/Shanghai"), toy_stack)
    seen = 0
    for to in PAGES:
        go(page, to)
        with_times = [line for line in told_in(page) if TIME_OF_DAY.search(line)]
        seen += len(with_times)
        assert [line for line in with_times if not re.search(r"GMT\+8|UTC", line)] == [], to
        for box in page.locator("input[type=datetime-local]").all():
            expect(box).to_have_accessible_description(re.compile("Asia/Shanghai"))
    assert seen > 5
    go(page, "experiments")
    page.locator(".page-head button").click()
    starts = page.get_by_role("dialog").locator("input[type=datetime-local]")
    expect(starts).to_have_accessible_description(re.compile("Asia/Shanghai"))


class TestMerchandise:
    def laid_out(self, page: Page, document: dict[str, Any]) -> None:
        scenario = {"name": "*", "etag": '"1"', "built_in": False, "document": document, "ending": []}
        answering(page, "**/admin/scenarios/*", scenario)
        titles = [{"item_id": "item-77", "title": "Copper kettle"}]
        answering(page, "**/admin/filters/check", {"valid": True, "errors": [], "of": 9, "count": 1, "sample": titles})

    def test_what_is_hidden_keeps_its_title(self, toy_stack: LocalStack, open_window: OpenWindow) -> None:
        page = opened(open_window(toy_stack.url), toy_stack)
        self.laid_out(page, {"hidden": [{"item_id": "item-77"}]})
        go(page, "merchandise")
        expect(page.get_by_role("button", name="Take back: Hidden, Copper kettle")).to_be_visible()
        page.get_by_role("link", name="History").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Scenarios")

    def test_what_has_ended_before_it_begins_is_not_published(
        self, toy_stack: LocalStack, open_window: OpenWindow
    ) -> None:
        page = opened(open_window(toy_stack.url), toy_stack)
        self.laid_out(page, {"hidden": [{"item_id": "item-77", "until": 1768471205000}]})
        go(page, "merchandise")
        publish = page.get_by_role("button", name="Publish")
        past = page.get_by_text("has ended before it begins")
        page.get_by_label("Until").fill("2020-01-01T10:00")
        page.get_by_role("button", name="Hide: Garden lamp 1", exact=True).click()
        expect(past).to_be_visible()
        expect(publish).to_be_disabled()
        page.get_by_role("button", name=re.compile("Hidden, Garden lamp 1")).click()
        # What has ended since it was published hinders nothing.
        page.get_by_label("Until").fill("")
        page.get_by_role("button", name="Hide: Garden lamp 2", exact=True).click()
        expect(past).to_have_count(0)
        expect(publish).to_be_enabled()

    def test_the_first_publish_of_all_lists_can_be_taken_back(
        self, toy_stack: LocalStack, open_window: OpenWindow
    ) -> None:
        page = opened(open_window(toy_stack.url), toy_stack)
        document = {"hidden": [{"item_id": "item-77"}]}
        self.laid_out(page, document)
        first = {"version_id": "v1", "at": 1768471205000, "current": True, "document": document}
        answering(page, "**/admin/scenarios/*/history", {"name": "*", "versions": [first]})
        gone: list[str] = []
        page.on("request", lambda asked: gone.append(asked.url) if asked.method == "DELETE" else None)
        go(page, "scenarios/*")
        page.get_by_role("region", name="History").get_by_role("button", name="Take all of it back").click()
        asked = page.get_by_role("dialog")
        expect(asked).to_contain_text("Nothing is hidden from all lists any more")
        assert gone == []
        asked.get_by_role("button", name="Take all of it back").click()
        expect(asked).to_have_count(0)
        assert [url.rpartition("/")[2] for url in gone] == ["*"]


def test_an_item_is_told_its_place_and_a_date_once(toy_stack: LocalStack, open_window: OpenWindow) -> None:
    page = opened(open_window(toy_stack.url), toy_stack)
    hidden = {"reason": "hidden", "by": "*", "until": 1768471205000}
    hidden["text"] = "Missing from this list because it is hidden everywhere until 15 Jan 2026, 10:00 UTC"
    far = {"reason": "score", "text": "Missing from this list because others score more", "score": 0.1, "needed": 0.2}
    found = {"item_id": "item-20", "title": "Steel lamp", "shown": False, "limit": 10, "reasons": [], "score": 0.4}
    for rank, findings, said in (
        (37, [far], "In the whole order it stands at number 37."),
        (None, [far], "By its score it stands at about number 594."),
        (None, [hidden], "Without the reasons below it would stand at about number 594, by its score."),
    ):
        answer = {**found, "rank": rank, "by_score": 594, "findings": findings}
        page.unroute("**/diagnosis*")
        answering(page, "**/diagnosis*", answer)
        go(page, "today")
        go(page, "catalogue/item-20")
        asking = page.get_by_role("region", name="Is it shown, and if not, why?")
        expect(asking.get_by_text("Not among the first 10.", exact=True)).to_be_visible()
        expect(asking.get_by_text(said)).to_be_visible()
    assert asking.inner_text().count("2026") == 1


def test_beside_a_draft_of_what_is_not_published_stands_no_list(toy_stack: LocalStack, open_window: OpenWindow) -> None:
    window = open_window(toy_stack.url)
    page = opened(window, toy_stack)
    nowhere = "**/admin/scenarios/fresh"
    page.route(nowhere, lambda route: route.fulfill(status=404, json={"detail": "none"}))
    go(page, "scenarios/fresh")
    beside = page.get_by_role("region", name="Draft beside live")
    expect(beside.get_by_role("list", name="Draft").get_by_role("listitem")).to_have_count(6)
    expect(beside).to_contain_text("Nothing is live under this name yet")
    expect(beside.get_by_role("list", name="Live")).to_have_count(0)
    expect(beside.get_by_text("new here")).to_have_count(0)
    page.get_by_role("button", name="Make up three").click()
    expect(beside.get_by_role("list", name="Draft")).to_have_count(3)
    assert_accessible(page)
    # And once it is published, one does.
    page.unroute(nowhere)
    page.get_by_role("button", name="Publish").click()
    expect(beside.get_by_role("list", name="Live")).to_have_count(3)
    window.forgive("status of 404")


def test_older_changes_follow_the_latest(toy_stack: LocalStack, open_window: OpenWindow) -> None:
    page = opened(open_window(toy_stack.url), toy_stack)
    record = {"at": 1768471205000, "who": "anna", "what": "put_scenario", "before": {}, "after": {}}

    def answered(route: Route) -> None:
        older = "cursor=next" in route.request.url
        route.fulfill(
            json={"records": [{**record, "target": "second" if older else "first"}]}
            | ({} if older else {"cursor": "next"})
        )

    page.route("**/admin/audit*", answered)
    go(page, "parameters")  # the first page may have asked already
    go(page, "today")
    changes = page.get_by_role("table", name="Latest changes").locator("tbody").get_by_role("row")
    expect(changes).to_have_count(1)
    page.get_by_role("button", name="Older changes").click()
    expect(changes).to_have_count(2)
    expect(changes.last).to_contain_text("second")
    expect(page.get_by_role("button", name="Older changes")).to_have_count(0)


def test_the_parameters_are_told_by_the_names_of_these_pages(toy_stack: LocalStack, open_window: OpenWindow) -> None:
    page = opened(open_window(toy_stack.url), toy_stack)
    go(page, "parameters")
    words = page.get_by_role("region", name="In words")
    expect(words).to_contain_text("these count most: Chosen next (1).")
    expect(words).to_contain_text("Viewed (0.3; half of it after 14 days)")
    expect(words).to_contain_text("Length of the list: 10; Variety: 0; Personalisation: full.")


def test_whom_the_address_names_is_offered(toy_stack: LocalStack, open_window: OpenWindow) -> None:
    page = open_window(toy_stack.url).open(f"{toy_stack.studio_url}&shoppers=ada,ben")
    page.get_by_role("heading", level=1).wait_for()
    assert "ada" not in page.url
    page.get_by_role("link", name="Shopper").click()
    offered = page.get_by_role("group", name="Looked at lately")
    expect(offered.get_by_role("link")).to_have_text(["ada", "ben"])
