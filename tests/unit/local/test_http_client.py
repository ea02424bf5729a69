"""What the command line's HTTP client sends so that a deployed API lets it in."""

import io
from email.message import Message
from urllib.error import HTTPError

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


@pytest.fixture
def refusing(sent, monkeypatch):
    """Makes requests without a signature be answered with a status and a header; others are refused on the way."""

    def answering(status, name, value):
        def answer(request, timeout):
            sent.append({name.lower(): value for name, value in request.header_items()})
            if "aws4_request" in sent[-1].get("authorization", ""):
                raise OSError("not sent")
            headers = Message()
            headers[name] = value
            raise HTTPError(request.full_url, status, "refused", headers, io.BytesIO(b'{"message":"..."}'))

        monkeypatch.setattr(http_client, "urlopen", answer)
        return sent

    return answering


def test_a_local_api_that_takes_signatures_gets_the_local_stacks_own(refusing):
    sent = refusing(403, "x-endcap-reason", "not signed")
    client = HttpClient("http://127.0.0.1:8787")
    for _ in range(2):
        with pytest.raises(HttpError, match="no answer"):
            client.post("/events", {"events": []})
    assert ["authorization" in headers for headers in sent] == [False, True, True]
    assert "Credential=local/" in sent[-1]["authorization"]
    assert "/us-east-1/execute-api/aws4_request" in sent[-1]["authorization"]


def test_no_other_api_is_sent_the_local_credentials(refusing):
    sent = refusing(403, "x-endcap-reason", "not signed")
    with pytest.raises(HttpError, match="403"):
        HttpClient("https://shop.example.com").get("/parameters")
    assert len(sent) == 1


def test_a_missing_token_is_named_and_a_refused_one_with_the_reason(refusing, monkeypatch):
    refusing(401, "www-authenticate", 'Bearer error_description="the token has expired"')
    with pytest.raises(HttpError, match="ENDCAP_TOKEN"):
        HttpClient("http://127.0.0.1:8787").get("/parameters")
    monkeypatch.setenv("ENDCAP_TOKEN", "t0ken")
    with pytest.raises(HttpError, match="the token has expired"):
        HttpClient("http://127.0.0.1:8787").get("/parameters")


def test_spaces_travel_as_signatures_want_them(monkeypatch):
    seen = []

    def refuse(request, timeout):
        seen.append(request.full_url)
        raise OSError("not sent")

    monkeypatch.setattr(http_client, "urlopen", refuse)
    with pytest.raises(HttpError):
        HttpClient("http://127.0.0.1:8787").get("/search", q="tea, a/b+c")
    assert seen == ["http://127.0.0.1:8787/search?q=tea%2C%20a%2Fb%2Bc"]
