"""What `endcap` says where something is wrong with how it was called: a line and a status, never a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from endcap_local.cli import app as cli


def said(arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """The one line of a command that fails."""
    monkeypatch.setattr("sys.argv", ["endcap", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    return line


@pytest.mark.parametrize(
    ("profile", "region", "arguments", "reason"),
    [
        ("nobody", "us-east-1", ["--bucket", "shop"], "profile (nobody) could not be found"),
        (None, None, ["--dlq-url", "https://sqs.us-east-1.amazonaws.com/1/dead"], "You must specify a region"),
    ],
)
def test_what_the_aws_setup_lacks_is_one_line(
    profile: str | None,
    region: str | None,
    arguments: list[str],
    reason: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    for name, value in (("AWS_PROFILE", profile), ("AWS_DEFAULT_REGION", region), ("AWS_REGION", region)):
        monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    assert reason in said(["replay", *arguments], monkeypatch, capsys)


def test_defects_keep_their_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def defect() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(cli, "app", defect)
    with pytest.raises(ZeroDivisionError):
        cli.main()


@pytest.mark.parametrize(
    "arguments",
    [
        ["replay", "--bucket", "shop", "--endpoint-url", "localhost:9000"],
        ["cost", "--recommend-ms", "inf"],
        ["rebuild", "--data", "shop", "--out", "s3://"],
        ["rebuild", "--data", "shop", "--out", "s3://bucket/folder"],
        ["bench", "soak", "--seconds", "inf"],
    ],
)
def test_values_that_nothing_can_be_done_with_are_usage_errors(arguments: list[str]) -> None:
    assert CliRunner().invoke(cli.app, arguments).exit_code == 2
