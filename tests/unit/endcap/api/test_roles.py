"""Who calls, by what the gateway's authorizer says and by nothing else, and what they may do."""

from __future__ import annotations

import random
from typing import Any

import pytest

from endcap.api.guard import Guard
from endcap.api.limits import BURST, ClientLimits
from endcap.api.roles import (
    DOOR,
    ERASE,
    LOOK,
    OPEN,
    SCOPES,
    SERVER,
    SIGNED,
    STEER,
    caller_of,
    permitted,
    scopes_of,
)
from endcap.api.routes import PREFLIGHT, ROUTES, needs_of
from endcap.desk.changes import NOBODY, who
from endcap.errors import ForbiddenError, TooManyRequestsError
from endcap.settings import Authorisation

KEYS = {f"{route.method} {route.path}": route.needs for route in (*ROUTES, PREFLIGHT)}
CLOSED = {key: needs for key, needs in KEYS.items() if not {OPEN, DOOR, SIGNED} & set(needs)}


def token(**claims: str) -> dict[str, Any]:
    """A request's context behind a JWT authorizer."""
    return {"authorizer": {"jwt": {"claims": {"sub": "mallory", **claims}, "scopes": None}}}


SIGNER = {"authorizer": {"iam": {"userArn": "arn:aws:iam::123456789012:user/shop"}}}


def refused(key: str, context: dict[str, Any], authorisation: Any = "scopes") -> bool:
    guard = Guard(authorisation, ClientLimits({}))
    try:
        guard.admit({"routeKey": key, "requestContext": context})
    except ForbiddenError:
        return True
    return False


@pytest.mark.parametrize(
    ("claims", "scopes"),
    [
        ({"scope": "endcap/look endcap/steer"}, {LOOK, STEER}),
        ({"scope": "[endcap/look endcap/steer]"}, {LOOK, STEER}),  # as the gateway writes a list
        ({"scp": "endcap/server"}, {SERVER}),
        ({"scp": ["endcap/server", 7]}, {SERVER}),
        ({"scope": "openid", "scp": "endcap/server"}, {"openid"}),
        ({"scope": ""}, set()),
        ({}, set()),
        ({"scope": {"endcap/server": True}}, set()),
        ({"SCOPE": "endcap/server"}, set()),
    ],
)
def test_scopes_are_words_of_one_claim(claims: dict[str, Any], scopes: set[str]) -> None:
    assert scopes_of(claims) == scopes


def test_a_token_may_what_its_scopes_name_and_nothing_more() -> None:
    for key, needs in CLOSED.items():
        for scope in SCOPES:
            assert refused(key, token(scope=scope)) == (scope not in needs), (key, scope)
        assert refused(key, token()), key
        assert refused(key, token(scope="openid profile")), key


def test_a_signature_is_a_server() -> None:
    for key in KEYS:
        assert not refused(key, SIGNER), key


def test_nobody_is_answered_by_open_routes_alone() -> None:
    for key in KEYS:
        assert refused(key, {}) == (key in CLOSED), key
    assert refused("$default", {})


def test_erasing_needs_its_own_scope_or_a_server() -> None:
    assert set(KEYS["DELETE /users/{user_id}"]) == {SERVER, ERASE}
    assert {key for key, needs in KEYS.items() if ERASE in needs and LOOK not in needs} == {
        "DELETE /users/{user_id}",
        "GET /users/{user_id}/export",
    }


def test_a_route_that_no_table_knows_needs_what_a_server_has() -> None:
    for key in ("PATCH /items/{item_id}", "GET /admin/nothing", ""):
        assert needs_of(key) == (SERVER,)
        assert refused(key, token(scope="endcap/look endcap/steer endcap/erase"))


@pytest.mark.parametrize("authorisation", ["iam", "jwt"])
def test_stacks_of_before_take_any_token_that_the_gateway_took(authorisation: str) -> None:
    for key in KEYS:
        assert not refused(key, token(), authorisation), key
        assert not refused(key, {}, authorisation), key


def test_no_wording_of_a_scope_gives_what_it_does_not_say() -> None:
    drawn = random.Random(9)
    characters = "endcap/server endcap/look[]{},:\t\"'\\\0éＳ-_"
    tried = 0
    while tried < 400:
        text = drawn.choice(
            [
                "endcap/server" + drawn.choice(characters.strip()),
                drawn.choice(characters.strip()) + "endcap/server",
                "".join(drawn.choices(characters, k=drawn.randrange(1, 24))),
                drawn.choice(
                    ["ENDCAP/SERVER", "endcap/Server", "endcap/*", "endcap/", "*", "endcap%2Fserver", "admin"]
                ),
                "endcap\u2044server",
            ]
        )
        inner = text.strip()[1:-1] if text.strip()[:1] == "[" and text.strip()[-1:] == "]" else text
        if SERVER in inner.split():
            continue
        tried += 1
        assert refused("PUT /items/{item_id}", token(scope=text)), text
        assert refused("GET /users/{user_id}/export", token(scope=text, role="server", scopes=SERVER)), text


def test_only_the_authorizer_says_who_calls() -> None:
    said = {"scope": SERVER, "scopes": [SERVER], "jwt": {"claims": {"scope": SERVER}}}
    for context in (said, {"authorizer": None, **said}, {"authorizer": {}, **said}, {"identity": said}):
        assert caller_of(context, "scopes") is None
    event = {
        "routeKey": "GET /users/{user_id}/export",
        "headers": {"authorization": "Bearer x", "x-scope": SERVER},
        "queryStringParameters": {"scope": SERVER},
        "requestContext": {},
    }
    with pytest.raises(ForbiddenError):
        Guard("scopes", ClientLimits({})).admit(event)


@pytest.mark.parametrize(
    ("scope", "role"), [("endcap/server endcap/look", "server"), ("endcap/look", "operator"), ("openid", "browser")]
)
def test_the_strongest_role_counts(scope: str, role: str) -> None:
    caller = caller_of(token(scope=scope), "scopes")
    assert caller
    assert caller.role == role


def test_clients_are_told_apart_by_their_credential() -> None:
    def client(context: dict[str, Any]) -> str:
        caller = caller_of(context, "scopes")
        assert caller
        return caller.client

    assert client(token(client_id="one")) != client(token(client_id="two"))
    assert client(token(client_id="one", sub="a")) == client(token(client_id="one", sub="b"))
    assert client(token(sub="a")) != client(token(sub="b"))
    assert client(SIGNER) not in (client(token()), client({"authorizer": {"iam": {"accessKey": "AKIA"}}}))


def test_audit_records_name_the_person_and_not_the_client_that_all_sign_in_by() -> None:
    def said(context: dict[str, Any], authorisation: Authorisation = "scopes") -> str:
        return who(caller_of(context, authorisation))

    studio = {"client_id": "studio", "scope": LOOK}
    assert said(token(**studio, sub="1f", username="anna")) == "jwt:anna"
    assert said(token(**studio, sub="2e")) == "jwt:2e"
    assert said({"authorizer": {"jwt": {"claims": studio}}}) == "jwt:studio"
    assert said(SIGNER) == "iam:" + SIGNER["authorizer"]["iam"]["userArn"]
    assert said({"http": {"sourceIp": "192.0.2.1"}}, "iam") == NOBODY
    assert who(None) == NOBODY


def test_a_client_has_its_share_and_others_keep_theirs() -> None:
    guard = Guard("scopes", ClientLimits({"operator": 2.0}, lambda: 0.0))
    event = {"routeKey": "GET /parameters", "requestContext": token(scope=LOOK, client_id="one")}
    for _ in range(int(BURST)):
        guard.admit(event)
    with pytest.raises(TooManyRequestsError) as caught:
        guard.admit(event)
    assert caught.value.retry_after_s == 1
    guard.admit({**event, "requestContext": token(scope=LOOK, client_id="two")})
    guard.admit({**event, "requestContext": token(scope=SERVER, client_id="one")})  # another role, without a limit
    guard.admit({**event, "routeKey": "GET /health"})


def test_permission_needs_a_caller() -> None:
    assert not permitted(SCOPES, None)
    assert permitted((OPEN,), None)
