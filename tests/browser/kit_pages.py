"""Pages of a shop that has the kit, at any address, and what a stack knows of who was there."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from playwright.sync_api import Page, Route

from endcap_local.stack import LocalStack
from tests.fakes.browser import PATIENCE_MS, Watched

KIT = Path(__file__).parents[2] / "infra" / "storefront" / "kit"
LIST = """<endcap-list surface="home, top" limit="4" aria-label="For you"><ul data-ec-slot>
<li class="fallback">Our bestsellers</li></ul><template><li><a data-ec-href="url" href="/item">
<span data-ec-text="title"></span> <b data-ec-text="price" data-ec-currency="EUR"></b></a>
<small data-ec-text="why"></small></li></template></endcap-list>"""
RENDERED = """<div data-ec-list="made-by-the-server">
<a href="#there" data-ec-item="item-7" data-ec-position="1">Seven</a></div>"""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src *; base-uri 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)


def page_of(body: str, **data: str) -> str:
    """A page with the kit; `data` are the attributes of its script."""
    told = "".join(f' data-{name}="{value}"' for name, value in data.items())
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>A shop</title>'
        f'<link rel="stylesheet" href="/s.css"><script src="/endcap.js"{told}></script>'
        f"<main><h1>Shop</h1>{body}</main></html>"
    )


def serve(window: Watched, origin: str, pages: Mapping[str, str], policy: str = POLICY) -> None:
    """Let a window find pages at an origin, whoever answers there else."""

    def answer(route: Route) -> None:
        path = urlsplit(route.request.url).path
        if path in pages and path.endswith(".js"):
            route.fulfill(body=pages[path], content_type="text/javascript")
        elif path in pages:
            headers = {"content-type": "text/html; charset=utf-8", "content-security-policy": policy}
            route.fulfill(body=pages[path], headers=headers)
        elif path == "/endcap.js":
            route.fulfill(body=(KIT / "endcap.js").read_text(), content_type="text/javascript")
        elif path == "/consent.js":
            route.fulfill(body=(KIT.parent / "recipes" / "consent.js").read_text(), content_type="text/javascript")
        elif path in ("/s.css", "/favicon.ico"):
            route.fulfill(body="", content_type="text/css")
        else:
            route.fallback()

    window.context.route(f"{origin}/**", answer)


def asked(window: Watched, stack: LocalStack) -> list[tuple[str, str]]:
    """Methods and paths of what was asked of the door."""
    found = [(method, urlsplit(url)) for method, url in window.requests]
    there = urlsplit(stack.url).netloc
    return [(m, u.path) for m, u in found if u.netloc == there and u.path.startswith("/storefront/")]


def stored(page: Page) -> list[str]:
    """Names of what the page keeps, by their beginnings."""
    return sorted({name[:5] for name in page.evaluate("Object.keys(localStorage)")})


def sent(page: Page) -> None:
    """Wait until nothing is left to send."""
    until(page, "!Object.keys(localStorage).some(name => name.startsWith('ec.e.'))")


def until(page: Page, condition: str) -> None:
    """Wait until JavaScript says so; from outside, since the page's policy lets no text be run in it."""
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while not page.evaluate(condition):
        assert time.monotonic() < deadline, condition
        page.wait_for_timeout(10)


def records(stack: LocalStack, prefix: str) -> list[dict[str, Any]]:
    """The records of the archive, or of lists."""
    s3, bucket = stack.client("s3"), stack.function("CollectFunction").environment["DATA_BUCKET"]
    keys = [k["Key"] for k in s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])]
    lines = [line for key in keys for line in s3.get_object(Bucket=bucket, Key=key)["Body"].read().splitlines()]
    return [json.loads(line) for line in lines]


def warm(stack: LocalStack) -> None:
    """Ask for lists until one is recorded: an answer waits only so long for its record, and the first takes longest."""
    deadline = time.monotonic() + 60
    while not records(stack, "exposures/"):
        assert time.monotonic() < deadline
        requests.post(f"{stack.url}/storefront/recommendations", json={"limit": 1, "surface": "warm"}, timeout=30)


def deeds(stack: LocalStack, who: str) -> list[tuple[str, str]]:
    """What a profile knows of, sorted: each event once."""
    stack.wait_until_idle()
    answer = requests.get(f"{stack.url}/users/{who}/export", timeout=30)
    kept = answer.json()["interactions"] if answer.ok else []
    return sorted((one["event_type"], one.get("item_id") or "") for one in kept)
