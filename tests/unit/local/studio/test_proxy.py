"""What pages of the web try on the studio's server: nothing of it is ever signed."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests
import responses
from werkzeug.test import Client

from endcap_local.gateway.loopback import Loopback
from endcap_local.gateway.pages import Pages, Site
from endcap_local.studio.proxy import StudioProxy

URL = "http://127.0.0.1:8787"
API = "https://abcdef1234.execute-api.eu-west-1.amazonaws.com"
OWN = {"host": "127.0.0.1:8787"}


class Studio:
    def __init__(self, folder: Path) -> None:
        loopback = Loopback(URL)
        self.token = loopback.start_token
        self.browser = Client(
            StudioProxy(API, Pages({"/studio/": Site(folder)}, "/studio/"), loopback), use_cookies=False
        )


@pytest.fixture
def studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Studio:
    (tmp_path / "index.html").write_text("<title>Studio</title>")
    for name, value in {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("ENDCAP_TOKEN", raising=False)
    return Studio(tmp_path)


def test_its_own_pages_requests_are_signed_and_sent_on(studio: Studio) -> None:
    with responses.RequestsMock() as api:
        api.get(
            f"{API}/admin/scenarios/home%20page", json={"name": "home page"}, headers={"etag": '"1"', "x-other": "x"}
        )
        answer = studio.browser.get(
            "/admin/scenarios/home%20page", headers={**OWN, "endcap-start": studio.token, "cookie": "a=b"}
        )
        sent = api.calls[0].request
    assert (answer.status_code, answer.json, answer.headers["etag"]) == (200, {"name": "home page"}, '"1"')
    assert "x-other" not in answer.headers
    assert sent.headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
    assert "cookie" not in sent.headers
    assert "endcap-start" not in sent.headers


def test_a_body_and_its_condition_go_along(studio: Studio) -> None:
    with responses.RequestsMock() as api:
        api.put(f"{API}/admin/scenarios/home", status=412, json={"detail": "changed"})
        answer = studio.browser.put(
            "/admin/scenarios/home",
            json={"diversity": 0.2},
            headers={**OWN, "endcap-start": studio.token, "if-match": '"1"', "origin": URL},
        )
        sent = api.calls[0].request
    assert answer.status_code == 412
    assert (sent.body, sent.headers["if-match"]) == (b'{"diversity": 0.2}', '"1"')


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "attacker.example:8787"},
        {"host": "127.0.0.1:80"},
        {**OWN, "origin": "http://attacker.example"},
        {**OWN, "origin": "null"},
        {**OWN, "origin": "https://127.0.0.1:8787"},
    ],
)
def test_another_name_and_another_site_get_403(studio: Studio, headers: dict[str, str]) -> None:
    with responses.RequestsMock() as api:
        for method, path in (("GET", "/parameters"), ("DELETE", "/users/ann"), ("PUT", "/admin/scenarios/home")):
            answer = studio.browser.open(path, method=method, headers={**headers, "endcap-start": studio.token})
            assert answer.status_code == 403
        assert not api.calls


def test_a_form_and_a_missing_token_get_403(studio: Studio) -> None:
    with responses.RequestsMock() as api:
        form = studio.browser.post(f"/admin/rebuilds?start={studio.token}", data={"a": "b"}, headers=OWN)
        text = studio.browser.post("/events", data="{}", headers={**OWN, "endcap-start": studio.token})
        missing = [
            studio.browser.get(path, headers={**OWN, "endcap-start": token})
            for path in ("/admin/overview", "/users/ann/profile", "/health")
            for token in ("", "wrong")
        ]
        assert {answer.status_code for answer in (form, text, *missing)} == {403}
        assert not api.calls


def test_only_routes_of_endcap_are_sent_on(studio: Studio) -> None:
    with responses.RequestsMock() as api:
        for path in ("/", "/latest/meta-data", "/admin", "//attacker.example/health"):
            answer = studio.browser.get(path, headers={**OWN, "endcap-start": studio.token})
            assert answer.status_code in (302, 404)
        assert not api.calls


def test_an_api_that_does_not_answer_is_told(studio: Studio) -> None:
    with responses.RequestsMock() as api:
        api.get(f"{API}/health", body=requests.ConnectionError("no route"))
        answer = studio.browser.get("/health", headers={**OWN, "endcap-start": studio.token})
    assert answer.status_code == 502
    assert answer.json == {"message": f"{API} does not answer: ConnectionError"}


def test_the_pages_come_without_a_token(studio: Studio) -> None:
    answer = studio.browser.get("/studio/", headers=OWN)
    assert (answer.status_code, answer.text) == (200, "<title>Studio</title>")
