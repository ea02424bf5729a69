"""What the command line's HTTP client sends so that a deployed API lets it in."""

import re

import pytest
import requests
import responses

from endcap_local.cli.rebuild import rebuild_running
from endcap_local.data_import.over_http import import_over_http
from endcap_local.http_client import HttpClient, HttpError, health_of

API = "https://abc123.execute-api.eu-west-1.amazonaws.com"


@pytest.fixture
def api(monkeypatch):
    """An HTTP API of which nothing answers, unless a test says so; it keeps what it was sent."""
    monkeypatch.delenv("ENDCAP_TOKEN", raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "example")
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


def sent(api):
    return [call.request for call in api.calls]


def call(url):
    with pytest.raises(HttpError, match="no answer"):
        HttpClient(url).post("/events", {"events": []})


def test_a_local_api_needs_no_authorisation(api):
    call("http://127.0.0.1:8787")
    assert "authorization" not in sent(api)[0].headers


def test_a_deployed_api_gets_a_signature_for_its_region(api):
    call(API)
    assert "/eu-west-1/execute-api/aws4_request" in sent(api)[0].headers["authorization"]


def test_a_token_goes_before_a_signature(api, monkeypatch):
    monkeypatch.setenv("ENDCAP_TOKEN", "t0ken")
    call(API)
    assert sent(api)[0].headers["authorization"] == "Bearer t0ken"


def test_passwords_of_the_machine_stay_there(api, monkeypatch, tmp_path):
    (tmp_path / "netrc").write_text("machine shop.example.com login me password secret")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    call("https://shop.example.com")
    assert "authorization" not in sent(api)[0].headers


def test_missing_credentials_are_named(monkeypatch, api):
    monkeypatch.setattr("boto3.Session.get_credentials", lambda self: None)
    with pytest.raises(HttpError, match="ENDCAP_TOKEN"):
        HttpClient(API).get("/health")
    assert sent(api) == []


def refuse(api, status, name, value):
    """Answer requests without a signature with a status and a header; signed ones are lost on the way."""

    def answer(request):
        if "aws4_request" in request.headers.get("authorization", ""):
            raise requests.ConnectionError("lost")
        return status, {name: value}, '{"message":"..."}'

    for method in (responses.GET, responses.POST):
        api.add_callback(method, re.compile(".*"), answer)


def test_a_local_api_that_takes_signatures_gets_the_local_stacks_own(api):
    refuse(api, 403, "x-endcap-reason", "not signed")
    client = HttpClient("http://127.0.0.1:8787")
    for _ in range(2):
        with pytest.raises(HttpError, match="no answer"):
            client.post("/events", {"events": []})
    headers = [request.headers for request in sent(api)]
    assert ["authorization" in of_one for of_one in headers] == [False, True, True]
    assert "Credential=local/" in headers[-1]["authorization"]
    assert "/us-east-1/execute-api/aws4_request" in headers[-1]["authorization"]


def test_no_other_api_is_sent_the_local_credentials(api):
    refuse(api, 403, "x-endcap-reason", "not signed")
    with pytest.raises(HttpError, match="403"):
        HttpClient("https://shop.example.com").get("/parameters")
    assert len(sent(api)) == 1


def test_a_missing_token_is_named_and_a_refused_one_with_the_reason(api, monkeypatch):
    refuse(api, 401, "www-authenticate", 'Bearer error_description="the token has expired"')
    with pytest.raises(HttpError, match="ENDCAP_TOKEN"):
        HttpClient("http://127.0.0.1:8787").get("/parameters")
    monkeypatch.setenv("ENDCAP_TOKEN", "t0ken")
    with pytest.raises(HttpError, match="the token has expired"):
        HttpClient("http://127.0.0.1:8787").get("/parameters")


def test_spaces_travel_as_signatures_want_them(api):
    with pytest.raises(HttpError):
        HttpClient("http://127.0.0.1:8787").get("/search", q="tea, a/b+c")
    assert [request.url for request in sent(api)] == ["http://127.0.0.1:8787/search?q=tea%2C%20a%2Fb%2Bc"]


def test_an_answer_without_a_body_is_nothing_and_one_that_is_no_json_an_error(api):
    api.get("http://127.0.0.1:8787/empty", status=204)
    api.get("http://127.0.0.1:8787/page", body="<html>")
    client = HttpClient("http://127.0.0.1:8787")
    assert client.get("/empty") is None
    with pytest.raises(HttpError, match="no JSON"):
        client.get("/page")


@pytest.mark.parametrize("answer", [{"status": "ok"}, [], "up", None])
def test_a_server_of_something_else_is_told_from_a_stack(api, answer, tmp_path):
    url = "https://elsewhere.example"
    for method, path in (("GET", "/health"), ("POST", "/items"), ("POST", "/local/rebuilds?start=x")):
        api.add(method, url + path, json=answer)
    (tmp_path / "items.jsonl").write_text('{"item_id": "a", "title": "Mug"}\n')
    (tmp_path / "events.csv").write_text("user_id,item_id,event_type,timestamp\nann,a,view,1760000000\n")
    with pytest.raises(HttpError, match="but not as Endcap does; is it the stack's ApiUrl"):
        health_of(HttpClient(url))
    with pytest.raises(HttpError, match=r"not as Endcap does; is https://elsewhere\.example the stack's ApiUrl"):
        import_over_http(tmp_path, HttpClient(url), lambda *_: None)
    with pytest.raises(HttpError, match="but not as `endcap local` does"):
        rebuild_running(f"{url}/local/rebuilds?start=x", as_json=True)
