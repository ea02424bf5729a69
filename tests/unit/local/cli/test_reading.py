"""Commands that read a shop's files: nothing useless replaces what works, and one document says why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

from endcap_local.cli.app import app
from endcap_local.console import lines_now_and_then
from endcap_rebuild.data.report import ReadReport, UnusableDataError

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


READERS = ("rebuild", "import", "local", "evaluate", "batch-recommend", "export aggregates")
HOW = {"--from", "--map", "--map-event", "--timezone", "--rating-scale", "--allow-bad", "--errors", "--exclude-users"}


@pytest.mark.parametrize("name", READERS)
def test_all_commands_that_read_files_are_told_how_in_the_same_words(name: str) -> None:
    command: Any = typer.main.get_command(app)
    for part in name.split():
        command = command.commands[part]
    assert {option for parameter in command.params for option in parameter.opts} >= HOW


def test_an_evaluation_reads_as_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def evaluate(settings: Any, _: object) -> None:
        asked.append(settings.reading)
        raise UnusableDataError(["enough"], ReadReport().document())

    monkeypatch.setattr("endcap_rebuild.evaluation.evaluate.evaluate", evaluate)
    told = ["--timezone", "Asia/Shanghai", "--rating-scale", "1-10", "--map", "who=user_id", "--allow-bad", "0.5"]
    CliRunner().invoke(app, ["evaluate", *shop(tmp_path, GOOD), *told])
    (reading,) = asked
    assert (reading.timezone, reading.rating_scale, reading.allow_bad) == ("Asia/Shanghai", "1-10", 0.5)
    assert reading.columns == {"who": "user_id"}


def test_logs_hear_of_a_long_job_when_a_step_begins_and_while_it_lasts(capsys: pytest.CaptureFixture[str]) -> None:
    now_s = 0.0
    tell = lines_now_and_then(lambda: now_s)
    for at_s, step, done in ((1, "reading", 0), (7, "weights", 0), (20, "weights", 5), (40, "weights", 9)):
        now_s = at_s
        tell(step, done, 10)
    now_s = 41
    tell("text_vectors", 3, 0)
    now_s = 75
    tell("text_vectors", 1_300, 0)
    assert capsys.readouterr().err.splitlines() == [
        "0:07 weights 0 of 10",
        "0:40 weights 9 of 10",
        "1:15 text vectors 1,300",
    ]


def test_report_in_words_names_files_guesses_and_reasons(tmp_path: Path) -> None:
    data = shop(tmp_path, GOOD + "u,a,beam,1790000000\n")
    (tmp_path / "notes.md").write_text("x")
    result = CliRunner().invoke(app, ["import", *data, "--dry-run"])
    words = " ".join(result.stdout.split())
    assert "1 refused: event_type: '…' is no known event type (events.csv:10)" in words
    assert "passed over notes.md: not a kind of file that is read" in words
    assert "events: 8 view; 8 users" in words
    assert "--map-event beam=view" in words
