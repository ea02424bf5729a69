"""The studio of a stack on this machine that enforces who may call."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Route, expect

from endcap_local.stack import LocalStack
from tests.browser.kit_pages import until
from tests.fakes.browser import Watched

ROOT = Path(__file__).parents[2]
PARAMETERS = {"AuthMode": "JWT", "JwtAudience": "shop", "JwtScopes": "require"}


def test_it_asks_the_stacks_own_issuer_for_a_token(open_window: Callable[..., Watched]) -> None:
    with LocalStack(ROOT / "template.yaml", auth=True, parameters=PARAMETERS) as stack:
        window = open_window(stack.url)
        page = window.open(f"{stack.studio_url}#/scenarios")
        expect(page.get_by_role("link", name="buy_again")).to_be_visible()
        asked = [url for _, url in window.requests if "/local-issuer/" in url]
        assert asked == [f"{stack.url}/local-issuer/oauth2/token"]
        window.forgive("status of 401")
        window.forgive("status of 503")  # the shop has no snapshot
        page.goto("about:blank")  # no request outlives the stack


def test_a_call_that_is_refused_when_a_token_has_come_asks_for_no_second_one(
    open_window: Callable[..., Watched],
) -> None:
    with LocalStack(ROOT / "template.yaml", auth=True, parameters=PARAMETERS) as stack:
        window = open_window(stack.url)
        window.forgive("status of 401")
        window.forgive("status of 503")  # the shop has no snapshot
        held: list[Route] = []

        def hold(route: Route) -> None:
            headers = route.request.headers
            first = "endcap-start" in headers and "/local-issuer/" not in route.request.url and not held
            if first:
                assert "authorization" not in headers
                held.append(route)
            else:
                route.fallback()

        window.context.route("**/*", hold)
        page = window.open(f"{stack.studio_url}#/scenarios")
        until(page, "document.querySelector('main') !== null")
        page.evaluate("import('/studio/lib/api.js').then(({ get }) => get(['parameters'])).catch(() => 0); 0")
        until(page, "JSON.stringify(sessionStorage).includes('until')")
        assert len(held) == 1
        held[0].fulfill(status=401, json={"message": "Unauthorized"})
        expect(page.get_by_role("link", name="buy_again")).to_be_visible()
        asked = [url for _, url in window.requests if "/local-issuer/" in url]
        assert asked == [f"{stack.url}/local-issuer/oauth2/token"]
        page.goto("about:blank")  # no request outlives the stack


def test_it_acts_as_the_owner_of_a_stack_that_takes_signatures(open_window: Callable[..., Watched]) -> None:
    with LocalStack(ROOT / "template.yaml", auth=True) as stack:
        window = open_window(stack.url)
        page = window.open(f"{stack.studio_url}#/scenarios")
        expect(page.get_by_role("link", name="buy_again")).to_be_visible()
        window.forgive("status of 503")  # the shop has no snapshot
        page.goto("about:blank")  # no request outlives the stack
