"""The local issuer as a client's OpenID and OAuth libraries see it."""

from __future__ import annotations

import time
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from werkzeug.test import Client
from werkzeug.wrappers import Request, Response

from endcap_local.gateway.issuer import LocalIssuer

URL = "http://127.0.0.1:8787"


def client_of(issuer: LocalIssuer) -> Client:
    @Request.application
    def app(request: Request) -> Response:
        return issuer.answer(request, request.path) or Response("the API's")

    return Client(app)


@pytest.fixture(scope="module")
def issuer() -> LocalIssuer:
    return LocalIssuer(URL, audience=["storefront", "app"])


@pytest.fixture(scope="module")
def client(issuer: LocalIssuer) -> Client:
    return client_of(issuer)


def path_of(url: str) -> str:
    assert url.startswith(URL)
    return url.removeprefix(URL)


def claims_of(client: Client, token: str) -> dict[str, Any]:
    """Read with what discovery leads to, and no more."""
    found = client.get("/local-issuer/.well-known/openid-configuration").json
    keys = client.get(path_of(found["jwks_uri"])).json
    assert not {"d", "p", "q"} & set(keys["keys"][0])
    return jwt.decode(token, KeySet.import_key_set(keys), algorithms=["RS256"]).claims


def asked(client: Client, **form: Any) -> Any:
    token_url = client.get("/local-issuer/.well-known/openid-configuration").json["token_endpoint"]
    return client.post(path_of(token_url), data={"grant_type": "client_credentials", **form})


def test_discovery_leads_to_a_key_that_reads_the_tokens(client: Client, issuer: LocalIssuer) -> None:
    found = client.get("/local-issuer/.well-known/openid-configuration").json
    assert found["issuer"] == issuer.issuer == URL + "/local-issuer"
    answer = asked(client)
    assert answer.headers["cache-control"] == "no-store"
    assert (answer.json["token_type"], answer.json["expires_in"]) == ("Bearer", 3600)
    claims = claims_of(client, answer.json["access_token"])
    assert (claims["iss"], claims["aud"], claims["sub"]) == (issuer.issuer, "storefront", "local")
    assert claims["exp"] - claims["iat"] == 3600
    assert abs(claims["iat"] - time.time()) < 60


def test_a_client_may_ask_for_the_token_that_it_wants_to_try(client: Client) -> None:
    answer = asked(client, audience="nobody", scope="read write", sub="ann", client_id="shop", expires_in="-5").json
    claims = claims_of(client, answer["access_token"])
    assert (claims["aud"], claims["scope"], claims["sub"], claims["client_id"]) == (
        "nobody",
        "read write",
        "ann",
        "shop",
    )
    assert claims["exp"] == claims["iat"] - 5
    assert answer["scope"] == "read write"


def test_a_client_may_name_itself_by_basic_authentication(client: Client) -> None:
    answer = client.post("/local-issuer/oauth2/token", auth=("shop", "any secret"))
    assert claims_of(client, answer.json["access_token"])["client_id"] == "shop"


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"expires_in": "soon"}, "invalid_request"),
        ({"expires_in": "1e3"}, "invalid_request"),
        ({"expires_in": "9" * 30}, "invalid_request"),
    ],
)
def test_what_it_can_not_issue_is_an_oauth_error(client: Client, form: dict[str, str], error: str) -> None:
    answer = asked(client, **form)
    assert (answer.status_code, answer.json["error"]) == (400, error)


def test_a_body_that_is_no_form_is_refused(client: Client) -> None:
    assert client.post("/local-issuer/oauth2/token", json={"audience": "app"}).status_code == 400
    assert client.post("/local-issuer/oauth2/token").status_code == 200


def test_other_methods_and_paths_are_told_apart(client: Client) -> None:
    answer = client.get("/local-issuer/oauth2/token")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert client.post("/local-issuer/.well-known/jwks.json").status_code == 405
    assert client.get("/local-issuer/authorize").status_code == 404
    for path in ("/events", "/local-issuers/x"):
        assert client.get(path).get_data() == b"the API's"


def test_it_signs_in_the_place_of_the_issuer_that_is_configured() -> None:
    issuer = LocalIssuer(URL, "https://issuer.example.com", ["app"])
    client = client_of(issuer)
    assert claims_of(client, issuer.token())["iss"] == "https://issuer.example.com"
    found = client.get("/local-issuer/.well-known/openid-configuration").json
    assert found["issuer"] == "https://issuer.example.com"
    assert found["jwks_uri"].startswith(URL)


def test_each_issuer_has_its_own_key(issuer: LocalIssuer) -> None:
    (one,), (other,) = issuer.keys, LocalIssuer(URL).keys
    assert one.kid != other.kid
