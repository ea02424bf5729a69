"""`endcap report` counts an archive as the summariser does."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from endcap_local.cli.app import app
from tests.unit.endcap.results.test_book import acts, lists


def archive(folder: Path) -> Path:
    for name, records in (("exposures", lists()), ("events", acts())):
        path = folder / name / "2026" / "01" / "15" / "part.jsonl"
        path.parent.mkdir(parents=True)
        path.write_text("\n".join(map(json.dumps, records)))
    return folder


def test_a_folder_is_told_by_what_is_asked_for(tmp_path: Path) -> None:
    told = CliRunner().invoke(app, ["report", "--data", str(archive(tmp_path)), "--by", "surface", "--json"])
    assert told.exit_code == 0, told.output
    found = json.loads(told.stdout)
    assert [(row["surface"], row["revenue"]) for row in found["rows"]] == [("start", 37.5), ("cart", 0.0)]
    assert found["total"]["returns"] == 2


def test_days_can_be_chosen_and_people_get_a_table(tmp_path: Path) -> None:
    data = str(archive(tmp_path))
    told = CliRunner().invoke(app, ["report", "--data", data, "--from", "2026-01-16", "--by", "variant"])
    assert told.exit_code == 0, told.output
    assert "variety/varied" in told.stdout
    assert "variety/control" not in told.stdout


def test_shares_of_a_few_lists_are_told_as_what_they_are(tmp_path: Path) -> None:
    folder = archive(tmp_path)
    told = CliRunner().invoke(app, ["report", "--data", str(folder), "--by", "surface"]).stdout
    assert "2 of 4" in told
    assert "%" not in told
    # Many lists, from which nothing came: a rate of 0, and no amount of no currency.
    many = [{**shown, "recommendation_id": f"{k}{shown['recommendation_id']}"} for k in range(12) for shown in lists()]
    (folder / "exposures" / "2026" / "01" / "15" / "part.jsonl").write_text("\n".join(map(json.dumps, many)))
    told = CliRunner().invoke(app, ["report", "--data", str(folder), "--by", "surface"]).stdout
    assert "0.0%" in told
    assert "0.00" not in told


def test_money_is_told_by_currency_and_not_added_up(tmp_path: Path) -> None:
    folder = archive(tmp_path)
    done = [record | ({"properties": {"currency": "EUR"}} if record["user_id"] == "ann" else {}) for record in acts()]
    (folder / "events" / "2026" / "01" / "15" / "part.jsonl").write_text("\n".join(map(json.dumps, done)))
    told = CliRunner().invoke(app, ["report", "--data", str(folder), "--by", "day"])
    assert told.exit_code == 0, told.output
    assert "19.99 EUR" in told.stdout
    assert "17.51" in told.stdout
    assert "37.50" not in told.stdout
    as_json = json.loads(CliRunner().invoke(app, ["report", "--data", str(folder), "--json"]).stdout)["total"]
    assert as_json["revenue"] is None
    assert as_json["revenues"] == [{"currency": "EUR", "revenue": 19.99}, {"currency": None, "revenue": 17.51}]


def test_dimensions_that_are_none_are_refused(tmp_path: Path) -> None:
    told = CliRunner().invoke(app, ["report", "--data", str(archive(tmp_path)), "--by", "colour"])
    assert told.exit_code == 1
    assert "--by" in str(told.exception)
