"""The harness itself: a healthy page passes, and each thing that may go wrong in a page is noticed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from endcap_local.gateway.gateway import Gateway, HttpApi
from endcap_local.gateway.pages import Pages, Site
from endcap_local.lambda_runtime.reply import Reply
from tests.fakes.browser import PATIENCE_MS, findings, watched

HEAD = '<!doctype html><html lang="en"><meta charset="utf-8"><title>A page</title>'
GOOD = f"{HEAD}<main><h1>Good</h1></main></html>"
# A style attribute, a script inside the page, a script that makes HTML of text, a picture from elsewhere, an exception.
BAD = (
    f'{HEAD}<main><h1 style="color: red">Bad</h1><img src="http://pictures.example/a.png" alt=""></main>'
    '<script>document.title = "inside"</script><script type="module" src="bad.js"></script></html>'
)
SCRIPT = "queueMicrotask(() => { throw new Error('thrown') })\ndocument.body.innerHTML = '<b>made of text</b>'\n"
UNLABELLED = f'{HEAD}<main><h1>Faint</h1><input><p class="faint">faint</p></main></html>'


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    for name, content in {"good": GOOD, "bad": BAD, "unlabelled": UNLABELLED}.items():
        (tmp_path / f"{name}.html").write_text(content)
    (tmp_path / "bad.js").write_text(SCRIPT)
    gateway = Gateway()
    gateway.start(HttpApi((), lambda *_: Reply(None), pages=Pages({"/pages/": Site(tmp_path)}, "/pages/")))
    yield gateway.url
    gateway.stop()


def test_a_good_page_has_no_problems_and_no_findings(browser: Browser, url: str) -> None:
    window = watched(browser, [url])
    page = window.open(f"{url}/pages/good.html")
    assert page.title() == "A page"
    assert findings(page) == []
    assert window.close() == []


def test_all_that_goes_wrong_in_a_page_is_noticed(browser: Browser, url: str) -> None:
    window = watched(browser, [url])
    page = window.open(f"{url}/pages/bad.html")
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while sum("policy: " in problem for problem in window.problems) < 4:
        assert time.monotonic() < deadline, window.problems
        page.wait_for_timeout(10)
    assert page.title() == "A page"
    told = "\n".join(window.close())
    for sign in ("thrown", "pictures.example", "style-src-attr", "script-src-elem", "require-trusted-types-for"):
        assert sign in told


def test_what_only_some_can_use_is_found(browser: Browser, url: str) -> None:
    window = watched(browser, [url])
    told = "\n".join(findings(window.open(f"{url}/pages/unlabelled.html")))
    assert "label" in told
    assert findings(window.context.pages[0], without=["input"]) == []
    assert window.close() == []
