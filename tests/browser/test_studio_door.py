"""The studio's page is there, on a running stack, and nothing is wrong with it."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from endcap_local.stack import LocalStack
from tests.fakes.browser import assert_accessible


def test_the_page_opens(toy_stack: LocalStack, open_page: Callable[..., Page]) -> None:
    page = open_page(toy_stack.url, f"/studio/?start={toy_stack.start_token}")
    expect(page.get_by_role("heading", name="Endcap Studio")).to_be_visible()
    assert_accessible(page)
