"""Operators sign in to the studio by authorisation code with PKCE, and are told where that does not succeed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from endcap_local.gateway.access import EVERYTHING
from endcap_local.stack import LocalStack
from tests.fakes.browser import Watched, assert_accessible
from tests.fakes.code_issuer import CodeIssuer

ROOT = Path(__file__).parents[2]
PARAMETERS = {"AuthMode": "JWT", "JwtAudience": "shop", "JwtScopes": "require"}

OpenWindow = Callable[..., Watched]


@pytest.fixture(scope="module")
def stack() -> Iterator[LocalStack]:
    with LocalStack(ROOT / "template.yaml", auth=True, parameters=PARAMETERS) as up:
        yield up


def issuer_of(stack: LocalStack) -> CodeIssuer:
    assert stack.access is not None
    assert stack.access.issuer is not None
    local = stack.access.issuer
    return CodeIssuer(stack.url, lambda: local.token(scope=EVERYTHING))


def opened(window: Watched, stack: LocalStack, issuer: CodeIssuer) -> Page:
    page = window.context.new_page()
    issuer.serve(page)
    window.forgive("status of 503")  # the shop has no snapshot
    # On AWS no token of a start is asked for beside the operator's own.
    start = {"endcap-start": stack.start_token}
    page.route("**/admin/**", lambda route: route.continue_(headers={**route.request.headers, **start}))
    page.goto(f"{stack.url}/studio/#/scenarios")
    return page


def test_who_signs_in_is_where_they_were_and_may_look(stack: LocalStack, open_window: OpenWindow) -> None:
    window, issuer = open_window(stack.url), issuer_of(stack)
    page = opened(window, stack, issuer)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="It is me").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Scenarios")
    expect(page.get_by_role("link", name="buy_again")).to_be_visible()
    assert "code=" not in page.url
    assert issuer.challenges == {}
    page.reload()
    expect(page.get_by_role("link", name="buy_again")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()


@pytest.mark.parametrize(
    ("refuses", "at_the_end", "expected"),
    [("You are no operator", False, "The issuer says: You are no operator"), ("no", True, "gave no token (400)")],
)
def test_a_sign_in_that_fails_is_told_and_can_be_tried_again(
    stack: LocalStack, open_window: OpenWindow, refuses: str, at_the_end: bool, expected: str
) -> None:
    window, issuer = open_window(stack.url), issuer_of(stack)
    issuer.refuses, issuer.at_the_end = refuses, at_the_end
    page = opened(window, stack, issuer)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="It is me").click()
    expect(page.get_by_role("alert")).to_contain_text(expected)
    assert "?" not in page.url
    assert_accessible(page)
    issuer.refuses = ""
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="It is me").click()
    expect(page.get_by_role("link", name="buy_again")).to_be_visible()
    window.forgive("status of 400")


def test_a_code_that_this_tab_did_not_ask_for_signs_nobody_in(stack: LocalStack, open_window: OpenWindow) -> None:
    window, issuer = open_window(stack.url), issuer_of(stack)
    page = window.context.new_page()
    issuer.serve(page)
    page.goto(f"{stack.url}/studio/?code=code-0&state=forged")
    expect(page.get_by_role("alert")).to_contain_text("was not begun in this tab")
    assert "code=" not in page.url
    assert not [url for _, url in window.requests if url.endswith("/issuer/token")]
