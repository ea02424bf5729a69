"""What the command line's HTTP client sends so that a deployed API lets it in."""

import pytest

from endcap_local import http_client
from endcap_local.http_client import HttpClient, HttpError

API = "https://abc123.execute-api.eu-west-1.amazonaws.com"


@pytest.fixture
def sent(monkeypatch):
    """The headers of each request; every one is refused on the way."""
    seen = []

    def refuse(request, timeout):
        seen.append({name.lower(): value for name, value in request.header_items()})
        raise OSError("not sent")

    monkeypatch.setattr(http_client, "urlopen", refuse)
    monkeypatch.delenv("ENDCAP_TOKEN", raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "example")
    return seen


def call(url):
    with pytest.raises(HttpError):
        HttpClient(url).post("/events", {"events": []})


def test_a_local_api_needs_no_authorisation(sent):
    call("http://127.0.0.1:8787")
    assert "authorization" not in sent[0]


def test_a_deployed_api_gets_a_signature_for_its_region(sent):
    call(API)
    assert "/eu-west-1/execute-api/aws4_request" in sent[0]["authorization"]


def test_a_token_goes_before_a_signature(sent, monkeypatch):
    monkeypatch.setenv("ENDCAP_TOKEN", "t0ken")
    call(API)
    assert sent[0]["authorization"] == "Bearer t0ken"


def test_missing_credentials_are_named(monkeypatch, sent):
    monkeypatch.setattr("boto3.Session.get_credentials", lambda self: None)
    with pytest.raises(HttpError, match="ENDCAP_TOKEN"):
        HttpClient(API).get("/health")
    assert sent == []
