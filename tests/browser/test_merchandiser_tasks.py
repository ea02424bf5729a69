"""Ten tasks of a merchandiser, by role and label alone, on a part of the demo's shop, and on two others' data.

Each looks at what the public API answers afterwards, at the record of the change, and, where there is an undo, at the
answer after it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from endcap.messages.reasons import quoted
from endcap_local.demo_data import DEMO_DATA
from endcap_local.rebuilding import Rebuilder
from endcap_local.stack import LocalStack
from tests.fakes.browser import PATIENCE_MS, Watched
from tests.fakes.real_shop import TINY_ENCODER, data_of, serving, write_cut
from tests.fakes.shop_over_http import ask, call, did, get, ids, ok

OpenWindow = Callable[..., Watched]
ITEMS, USERS = 90, 60
SEARCHES = {"demo": "lunch bag", "amazon-beauty": "hand cream", "zh-catalog": "四件套"}
"""A shop, and what somebody in it looks for."""
OTHERS = [pytest.param(name, marks=[pytest.mark.prove, pytest.mark.shared_data]) for name in list(SEARCHES)[1:]]


class Desk:
    """A merchandiser before the studio of a running shop."""

    def __init__(self, stack: LocalStack, search: str) -> None:
        self.stack, self.search = stack, search
        self.page: Page

    def go(self, page: str, heading: str | None = None) -> None:
        """To a page by its link."""
        self.page.get_by_role("navigation", name="Pages").get_by_role("link", name=page).click()
        expect(self.page.get_by_role("heading", level=1)).to_have_text(heading or page)

    def told(self, text: str) -> None:
        """Wait until the page says so."""
        expect(self.page.get_by_role("status").filter(has_text=text).first).to_be_visible()

    def button(self, name: str | re.Pattern[str], within: Locator | None = None) -> Locator:
        return (within or self.page).get_by_role("button", name=name, exact=isinstance(name, str))

    def open_item(self, item_id: str, title: str) -> None:
        self.go("Catalogue")
        self.page.get_by_label("Words").fill(item_id)
        self.page.get_by_role("link", name=title, exact=True).first.click()
        expect(self.page.get_by_role("heading", level=1)).to_have_text(title)

    def list_of(self, **request: Any) -> list[str]:
        """A whole list: on a busy machine one may be made without the profile, and says so."""
        answers: list[dict[str, Any]] = []

        def asked() -> bool:
            answers.append(ask(self.stack, **{"limit": 10, **request}))
            return "degraded" not in answers[-1]

        self.becomes(asked)
        return ids(answers[-1])

    def becomes(self, look: Callable[[], bool]) -> None:
        """Published things count within two seconds, on a machine that has any time for them."""
        deadline = time.monotonic() + 2 * PATIENCE_MS / 1000
        while not look():
            assert time.monotonic() < deadline, "the published change does not show in the API's answers"
            time.sleep(0.05)

    def results(self) -> dict[str, Any]:
        """What lists have brought by now, by surface."""
        asked = "/admin/results?by=surface"
        found: dict[str, Any] = ok(call(self.stack, "GET", asked, endcap_start=self.stack.start_token))
        return found

    def audited(self, what: str, target: str) -> dict[str, Any]:
        """The latest record of such a change."""
        records = ok(call(self.stack, "GET", "/admin/audit", endcap_start=self.stack.start_token))["records"]
        return next(one for one in records if (one["what"], one["target"]) == (what, target))


@pytest.fixture(scope="module", params=["demo", *OTHERS])
def desk(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    name = str(request.param)
    folder = DEMO_DATA if name == "demo" else data_of(name)
    if name != "zh-catalog":  # which is small, and has the reviews of one person
        folder = write_cut(folder, tmp_path_factory.mktemp("shop"), ITEMS, USERS)
    with serving(folder) as stack:
        yield Desk(stack, SEARCHES[name])


@pytest.fixture(autouse=True)
def at_the_desk(desk: Desk, open_window: OpenWindow) -> Iterator[Watched]:
    window = open_window(desk.stack.url)
    desk.page = window.open(desk.stack.studio_url)
    yield window
    window.forgive("status of 404")  # a scenario or shopper that is not there yet


def titled(desk: Desk, item_id: str) -> str:
    return str(get(desk.stack, f"/items/{item_id}")["title"])


def test_1_and_2_hide_an_item_everywhere_until_friday_and_say_why_it_is_missing(desk: Desk) -> None:
    before = desk.list_of()
    item_id = before[2]
    title = titled(desk, item_id)
    friday = datetime.now(UTC) + timedelta(days=(4 - datetime.now(UTC).weekday()) % 7 + 1)
    desk.open_item(item_id, title)
    hiding = desk.page.get_by_role("region", name="Take it out of all lists")
    hiding.get_by_label("Until").fill(friday.strftime("%Y-%m-%dT18:00"))
    desk.button("Hide everywhere", hiding).click()
    desk.told("is hidden")
    desk.becomes(lambda: item_id not in desk.list_of())
    record = desk.audited("put_scenario", "*")
    assert record["after"]["hidden"] == [
        {
            "item_id": item_id,
            "until": int(friday.replace(hour=18, minute=0, second=0, microsecond=0).timestamp() * 1000),
        }
    ]
    # Why is it missing?
    desk.page.get_by_label("Length of the list").fill("20")
    asking = desk.page.get_by_role("region", name="Is it shown, and if not, why?")
    missing = asking.get_by_text("Not among the first 20.")
    desk.becomes(lambda: missing.is_visible() or desk.button("Refresh", asking).click() or False)
    reasons = desk.page.get_by_role("list", name="What keeps it out, the decisive thing first").get_by_role("listitem")
    expect(reasons.first).to_contain_text("Hidden")
    desk.button("Show again", hiding).click()
    desk.told("may be shown again")
    desk.becomes(lambda: desk.list_of() == before)


def test_3_and_4_pin_in_one_scenario_and_undo_the_publish(desk: Desk) -> None:
    other = desk.list_of(limit=30)[20]
    desk.go("Scenarios")
    desk.button("New scenario").click()
    dialog = desk.page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("home")
    desk.button("Begin", dialog).click()
    form = desk.page.get_by_role("form", name="Scenario")
    form.get_by_label("Variety").fill("0.3")
    desk.button("Publish").click()
    desk.told("home is published")
    desk.becomes(lambda: call(desk.stack, "POST", "/recommendations", {"scenario": "home"})[0] == 200)
    before = desk.list_of(scenario="home")
    assert other not in before
    # Pinned in this scenario alone.
    desk.go("Merchandise")
    desk.page.get_by_label("List", exact=True).select_option("home")
    desk.page.get_by_label("Pin an item to the first place by its id").fill(other)
    desk.button("Pin here").click()
    expect(desk.page.get_by_text("Pinned to place 1")).to_be_visible()
    assert desk.list_of(scenario="home") == before  # a draft changes nothing
    desk.button("Publish").click()
    desk.told("home is published")
    desk.becomes(lambda: desk.list_of(scenario="home")[0] == other)
    assert other not in desk.list_of()
    record = desk.audited("put_scenario", "home")
    assert record["before"] == {"diversity": 0.3}
    assert record["after"] == {"diversity": 0.3, "pinned": [{"item_id": other, "position": 1}]}
    # What was published before comes back.
    desk.go("Scenarios")
    desk.page.get_by_role("link", name="home").click()
    history = desk.page.get_by_role("region", name="History")
    desk.button(re.compile("^Put back"), history).first.click()
    asked = desk.page.get_by_role("dialog")
    expect(asked).to_contain_text("What home said at")
    assert desk.list_of(scenario="home")[0] == other  # nothing is done before it is confirmed
    desk.button("Put back", asked).click()
    desk.told("home is published")
    desk.becomes(lambda: desk.list_of(scenario="home") == before)
    assert desk.audited("put_scenario", "home")["after"] == {"diversity": 0.3}


def test_5_find_the_surface_that_earns_most(desk: Desk) -> None:
    for surface, price, n in (("cart", 9.5, 2), ("start-page", 4.25, 3)):
        for k in range(n):
            user = f"{surface}-{k}"
            listed = ask(desk.stack, user_id=user, surface=surface, limit=4)
            bought = {"event_type": "purchase", "item_id": listed["items"][0]["item_id"], "value": price}
            did(desk.stack, user, {**bought, "recommendation_id": listed["recommendation_id"], "quantity": 1})
    desk.becomes(lambda: desk.results()["total"]["purchases"] == 5)
    desk.go("Results")
    told_apart = desk.page.get_by_role("group", name="Told apart by")
    told_apart.get_by_label("Scenario").uncheck()
    bars = desk.page.get_by_role("table", name="Revenue", exact=True)
    expect(bars.get_by_role("row").first).to_contain_text("cart")
    table = desk.page.get_by_role("table", name="All numbers")
    expect(table.get_by_role("row", name=re.compile("^cart"))).to_be_visible()


def test_6_start_and_stop_an_experiment(desk: Desk) -> None:
    desk.go("Experiments")
    desk.button("New experiment").click()
    dialog = desk.page.get_by_role("dialog")
    dialog.get_by_label("Name").first.fill("variety")
    expect(desk.button("Start", dialog)).to_be_disabled()  # there is nothing to compare yet
    expect(dialog).to_contain_text("Neither control nor b changes anything")
    dialog.get_by_label("Scenario").last.select_option("buy_again")
    desk.button("Start", dialog).click()
    # A newcomer's list would be empty, which may be meant.
    expect(dialog).to_contain_text("buy_again needs a shopper who has bought something")
    desk.button("Start", dialog).click()
    desk.told("variety is saved")
    desk.page.get_by_role("navigation", name="Experiments").get_by_role("link", name="variety").click()
    desk.becomes(lambda: ask(desk.stack, user_id="somebody", limit=2).get("experiment") == "variety")
    record = desk.audited("put_experiments", "experiments")
    assert record["after"][0]["name"] == "variety"
    assert record["done"] == [{"what": "start_experiment", "target": "variety"}]
    desk.button("Stop").click()
    asked = desk.page.get_by_role("dialog")
    expect(asked).to_contain_text("All shoppers get the usual lists")
    desk.button("Stop", asked).click()
    desk.told("variety has ended")
    desk.becomes(lambda: "experiment" not in ask(desk.stack, user_id="somebody", limit=2))
    desk.go("Today")
    changes = desk.page.get_by_role("table", name="Latest changes").get_by_role("row")
    for n, text in enumerate(("Stopped an experiment", "Started an experiment"), 1):
        expect(changes.nth(n)).to_contain_text(text)
        expect(changes.nth(n).get_by_role("link", name="variety")).to_be_visible()


def test_7_and_8_say_what_a_shopper_likes_and_erase_them(desk: Desk) -> None:
    chosen = ids(get(desk.stack, "/search", q=desk.search, limit=3))
    did(desk.stack, "dora", *({"event_type": "purchase", "item_id": item_id} for item_id in chosen))
    profile = get(desk.stack, "/users/dora/profile", language="en")  # as the page is
    assert not any("You" in text for text in profile["described"])
    desk.go("Shopper")
    desk.page.get_by_label("Shopper id").fill("dora")
    desk.button("Look").click()
    in_words = desk.page.get_by_role("region", name="In words")
    expect(in_words).to_contain_text(profile["described"][0])
    expect(desk.page.get_by_role("region", name="What they did")).to_contain_text(titled(desk, chosen[0]))
    likes = desk.page.get_by_role("region", name="Likes and dislikes")
    expect(likes).to_contain_text(f"bought {quoted(titled(desk, chosen[0]))} on ")
    # And why a list has what it has.
    desk.page.get_by_role("region", name="Lists").get_by_role("link", name="Try it").click()
    desk.button(re.compile("^Why")).first.click()
    expect(desk.page.get_by_role("dialog").get_by_role("listitem").last).to_contain_text("Score")
    desk.page.keyboard.press("Escape")
    # Erased, once the id is typed again.
    desk.go("Shopper")
    desk.page.get_by_label("Shopper id").fill("dora")
    desk.button("Look").click()
    desk.button("Erase").click()
    dialog = desk.page.get_by_role("dialog")
    expect(desk.button("Delete for good", dialog)).to_have_count(0)
    expect(desk.button("Erase for good", dialog)).to_be_disabled()
    dialog.get_by_label("Type the id again").fill("dora")
    desk.button("Erase for good", dialog).click()
    desk.told("dora is erased")
    expect(desk.page.get_by_role("region", name="Receipt of the erasure")).to_be_visible()
    expect(desk.button("Erase")).to_have_count(0)
    expect(desk.button("Export")).to_have_count(0)
    status, profile = call(desk.stack, "GET", "/users/dora/profile")
    assert status == 404 or not profile["recent"]


def test_an_erasure_that_waits_for_a_service_is_told_as_such(desk: Desk) -> None:
    did(desk.stack, "eve", {"event_type": "view", "item_id": desk.list_of(limit=1)[0]})
    accepted = {"user_id": "eve", "deleted_at": 1, "status": "accepted"}
    desk.page.route(re.compile("/users/eve$"), lambda route: route.fulfill(status=202, json=accepted))
    desk.go("Shopper")
    desk.page.get_by_label("Shopper id").fill("eve")
    desk.button("Look").click()
    desk.button("Erase").click()
    dialog = desk.page.get_by_role("dialog")
    dialog.get_by_label("Type the id again").fill("eve")
    desk.button("Erase for good", dialog).click()
    desk.told("eve is erased as soon as it is back")
    expect(desk.page.get_by_role("region", name="Receipt of the erasure")).to_have_count(0)


def test_9_try_a_draft_on_three_shoppers(desk: Desk) -> None:
    chosen = desk.list_of(limit=3)
    for user, item_id in zip(("ann", "ben", "cid"), chosen, strict=True):
        did(desk.stack, user, {"event_type": "purchase", "item_id": item_id})
    other = desk.list_of(limit=30)[25]
    live = {user: desk.list_of(user_id=user) for user in ("ann", "ben", "cid")}
    before = ok(call(desk.stack, "GET", "/admin/audit", endcap_start=desk.stack.start_token))["records"]
    desk.go("Scenarios")
    desk.button("New scenario").click()
    dialog = desk.page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("trial")
    desk.button("Begin", dialog).click()
    desk.button("Pin an item").click()
    pinned = desk.page.get_by_role("group", name="Pinned 1")
    pinned.get_by_label("Item id").fill(other)
    desk.page.get_by_label("Shoppers to compare for").fill("ann, ben, cid")
    drafts = desk.page.get_by_role("list", name="Draft")
    expect(drafts).to_have_count(3)
    for n in range(3):
        expect(drafts.nth(n).get_by_role("listitem").first).to_contain_text(titled(desk, other))
    # And whoever knows no id makes shoppers up.
    desk.page.get_by_label("Shoppers to compare for").fill("")
    invented = desk.page.get_by_role("group", name="Shoppers without an id")
    desk.button("Make up three", invented).click()
    expect(invented.get_by_role("listitem")).to_have_count(3)
    desk.button("Take out: An invented newcomer", invented).click()
    one = invented.get_by_role("form", name="Somebody who did one thing")
    one.get_by_label("What they did").select_option("add_to_cart")
    one.get_by_label("Item, by id or title").fill(other)
    desk.button("Add this shopper", one).click()
    expect(desk.button("Add this shopper", one)).to_be_disabled()
    of_one = desk.page.get_by_role("heading", name=f"Somebody who put “{titled(desk, other)}” into the cart")
    expect(of_one).to_be_visible()
    expect(drafts).to_have_count(3)
    for n in range(3):
        expect(drafts.nth(n).get_by_role("listitem").first).to_contain_text(titled(desk, other))
    assert {user: desk.list_of(user_id=user) for user in live} == live
    assert ok(call(desk.stack, "GET", "/admin/audit", endcap_start=desk.stack.start_token))["records"] == before


def test_10_roll_a_snapshot_back(desk: Desk) -> None:
    first = ask(desk.stack)["snapshot_version"]
    second = str(Rebuilder(desk.stack, str(TINY_ENCODER)).rebuild()["version"])
    desk.becomes(lambda: ask(desk.stack)["snapshot_version"] == second)
    # What is older is no candidate, and whoever has asked is told.
    operating = {"endcap_start": desk.stack.start_token}
    ok(call(desk.stack, "POST", f"/admin/snapshots/{first}/promote", {}, **operating))
    desk.becomes(lambda: "refused" in ok(call(desk.stack, "GET", "/admin/snapshots", **operating)))
    desk.go("Snapshots")
    refused = desk.page.get_by_role("alert").filter(has_text=f"{first} was refused")
    expect(refused).to_contain_text("a rollback goes back to it")
    desk.go("Today")
    expect(desk.page.get_by_text(f"The snapshot {first} was not made current")).to_be_visible()
    desk.go("Snapshots")
    expect(desk.page.get_by_role("row", name=re.compile(re.escape(second)))).to_contain_text("current")
    desk.button(f"Compare {first}").click()
    expect(desk.page.get_by_role("dialog")).to_contain_text("of their items in common")
    desk.page.keyboard.press("Escape")
    desk.button(f"Roll back {first}").click()
    asked = desk.page.get_by_role("dialog")
    expect(asked).to_contain_text(f"All lists of all shoppers are made from {first}")
    assert ask(desk.stack)["snapshot_version"] == second
    desk.button("Roll back", asked).click()
    desk.told("Going back to")
    desk.becomes(lambda: ask(desk.stack)["snapshot_version"] == first)
    expect(desk.page.get_by_role("row", name=re.compile(re.escape(first)))).to_contain_text("current")
    expect(refused).to_have_count(0)
    assert desk.audited("rollback", first)["who"]
