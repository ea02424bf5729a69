"""What an execution finds in the bucket, told without fetching it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from endcap.aws.item_rows import item_row
from endcap.errors import InvalidInputError
from endcap_rebuild.base_encoders.recipes import RECIPES
from endcap_rebuild.lambda_job.inputs import fetch, inputs_of
from endcap_rebuild.sagemaker.publishing import Publisher
from tests.fakes.moto_stack import BUCKET, client, stack
from tests.fakes.table_export import export_files
from tests.fakes.toy_snapshot import toy_items


@pytest.fixture
def bucket() -> Iterator[Publisher]:
    with stack():
        for key, body in export_files([item_row(item, 1) for item in toy_items(20)]).items():
            put(f"exports/run-1/items/{key}", body)
        put("events/2026/01/02/a.jsonl.gz", b"x" * 4_000)
        put("events/2026/01/02/b.jsonl", b"x" * 2_000)
        yield Publisher(client("s3"), BUCKET)


def put(key: str, body: bytes) -> None:
    client("s3").put_object(Bucket=BUCKET, Key=key, Body=body)


def test_size_is_that_of_the_manifest_and_of_the_archive(bucket: Publisher) -> None:
    found = inputs_of(bucket, "run-1")
    assert (found.size.items, found.size.events) == (20, 4_000 // 40 + 2_000 // 200)
    assert found.size.new_texts == 20
    assert found.size.files == len(bucket.sizes("exports/run-1/")) + 2
    assert found.size.stored_mb == pytest.approx(sum(bucket.sizes("").values()) / 1e6)
    assert (found.unreadable, found.encoders) == ((), False)


def test_texts_that_an_earlier_rebuild_has_encoded_are_not_new(bucket: Publisher) -> None:
    put("rebuild/cache/texts/0123/block.npz", b"x" * 12 * (4 * 192 + 8))
    assert inputs_of(bucket, "run-1").size.new_texts == 8


@pytest.mark.parametrize("place", ["encoders/", "rebuild/cache/encoders/"])
def test_an_encoder_is_there_when_all_of_its_files_are(place: str, bucket: Publisher) -> None:
    recipe = RECIPES["multilingual"]
    *first, last = (f"{place}{recipe.folder}/{name}" for name in recipe.sha256)
    for key in first:
        put(key, b"part of it")
    assert not inputs_of(bucket, "run-1").encoders
    put(last, b"the rest")
    assert inputs_of(bucket, "run-1").encoders


def test_current_snapshot_has_an_encoder_too(bucket: Publisher) -> None:
    put("snapshots/current.json", b"{}")
    assert inputs_of(bucket, "run-1").encoders


def test_files_that_only_a_training_job_can_read_are_named(bucket: Publisher) -> None:
    put("events/2025/01.parquet", b"PAR1")
    assert inputs_of(bucket, "run-1").unreadable == (".parquet",)


def test_months_of_the_archive_can_be_read_by_either(bucket: Publisher) -> None:
    events = inputs_of(bucket, "run-1").size.events
    put("events/2025/01/month/000.events.parquet", b"x" * 400)
    found = inputs_of(bucket, "run-1")
    assert (found.unreadable, found.size.events) == ((), events + 10)


def test_items_that_were_not_exported_to_the_end_are_refused(bucket: Publisher) -> None:
    with pytest.raises(InvalidInputError, match="no export that is finished"):
        inputs_of(bucket, "run-2")


def test_inputs_lie_as_a_rebuild_reads_them_and_encoders_apart(bucket: Publisher, tmp_path: Path) -> None:
    put("encoders/english-1/encoder.json", b"{}")
    fetch(bucket, "run-1", tmp_path / "data", tmp_path / "encoders")
    assert (tmp_path / "data" / "events" / "2026" / "01" / "02" / "b.jsonl").read_bytes() == b"x" * 2_000
    assert len(list((tmp_path / "data" / "items").rglob("*.json.gz"))) == 3
    assert [path.name for path in (tmp_path / "encoders").rglob("*.json")] == ["encoder.json"]
