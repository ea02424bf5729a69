"""The gateway with the project's own authorizers: who passes, and what the others are told."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from werkzeug.test import Client, TestResponse

from endcap_local.gateway.access import Access
from endcap_local.gateway.gateway import HttpApi
from endcap_local.lambda_runtime.reply import Reply
from endcap_local.template.authorizers import Authorizer
from endcap_local.template.intrinsics import Resolver, TemplateError
from endcap_local.template.template import Route, expand, plan_of

ROOT = Path(__file__).parents[4]
URL = "http://127.0.0.1:8787"
PROFILE = "/users/ann/profile"


@cache
def routes_of(**parameters: str) -> tuple[Route, ...]:
    """Of the project's template under some parameters."""
    source, expanded = _expanded()
    return plan_of(source, expanded, Resolver(expanded, parameters, URL), ROOT).routes


@cache
def _expanded() -> tuple[dict[str, Any], dict[str, Any]]:
    return expand(ROOT / "template.yaml")


class Api:
    """An API whose functions only remember what they were called with."""

    def __init__(self, routes: tuple[Route, ...]) -> None:
        self.events: list[Mapping[str, Any]] = []
        self.access = Access(routes, URL)
        self._client = Client(HttpApi(routes, self._invoke, access=self.access), use_cookies=False)

    def _invoke(self, name: str, event: Mapping[str, Any], timeout_s: float) -> Reply:
        self.events.append(event)
        return Reply({"statusCode": 200, "body": "ok"})

    def call(self, path: str = PROFILE, method: str = "GET", token: str | None = None, **request: Any) -> TestResponse:
        headers = {"authorization": f"Bearer {token}"} if token is not None else {}
        return self._client.open(path, method=method, base_url=URL, headers=headers | request.pop("headers", {}))

    def call_signed(self, path: str = PROFILE, secret: str = "local", method: str = "GET") -> TestResponse:
        request = AWSRequest(method, URL + path)
        SigV4Auth(Credentials("local", secret), "execute-api", "us-east-1").add_auth(request)
        return self.call(path, method, headers=dict(request.headers.items()))


def jwt_api(**parameters: str) -> Api:
    return Api(routes_of(AuthMode="JWT", **parameters))


def refusal_of(response: TestResponse) -> tuple[int, str]:
    assert response.content_type == "application/json"
    return response.status_code, response.get_data(as_text=True)


def test_jwt_mode_takes_tokens_of_the_local_issuer_and_tells_functions_whose() -> None:
    api = jwt_api()
    assert api.access.issuer
    assert api.call(token=api.access.issuer.token(sub="shop")).status_code == 200
    caller = api.events[0]["requestContext"]["authorizer"]["jwt"]
    assert (caller["claims"]["sub"], caller["claims"]["iss"]) == ("shop", f"{URL}/local-issuer")
    assert caller["scopes"] is None


def test_jwt_mode_takes_a_token_without_its_scheme() -> None:
    api = jwt_api()
    assert api.access.issuer
    assert api.call(headers={"authorization": api.access.issuer.token()}).status_code == 200
    assert api.call(headers={"authorization": f"bearer {api.access.issuer.token()}"}).status_code == 200


def test_jwt_mode_refuses_as_api_gateway_does() -> None:
    api = jwt_api(JwtIssuer="https://issuer.example.com", JwtAudience="storefront,app")
    issuer = api.access.issuer
    assert issuer
    assert api.call(token=issuer.token(audience="app")).status_code == 200
    none = api.call()
    assert refusal_of(none) == (401, '{"message":"Unauthorized"}')
    assert none.headers["www-authenticate"] == "Bearer"
    for token, reason in (
        (issuer.token(audience="another"), "the token does not have a valid audience"),
        (issuer.token(expires_in=-1), "the token has expired"),
        (jwt_api().access.issuer.token(), "its key is not the issuer's"),  # type: ignore[union-attr]
        ("x", "can not be read"),
    ):
        refused = api.call(token=token)
        assert refusal_of(refused) == (401, '{"message":"Unauthorized"}')
        assert refused.headers["www-authenticate"].startswith(
            'Bearer scope="" error="invalid_token" error_description="'
        )
        assert reason in refused.headers["www-authenticate"]
    assert len(api.events) == 1


def test_iam_mode_takes_signatures_and_tells_functions_whose() -> None:
    api = Api(routes_of())
    assert api.access.issuer is None
    assert api.call_signed("/users/%E5%BC%A0%20san/recommendations?limit=3&fields=title%2Cprice").status_code == 200
    assert api.events[0]["requestContext"]["authorizer"]["iam"]["accessKey"] == "local"


def test_iam_mode_refuses_as_api_gateway_does_and_says_why_in_a_header() -> None:
    api = Api(routes_of())
    for response, reason in (
        (api.call(), "not signed"),
        (api.call(token="x"), "no AWS4-HMAC-SHA256 signature"),
        (api.call_signed(secret="wrong"), "does not match"),
    ):
        assert refusal_of(response) == (403, '{"message":"Forbidden"}')
        assert reason in response.headers["x-endcap-reason"]
    assert api.events == []


@pytest.mark.parametrize("mode", ["IAM", "JWT"])
def test_every_route_but_health_is_closed_in_each_mode(mode: str) -> None:
    api = Api(routes_of(AuthMode=mode))
    for route in routes_of(AuthMode=mode):
        path = "/nowhere" if route.path == "$default" else route.path.replace("{", "").replace("}", "")
        status = api.call(path, "GET" if route.method == "ANY" else route.method).status_code
        assert status == (200 if route.key == "GET /health" else {"IAM": 403, "JWT": 401}[mode]), route.key
    assert [event["routeKey"] for event in api.events] == ["GET /health"]
    assert "authorizer" not in api.events[0]["requestContext"]
    assert api.access.facts()["open_routes"] == ["GET /health"]


def test_without_access_everything_passes() -> None:
    events: list[Mapping[str, Any]] = []

    def invoke(name: str, event: Mapping[str, Any], timeout_s: float) -> Reply:
        events.append(event)
        return Reply({"statusCode": 200})

    client = Client(HttpApi(routes_of(AuthMode="JWT"), invoke))
    assert client.get(PROFILE).status_code == 200
    client.post("/local-issuer/oauth2/token")
    assert [event["routeKey"] for event in events] == ["GET /users/{user_id}/profile", "$default"]


def test_a_route_with_scopes_needs_one_of_them() -> None:
    route = Route("GET", "/parameters", "recommend", Authorizer("jwt", "jwt"), ("read", "admin"))
    api = Api((route,))
    assert api.access.issuer
    refused = api.call("/parameters", token=api.access.issuer.token(scope="write"))
    assert refusal_of(refused) == (403, '{"message":"Forbidden"}')
    assert 'scope="read admin" error="insufficient_scope"' in refused.headers["www-authenticate"]
    assert api.call("/parameters", token=api.access.issuer.token(scope="write read")).status_code == 200
    assert api.events[0]["requestContext"]["authorizer"]["jwt"]["scopes"] == ["read", "admin"]


def test_the_token_may_lie_in_the_query() -> None:
    authorizer = Authorizer("jwt", "jwt", identity_source="$request.querystring.token")
    api = Api((Route("GET", "/parameters", "recommend", authorizer),))
    assert api.access.issuer
    assert api.call(f"/parameters?token={api.access.issuer.token()}").status_code == 200
    assert api.call("/parameters", token=api.access.issuer.token()).status_code == 401


@pytest.mark.parametrize(
    "authorizers",
    [
        [Authorizer("own", "request")],
        [Authorizer("gone", "undeclared")],
        [Authorizer("a", "jwt", "https://a.example.com"), Authorizer("b", "jwt", "https://b.example.com")],
    ],
)
def test_what_can_not_be_enforced_is_refused_and_not_left_open(authorizers: list[Authorizer]) -> None:
    with pytest.raises(TemplateError, match="not known to the local stack"):
        Access([Route("GET", f"/{n}", "f", authorizer) for n, authorizer in enumerate(authorizers)], URL)


@pytest.mark.parametrize("mode", ["IAM", "JWT"])
def test_what_is_told_at_the_start_lets_a_client_in(mode: str) -> None:
    api = Api(routes_of(AuthMode=mode))
    told = "\n".join(api.access.told())
    assert "Open without authorisation: GET /health" in told
    if mode == "JWT":
        token = told.partition("ENDCAP_TOKEN=")[2].split()[0]
        assert api.call(token=token).status_code == 200
        assert api.call(token=api.access.facts()["jwt"]["token"]).status_code == 200
    else:
        assert "--aws-sigv4 aws:amz:us-east-1:execute-api --user local:local" in told
        assert api.access.facts()["iam"]["AWS_SECRET_ACCESS_KEY"] == "local"
