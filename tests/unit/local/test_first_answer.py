"""What `endcap import --stack` does beside importing."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from endcap.errors import DependencyError, InvalidInputError
from endcap_local import first_answer as module
from endcap_local.first_answer import ASKED, command_of, first_answer, stage_encoders
from endcap_local.http_client import HttpError
from endcap_local.stack_names import StackNames, names_of
from endcap_rebuild.base_encoders.recipes import RECIPES
from tests.fakes.moto_stack import BUCKET, client, objects, stack

OUTPUTS = {"ApiUrl": "https://api.example", "DataBucketName": "shop-data", "PromoteFunctionName": "shop-promote"}


class Stacks:
    """CloudFormation with one stack."""

    def __init__(self, outputs: dict[str, str]) -> None:
        self._outputs = [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()]

    def describe_stacks(self, StackName: str) -> dict[str, Any]:
        return {"Stacks": [{"Outputs": self._outputs}]}


class Api:
    """An API that answers `health` with these, one after the other, and then with the last of them."""

    url = "https://abc123.execute-api.eu-west-1.amazonaws.com"

    signs_locally = False

    def __init__(self, *health: str | HttpError | None) -> None:
        self._health = list(health)

    def get(self, path: str) -> Any:
        if path == "/health":
            told = self._health.pop(0) if len(self._health) > 1 else self._health[0]
            if isinstance(told, HttpError):
                raise told
            return {"snapshot_version": told, "items": 2}
        assert path == ASKED
        return {"items": [{"item_id": "a", "title": "Mug"}, {"item_id": "b"}]}


class Clock:
    """Time that passes by pauses alone."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def s3() -> Iterator[Any]:
    with stack():
        yield client("s3")


def test_outputs_name_what_an_import_needs() -> None:
    assert names_of(Stacks(OUTPUTS), "shop") == StackNames("https://api.example", "shop-data", "shop-promote", False)
    assert names_of(Stacks({**OUTPUTS, "RebuildStateMachineArn": "arn"}), "shop").rebuilds


def test_stack_of_something_else_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="shop has no output DataBucketName"):
        names_of(Stacks({"ApiUrl": "x", "PromoteFunctionName": "y"}), "shop")


def test_stack_that_is_not_there_is_named(s3: Any) -> None:
    with pytest.raises(DependencyError, match="read the outputs of nowhere"):
        names_of(client("cloudformation"), "nowhere")


def test_whole_encoders_are_staged_once(s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "verified", lambda folder, sha256: folder.is_dir())
    recipe = RECIPES["english"]
    (tmp_path / recipe.folder).mkdir()
    for name in recipe.sha256:
        (tmp_path / recipe.folder / name).write_text(name)
    assert stage_encoders(s3, BUCKET, tmp_path) == ["english"]
    assert set(objects("encoders/")) == {f"encoders/{recipe.folder}/{name}" for name in recipe.sha256}
    stage_encoders(s3, BUCKET, tmp_path)
    assert len(s3.list_object_versions(Bucket=BUCKET, Prefix="encoders/")["Versions"]) == len(recipe.sha256)


def test_list_is_asked_for_once_the_snapshot_is_served() -> None:
    clock = Clock()
    answer = first_answer(Api(HttpError("503"), None, "old", "new"), "new", clock, clock.pause)  # type: ignore[arg-type]
    assert answer.titles == ("Mug", "b")
    assert answer.command == command_of(Api.url + ASKED)
    assert "export-credentials" in answer.before
    assert clock.now == 3.0


@pytest.mark.parametrize("health", ["old", HttpError("no answer")])
def test_api_that_never_serves_it_ends_the_wait(health: Any) -> None:
    clock = Clock()
    with pytest.raises(HttpError):
        first_answer(Api(health), "new", clock, clock.pause)  # type: ignore[arg-type]
    assert 120 < clock.now < 125


def test_command_is_signed_or_brings_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ENDCAP_TOKEN", raising=False)
    assert '--aws-sigv4 "aws:amz:eu-west-1:execute-api"' in command_of(Api.url + ASKED)
    assert command_of("http://127.0.0.1:8787/health") == "curl 'http://127.0.0.1:8787/health'"
    local = command_of("http://127.0.0.1:8787/x", signed_locally=True)
    assert local == "curl --aws-sigv4 aws:amz:us-east-1:execute-api --user local:local 'http://127.0.0.1:8787/x'"
    monkeypatch.setenv("ENDCAP_TOKEN", "secret")
    assert command_of(Api.url) == f"curl -H \"Authorization: Bearer $ENDCAP_TOKEN\" '{Api.url}'"


@pytest.mark.parametrize("shell", ["sh", "bash", "zsh"])
@pytest.mark.parametrize("session_token", ["", "of a session=="])
def test_shells_send_the_session_token_where_there_is_one(shell: str, session_token: str, tmp_path: Path) -> None:
    if (found := shutil.which(shell)) is None:
        pytest.skip(f"no {shell}")
    curl = tmp_path / "curl"
    curl.write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\n")
    curl.chmod(0o755)
    keys = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "a/b"}
    keys |= {"AWS_SESSION_TOKEN": session_token} if session_token else {}
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", **keys}
    told = subprocess.run(
        [found, "-c", command_of(Api.url + ASKED)], env=environment, capture_output=True, text=True, check=True
    )
    header = [f"-Hx-amz-security-token: {session_token}"] if session_token else []
    signed = ["--aws-sigv4", "aws:amz:eu-west-1:execute-api", "--user", "id:a/b"]
    assert told.stdout.splitlines() == [*signed, *header, Api.url + ASKED]


def test_query_is_sorted_as_curl_before_8_does_not_sort_it() -> None:
    parameters = ASKED.partition("?")[2].split("&")
    assert parameters == sorted(parameters)
