"""The pictures of the documentation, taken of a running demo.

    python -m tests.browser.screenshots [--persist FOLDER]

writes `docs/images/studio-*.png`, on a machine that has a Chinese font. With a folder the demo's shop is kept there
and not built again.
"""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from endcap_local.data_import.into_local import load_folder
from endcap_local.demo_data import DEMO_DATA
from endcap_local.stack import LocalStack
from tests.fakes.browser import launch, save_screenshot, watched
from tests.fakes.shop_over_http import ask, call, comes_true, did, ok

ROOT = Path(__file__).parents[2]
OUT = ROOT / "docs" / "images"
MOST_BYTES = 200_000
SIZE = {"width": 1280, "height": 800}
CURRENT = "/admin/snapshots"


def main() -> None:
    """Take them all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--persist", type=Path)
    folder = parser.parse_args().persist
    with LocalStack(ROOT / "template.yaml", parameters={"Storefront": "on"}, persist=folder) as stack:
        if folder is None or not operated(stack, "GET", CURRENT).get("current"):
            load_folder(stack, DEMO_DATA, lambda *_: None, "english", max_cases=100)
        prepare(stack)
        with sync_playwright() as playwright:
            browser = launch(playwright)
            for name, (page, act, options) in PICTURES.items():
                window = watched(browser, [stack.url], viewport=SIZE, **options)
                shown = window.open(f"{stack.studio_url}#/{page}")
                settle(shown)
                act(shown)
                settle(shown)
                file = OUT / f"studio-{name}.png"
                save_screenshot(shown, file)
                print(f"{file.relative_to(ROOT)}: {file.stat().st_size:,} bytes; {window.close() or 'no problems'}")
                assert file.stat().st_size <= MOST_BYTES
            browser.close()


def operated(stack: LocalStack, method: str, path: str, body: object = None, **headers: str) -> dict[str, Any]:
    answer: dict[str, Any] = ok(call(stack, method, path, body, endcap_start=stack.start_token, **headers))
    return answer


def prepare(stack: LocalStack) -> None:
    """A shop in which something happens: a scenario, lists on two surfaces, and what came of them."""
    assert comes_true(lambda: call(stack, "POST", "/recommendations", {"limit": 1})[0] == 200)
    listed = ask(stack, limit=40)["items"]
    known = {one["name"] for one in operated(stack, "GET", "/admin/scenarios")["scenarios"]}
    if "home" not in known:
        pinned = [{"item_id": listed[14]["item_id"], "position": 2, "until": int((time.time() + 5 * 86400) * 1000)}]
        document = {"diversity": 0.2, "pinned": pinned, "filter": "price < 15"}
        operated(stack, "PUT", "/admin/scenarios/home", document)
    assert comes_true(lambda: call(stack, "POST", "/recommendations", {"scenario": "home", "limit": 1})[0] == 200)
    for k, (surface, scenario) in enumerate([("start-page", "home"), ("start-page", "home"), ("cart", None)] * 6):
        user = f"visitor-{k}"
        shown = ask(stack, user_id=user, surface=surface, scenario=scenario, limit=6)
        named = {"recommendation_id": shown["recommendation_id"]}
        items = [item["item_id"] for item in shown["items"]]
        did(
            stack,
            user,
            *({"event_type": "impression", "item_id": one, "position": p + 1, **named} for p, one in enumerate(items)),
        )
        if k % 2 == 0:
            did(stack, user, {"event_type": "click", "item_id": items[k % 6], "event_id": f"{user}-click", **named})
        if k % 3 == 0:
            did(
                stack,
                user,
                {
                    "event_type": "purchase",
                    "item_id": items[k % 6],
                    "value": 4.25 + k,
                    "event_id": f"{user}-buy",
                    "properties": {"currency": "GBP"},
                    **named,
                },
            )
    found = ok(call(stack, "GET", "/search?q=cake+tins&limit=4"))["items"]
    deeds = zip(("view", "add_to_cart", "purchase"), found, strict=False)
    did(stack, "ada", *({"event_type": kind, "item_id": item["item_id"]} for kind, item in deeds))


def settle(page: Page) -> None:
    page.wait_for_load_state("networkidle")
    page.wait_for_function("() => !document.querySelector('.loading, [aria-busy=true]')")


def shop_a_little(page: Page) -> None:
    page.get_by_label(re.compile("^(Search|搜索)$")).fill("")
    for icon, place in ((1, 5), (0, 2)):
        page.locator(".tile").nth(place).locator(".tools button").nth(icon).click()
        settle(page)


def pin_one(page: Page) -> None:
    page.get_by_role("button", name=re.compile("^Pin here: ")).nth(2).click()


def nothing(page: Page) -> None:
    """A picture of the page as it opens."""


Act = Callable[[Page], None]
PICTURES: dict[str, tuple[str, Act, dict[str, Any]]] = {
    "today": ("today", nothing, {}),
    "try": ("try", shop_a_little, {}),
    "try-zh-dark": ("try", shop_a_little, {"locale": "zh-CN", "color_scheme": "dark"}),
    "scenarios": ("scenarios/home", nothing, {}),
    "merchandise": ("merchandise?scenario=home", pin_one, {}),
    "item": ("catalogue/22423?scenario=home", nothing, {}),
    "results": ("results", nothing, {}),
    "shopper": ("shopper/ada", nothing, {}),
}

if __name__ == "__main__":
    main()
