"""Pages in headless Chromium, watched: what goes wrong in one fails the test, also where the test did not look.

A page may ask its own server alone. An error on its console, an exception, a breach of its Content-Security-Policy and
a request to anybody else are kept as `problems`, and the fixture `open_page` fails the test that left any.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Page, Playwright, Request

from infra.checks.chromium import find_chromium
from infra.checks.npm import Package, unpacked

REQUIRED: Final = "ENDCAP_BROWSER_REQUIRED"
"""Set to 1, a browser that can't be had is a failure, else what needs one is skipped."""
AXE: Final = Package(
    "axe-core",
    "4.14.1",
    "sha512-FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==",
)
PATIENCE_MS: Final = 30_000
PERSON: Final = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/147.0.0.0 Safari/537.36"
"""What the browser says it is: what a headless one sends is a machine's, and does not count."""
_TAGS: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_OPTIONS: Final = ("--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--force-color-profile=srgb")
# The policy is enforced before a page's own code runs, so breaches are told from the first, each when it happens: to
# ask for them at the end would miss pages that were left, and fail where one is just being left.
_WATCH_POLICY: Final = """
document.addEventListener('securitypolicyviolation', (event) => {
  console.error(`policy: ${event.effectiveDirective} ${event.blockedURI} ${event.sample}`.trim());
});
"""


def launch(playwright: Playwright, *options: str) -> Browser:
    """Chromium without a window.

    Raises
    ------
    PackageError : there is none, and none can be fetched
    """
    found = find_chromium()
    return playwright.chromium.launch(
        executable_path=found.path,
        # For all that it sends: what outlives its page does not say what a context calls itself.
        args=[*_OPTIONS, f"--user-agent={PERSON}", *options],
        env={**os.environ, **found.environment},
        headless=True,
    )


@dataclass
class Watched:
    """One browser window with its own cookies and storage, and all that went wrong in it.

    Parameters
    ----------
    context : what pages are opened in
    origins : servers that its pages may ask

    Attributes
    ----------
    problems : what went wrong
    forgiven : texts of problems that a test provokes, and has looked at
    requests : methods and addresses of all requests
    """

    context: BrowserContext
    origins: frozenset[str]
    problems: list[str] = field(default_factory=list)
    forgiven: list[str] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.context.set_default_timeout(PATIENCE_MS)
        self.context.add_init_script(_WATCH_POLICY)
        self.context.on("request", self._asked)
        self.context.on("console", lambda said: said.type == "error" and self.problems.append(f"console: {said.text}"))
        self.context.on("weberror", lambda raised: self.problems.append(f"exception: {raised.error}"))

    def open(self, url: str) -> Page:
        """A new page at this address, loaded."""
        page = self.context.new_page()
        page.goto(url)
        return page

    def forgive(self, text: str) -> None:
        """Leave problems with this text out, those before and those to come."""
        self.forgiven.append(text)

    def close(self) -> list[str]:
        """Close it; the problems that are left."""
        self.context.close()
        return [problem for problem in self.problems if not any(text in problem for text in self.forgiven)]

    def _asked(self, request: Request) -> None:
        self.requests.append((request.method, request.url))
        parts = urlsplit(request.url)
        if parts.scheme in ("http", "https", "ws", "wss") and f"{parts.scheme}://{parts.netloc}" not in self.origins:
            self.problems.append(f"a request left for {request.url}")


def watched(browser: Browser, origins: Iterable[str], **options: Any) -> Watched:
    """A window; `options` are those of Playwright's `new_context`, such as `color_scheme`, `locale`, `viewport`."""
    return Watched(browser.new_context(**{"locale": "en-GB", "timezone_id": "UTC", **options}), frozenset(origins))


def findings(page: Page, without: Iterable[str] = ()) -> list[str]:
    """What axe finds: one line for each rule, with the elements that break it.

    Parameters
    ----------
    without : CSS selectors of what is not looked at
    """
    # Evaluated over the debugging protocol, which the page's policy does not concern.
    page.evaluate(_axe())
    found = page.evaluate(
        "([without, tags]) => axe.run({exclude: without}, {runOnly: tags, resultTypes: ['violations']})",
        [[[selector] for selector in without], _TAGS],
    )
    return [_line(violation) for violation in found["violations"]]


def assert_accessible(page: Page, without: Iterable[str] = ()) -> None:
    """Fail with what axe finds."""
    found = findings(page, without)
    assert not found, f"{page.url}:\n" + "\n".join(found)


def _line(violation: Mapping[str, Any]) -> str:
    nodes = [
        f"{node['target']} {node['html'][:160]} {json.dumps(node['any'][:1])[:200]}" for node in violation["nodes"]
    ]
    return f"{violation['id']}: {violation['help']}\n  " + "\n  ".join(nodes[:5])


def _axe() -> str:
    return (unpacked(AXE) / "axe.min.js").read_text(encoding="utf-8")


def save_screenshot(page: Page, path: Path, **options: Any) -> None:
    """A picture of the page without what moves."""
    path.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=path, animations="disabled", caret="hide", **options)
