"""Every route × who calls × where the request names somebody: who is answered, and about whom.

The handlers over moto and the toy snapshot, with functions that require scopes. Alice and the canary are other
shoppers; nothing that a visitor gets may hold anything of theirs, or tell whether they are there.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from endcap.api.roles import DOOR, ERASE, LOOK, OPEN, SERVER, SIGNED, STEER
from endcap.api.routes import PREFLIGHT, ROUTES, Route
from endcap.aws.profiles import ProfileTable
from endcap.events.interaction import Interaction
from endcap.identifiers import anonymous_key
from endcap.profiles.profile import EMPTY_PROFILE, profile_of
from endcap.storefront.tokens import VISIT_S, Visitor, write_visitor
from endcap.storefront.visits import COOKIE, NOBODY
from tests.fakes import moto_stack
from tests.fakes.door_tokens import claims, no_good, signed
from tests.fakes.functions import Apps, context, http_event, published, stack_for_functions

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics")
FUNCTIONS = Path(__file__).parents[2] / "functions"
SECRET = moto_stack.ENVIRONMENT["STOREFRONT_SECRETS"]
CONTEXT = context(10)
ME, CANARY = Visitor(b"m" * 16, int(time.time())), Visitor(b"c" * 16, int(time.time()))
OTHERS = ("alice", CANARY.anonymous_id, anonymous_key(CANARY.anonymous_id))
NOBODY_KNOWN = "nobody-by-this-name"
HISTORY = {"alice": "item-31", anonymous_key(CANARY.anonymous_id): "item-32", anonymous_key(ME.anonymous_id): "item-20"}
SHOP = {"origin": "https://shop.example"}

Answer = tuple[int, Mapping[str, str], Any]


class Functions(Apps):
    """All functions in one stack, called as the gateway calls them."""

    def call(
        self,
        route: Route,
        *,
        authorizer: object = None,
        body: object = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        cookie: str | None = None,
        path_id: str = NOBODY_KNOWN,
    ) -> Answer:
        names = [part[1:-1] for part in route.path.split("/") if part.startswith("{")]
        item_id = "own" if route.function == "manage_items" else "item-20"
        ids = {name: (item_id if name == "item_id" else path_id) for name in names}
        event = http_event(
            route.method,
            route.path,
            None if body is None else json.dumps(body),
            names=ids,
            query=query,
            headers={"content-type": "application/json", "host": "api.example.com", **(headers or {})},
        )
        event["requestContext"]["http"]["sourceIp"] = "203.0.113.7"
        if route == NOWHERE:
            event["routeKey"] = "$default"
        event |= {"cookies": [f"{COOKIE}={cookie}"]} if cookie else {}
        if authorizer is not None:
            event["requestContext"]["authorizer"] = authorizer
        answer = self.app(route.function).handler(event, CONTEXT)
        return answer["statusCode"], answer, json.loads(answer["body"]) if answer.get("body") else None


def jwt(*scopes: str) -> dict[str, Any]:
    return {"jwt": {"claims": {"sub": "mallory", "client_id": "c", "scope": " ".join(scopes)}, "scopes": None}}


CALLERS: dict[str, tuple[Any, set[str]]] = {
    "nobody": (None, set()),
    "token without a scope of ours": (jwt("openid", "profile"), set()),
    "operator who looks": (jwt(LOOK), {LOOK}),
    "operator who steers": (jwt(STEER), {STEER}),
    "operator who erases": (jwt(ERASE), {ERASE}),
    "server": (jwt(SERVER), {SERVER}),
    "signer": ({"iam": {"userArn": "arn:aws:iam::1:user/shop"}}, {SERVER, LOOK, STEER, ERASE}),
}
NOWHERE = Route("GET", "/nowhere", "collect", (SERVER, LOOK, STEER, ERASE))
EVERY = [*(route for route in ROUTES if SIGNED not in route.needs), NOWHERE]
WEBHOOKS = [route for route in ROUTES if SIGNED in route.needs]
DOORS = [route for route in ROUTES if DOOR in route.needs]


def admitted(route: Route, scopes: set[str]) -> bool:
    return bool({OPEN, DOOR, *scopes} & set(route.needs))


PAIRS = [(route, caller, admitted(route, scopes)) for route in EVERY for caller, (_, scopes) in CALLERS.items()]


def pairs(*, answered: bool) -> list[Any]:
    """Routes and callers, where the caller is to be answered or refused."""
    return [pytest.param(r, c, id=f"{r.method} {r.path} {c}") for r, c, fits in PAIRS if fits == answered]


def key_of(route: Route) -> str:
    return f"{route.method} {route.path}"


def body_of(route: Route) -> Any:
    """What the route takes, about nobody in particular."""
    bodies = {
        "/events": {"events": [{"event_type": "view", "item_id": "item-20"}]},
        "/recommendations": {"limit": 3},
        "/conversations": {"turns": ["lamp"], "limit": 3},
        "/rankings": {"item_ids": ["item-20", "item-21"]},
        "/items": {"items": [{"item_id": "own", "title": "Lamp"}]},
    }
    if route.method in ("POST", "PUT", "PATCH"):
        return next((body for tail, body in bodies.items() if route.path.endswith(tail)), {"title": "Lamp"})
    return None


def query_of(route: Route) -> dict[str, str]:
    return {"q": "lamp"} if route.path.endswith("/search") else {}


@pytest.fixture(scope="module")
def functions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Functions]:
    folder = tmp_path_factory.mktemp("snapshot")
    with (
        stack_for_functions(folder),
        patch.dict("os.environ", {"AUTHORISATION": "scopes", "CLIENT_RATES": "browser=0"}),
    ):
        published(folder)
        profiles = ProfileTable(moto_stack.client("dynamodb"), moto_stack.PROFILES, 0)
        for key, item_id in HISTORY.items():
            bought = Interaction("e", key, "purchase", int(time.time() * 1000) - 1000, item_id)
            profiles.update(key, lambda _, bought=bought: profile_of([bought], None))  # type: ignore[misc]
        yield Functions()


@pytest.mark.parametrize(("route", "caller"), pairs(answered=False))
@pytest.mark.parametrize("place", ["path", "query", "body", "header"])
def test_who_lacks_the_scope_is_refused_wherever_the_request_names_somebody(
    functions: Functions, route: Route, caller: str, place: str
) -> None:
    named = {"user_id": "alice", "scope": SERVER, "role": "server"}
    status, answer, body = functions.call(
        route,
        authorizer=CALLERS[caller][0],
        path_id="alice" if place == "path" else NOBODY_KNOWN,
        query=query_of(route) | (named if place == "query" else {}),
        body=named if place == "body" else body_of(route),
        headers=named | {"authorization": f"Bearer {signed(claims(time.time()), SECRET)}"} if place == "header" else {},
    )
    assert status == 403
    assert answer["headers"]["Content-Type"] == "application/problem+json"
    assert answer["headers"]["WWW-Authenticate"] == (
        f'Bearer error="insufficient_scope", scope="{" ".join(route.needs)}"'
    )
    assert not any(other in json.dumps(body) for other in OTHERS)


@pytest.mark.parametrize(("route", "caller"), pairs(answered=True))
def test_who_has_the_scope_is_answered(functions: Functions, route: Route, caller: str) -> None:
    authorizer, scopes = CALLERS[caller]
    given = body_of(route)
    if route.path == "/recommendations" and scopes == {STEER}:
        given |= {"preview": True}  # they make no lists for shoppers
    status, _, body = functions.call(
        route, authorizer=authorizer, query=query_of(route), body=given, path_id=NOBODY_KNOWN
    )
    assert status not in (401, 403, 500, 503), body


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("route", WEBHOOKS, ids=key_of)
def test_no_scope_stands_in_for_the_signature_of_a_webhook(functions: Functions, route: Route, caller: str) -> None:
    status, answer, _ = functions.call(route, authorizer=CALLERS[caller][0], body={"id": 1})
    assert status == 401
    assert answer["headers"]["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("credential", ["cookie", "visitor", "shopper"])
@pytest.mark.parametrize("route", [r for r in EVERY if not {OPEN, DOOR} & set(r.needs)], ids=key_of)
def test_what_a_browser_has_opens_no_other_door(functions: Functions, route: Route, credential: str) -> None:
    token = write_visitor(ME, (SECRET,))
    shopper = signed(claims(time.time(), sub="alice"), SECRET)
    for path_id in (anonymous_key(ME.anonymous_id), ME.anonymous_id, "alice"):  # on oneself, and on another
        status, _, _ = functions.call(
            route,
            path_id=path_id,
            query=query_of(route),
            body=body_of(route),
            cookie=token if credential == "cookie" else None,
            headers={"endcap-visitor": token} if credential == "visitor" else {"endcap-shopper": shopper},
        )
        assert status == 403


def lists(body: Any) -> Any:
    """An answer without what is new in each: its name, and numbers that move with the clock."""
    kept = {name: value for name, value in body.items() if name not in ("recommendation_id", "items")}
    shown = [(i["item_id"], i["rank"], i["source"], [r["text"] for r in i["reasons"]]) for i in body.get("items", ())]
    return kept, shown


def sent(route: Route, place: str, who: str) -> dict[str, Any]:
    """A visitor's request that names `who` in a place."""
    named = {"user_id": who, "anonymous_id": who}
    body, query, headers = body_of(route), query_of(route), dict(SHOP)
    if place == "query":
        query |= named
    elif place == "body" and body is not None:
        body = {**body, **named}
        body |= {"events": [{**event, **named} for event in body["events"]]} if "events" in body else {}
    elif place == "header":
        headers |= {"user-id": who, "x-user-id": who, "anonymous-id": who, "x-amzn-oidc-identity": who}
    elif place == "path" and "user_id" in route.path:
        raise AssertionError("no path of the door names a shopper")
    return {"body": body, "query": query, "headers": headers}


@pytest.mark.parametrize("place", ["path", "query", "body", "header"])
@pytest.mark.parametrize("route", DOORS, ids=key_of)
def test_a_visitor_gets_their_own_whomever_they_name(functions: Functions, route: Route, place: str) -> None:
    cookie = write_visitor(ME, (SECRET,))
    plain = functions.call(route, cookie=cookie, **sent(route, "nowhere", ""))
    assert plain[0] in (200, 202)
    for who in (*OTHERS, NOBODY_KNOWN, anonymous_key(NOBODY_KNOWN), ME.anonymous_id):
        status, answer, body = functions.call(route, cookie=cookie, **sent(route, place, who))
        assert (status, lists(body)) == (plain[0], lists(plain[2])), who  # the same whether they are there or not
        assert not any(other in json.dumps(answer) for other in OTHERS)
        assert answer.get("cookies", []) == []


OLD = Visitor(ME.key, int(time.time() - VISIT_S - 60))
CREDENTIALS: dict[str, tuple[str | None, Mapping[str, str], int | None]] = {
    # the cookie, headers, and the status where it is no list
    "none": (None, {}, None),
    "own header": (None, {"endcap-visitor": write_visitor(ME, (SECRET,))}, None),
    "nobody": (write_visitor(CANARY, (SECRET,)), {"endcap-visitor": NOBODY}, None),
    "a crawler with a cookie": (write_visitor(CANARY, (SECRET,)), {"user-agent": "Googlebot/2.1"}, None),
    "expired cookie": (write_visitor(OLD, (SECRET,)), {}, None),
    "forged cookie": (write_visitor(CANARY, ("x" * 32,)), {}, None),
    "expired header": (None, {"endcap-visitor": write_visitor(OLD, (SECRET,))}, 401),
    "forged header": (None, {"endcap-visitor": write_visitor(CANARY, ("x" * 32,))}, 401),
    "forged shopper": (None, {"endcap-shopper": signed(claims(time.time()), "x" * 32)}, 401),
}


@pytest.mark.parametrize("credential", CREDENTIALS)
@pytest.mark.parametrize("route", DOORS, ids=key_of)
def test_no_credential_but_their_own_leads_to_somebody(functions: Functions, route: Route, credential: str) -> None:
    cookie, headers, refused = CREDENTIALS[credential]
    read: list[str] = []
    table = functions.app("storefront").runtime.profiles
    get = table.get

    def asked(place: str, who: str) -> Answer:
        wanted = sent(route, place, who)
        return functions.call(route, cookie=cookie, **{**wanted, "headers": {**wanted["headers"], **headers}})

    with patch.object(table, "get", lambda key, **options: (read.append(key), get(key, **options))[1]):
        plain = asked("nowhere", "")
        expected = refused or ({"nobody": 400, "a crawler with a cookie": 400}.get(credential, 202))
        assert plain[0] == (expected if refused or route == EVENTS else 200)
        for place in ("query", "body", "header"):
            for who in (*OTHERS, NOBODY_KNOWN):
                status, answer, body = asked(place, who)
                assert (status, stable(body)) == (plain[0], stable(plain[2])), (place, who)
                assert not any(other in json.dumps(answer) for other in OTHERS)
    assert not set(read) & {*HISTORY} - {anonymous_key(ME.anonymous_id)}
    if credential in ("nobody", "a crawler with a cookie"):
        assert read == []
    assert not [e for e in queued() if "alice" in json.dumps(e) or CANARY.anonymous_id in json.dumps(e)]


def stable(body: Any) -> Any:
    kept, shown = lists(body)
    return {name: value for name, value in kept.items() if name != "visitor"}, shown


@pytest.mark.parametrize("route", [route for route in DOORS if "events" not in route.path], ids=key_of)
def test_of_nobody_no_record_is_kept_and_caches_may_keep_the_list(functions: Functions, route: Route) -> None:
    asked = {"body": body_of(route), "query": query_of(route)}
    with patch.object(functions.app("storefront").runtime.exposures, "put") as put:
        _, answer, body = functions.call(route, headers={**SHOP, "endcap-visitor": NOBODY}, **asked)
        assert "items" in body
        assert answer.get("cookies", []) == []
        private = route.method == "POST"
        assert answer["headers"]["Cache-Control"] == ("private, no-store" if private else "public, max-age=60")
        assert answer["headers"]["Vary"] == ("Origin" if private else "Origin, endcap-visitor")
        _, answer, _ = functions.call(route, headers={**SHOP, "user-agent": "Googlebot/2.1"}, **asked)
        assert answer["headers"]["Cache-Control"] == "private, no-store"  # the same address gives others their own list
        put.assert_not_called()
        functions.call(route, headers=SHOP, **asked)
        put.assert_called_once()


def test_who_no_longer_wants_to_be_known_loses_the_cookie(functions: Functions) -> None:
    cookie = write_visitor(ME, (SECRET,))
    _, answer, _ = functions.call(TRENDING, headers={**SHOP, "endcap-visitor": NOBODY}, cookie=cookie)
    (gone,) = answer["cookies"]
    assert gone.startswith(f"{COOKIE}=; ")
    assert "Max-Age=0" in gone
    assert answer["headers"]["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize("route", [route for route in DOORS if "events" not in route.path], ids=key_of)
def test_a_list_is_by_the_history_of_its_visitor_and_no_other(functions: Functions, route: Route) -> None:
    read: list[str] = []
    table = functions.app("storefront").runtime.profiles
    get = table.get

    def recorded(key: str, **options: Any) -> Any:
        read.append(key)
        return get(key, **options)

    with patch.object(table, "get", recorded):
        for who in OTHERS:
            for place in ("query", "body", "header"):
                functions.call(route, cookie=write_visitor(ME, (SECRET,)), **sent(route, place, who))
        assert set(read) == {anonymous_key(ME.anonymous_id)}
        read.clear()
        shopper = {**SHOP, "endcap-shopper": signed(claims(time.time(), sub="bob"), SECRET)}
        functions.call(route, body=body_of(route), query=query_of(route), headers=shopper)
        assert read == ["bob"]


def queued() -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    url = moto_stack.ENVIRONMENT["EVENTS_QUEUE_URL"]
    while messages := moto_stack.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            events += json.loads(message["Body"])["events"]
            moto_stack.client("sqs").delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return events


EVENTS = next(route for route in DOORS if route.path == "/storefront/events")
TRENDING = next(route for route in DOORS if route.path == "/storefront/trending")


def test_events_of_a_visitor_are_queued_as_theirs(functions: Functions) -> None:
    queued()
    for place in ("query", "body", "header"):
        for who in OTHERS:
            functions.call(EVENTS, cookie=write_visitor(ME, (SECRET,)), **sent(EVENTS, place, who))
    found = queued()
    assert len(found) == 3 * len(OTHERS)
    assert {(event.get("user_id"), event["anonymous_id"]) for event in found} == {(None, ME.anonymous_id)}


def test_nothing_was_read_or_erased_of_the_others(functions: Functions) -> None:
    profiles = ProfileTable(moto_stack.client("dynamodb"), moto_stack.PROFILES, 0)
    for key, item_id in HISTORY.items():
        assert [i.item_id for i in profiles.get(key, consistent=True).profile.interactions] == [item_id]
    assert profiles.get("mallory", consistent=True).profile == EMPTY_PROFILE


@pytest.mark.parametrize("route", DOORS, ids=key_of)
def test_a_shoppers_token_that_the_shop_did_not_make_is_refused(functions: Functions, route: Route) -> None:
    now_s = time.time()
    forged = [token for _, token in no_good(11, 56, now_s)]  # signed with the secret of other tests, or not at all
    forged += [signed({**claims(now_s), "exp": now_s - 1}, SECRET), signed(claims(now_s), SECRET, {"alg": "none"})]
    for token in forged:
        headers = {**SHOP, "endcap-shopper": token}
        status, answer, body = functions.call(route, body=body_of(route), query=query_of(route), headers=headers)
        assert (status, body["status"]) == (401, 401)
        assert answer["headers"]["Content-Type"] == "application/problem+json"
        assert answer["headers"]["Access-Control-Allow-Origin"] == SHOP["origin"]  # so that the page can tell
        assert "alice" not in json.dumps(answer)
        assert not answer.get("cookies")
    assert not [event for event in queued() if event.get("user_id") == "alice"]


def test_the_cookie_is_one_that_no_script_reads(functions: Functions) -> None:
    _, answer, body = functions.call(TRENDING, headers=SHOP)
    (cookie,) = answer["cookies"]
    name, *attributes = cookie.split("; ")
    assert name.startswith(f"{COOKIE}=")
    assert set(attributes) == {"Path=/", "Max-Age=31536000", "HttpOnly", "Secure", "SameSite=Lax"}
    assert "visitor" not in body
    token = name.removeprefix(f"{COOKIE}=")
    assert functions.call(TRENDING, headers=SHOP, cookie=token)[1].get("cookies", []) == []


def forged(token: str) -> str:
    """Another token: the last character of all says less than a byte, and may say nothing."""
    return token[:-8] + ("A" if token[-8] != "A" else "B") + token[-7:]


def test_a_page_of_another_site_keeps_the_token_itself(functions: Functions) -> None:
    status, answer, body = functions.call(EVENTS, headers={**SHOP, "endcap-visitor": "new"}, body=body_of(EVENTS))
    assert status == 202
    assert not answer.get("cookies")
    token = body["visitor"]
    again = functions.call(EVENTS, headers={**SHOP, "endcap-visitor": token}, body=body_of(EVENTS))[2]
    assert "visitor" not in again
    first, second = queued()
    assert first["anonymous_id"] == second["anonymous_id"]
    status, _, body = functions.call(EVENTS, headers={"endcap-visitor": forged(token)}, body=body_of(EVENTS))
    assert status == 401
    assert "new" in body["detail"]


def test_a_visitor_who_signs_in_is_said_once_to_be_the_shopper(functions: Functions) -> None:
    shopper = {**SHOP, "endcap-shopper": signed(claims(time.time(), sub="bob"), SECRET)}
    _, answer, _ = functions.call(EVENTS, headers=shopper, cookie=write_visitor(ME, (SECRET,)), body=body_of(EVENTS))
    (cookie,) = answer["cookies"]
    linked = cookie.partition("=")[2].partition(";")[0]
    functions.call(EVENTS, headers=shopper, cookie=linked, body=body_of(EVENTS))
    said = [(e["event_type"], e["user_id"], e.get("anonymous_id")) for e in queued()]
    assert said == [("view", "bob", None), ("identify", "bob", ME.anonymous_id), ("view", "bob", None)]


def test_pages_of_others_are_refused_and_ours_are_told_that_they_may(functions: Functions) -> None:
    for route in DOORS:
        asked = {"body": body_of(route), "query": query_of(route)}
        for origin in ("https://attacker.example", "null", "https://shop.example.attacker.example"):
            status, answer, _ = functions.call(route, headers={"origin": origin}, **asked)
            assert status == 403
            assert answer["headers"]["Vary"] == "Origin"
            assert not [name for name in answer["headers"] if name.startswith("Access-Control")]
        status, answer, _ = functions.call(route, headers=SHOP, **asked)
        assert status in (200, 202)
        assert answer["headers"]["Access-Control-Allow-Origin"] == SHOP["origin"]
        assert answer["headers"]["Access-Control-Allow-Credentials"] == "true"
        assert answer["headers"]["Vary"] == "Origin"


def test_what_a_browser_asks_beforehand_is_answered(functions: Functions) -> None:
    status, answer, body = functions.call(PREFLIGHT, headers=SHOP)
    assert (status, body) == (204, None)
    assert answer["headers"]["Access-Control-Allow-Origin"] == SHOP["origin"]
    assert "*" not in json.dumps(answer)
    status, answer, _ = functions.call(PREFLIGHT, headers={"origin": "https://attacker.example"})
    assert answer["headers"] == {"Vary": "Origin"}


def test_bodies_are_small_and_errors_are_problems(functions: Functions) -> None:
    large = {"events": [{"event_type": "search", "text": "x" * 3000}] * 12}
    status, answer, body = functions.call(EVENTS, headers=SHOP, body=large)
    assert (status, body["detail"]) == (413, "the body may take at most 32 KB")
    status, answer, body = functions.call(EVENTS, headers=SHOP, body={"events": []})
    assert (status, body["errors"][0]["field"]) == (400, "events")
    assert answer["headers"]["Content-Type"] == "application/problem+json"
