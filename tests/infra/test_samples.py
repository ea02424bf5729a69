"""The sample events: each function has some, and each looks like what AWS sends."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from endcap.api.routes import PREFLIGHT, ROUTES
from endcap.aws.counters import NOTES, note_of
from endcap.aws.item_rows import item_row, read_row

ROOT = Path(__file__).parents[2]
SAMPLES = sorted(path for path in ROOT.glob("events/*/*.json") if path.parent.name != "pipes")
"""Those of pipes lead to a queue, and to no function."""
FUNCTIONS = sorted(path.name for path in (ROOT / "functions").iterdir() if path.is_dir())


def sample_id(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text())
    return document


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_function_has_a_sample(function: str) -> None:
    assert any(path.parent.name == function for path in SAMPLES)


def test_no_sample_is_of_an_unknown_function() -> None:
    assert {path.parent.name for path in SAMPLES} <= set(FUNCTIONS)


def test_every_route_has_a_sample() -> None:
    keys = {read(path)["routeKey"] for path in SAMPLES if path.stem.startswith("http-")}
    assert keys == {f"{route.method} {route.path}" for route in (*ROUTES, PREFLIGHT)} | {"$default"}


@pytest.mark.parametrize("path", [p for p in SAMPLES if p.stem.startswith("http-")], ids=sample_id)
def test_http_samples_are_consistent(path: Path) -> None:
    event = read(path)
    http, key = event["requestContext"]["http"], event["routeKey"]
    filled = key
    for name, value in event.get("pathParameters", {}).items():
        filled = filled.replace("{" + name + "}", value).replace("{" + name + "+}", value)
    assert event["version"] == "2.0"
    assert event["requestContext"]["routeKey"] == key
    assert http["path"] == event["rawPath"]
    if key != "$default":
        assert f"{http['method']} {event['rawPath']}" == filled
        assert {f"{r.method} {r.path}": r.function for r in (*ROUTES, PREFLIGHT)}[key] == path.parent.name
    if event["isBase64Encoded"]:
        base64.b64decode(event["body"], validate=True)


@pytest.mark.parametrize("path", [p for p in SAMPLES if p.stem.startswith("sqs-")], ids=sample_id)
def test_sqs_samples_carry_the_digest_of_their_body(path: Path) -> None:
    for record in read(path)["Records"]:
        digest = hashlib.md5(record["body"].encode(), usedforsecurity=False).hexdigest()
        assert (record["eventSource"], record["md5OfBody"]) == ("aws:sqs", digest)


@pytest.mark.parametrize("path", [p for p in SAMPLES if p.stem.startswith("kinesis-")], ids=sample_id)
def test_kinesis_samples_are_in_order(path: Path) -> None:
    records = read(path)["Records"]
    numbers = [record["kinesis"]["sequenceNumber"] for record in records]
    assert numbers == sorted(set(numbers))
    for record in records:
        base64.b64decode(record["kinesis"]["data"], validate=True)


@pytest.mark.parametrize(
    "path", [p for p in SAMPLES if p.parent.name in ("embed_item", "describe_item")], ids=sample_id
)
def test_stream_samples_hold_rows_as_the_items_table_writes_them(path: Path) -> None:
    for record in read(path)["Records"]:
        for image in (record["dynamodb"].get("NewImage"), record["dynamodb"].get("OldImage")):
            if image and "not json" not in image.get("document", {}).get("S", ""):
                row = read_row(image)
                if row.item is not None:
                    assert item_row(row.item, row.changed_at_ms) == image


def test_stream_samples_of_counts_are_what_batches_note() -> None:
    records = read(ROOT / "events" / "fold_counts" / "dynamodb-notes.json")["Records"]
    for record in records:
        start_of = {i.level.start_of(i.start_ms) == i.start_ms for i in note_of(record).increments}
        assert start_of == {True}
        assert record["dynamodb"]["Keys"]["shard"]["S"].startswith(NOTES)


@pytest.mark.parametrize("source", ["sqs", "kinesis"])
def test_there_is_a_poisoned_record_amid_good_ones(source: str) -> None:
    records = read(ROOT / "events" / "update_profile" / f"{source}-poisoned-in-the-middle.json")["Records"]

    def usable(record: dict[str, Any]) -> bool:
        raw = record["body"].encode() if source == "sqs" else base64.b64decode(record["kinesis"]["data"])
        try:
            json.loads(raw)
        except ValueError:
            return False
        return True

    found = [usable(record) for record in records]
    assert found[0]
    assert found[-1]
    assert found.count(False) == 1
