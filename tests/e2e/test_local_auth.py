"""`endcap local --auth` on the project's own template: a storefront's client in both modes, over HTTP.

What the command tells and starts is looked at once for each mode; what tokens may, on a stack in this process.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config

from endcap_local.data_import.over_http import import_over_http
from endcap_local.first_answer import ASKED, command_of
from endcap_local.gateway.access import SIGNED_LOCALLY
from endcap_local.http_client import HttpClient, HttpError
from endcap_local.stack import LocalStack
from tests.fakes.door_tokens import claims, signed

ROOT = Path(__file__).parents[2]
TINY_ENCODER = ROOT / "tests" / "data" / "tiny_encoder"
EVENTS = {"events": [{"user_id": "ann", "event_type": "view", "item_id": "i1"}]}


@contextmanager
def serving(*arguments: str) -> Iterator[dict[str, Any]]:
    """What the command tells of itself while it serves."""
    command = [sys.executable, "-c", "from endcap_local.cli.app import main; main()"]
    command += ["local", "--port", "0", "--json", "--auth", "--encoder", str(TINY_ENCODER), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            line = process.stdout.readline()
            assert line, process.stderr.read().decode()
            yield json.loads(line)
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
            assert process.stderr.read() == b""
        finally:
            process.kill()


def refused(url: str, **headers: str) -> tuple[int, Any]:
    with pytest.raises(HTTPError) as caught:
        urlopen(Request(url, headers=headers), timeout=30)
    return caught.value.code, json.loads(caught.value.read())


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder to import."""
    (tmp_path / "items.jsonl").write_text('{"item_id": "i1", "title": "Teapot"}\n', encoding="utf-8")
    (tmp_path / "events.csv").write_text(
        "user_id,item_id,event_type,timestamp\nann,i1,view,1760000000\n", encoding="utf-8"
    )
    return tmp_path


def test_jwt_mode_from_discovery_to_an_import(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ENDCAP_TOKEN", raising=False)
    with serving("--param", "AuthMode=JWT", "--param", "JwtAudience=storefront") as facts:
        url = facts["url"]
        assert HttpClient(url).get("/health")["items"] == 0  # open
        assert refused(url + "/users/ann/profile") == (401, {"message": "Unauthorized"})
        with pytest.raises(HttpError, match="ENDCAP_TOKEN"):
            import_over_http(shop, HttpClient(url), lambda *_: None)

        with urlopen(f"{facts['auth']['jwt']['issuer']}/.well-known/openid-configuration", timeout=30) as answer:
            token_url = json.loads(answer.read())["token_endpoint"]

        def token(form: str) -> str:
            with urlopen(token_url, f"grant_type=client_credentials&{form}".encode(), timeout=30) as issued:
                return str(json.loads(issued.read())["access_token"])

        for form in ("audience=another", "expires_in=-1"):
            bearer = f"Bearer {token(form)}"
            assert refused(url + "/users/ann/profile", authorization=bearer) == (401, {"message": "Unauthorized"})
        monkeypatch.setenv("ENDCAP_TOKEN", token("audience=storefront"))
        imported = import_over_http(shop, HttpClient(url), lambda *_: None)
        assert (imported.items, imported.events, imported.refused) == (1, 1, 0)
        assert HttpClient(url).get("/items/i1")["title"] == "Teapot"

        config = Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1})
        client = boto3.client(
            "personalize-events", endpoint_url=f"{url}/personalize", region_name="us-east-1", config=config
        )
        event = {"eventType": "View", "itemId": "i1", "sentAt": 1_760_000_000}
        sent = {"trackingId": "shop", "sessionId": "s-1", "eventList": [event]}
        with pytest.raises(client.exceptions.ClientError) as caught:
            client.put_events(**sent)
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 401
        bearer = f"Bearer {facts['auth']['jwt']['token']}"

        def authorise(request: Any, **_: object) -> None:
            request.headers["Authorization"] = bearer

        client.meta.events.register("before-send.personalize-events", authorise)
        client.put_events(**sent)


def test_scopes_say_what_a_token_may_where_they_are_required() -> None:
    parameters = {"AuthMode": "JWT", "JwtScopes": "require"}
    with LocalStack(ROOT / "template.yaml", auth=True, parameters=parameters) as stack:
        assert stack.access is not None
        url, issued_here = stack.url, stack.access.facts()["jwt"]
        token_url = issued_here["token_url"]

        def status(method: str, path: str, bearer: str) -> int:
            request = Request(url + path, headers={"authorization": f"Bearer {bearer}"}, method=method)
            try:
                with urlopen(request, timeout=30) as answer:
                    return int(answer.status)
            except HTTPError as error:
                return error.code

        def token(scope: str) -> str:
            form = urlencode({"grant_type": "client_credentials", "scope": scope}).encode()
            with urlopen(token_url, form, timeout=30) as issued:
                return str(json.loads(issued.read())["access_token"])

        looking, erasing, serving_all = token("endcap/look"), token("endcap/erase"), token("endcap/server")
        assert status("GET", "/users/ann/export", looking) == 403
        assert status("DELETE", "/users/ann", looking) == 403
        assert status("DELETE", "/users/ann", token("openid")) == 403
        assert status("DELETE", "/users/ann", erasing) == 200
        assert status("GET", "/users/ann/export", erasing) == 200  # who erases sees what there is to erase
        assert status("GET", "/users/nobody/export", serving_all) == 404
        assert status("GET", "/openapi.json", looking) == 200
        assert status("GET", "/users/nobody/export", issued_here["token"]) == 404  # the printed one may all
        with pytest.raises(HTTPError) as caught:
            urlopen(token_url.partition("?")[0], b"grant_type=client_credentials", timeout=30)
        assert caught.value.code == 403  # without the token of this start nothing is signed


@pytest.fixture(scope="module")
def iam() -> Iterator[dict[str, Any]]:
    """What the command tells of itself where signatures are asked for, as without parameters."""
    with serving() as facts:
        yield facts


def test_iam_mode_takes_what_the_commands_sign(
    iam: dict[str, Any], shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ENDCAP_TOKEN", raising=False)
    url = iam["url"]
    assert iam["auth"]["iam"]["region"] == "us-east-1"
    assert HttpClient(url).get("/health")["items"] == 0
    assert refused(url + "/users/ann/profile") == (403, {"message": "Forbidden"})
    assert refused(url + "/nowhere") == (403, {"message": "Forbidden"})
    imported = import_over_http(shop, HttpClient(url), lambda *_: None)
    assert (imported.items, imported.events, imported.refused) == (1, 1, 0)
    client = HttpClient(url)
    assert client.get("/items/i1", language="en")["title"] == "Teapot"
    with pytest.raises(HttpError, match="404"):  # signed rightly: the function's own answer
        client.get("/users/%E5%BC%A0%20%E4%B8%89/profile", language="zh")
    monkeypatch.setenv("ENDCAP_TOKEN", "of another day")
    with pytest.raises(HttpError, match="no AWS4-HMAC-SHA256 signature"):
        HttpClient(url).get("/items/i1")


def test_the_storefront_door_needs_no_more_than_to_be_opened(iam: dict[str, Any]) -> None:
    token = signed(claims(time.time()), iam["storefront_secret"])
    with urlopen(Request(iam["url"] + "/storefront/trending", headers={"endcap-shopper": token})) as answer:
        assert answer.status == 200
    assert refused(iam["url"] + "/storefront/trending", **{"endcap-shopper": token + "x"})[0] == 401
    assert refused(iam["url"] + "/users/ann/profile")[0] == 403


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_printed_commands_are_let_in(iam: dict[str, Any]) -> None:
    on_aws = "https://abc123.execute-api.us-east-1.amazonaws.com"
    keys = {name: iam["auth"]["iam"][name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}

    def status(command: str, **environment: str) -> str:
        command = command.replace("curl", "curl -s -o /dev/null -w '%{http_code}'", 1)
        asked = ["sh", "-c", command]
        variables = {"PATH": os.environ["PATH"], **environment}
        return subprocess.run(asked, env=variables, capture_output=True, text=True, timeout=30).stdout

    asked = command_of(on_aws + ASKED).replace(on_aws, iam["url"])
    assert status(asked) == "403"
    assert status(asked, **keys) == "200"
    assert status(asked, **keys, AWS_SESSION_TOKEN="of a session==") == "200"
    assert status(command_of(iam["url"] + ASKED, signed_locally=True)) == "200"
    assert status(f'curl {SIGNED_LOCALLY} -X PUT {iam["url"]}/items/mug-1 -d \'{{"title": "A mug"}}\'') == "200"
