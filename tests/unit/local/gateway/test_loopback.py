"""What pages of the web try on a stack of this machine: another name that leads here, another site, a form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from werkzeug.test import Client, EnvironBuilder, TestResponse
from werkzeug.wrappers import Request

from endcap_local.gateway.access import OWNER, Access, RefusedError
from endcap_local.gateway.gateway import HttpApi
from endcap_local.gateway.loopback import Loopback
from endcap_local.lambda_runtime.reply import Reply
from endcap_local.template.authorizers import IAM, Authorizer
from endcap_local.template.template import Route

URL = "http://127.0.0.1:8787"
GUARDED = Authorizer("jwt", "jwt")
ROUTES = (
    Route("DELETE", "/users/{user_id}", "manage_users", GUARDED),
    Route("GET", "/users/{user_id}/profile", "manage_users", GUARDED),
    Route("GET", "/admin/overview", "operate", GUARDED),
    Route("PUT", "/admin/scenarios/{name}", "operate", GUARDED),
    Route("GET", "/storefront/trending", "storefront"),
)
ERASE, LOOK, STEER = ("DELETE", "/users/ann"), ("GET", "/admin/overview"), ("PUT", "/admin/scenarios/home")
TOKEN = ("POST", "/local-issuer/oauth2/token")
ISSUED = ("GET", "/local-issuer/.well-known/openid-configuration")
FOREIGN = [
    {"host": "attacker.example:8787"},
    {"host": "attacker.example"},
    {"host": "127.0.0.1.attacker.example:8787"},
    {"host": "127.0.0.1:80"},
    {"host": "127.0.0.1"},
    {"host": "[::1]:1"},
    {"host": ""},
    {"host": "127.0.0.1:8787", "origin": "http://attacker.example"},
    {"host": "127.0.0.1:8787", "origin": "http://attacker.example:8787"},
    {"host": "127.0.0.1:8787", "origin": "https://127.0.0.1:8787"},
    {"host": "127.0.0.1:8787", "origin": "http://127.0.0.1:3000"},
    {"host": "127.0.0.1:8787", "origin": "null"},
    {"host": "127.0.0.1:8787", "origin": ""},
]


class Stack:
    """The gateway with functions that only remember what they were called with."""

    def __init__(self, *, auth: bool = False) -> None:
        self.events: list[Mapping[str, Any]] = []
        self.loopback = Loopback(URL)
        self.access = Access(ROUTES, URL, self.loopback.start_token) if auth else None
        api = HttpApi(ROUTES, self._invoke, access=self.access, loopback=self.loopback)
        self._client = Client(api, use_cookies=False)

    def _invoke(self, name: str, event: Mapping[str, Any], timeout_s: float) -> Reply:
        self.events.append(event)
        return Reply({"statusCode": 200, "body": "ok"})

    def call(self, asked: tuple[str, str], start: str = "", **request: Any) -> TestResponse:
        headers = request.pop("headers", {}) | ({"endcap-start": start} if start else {})
        return self._client.open(asked[1], method=asked[0], base_url=URL, headers=headers, **request)


def request_of(method: str, headers: dict[str, str]) -> Request:
    return Request(EnvironBuilder("/users/ann", method=method, headers=headers).get_environ())


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
@pytest.mark.parametrize("asked", [ERASE, LOOK, STEER], ids=str)
def test_another_site_erases_and_operates_nothing(asked: tuple[str, str], headers: dict[str, str]) -> None:
    stack = Stack()
    refused = stack.call(asked, stack.loopback.start_token, headers=headers)
    assert refused.status_code == 403
    assert "x-endcap-reason" in refused.headers
    assert not [name for name, _ in refused.headers if name.lower().startswith("access-control")]
    assert stack.events == []


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
@pytest.mark.parametrize("asked", [TOKEN, ISSUED], ids=str)
def test_another_site_has_nothing_signed_and_learns_no_address(asked: tuple[str, str], headers: dict[str, str]) -> None:
    stack = Stack(auth=True)
    refused = stack.call(asked, stack.loopback.start_token, headers=headers)
    assert refused.status_code == 403
    assert stack.loopback.start_token not in refused.get_data(as_text=True)


@pytest.mark.parametrize("host", ["127.0.0.1:8787", "localhost:8787", "LOCALHOST:8787", "[::1]:8787"])
def test_our_own_names_are_answered(host: str) -> None:
    stack = Stack()
    for headers in ({"host": host}, {"host": host, "origin": f"http://{host}"}):
        assert stack.call(ERASE, headers=headers).status_code == 200
        assert stack.call(LOOK, stack.loopback.start_token, headers=headers).status_code == 200


def test_on_the_port_of_the_web_no_port_is_named() -> None:
    checks = Loopback("http://127.0.0.1:80")
    for host in ("127.0.0.1", "127.0.0.1:80", "localhost"):
        checks.check_route(request_of("DELETE", {"host": host, "origin": f"http://{host}"}), ROUTES[0])
    with pytest.raises(RefusedError):
        checks.check_route(request_of("DELETE", {"host": "attacker.example"}), ROUTES[0])


def test_operating_wants_the_token_of_this_start() -> None:
    stack, other = Stack(), Stack()
    for start in ("", "x", other.loopback.start_token, stack.loopback.start_token[:-1]):
        assert stack.call(LOOK, start).status_code == 403
    assert stack.call(("GET", f"/admin/overview?start={stack.loopback.start_token}")).status_code == 200


def test_signing_wants_it_too_and_its_printed_address_carries_it() -> None:
    stack = Stack(auth=True)
    assert stack.access
    assert stack.access.issuer
    form = {"grant_type": "client_credentials"}
    assert stack.call(TOKEN, data=form).status_code == 403
    assert stack.call(TOKEN, stack.loopback.start_token, data=form).status_code == 200
    printed = stack.access.issuer.token_url.removeprefix(URL)
    assert stack.call(("POST", printed), data=form).status_code == 200
    assert stack.access.issuer.token_url in "\n".join(stack.access.told())
    discovered = stack.call(ISSUED).json
    assert discovered
    assert discovered["token_endpoint"] == stack.access.issuer.token_url


@pytest.mark.parametrize("asked", [ERASE, STEER], ids=str)
@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_what_a_form_can_send_is_refused(asked: tuple[str, str], content_type: str) -> None:
    stack = Stack()
    start = stack.loopback.start_token
    assert stack.call(asked, start, data=b"{}", content_type=content_type).status_code == 403
    assert stack.call(asked, start, data=b"{}", content_type="application/json; charset=utf-8").status_code == 200


def test_spelling_a_path_otherwise_changes_nothing() -> None:
    stack = Stack()
    for method, path in (("DELETE", "/%75sers/ann"), ("GET", "/%61dmin/overview"), ("GET", "/admin%2Foverview")):
        assert stack.call((method, path), headers={"host": "attacker.example"}).status_code in (403, 404)
    assert stack.events == []


def test_other_routes_are_as_open_as_they_were() -> None:
    stack = Stack()
    assert stack.call(("GET", "/users/ann/profile"), headers={"host": "stack.internal"}).status_code == 200


def test_without_authorisation_the_owner_calls_every_route_but_the_door() -> None:
    stack = Stack()
    stack.call(("GET", "/users/ann/profile"))
    stack.call(("GET", "/storefront/trending"))
    closed, door = stack.events
    assert closed["requestContext"]["authorizer"]["iam"]["userArn"].endswith(":user/local")
    assert "authorizer" not in door["requestContext"]


class Signed(Stack):
    """A stack whose routes take signatures alone."""

    def __init__(self) -> None:
        super().__init__()
        routes = [Route(r.method, r.path, r.function, Authorizer("iam", IAM)) for r in ROUTES[:4]]
        self.access = Access(routes, URL, self.loopback.start_token)
        self._client = Client(HttpApi(routes, self._invoke, access=self.access, loopback=self.loopback))


PROFILE = ("GET", "/users/ann/profile")


@pytest.mark.parametrize(("method", "path"), [ERASE, LOOK, STEER, PROFILE])
def test_pages_of_a_stack_that_takes_signatures_act_as_its_owner_by_the_token_of_the_start(
    method: str, path: str
) -> None:
    stack = Signed()
    headers = {"host": "127.0.0.1:8787", "origin": URL, "endcap-start": stack.loopback.start_token}
    assert stack._client.open(path, method=method, headers=headers).status_code == 200
    assert stack.events[-1]["requestContext"]["authorizer"] == OWNER
    for changed in ({"endcap-start": "x"}, {"origin": "http://attacker.example"}, {"host": "attacker.example:8787"}):
        assert stack._client.open(path, method=method, headers=headers | changed).status_code == 403, changed
    form = headers | {"content-type": "text/plain"}
    assert stack._client.open(path, method=method, headers=form, data="{}").status_code == 403
    del headers["endcap-start"]
    query = {"start": stack.loopback.start_token}  # an address that has got about is no signature
    assert stack._client.open(path, method=method, headers=headers, query_string=query).status_code == 403
    assert len(stack.events) == 1
