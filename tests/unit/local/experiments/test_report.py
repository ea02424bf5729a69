"""`endcap experiments`: from files of an archive, in a folder or a bucket, to numbers, warnings and a winner."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from endcap.errors import InvalidInputError, NotFoundError
from endcap.parquet import write_records
from endcap.pseudonyms import PseudonymKeys, pseudonymous
from endcap_local.cli.app import app
from endcap_local.experiments.archive import FolderArchive, ReadLog, archive_at, records
from endcap_local.experiments.joining import Counting
from endcap_local.experiments.report import ReportSettings, configured, report
from tests.fakes import moto_stack
from tests.fakes.experiments import CONFIG, DAY, START_MS, archive, story, write

KEYS = PseudonymKeys({1: b"k" * 32})


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "local")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


def run(root: Path, config: bytes | None = None, keys: PseudonymKeys | None = None, **settings: Any) -> dict[str, Any]:
    source = FolderArchive(root)
    return report(source, configured(source, config), ReportSettings(**settings), lambda *_: None, keys)


def invoked(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["experiments", *arguments])


def test_a_difference_is_counted_tested_and_named(tmp_path: Path) -> None:
    exposures, events = story(lift=1.0)
    found = run(archive(tmp_path, exposures, events))
    control, bolder = found["variants"]
    assert [v["name"] for v in (control, bolder)] == ["control", "bolder"]
    bought, clicked = ([e for e in events if e["event_type"] == kind] for kind in ("purchase", "click"))
    for name, expected in (
        ("units", 3000),
        ("lists", len(exposures)),
        ("clicked_lists", len(clicked)),
        ("converted_units", len({event["user_id"] for event in bought})),
        ("revenue", pytest.approx(sum(event["value"] for event in bought))),
    ):
        assert control[name] + bolder[name] == expected
    assert bolder["conversion"] == bolder["converted_units"] / bolder["units"]
    assert bolder["ctr"] == bolder["clicked_lists"] / bolder["lists"]
    tested = {(c["metric"], c["variant"]): c for c in found["comparisons"]}
    conversion = tested["conversion", "bolder"]
    assert conversion["difference"] == pytest.approx(bolder["conversion"] - control["conversion"])
    assert conversion["relative"] == pytest.approx(bolder["conversion"] / control["conversion"] - 1)
    assert conversion["fixed_horizon"]["low"] > conversion["always_valid"]["low"] > 0
    assert tested["ctr", "bolder"]["always_valid"]["p_value"] > 0.05
    revenue = bolder["revenue"] / bolder["units"] - control["revenue"] / control["units"]
    assert tested["revenue", "bolder"]["difference"] == pytest.approx(revenue)
    assert not found["sample_ratio"]["mismatch"]
    assert found["winner"] == "bolder"
    assert run(tmp_path, control="bolder")["winner"] == "bolder"  # also where it is what others are compared with
    assert run(tmp_path, metric="ctr")["winner"] is None
    json.dumps(found, allow_nan=False)


def test_no_winner_where_nothing_differs_or_shoppers_are_not_split_as_configured(tmp_path: Path) -> None:
    assert run(archive(tmp_path / "same", *story()))["winner"] is None
    lossy = run(archive(tmp_path / "lossy", *story(lift=1.0, lost=0.2)))
    assert lossy["comparisons"][0]["always_valid"]["p_value"] < 0.05
    assert lossy["sample_ratio"]["mismatch"]
    assert lossy["winner"] is None
    text = invoked("report", "--data", str(tmp_path / "lossy")).output
    assert "Sample ratio mismatch" in text
    assert "Winner" not in text


def test_the_intervals_of_several_variants_share_alpha(tmp_path: Path) -> None:
    exposures, events = story()
    three = [{**record, "variant": "wild"} if record["unit"].endswith("0") else record for record in exposures]
    together = run(archive(tmp_path / "three", three, events))
    alone = run(archive(tmp_path / "two", [r for r in three if r["variant"] != "wild"], events), alpha=0.025)
    bolder = [next(c for c in r["comparisons"] if c["variant"] == "bolder") for r in (together, alone)]
    assert bolder[0] == bolder[1]
    assert together["sample_ratio"] is None  # "wild" is not configured


def test_a_variant_that_nobody_saw_is_a_mismatch(tmp_path: Path) -> None:
    more = json.loads(json.dumps(CONFIG))
    more["experiments"][0]["variants"] = [{"name": n, "share": 0.3} for n in ("control", "bolder", "wild")]
    assert run(archive(tmp_path, *story(shoppers=300), more))["sample_ratio"]["mismatch"]


def test_exposures_before_the_start_do_not_count(tmp_path: Path) -> None:
    started = json.loads(json.dumps(CONFIG))
    started["experiments"][0]["start"] = START_MS + 1000
    root = archive(tmp_path, *story(), started)
    assert run(root, experiment="blend")["units"] == 2000
    assert run(root)["units"] == 2000


def test_what_can_not_be_reported_is_said(tmp_path: Path) -> None:
    exposures, events = story(shoppers=300)
    root = archive(tmp_path, exposures, events, None)
    assert run(root)["sample_ratio"] is None
    assert run(root, config=json.dumps(CONFIG).encode())["sample_ratio"] is not None
    with pytest.raises(NotFoundError, match="no exposures of experiment other"):
        run(root, experiment="other")
    with pytest.raises(InvalidInputError, match="control: must be one of bolder, control"):
        run(root, control="other")
    write(root, f"exposures/{DAY}/three.jsonl", [{**exposures[0], "experiment": "second"}])
    with pytest.raises(InvalidInputError, match="experiment: must be one of blend, second"):
        run(root)
    with pytest.raises(NotFoundError, match="fewer than two variants"):
        run(root, experiment="second")
    with pytest.raises(NotFoundError, match="no folder"):
        archive_at(str(tmp_path / "nowhere"))
    with pytest.raises(InvalidInputError, match="names no bucket"):
        archive_at("s3:///prefix")


def test_too_few_shoppers_are_not_tested(tmp_path: Path) -> None:
    found = run(archive(tmp_path, *story(shoppers=60)))
    assert {(c["fixed_horizon"], c["always_valid"]) for c in found["comparisons"]} == {(None, None)}
    assert "too few" in invoked("report", "--data", str(tmp_path)).output


def halves(documents: list[Any], *keys: PseudonymKeys | None) -> list[Any]:
    """Documents as they are archived, in equal parts with each of some keys; None for plain ids."""
    part = -(-len(documents) // len(keys))
    told = [(document, keys[n // part]) for n, document in enumerate(documents)]
    return [document if key is None else pseudonymous(document, key) for document, key in told]


@pytest.mark.parametrize("attribution", ["recommendation", "user"])
@pytest.mark.parametrize(
    ("exposed", "did", "given"),
    [
        ((None,), (None,), KEYS),
        ((KEYS,), (KEYS,), None),
        ((KEYS,), (KEYS,), KEYS),
        ((None, KEYS), (None, KEYS), KEYS),
        ((None,), (KEYS,), KEYS),
    ],
)
def test_archives_with_ids_with_pseudonyms_and_with_both_say_the_same(
    tmp_path: Path,
    attribution: Any,
    exposed: tuple[PseudonymKeys | None, ...],
    did: tuple[PseudonymKeys | None, ...],
    given: PseudonymKeys | None,
) -> None:
    exposures, events = story(lift=1.0, shoppers=400)
    plain = run(archive(tmp_path / "plain", exposures, events), counting=Counting(attribution=attribution))
    root = archive(tmp_path / "told", halves(exposures, *exposed), halves(events, *did))
    found = run(root, keys=given, counting=Counting(attribution=attribution))
    assert found == plain


def test_what_few_shoppers_did_is_not_told_and_changes_no_other_figure(tmp_path: Path) -> None:
    exposures, events = story(shoppers=400)
    goals = [event for event in events if event["event_type"] == "purchase"]
    bolder = {e["user_id"] for e in exposures if e["variant"] == "bolder"}
    rare = [event for event in goals if event["user_id"] in bolder]
    few = {event["user_id"] for event in rare[:4]}
    kept = [e for e in events if e not in rare or e["user_id"] in few]
    found = run(archive(tmp_path, exposures, kept))
    control, told = found["variants"]
    names = ("converted_units", "conversion", "revenue", "revenue_per_unit")
    assert [told[name] for name in names] == [None] * 4
    assert None not in [control[name] for name in names]
    assert None not in (told["units"], told["ctr"])
    hidden = {c["metric"] for c in found["comparisons"] if c["difference"] is None}
    assert hidden == {"conversion", "revenue"}
    assert "few" in invoked("report", "--data", str(tmp_path)).output
    none = run(archive(tmp_path, exposures, [e for e in kept if e not in rare]))
    assert none["variants"][1]["converted_units"] == 0


def test_goals_in_several_currencies_are_not_added_up(tmp_path: Path) -> None:
    exposures, events = story(lift=1.0)
    goals = [event for event in events if event["event_type"] == "purchase"]
    for number, event in enumerate(goals):
        event["properties"] = {"currency": ("EUR", "USD")[number % 2]}
    found = run(archive(tmp_path, exposures, events))
    assert {(one["revenue"], one["revenue_per_unit"]) for one in found["variants"]} == {(None, None)}
    assert {one["metric"] for one in found["comparisons"]} == {"conversion", "ctr"}
    assert sum(found["events"]["currencies"].values()) == len(goals)
    in_euros = run(tmp_path, counting=Counting(currency="EUR"))
    assert sum(one["revenue"] for one in in_euros["variants"]) == pytest.approx(sum(e["value"] for e in goals[::2]))
    assert sum(one["converted_units"] for one in in_euros["variants"]) == len({e["user_id"] for e in goals})
    told = invoked("report", "--data", str(tmp_path))
    assert "Goals are in several currencies (EUR " in told.stdout
    assert "Revenue is in EUR" in invoked("report", "--data", str(tmp_path), "--currency", "eur").stdout


def test_what_is_no_currency_is_refused(tmp_path: Path) -> None:
    told = invoked("report", "--data", str(tmp_path), "--currency", "euros")
    assert told.exit_code == 2
    assert "is no currency such as EUR" in " ".join(told.stderr.split())


def test_the_one_currency_of_all_goals_is_named(tmp_path: Path) -> None:
    exposures, events = story()
    for event in events:
        event["properties"] = {"currency": "GBP"}
    told = invoked("report", "--data", str(archive(tmp_path, exposures, events)))
    assert "Revenue is in GBP." in told.stdout


def test_damaged_files_and_lines_are_counted_and_the_rest_is_read(tmp_path: Path) -> None:
    write(tmp_path, "events/a.jsonl", [{"n": 1}])
    with (tmp_path / "events/a.jsonl").open("a") as file:
        file.write('\n[1]\n{"n": \n' + "[" * 100_000 + "\n" + json.dumps({"n": 2}))
    write(tmp_path, "events/b.jsonl.gz", [{"n": n, "text": f"{n * 7919}"} for n in range(3000)])
    whole = (tmp_path / "events/b.jsonl.gz").read_bytes()
    (tmp_path / "events/b.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "events/.hidden").write_bytes(b"{}")
    write(tmp_path, "events/2026/11/20/old.jsonl", [{"n": 3}])
    log = ReadLog()
    read = [record["n"] for record in records(FolderArchive(tmp_path), "events", log, START_MS)]
    assert read[:2] == [1, 2]
    assert len(read) > 100
    assert (log.bad_lines, log.bad_files) == (3, ["events/b.jsonl.gz"])
    assert 3 in {record["n"] for record in records(FolderArchive(tmp_path), "events", ReadLog())}


def test_months_are_read_as_days_are(tmp_path: Path) -> None:
    for month, n in (("2026/09", 1), ("2026/11", 2)):
        path = tmp_path / "events" / month / "month" / "000.events.parquet"
        path.parent.mkdir(parents=True)
        with path.open("wb") as out:
            write_records([{"n": n, "event_id": "e"}], out)
    write(tmp_path, "events/2026/12/01/a.jsonl", [{"n": 3}])
    assert [record["n"] for record in records(FolderArchive(tmp_path), "events", ReadLog())] == [1, 2, 3]
    since_ms = int(datetime(2026, 11, 20, tzinfo=UTC).timestamp() * 1000)
    assert [record["n"] for record in records(FolderArchive(tmp_path), "events", ReadLog(), since_ms)] == [2, 3]


class TestCommand:
    def test_prints_a_table_or_json(self, tmp_path: Path) -> None:
        root = str(archive(tmp_path, *story(lift=1.0)))
        told = invoked("report", "--data", root, "--within", "1h", "--effect", "0.5")
        assert told.exit_code == 0, told.output
        assert "Winner by conversion: bolder" in told.output
        assert "Sample ratio: as configured" in told.output
        found = json.loads(invoked("report", "--data", root, "--json", "--goal", "click", "--alpha", "0.1").output)
        assert (found["settings"]["goals"], found["settings"]["alpha"]) == (["click"], 0.1)

    def test_reads_a_bucket(self, tmp_path: Path) -> None:
        root = archive(tmp_path, *story(lift=1.0))
        with moto_stack.stack():
            s3 = moto_stack.client("s3")
            for path in root.rglob("*"):
                if path.is_file():
                    s3.upload_file(str(path), moto_stack.BUCKET, f"some/where/{path.relative_to(root).as_posix()}")
            remote = invoked("report", "--data", f"s3://{moto_stack.BUCKET}/some/where/", "--json")
        local = invoked("report", "--data", str(root), "--json")
        assert json.loads(remote.output) == json.loads(local.output)

    @pytest.mark.parametrize("within", ["7", "d", "-1d", "1y", ""])
    def test_refuses_what_is_no_duration(self, tmp_path: Path, within: str) -> None:
        refused = invoked("report", "--data", str(tmp_path), f"--within={within}")
        assert refused.exit_code == 2
        assert "no duration" in refused.output

    def test_checks_a_configuration(self, tmp_path: Path) -> None:
        file = tmp_path / "experiments.json"
        file.write_text(json.dumps(CONFIG))
        assert "blend: control 50%, bolder 50%" in invoked("check", str(file)).output
        assert json.loads(invoked("check", str(file), "--json").output)["experiments"][0]["salt"] == "blend"
        file.write_text('{"experiments": [{"name": "x", "variants": []}]}')
        refused = invoked("check", str(file))
        assert isinstance(refused.exception, InvalidInputError)
        assert "experiments.0.variants" in str(refused.exception)
