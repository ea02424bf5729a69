"""A file that a merchandiser broke, and a snapshot that can't be loaded: answers go on, and an alarm goes off."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from endcap.aws.snapshots import SnapshotBucket
from endcap_local.template.template import expand
from tests.fakes import moto_stack
from tests.fakes.functions import published, stack_for_functions
from tests.functional.test_recommend import RECOMMENDATIONS, Environment

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics")
MONITORING = Path(__file__).parents[2] / "infra" / "monitoring.yaml"
NAMES_A_MISSING_SNAPSHOT = {
    "experiments": [{"name": "blend", "variants": [{"name": "other", "share": 1.0, "snapshot": "not-uploaded"}]}]
}


@pytest.fixture(scope="module")
def alarmed() -> set[tuple[str, str]]:
    """(metric, dimensions) of every alarm on one of our own metrics."""
    resources = expand(MONITORING)[1]["Resources"].values()
    alarms = [r["Properties"] for r in resources if r["Type"] == "AWS::CloudWatch::Alarm"]
    return {
        (alarm["MetricName"], json.dumps(alarm["Dimensions"]))
        for alarm in alarms
        if alarm.get("Namespace") == {"Ref": "MetricsNamespace"} and alarm["Threshold"] == 0
    }


@pytest.fixture
def bucket(tmp_path: Path) -> Iterator[SnapshotBucket]:
    with stack_for_functions(tmp_path):
        yield published(tmp_path)


def put(key: str, body: bytes) -> None:
    moto_stack.client("s3").put_object(Bucket=moto_stack.BUCKET, Key=key, Body=body)


def counted(output: str) -> set[tuple[str, str]]:
    """(metric, dimensions) of what a call has counted, from the lines that CloudWatch takes metrics from."""
    lines = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    return {
        (metric["Name"], json.dumps([{"Name": name, "Value": line[name]} for name in block["Dimensions"][0]]))
        for line in lines
        if "_aws" in line
        for block in line["_aws"]["CloudWatchMetrics"]
        for metric in block["Metrics"]
    }


@pytest.mark.parametrize(
    ("key", "body", "metric"),
    [
        ("config/scenarios.json", b'{"home": {"limit": 0}}', "ScenariosNotUsable"),
        ("config/scenarios.json", b"{", "ScenariosNotUsable"),
        ("config/experiments.json", b'{"experiments": [{}]}', "ExperimentsNotUsable"),
        ("config/synonyms.json", b'{"synonyms": [["sofa"]]}', "SynonymsNotUsable"),
        ("config/experiments.json", json.dumps(NAMES_A_MISSING_SNAPSHOT).encode(), "ExperimentSnapshotNotUsable"),
    ],
)
def test_what_is_wrong_in_a_file_is_counted_where_an_alarm_looks_and_answers_go_on(
    key: str,
    body: bytes,
    metric: str,
    bucket: SnapshotBucket,
    alarmed: set[tuple[str, str]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    put(key, body)
    call, seen, ends_s = Environment(), set[tuple[str, str]](), time.monotonic() + 30
    while metric not in {name for name, _ in seen & alarmed}:  # an experiment's snapshot is loaded beside the requests
        assert time.monotonic() < ends_s
        status, _ = call("GET", RECOMMENDATIONS, user_id="ann", scenario="buy_again", query="lamp")
        assert status == 200
        seen |= counted(capsys.readouterr().out)


def test_a_snapshot_that_can_not_be_loaded_is_counted_where_an_alarm_looks(
    bucket: SnapshotBucket, alarmed: set[tuple[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    pointer = bucket.current()
    assert pointer is not None
    put(f"snapshots/{pointer.version}/manifest.json", b"{}")
    status, _ = Environment()("GET", RECOMMENDATIONS, user_id="ann")
    assert status == 503
    assert "SnapshotLoadFailed" in {name for name, _ in counted(capsys.readouterr().out) & alarmed}


def test_nothing_is_counted_while_all_is_well(
    bucket: SnapshotBucket, alarmed: set[tuple[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    put("config/scenarios.json", b'{"home": {"limit": 3}}')
    status, _ = Environment()("GET", RECOMMENDATIONS, user_id="ann", scenario="home")
    assert status == 200
    assert not counted(capsys.readouterr().out) & alarmed
