"""How soon the studio's first view is drawn, on a running local stack and by a browser that has nothing of it yet.

    python -m tests.benchmarks.studio --url 'http://127.0.0.1:8787/studio/?start=…' [--runs 10]

The clock is the page's own: from the beginning of the navigation until *Today* stands with its figures and nothing is
on its way any more. `painted` is the browser's first contentful paint. The first run is told apart: it also starts what
the server starts once.
"""

from __future__ import annotations

import argparse
import statistics
from urllib.parse import urlsplit

from playwright.sync_api import Browser, sync_playwright

from tests.fakes.browser import launch

DRAWN = "() => document.querySelector('.stats strong') && !document.querySelector('.loading, main [aria-busy=true]')"
NOW = "() => performance.now()"
PAINTED = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
BYTES = """() => [...performance.getEntriesByType('resource'), ...performance.getEntriesByType('navigation')]
  .filter(({ name }) => new URL(name).pathname.startsWith('/studio/'))
  .reduce((sum, one) => sum + one.transferSize, 0)"""


def main() -> None:
    """Open it as often as is asked for, each time in a new window, and tell the times in milliseconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--runs", type=int, default=10)
    given = parser.parse_args()
    with sync_playwright() as playwright:
        browser = launch(playwright)
        found = [opened(browser, given.url) for _ in range(given.runs + 1)]
        browser.close()
    print(f"studio of {urlsplit(given.url).netloc}: first run drawn after {found[0][0]:.0f} ms")
    for name, column in (("drawn", 0), ("painted", 1)):
        times = sorted(one[column] for one in found[1:])
        print(f"{name}: median {statistics.median(times):.0f} ms, slowest of {len(times)} {times[-1]:.0f} ms")
    print(f"bytes of the studio's files: {found[-1][2]:,.0f}")


def opened(browser: Browser, url: str) -> tuple[float, float, float]:
    """Milliseconds until the first view is drawn, and painted at all, and the bytes of its files."""
    context = browser.new_context(service_workers="block")
    page = context.new_page()
    page.goto(url, wait_until="commit")
    page.wait_for_function(DRAWN, polling="raf")
    told = tuple(float(page.evaluate(script) or 0) for script in (NOW, PAINTED, BYTES))
    context.close()
    return told[0], told[1], told[2]


if __name__ == "__main__":
    main()
