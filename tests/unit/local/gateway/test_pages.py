"""Static pages beside the API: what is in the folder, with its type and its policy, and nothing else."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from werkzeug.test import Client
from werkzeug.wrappers import Request, Response

from endcap_local.gateway.gateway import HttpApi
from endcap_local.gateway.pages import POLICY, Pages, Site
from endcap_local.lambda_runtime.reply import Reply
from endcap_local.sites import SHOP, STUDIO, packaged_pages
from endcap_local.template.template import Route

ROUTES = (Route("GET", "/search", "recommend"),)


@pytest.fixture
def browser(tmp_path: Path) -> Client:
    (tmp_path / "secret.txt").write_text("secret")
    site = tmp_path / "site"
    (site / "vendor").mkdir(parents=True)
    (site / "index.html").write_text("<!doctype html><title>Here</title>")
    (site / "vendor/a.js").write_text("export const a = 1\n" * 50)
    (site / "logo.png").write_bytes(b"\x89PNG")
    (site / "notes.py").write_text("no type of ours")
    (site / "out.txt").symlink_to(tmp_path / "secret.txt")
    pages = Pages({"/studio/": Site(site), "/studio/kit/": Site(site / "vendor", "default-src 'none'")}, "/studio/")
    return Client(HttpApi(ROUTES, lambda name, event, patience: Reply({"statusCode": 200, "body": "api"}), pages=pages))


def test_files_come_with_their_type_their_policy_and_no_cookie(browser: Client) -> None:
    page = browser.get("/studio/")
    assert (page.status_code, page.content_type) == (200, "text/html; charset=utf-8")
    assert page.headers["content-security-policy"] == POLICY
    assert page.headers["x-content-type-options"] == "nosniff"
    assert "set-cookie" not in page.headers
    assert browser.get("/studio/vendor/a.js").content_type == "text/javascript; charset=utf-8"
    assert browser.get("/studio/logo.png").content_type == "image/png"
    assert browser.get("/studio/kit/a.js").headers["content-security-policy"] == "default-src 'none'"
    assert browser.get("/search").text == "api"


def test_nothing_runs_that_stands_inside_a_page() -> None:
    parts = dict(part.strip().partition(" ")[::2] for part in POLICY.split(";"))
    assert parts["default-src"] == "'none'"
    assert "'unsafe" not in POLICY
    assert parts["require-trusted-types-for"] == "'script'"
    assert all(set(value.split()) <= {"'self'", "'none'", "data:", "'script'"} for value in parts.values())


def test_what_is_the_same_is_not_sent_again(browser: Client) -> None:
    first = browser.get("/studio/vendor/a.js", headers={"accept-encoding": "gzip"})
    assert gzip.decompress(first.data).startswith(b"export const a")
    again = browser.get("/studio/vendor/a.js", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert browser.head("/studio/vendor/a.js").data == b""


@pytest.mark.parametrize(
    "path",
    [
        "/studio/out.txt",
        "/studio/../secret.txt",
        "/studio/%2e%2e/secret.txt",
        "/studio/..%2fsecret.txt",
        "/studio/vendor/..%5c..%5csecret.txt",
        "/studio/%00",
        "/studio//etc/passwd",
        "/studio/vendor",
        "/studio/vendor/",
        "/studio/notes.py",
        "/studio/index.html/",
    ],
)
def test_nothing_else_is_sent(browser: Client, path: str) -> None:
    answer = browser.get(path)
    assert answer.status_code == 404
    assert "secret" not in answer.text


def test_a_page_can_only_be_read(browser: Client) -> None:
    answer = browser.post("/studio/")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


def test_the_root_leads_home_and_keeps_the_token_of_the_start(browser: Client) -> None:
    answer = browser.get("/?start=abc")
    assert (answer.status_code, answer.headers["location"]) == (302, "/studio/?start=abc")
    assert browser.get("/studio").headers["location"] == "/studio/"


def test_the_studio_is_there() -> None:
    asked = Request.from_values(STUDIO)
    page = packaged_pages().answer(asked, STUDIO)
    assert isinstance(page, Response)
    assert page.status_code == 200
    home = packaged_pages().answer(Request.from_values("/"), "/")
    assert home is not None
    assert home.headers["location"] in (SHOP, STUDIO)
