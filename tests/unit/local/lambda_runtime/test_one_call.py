"""Where the code of one call comes from, and what a call gives."""

from __future__ import annotations

import platform
import sys
from pathlib import Path

import pytest

from endcap.errors import InvalidInputError
from endcap_local.lambda_runtime.one_call import Code, body_of, call, code_of
from endcap_local.template.template import LocalFunction

MACHINE = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine().lower(), platform.machine())
HERE = f"{sys.version_info.major}{sys.version_info.minor}-{MACHINE}"


def function(folder: Path, code: str = "") -> LocalFunction:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "app.py").write_text(code)
    return LocalFunction("EchoFunction", "echo", folder, "app.handler", {}, 10, 128)


def built(root: Path, version: str) -> Path:
    build = root / "build"
    package = build / "CoreLayer" / "python" / "thing"
    package.mkdir(parents=True)
    (package / f"thing.cpython-{version}-linux-gnu.so").touch()
    function(build / "EchoFunction")
    return build


def test_what_is_built_for_this_python_is_run(tmp_path: Path) -> None:
    build = built(tmp_path, HERE)
    code = code_of(function(tmp_path / "source"), tmp_path, build)
    assert code.function == build / "EchoFunction"
    assert code.path[0] == build / "CoreLayer" / "python"
    assert "as built" in code.what


@pytest.mark.parametrize("version", ["37-x86_64", None])
def test_else_the_source_is_run_and_says_why(tmp_path: Path, version: str | None) -> None:
    build = built(tmp_path, version) if version else tmp_path / "build"
    code = code_of(function(tmp_path / "source"), tmp_path, build)
    assert code.function == tmp_path / "source"
    assert ("Python 3.7 on x86_64" if version else "nothing is built") in code.what


def test_without_the_runtime_client_what_to_install_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InvalidInputError, match="pip install awslambdaric"):
        code_of(function(tmp_path / "source"), tmp_path, tmp_path)


HANDLER = """
import os

def handler(event, context):
    print("called for", event["who"])
    if event["who"] == "nobody":
        raise ValueError("who is that")
    return {"statusCode": 200, "body": '{"hello": "' + event["who"] + '"}', "of": os.environ["SHOP"]}
"""


def test_a_call_gives_the_answer_and_the_log(tmp_path: Path) -> None:
    echo = function(tmp_path / "source", HANDLER)
    source = code_of(echo, tmp_path, tmp_path / "build")
    code = Code(echo.code_dir, source.path[1:], source.what)
    answer = call(code, echo, {"who": "ann"}, {"SHOP": "corner"})
    assert (answer.value["of"], answer.error) == ("corner", None)
    assert body_of(answer.value)["body"] == {"hello": "ann"}
    assert "called for ann" in answer.log
    failed = call(code, echo, {"who": "nobody"}, {"SHOP": "corner"})
    assert failed.error == "ValueError: who is that"
    assert failed.value is None


def test_bodies_that_are_no_json_stay_as_they_are() -> None:
    assert body_of({"body": "hello"}) == {"body": "hello"}
    assert body_of([1]) == [1]
