"""Commands that read a shop's files: nothing useless replaces what works, and one document says why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from endcap_local.cli.app import app
from endcap_rebuild.data.report import UnusableDataError

GOOD = "".join(f"u{k},a,view,17900000{k:02d}\n" for k in range(8))


def shop(folder: Path, events: str) -> list[str]:
    (folder / "items.jsonl").write_text('{"item_id": "a", "title": "Mug"}\n')
    (folder / "events.csv").write_text("user_id,item_id,event_type,timestamp\n" + events)
    return ["--data", str(folder)]


def run(arguments: list[str]) -> tuple[BaseException | None, dict[str, Any]]:
    result = CliRunner().invoke(app, arguments)
    return (None if result.exit_code == 0 else result.exception), json.loads(result.stdout)


@pytest.mark.parametrize("command", [["rebuild", "--out", "unused"], ["import"]])
def test_dry_run_reports_and_changes_nothing(command: list[str], tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    data = shop(tmp_path, GOOD + ",a,view,1\n")
    error, document = run([*command, *data, "--dry-run", "--json"])
    assert error is None
    assert (document["items"], document["events"], document["refused_rows"], document["reasons"]) == (1, 8, 1, [])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["events.csv", "items.jsonl"]


@pytest.mark.parametrize(
    "command", [["rebuild", "--out", "out"], ["rebuild", "--out", "out", "--dry-run"], ["import", "--no-rebuild"]]
)
def test_data_that_is_no_good_stops_before_anything_changes(
    command: list[str], tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    data = shop(tmp_path, ",a,view,1\n" * 4)
    error, document = run([*command, *data, "--json", "--errors", "bad.csv"])
    assert isinstance(error, UnusableDataError)
    assert error.exit_status == 3
    assert document["refused_rows"] == 4
    assert document["reasons"] == list(error.reasons)
    assert len((tmp_path / "bad.csv").read_text().splitlines()) == 1 + 4
    assert not (tmp_path / "out").exists()


def test_options_of_reading_are_checked_at_once(tmp_path: Path) -> None:
    data = shop(tmp_path, GOOD)
    for wrong in (["--from", "nosuch"], ["--map", "x"], ["--timezone", "Moon"], ["--allow-bad", "7"]):
        result = CliRunner().invoke(app, ["import", *data, "--dry-run", *wrong])
        assert result.exit_code == 2, wrong


def test_report_in_words_names_files_guesses_and_reasons(tmp_path: Path) -> None:
    data = shop(tmp_path, GOOD + "u,a,beam,1790000000\n")
    (tmp_path / "notes.md").write_text("x")
    result = CliRunner().invoke(app, ["import", *data, "--dry-run"])
    words = " ".join(result.stdout.split())
    assert "1 refused: event_type: '…' is no known event type (events.csv:10)" in words
    assert "passed over notes.md: not a kind of file that is read" in words
    assert "events: 8 view; 8 users" in words
    assert "--map-event beam=view" in words
