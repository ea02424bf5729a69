"""Which AWS signatures are right: made by botocore's signer as a client uses it, and changed afterwards."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from endcap_local.gateway.sigv4 import SKEW_S, SignatureError, SignedRequest, verify_signature

KEY, SECRET, REGION = "local", "its secret", "eu-west-1"
HOST = "127.0.0.1:8787"


def signed(
    method: str = "GET",
    uri: str = "/users/ann/recommendations?limit=3",
    body: bytes = b"",
    *,
    secret: str = SECRET,
    key: str = KEY,
    service: str = "execute-api",
    region: str = REGION,
    headers: dict[str, str] | None = None,
    **more: Any,
) -> SignedRequest:
    """The request as it travels, signed now."""
    request = AWSRequest(method, f"http://{HOST}{uri}", data=body, headers=headers or {}, **more)
    SigV4Auth(Credentials(key, secret), service, region).add_auth(request)
    prepared = request.prepare()
    parts = urlsplit(prepared.url)
    sent = {"host": HOST, **{name.lower(): str(value) for name, value in prepared.headers.items()}}
    return SignedRequest(method, parts.path + (f"?{parts.query}" if parts.query else ""), sent, body)


def verified(request: SignedRequest, late_s: float = 0.0) -> None:
    verify_signature(request, KEY, SECRET, REGION, datetime.now(UTC).timestamp() + late_s)


def refused(request: SignedRequest, late_s: float = 0.0) -> str:
    with pytest.raises(SignatureError) as caught:
        verified(request, late_s)
    return str(caught.value)


@pytest.mark.parametrize(
    "uri",
    [
        "/",
        "/users/ann/recommendations?limit=3",
        "/users/%E5%BC%A0%20san/profile",
        "/items/a%2Fb",
        "/search?q=tea%20pot&fields=title%2Cprice&b=2&a=1&a=0&empty=&bare",
    ],
)
@pytest.mark.parametrize("body", [b"", b'{"events": []}'])
def test_what_botocore_signs_is_right(uri: str, body: bytes) -> None:
    verified(signed("POST", uri, body, headers={"content-type": "application/json", "x-shop": "a   b"}))


def test_parameters_are_signed_decoded_however_they_travel() -> None:
    request = signed(params={"filter": 'price < 5 AND title CONTAINS "a+b"', "fields": "title,price"}, uri="/search")
    assert "+" in request.uri
    verified(request)
    verified(replace(request, uri=request.uri.replace("%2C", ",").replace("+", "%20")))
    assert "signature does not match" in refused(signed(uri="/search?fields=title,price"))  # signed as it was sent


def test_a_client_may_sign_headers_that_botocore_leaves_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.auth.SIGNED_HEADERS_BLACKLIST", [])
    request = signed(headers={"user-agent": "shop/1"})
    monkeypatch.undo()
    assert "SignedHeaders=host;user-agent" in request.headers["authorization"]
    verified(request)
    assert "does not match" in refused(replace(request, headers={**request.headers, "user-agent": "shop/2"}))
    gone = {name: value for name, value in request.headers.items() if name != "user-agent"}
    assert "not there: user-agent" in refused(replace(request, headers=gone))


def test_a_date_header_says_when_as_well() -> None:
    request = signed(headers={"date": format_datetime(datetime.now(UTC), usegmt=True)})
    assert "x-amz-date" not in request.headers
    verified(request)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"method": "DELETE"}, "does not match"),
        ({"uri": "/users/ben/recommendations?limit=3"}, "does not match"),
        ({"uri": "/users/ann/recommendations?limit=4"}, "does not match"),
        ({"uri": "/users/ann/recommendations#?limit=3"}, "does not match"),
        ({"body": b"{}"}, "does not match"),
    ],
)
def test_a_request_that_was_changed_is_refused(change: dict[str, Any], reason: str) -> None:
    assert reason in refused(replace(signed(), **change))


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"secret": "another"}, "does not match"),
        ({"key": "another"}, "access key"),
        ({"service": "personalize"}, "signed for personalize"),
        ({"region": "us-east-1"}, "in us-east-1"),
    ],
)
def test_other_credentials_services_and_regions_are_refused(wrong: dict[str, str], reason: str) -> None:
    assert reason in refused(signed(**wrong))


def test_a_signature_holds_for_five_minutes_either_way() -> None:
    request = signed()
    for late_s in (SKEW_S - 10, 10 - SKEW_S):
        verified(request, late_s)
    for late_s in (SKEW_S + 10, -SKEW_S - 10):
        assert "five minutes" in refused(request, late_s)


def test_the_host_has_to_be_signed() -> None:
    request = signed()
    header = request.headers["authorization"].replace("host;", "")
    assert "host header" in refused(replace(request, headers={**request.headers, "authorization": header}))


@pytest.mark.parametrize("digest", ["UNSIGNED-PAYLOAD", "0" * 64])
def test_the_hash_of_the_body_is_looked_at(digest: str) -> None:
    request = signed("POST", body=b"{}", headers={"x-amz-content-sha256": digest})
    assert "hash of the body" in refused(request)


def test_a_day_other_than_the_credentials_is_refused() -> None:
    request = signed()
    day = request.headers["x-amz-date"][:8]
    header = request.headers["authorization"].replace(f"/{day}/", "/20200101/")
    assert "the day" in refused(replace(request, headers={**request.headers, "authorization": header}))


@pytest.mark.parametrize("date", ["", "yesterday", "20261301T000000Z"])
def test_a_time_that_is_none_is_refused(date: str) -> None:
    request = signed()
    assert "x-amz-date" in refused(replace(request, headers={**request.headers, "x-amz-date": date}))


@pytest.mark.parametrize("header", ["", "Bearer x", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=a/b/c"])
def test_what_is_no_signature_is_refused(header: str) -> None:
    refused(SignedRequest("GET", "/", {"authorization": header, "host": HOST}, b""))


@given(st.text(), st.text(), st.text())
def test_any_header_is_refused_and_nothing_breaks(names: str, signature: str, date: str) -> None:
    header = f"AWS4-HMAC-SHA256 Credential={KEY}/20260101/{REGION}/execute-api/aws4_request, SignedHeaders={names}"
    headers = {"authorization": f"{header}, Signature={signature}", "host": HOST, "x-amz-date": date}
    refused(SignedRequest("GET", "/", headers, b""))
