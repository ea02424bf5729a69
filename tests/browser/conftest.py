"""One browser for each worker; a window for each test, which fails where something went wrong in it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, Page, expect, sync_playwright

from endcap_local.stack import LocalStack
from infra.checks.npm import PackageError
from tests.fakes.browser import PATIENCE_MS, REQUIRED, Watched, launch, watched
from tests.fakes.toy_stack import toy_stack

OpenWindow = Callable[..., Watched]
OpenPage = Callable[..., Page]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Headless Chromium."""
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        try:
            started = launch(playwright)
        except PackageError as exc:
            if os.environ.get(REQUIRED) == "1":
                pytest.fail(f"{REQUIRED}=1, and there is no browser: {exc}")
            pytest.skip(str(exc))
        yield started
        started.close()


@pytest.fixture
def open_window(browser: Browser) -> Iterator[OpenWindow]:
    """Opens windows: `open_window(stack.url, color_scheme="dark")`, with options of Playwright's `new_context`."""
    windows: list[Watched] = []

    def opened(*origins: str, **options: Any) -> Watched:
        windows.append(watched(browser, origins, **options))
        return windows[-1]

    yield opened
    problems = [problem for window in windows for problem in window.close()]
    assert not problems, "\n".join(problems)


@pytest.fixture
def open_page(open_window: OpenWindow) -> OpenPage:
    """Opens one page in a window of its own: `open_page(stack.url, "/studio/", locale="zh-CN")`."""

    def opened(origin: str, path: str, **options: Any) -> Page:
        return open_window(origin, **options).open(origin + path)

    return opened


@pytest.fixture(scope="module", name="toy_stack")
def _toy_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """A running stack with forty items, its door open; `toy_stack.start_token` lets the studio in."""
    with toy_stack(tmp_path_factory.mktemp("snapshot"), parameters={"Storefront": "on"}) as stack:
        # On a busy machine a first answer comes before the snapshot is loaded, and says so; a page then shows an error.
        deadline = time.monotonic() + 60
        while requests.get(f"{stack.url}/parameters", timeout=30).status_code != 200:
            assert time.monotonic() < deadline, "the stack does not answer"
            time.sleep(0.05)
        yield stack
