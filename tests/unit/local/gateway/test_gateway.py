"""The local HTTP API: routes, payload 2.0 events, inferred answers, and what the gateway itself refuses."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import pytest
from werkzeug.test import Client

from endcap_local.gateway.gateway import MAX_BODY_BYTES, MAX_HEADER_BYTES, HttpApi, RouteTable, response_of
from endcap_local.lambda_runtime.reply import Reply
from endcap_local.template.template import Route

ROUTES = [
    Route("GET", "/users/{user_id}/recommendations", "recommend"),
    Route("GET", "/users/me/recommendations", "mine"),
    Route("POST", "/events", "collect"),
    Route("ANY", "/items/{item_id}", "any_item"),
    Route("PUT", "/items/{item_id}", "put_item"),
    Route("GET", "/files/{proxy+}", "files"),
    Route("GET", "/files/{name}", "file"),
]
DEFAULT = Route("ANY", "$default", "rest")


class Functions:
    """Stands in for the invoker: remembers events and answers as told."""

    def __init__(self, answer: Reply | None = None, slow: bool = False) -> None:
        self.calls: list[tuple[str, Mapping[str, Any]]] = []
        self._answer, self._slow = answer or Reply({"statusCode": 200, "body": "ok"}), slow

    def __call__(self, name: str, event: Mapping[str, Any], patience_s: float) -> Reply:
        self.calls.append((name, event))
        if self._slow:
            raise TimeoutError(name)
        return self._answer


def event_for(path: str, method: str = "GET", routes: list[Route] | None = None, **request: Any) -> Mapping[str, Any]:
    functions = Functions()
    Client(HttpApi(routes or [*ROUTES, DEFAULT], functions), use_cookies=False).open(path, method=method, **request)
    ((_, event),) = functions.calls
    return event


@pytest.mark.parametrize(
    ("method", "path", "function", "parameters"),
    [
        ("GET", "/users/u1/recommendations", "recommend", {"user_id": "u1"}),
        ("GET", "/users/me/recommendations", "mine", {}),
        ("GET", "/users/%E5%BC%A0%20san/recommendations", "recommend", {"user_id": "张 san"}),
        ("PUT", "/items/a%2Fb", "put_item", {"item_id": "a/b"}),
        ("DELETE", "/items/a+b", "any_item", {"item_id": "a+b"}),
        ("GET", "/files/x", "file", {"name": "x"}),
        ("GET", "/files/x/y", "files", {"proxy": "x/y"}),
    ],
)
def test_the_most_specific_route_wins(method, path, function, parameters):
    found = RouteTable(ROUTES).match(method, path)
    assert found is not None
    assert (found[0].function, found[1]) == (function, parameters)


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/events"), ("GET", "/users/u1"), ("GET", "/events/"), ("GET", "/"), ("HEAD", "/users//recommendations")],
)
def test_what_no_route_matches_goes_to_default_or_is_refused(method, path):
    assert RouteTable(ROUTES).match(method, path) is None
    assert RouteTable([*ROUTES, DEFAULT]).match(method, path) == (DEFAULT, {})
    response = Client(HttpApi(ROUTES, Functions())).open(path, method=method)
    assert response.status_code == 404
    if method != "HEAD":
        assert response.get_data(as_text=True) == '{"message":"Not Found"}'


def test_an_event_has_the_form_of_payload_2():
    event = event_for("/users/u%201/recommendations?limit=3&tag=a&tag=b%20c&empty=", headers={"X-Shop": "One"})
    assert (event["version"], event["routeKey"]) == ("2.0", "GET /users/{user_id}/recommendations")
    assert event["rawPath"] == "/users/u 1/recommendations"
    assert event["rawQueryString"] == "limit=3&tag=a&tag=b%20c&empty="
    assert event["queryStringParameters"] == {"limit": "3", "tag": "a,b c", "empty": ""}
    assert event["pathParameters"] == {"user_id": "u 1"}
    assert event["headers"]["x-shop"] == "One"
    assert event["isBase64Encoded"] is False
    assert "body" not in event
    assert "cookies" not in event
    context = event["requestContext"]
    assert (context["stage"], context["routeKey"]) == ("$default", event["routeKey"])
    assert context["http"]["method"] == "GET"
    assert context["http"]["path"] == event["rawPath"]
    assert isinstance(context["timeEpoch"], int)


def test_repeated_headers_are_joined_and_cookies_stand_apart():
    event = event_for("/events", "POST", headers=[("Accept", "a/b"), ("Accept", "c/d"), ("Cookie", "x=1; y=2")])
    assert [value.strip() for value in event["headers"]["accept"].split(",")] == ["a/b", "c/d"]
    assert event["cookies"] == ["x=1", "y=2"]
    assert "cookie" not in event["headers"]


@pytest.mark.parametrize(
    ("content_type", "is_text"),
    [
        ("application/json", True),
        ("application/json; charset=utf-8", True),
        ("text/csv", True),
        ("application/xml", True),
        ("application/x-www-form-urlencoded", False),
        ("application/octet-stream", False),
        ("", False),
    ],
)
def test_a_body_is_text_only_for_text_types(content_type, is_text):
    body = '{"a": "很好"}'.encode()
    event = event_for("/events", "POST", data=body, headers={"content-type": content_type} if content_type else {})
    assert event["isBase64Encoded"] is not is_text
    assert (event["body"].encode() if is_text else base64.b64decode(event["body"])) == body


def test_bytes_that_are_no_text_travel_as_base64_whatever_the_type():
    event = event_for("/events", "POST", data=b"\xff\xfe", headers={"content-type": "application/json"})
    assert event["isBase64Encoded"] is True
    assert base64.b64decode(event["body"]) == b"\xff\xfe"


def test_default_route_key_is_its_own():
    assert event_for("/nowhere")["routeKey"] == "$default"


def test_answers_without_a_status_are_the_body_of_a_200():
    response = response_of({"hello": "world"})
    assert (response.status_code, response.json) == (200, {"hello": "world"})
    assert response.content_type == "application/json"
    assert response_of("text").get_data(as_text=True) == "text"


def test_answers_carry_status_headers_cookies_and_binary_bodies():
    response = response_of(
        {
            "statusCode": 201,
            "headers": {"Content-Type": "image/png"},
            "body": base64.b64encode(b"\x00\x01").decode(),
            "isBase64Encoded": True,
            "cookies": ["a=1", "b=2"],
        }
    )
    assert (response.status_code, response.get_data()) == (201, b"\x00\x01")
    assert response.headers.getlist("content-type") == ["image/png"]
    assert response.headers.getlist("set-cookie") == ["a=1", "b=2"]


@pytest.mark.parametrize("payload", [{"statusCode": "x"}, {"statusCode": 200, "body": "?", "isBase64Encoded": True}])
def test_malformed_answers_become_the_gateways_500(payload):
    assert response_of(payload).get_data(as_text=True) == '{"message":"Internal Server Error"}'


def test_a_handler_that_raised_is_a_500_without_its_message():
    response = Client(HttpApi(ROUTES, Functions(Reply(error="KeyError: secret")))).post("/events")
    assert (response.status_code, response.get_data(as_text=True)) == (500, '{"message":"Internal Server Error"}')


def test_a_function_that_outlasts_the_gateway_is_a_503():
    response = Client(HttpApi(ROUTES, Functions(slow=True))).post("/events")
    assert (response.status_code, response.get_data(as_text=True)) == (503, '{"message":"Service Unavailable"}')


def test_too_large_requests_never_reach_a_function():
    functions = Functions()
    client = Client(HttpApi(ROUTES, functions))
    assert client.post("/events", data=b"x" * (MAX_BODY_BYTES + 1)).status_code == 413
    assert client.post("/events", headers={"x-long": "x" * MAX_HEADER_BYTES}).status_code == 431
    assert client.post("/events?" + "x" * MAX_HEADER_BYTES).status_code == 431
    assert not functions.calls
    assert client.post("/events", data=b"x" * MAX_BODY_BYTES).status_code == 200
