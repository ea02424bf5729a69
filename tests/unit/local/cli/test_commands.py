"""The command line as people meet it: help for everything, a version, colours only where they are wanted."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import typer.main
from typer.testing import CliRunner

from endcap_local import doctor
from endcap_local.cli import app as cli
from endcap_local.cli.app import app
from endcap_local.cli.panels import MEASURE, ON_AWS, START
from endcap_local.http_client import HttpClient


def commands(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    for name, below in getattr(command, "commands", {}).items():
        yield from commands(below, (*path, name))


def groups(command: click.Command) -> Iterator[tuple[str, ...]]:
    """Paths of what has commands below it."""
    paths = list(commands(command))
    return (path for path in paths if any(other[:-1] == path for other in paths if other))


@pytest.mark.parametrize("path", list(commands(typer.main.get_command(app))), ids=" ".join)
def test_every_command_tells_how_it_is_used(path: tuple[str, ...]) -> None:
    told = CliRunner().invoke(app, [*path, "--help"])
    assert told.exit_code == 0, told.exception
    assert "--help" in told.output


@pytest.mark.parametrize("path", list(groups(typer.main.get_command(app))), ids=lambda path: " ".join(path) or "endcap")
def test_summaries_of_commands_are_whole_at_80_columns(path: tuple[str, ...]) -> None:
    told = CliRunner().invoke(app, [*path, "--help"], env={"COLUMNS": "80"}).output
    assert [line for line in told.splitlines() if line.startswith("  ") and line.endswith("...")] == []


def test_commands_stand_in_sections_of_what_they_are_for() -> None:
    lines = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "80"}).output.splitlines()
    sections = {line: at for at, line in enumerate(lines) if line.endswith(":")}
    assert list(sections)[1:] == [f"{panel}:" for panel in (START, ON_AWS, MEASURE)]
    listed = [line.split()[0] for line in lines[sections[f"{START}:"] :] if line.startswith("  ")]
    assert sorted((name,) for name in listed) == sorted(p for p in commands(typer.main.get_command(app)) if len(p) == 1)


def test_brackets_of_a_help_text_are_printed() -> None:
    assert "items.jsonl[.gz]" in CliRunner().invoke(app, ["import", "--help"]).output
    assert "s3://BUCKET[/PREFIX]" in CliRunner().invoke(app, ["experiments", "report", "--help"]).output


def test_version() -> None:
    assert CliRunner().invoke(app, ["--version"]).output.startswith("endcap 0.")


@pytest.mark.parametrize(
    ("variables", "coloured"), [({"FORCE_COLOR": "1"}, True), ({"NO_COLOR": "1"}, False), ({}, False)]
)
def test_an_error_is_one_line_and_coloured_where_colours_are_wanted(
    variables: dict[str, str], coloured: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("FORCE_COLOR", "NO_COLOR", "CLICOLOR_FORCE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.argv", ["endcap", "scenarios", "check", "/no/such/file"])
    with pytest.raises(SystemExit, match="1"):
        cli.main()
    told = capsys.readouterr().err
    assert ("\x1b[" in told) is coloured
    assert told.count("\n") == 1
    assert "/no/such/file" in told


class TestScenariosCheck:
    def test_a_good_file_is_listed(self, tmp_path: Path) -> None:
        (tmp_path / "s.json").write_text('{"home": {"limit": 5, "filter": "price < 9"}, "plain": {}}')
        told = CliRunner().invoke(app, ["scenarios", "check", str(tmp_path / "s.json")])
        assert (told.exit_code, told.output.splitlines()[0]) == (0, "home: limit, filter")
        as_json = CliRunner().invoke(app, ["scenarios", "check", str(tmp_path / "s.json"), "--json"])
        assert json.loads(as_json.output)["scenarios"]["home"]["limit"] == 5

    def test_a_mistake_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "s.json").write_text('{"home": {"limit": 5, "filter": "price <"}}')
        told = CliRunner().invoke(app, ["scenarios", "check", str(tmp_path / "s.json")])
        assert told.exit_code == 1
        assert "home" in str(told.exception)


def findings_about(what: str, findings: Iterable[doctor.Finding]) -> doctor.Finding:
    (found,) = [finding for finding in findings if finding.what == what]
    return found


class TestDoctor:
    def test_a_machine_that_passes_these_tests_is_well(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        for name in ("DATA_BUCKET", "AWS_PROFILE", "AWS_ENDPOINT_URL"):  # of a stack or a setup that is not asked about
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("ENDCAP_CACHE", str(tmp_path))
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
        told = CliRunner().invoke(app, ["doctor", "--json"])
        findings = {finding["what"]: finding for finding in json.loads(told.output)["findings"]}
        assert [finding for finding in findings.values() if finding["state"] == "wrong"] == []
        assert told.exit_code == 0
        assert findings["Python"]["state"] == findings["onnxruntime"]["state"] == "ok"
        assert findings["encoder english"] == {
            "what": "encoder english",
            "state": "note",
            "found": "not prepared yet",
            "todo": "nothing: the first rebuild that needs it prepares it",
        }

    def test_what_can_not_work_is_told_with_what_to_do(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        monkeypatch.setenv("ENDCAP_CACHE", str(tmp_path / "file"))
        told = CliRunner().invoke(app, ["doctor", "--endpoint", "http://127.0.0.1:9"])
        assert told.exit_code == 1
        assert "wrong cache:" in told.output
        assert "→ name a folder to write to in ENDCAP_CACHE" in told.output
        assert "wrong stack: GET /health got no answer" in told.output

    @pytest.mark.parametrize("answer", [{"status": "ok"}, [], None, {"snapshot_version": "v"}])
    def test_a_server_of_something_else_is_a_finding(self, answer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(HttpClient, "get", lambda *_: answer)
        found = findings_about("stack", doctor.examine("https://shop.example"))
        assert (found.state, found.found) == (
            "wrong",
            "https://shop.example/health answers, but not as Endcap does; is it the stack's ApiUrl?",
        )

    def test_a_lacking_region_is_a_finding_of_its_own(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
        findings = list(doctor.examine(stack="shop"))
        assert findings_about("AWS credentials", findings).state == "ok"
        assert findings_about("AWS region", findings).state == "wrong"
        assert "AWS_DEFAULT_REGION" in findings_about("AWS region", findings).todo
        assert "You must specify a region" in findings_about("CloudFormation", findings).found

    def test_a_checkout_says_whether_it_can_be_deployed(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(doctor, "CHECKOUT", tmp_path)
        assert "built stack" not in [finding.what for finding in doctor.examine()]
        (tmp_path / "template.yaml").touch()
        assert findings_about("SAM CLI", doctor.examine()).state == "note"
        assert findings_about("built stack", doctor.examine()).found == "not built yet"
        for made in (".venv-sam/bin/sam", ".aws-sam/build/template.yaml"):
            (tmp_path / made).parent.mkdir(parents=True)
            (tmp_path / made).touch()
        assert findings_about("SAM CLI", doctor.examine()).state == "ok"
        assert findings_about("built stack", doctor.examine()).state == "ok"
        os.utime(tmp_path / "template.yaml", (2e9, 2e9))
        assert findings_about("built stack", doctor.examine()).found == "older than template.yaml"
