"""Which snapshots may go, and that they do."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

from endcap.aws.snapshots import SnapshotBucket
from endcap.errors import InvalidInputError
from endcap_local.cli import app
from endcap_local.pruning import surplus
from tests.fakes.moto_stack import BUCKET, client, objects, stack

VERSIONS = [f"2026010{day}T000000Z-aaaa" for day in range(1, 8)]


@pytest.fixture
def bucket() -> Iterator[SnapshotBucket]:
    """Seven versions, of which the last but one is current, after the first."""
    with stack():
        for version in VERSIONS:
            put(f"snapshots/{version}/words.txt", "words")
            put(f"snapshots/{version}/manifest.json", json.dumps({"files": {"words.txt": {}}}))
        made = SnapshotBucket(client("s3"), BUCKET)
        made.flip(VERSIONS[5], made.flip(VERSIONS[0], None))
        yield made


def put(key: str, text: str) -> None:
    client("s3").put_object(Bucket=BUCKET, Key=key, Body=text.encode())


def experiment(version: str) -> None:
    variants = [{"name": "old", "share": 0.5}, {"name": "new", "share": 0.5, "snapshot": version}]
    put("config/experiments.json", json.dumps({"experiments": [{"name": "trial", "variants": variants}]}))


def test_current_previous_and_newer_ones_stay(bucket: SnapshotBucket) -> None:
    assert surplus(client("s3"), BUCKET, 0) == VERSIONS[1:5]


def test_the_newest_of_the_others_stay(bucket: SnapshotBucket) -> None:
    assert surplus(client("s3"), BUCKET, 2) == VERSIONS[1:3]
    assert surplus(client("s3"), BUCKET, 20) == []


def test_what_an_experiment_ranks_with_stays(bucket: SnapshotBucket) -> None:
    experiment(VERSIONS[2])
    assert surplus(client("s3"), BUCKET, 0) == [VERSIONS[1], VERSIONS[3], VERSIONS[4]]


def test_nothing_goes_where_experiments_can_not_be_read(bucket: SnapshotBucket) -> None:
    put("config/experiments.json", "{")
    with pytest.raises(InvalidInputError):
        surplus(client("s3"), BUCKET, 0)


def test_nothing_goes_before_the_first_promotion() -> None:
    with stack():
        put(f"snapshots/{VERSIONS[0]}/manifest.json", "{}")
        assert surplus(client("s3"), BUCKET, 0) == []


def test_command_names_them_and_removes_them_with_yes(bucket: SnapshotBucket) -> None:
    arguments = ["snapshot", "prune", "--bucket", BUCKET, "--keep", "1", "--json"]
    named = json.loads(CliRunner().invoke(app, arguments).stdout)
    assert named == {"removed": False, "versions": VERSIONS[1:4]}
    assert bucket.versions() == VERSIONS
    removed = json.loads(CliRunner().invoke(app, [*arguments, "--yes"]).stdout)
    assert removed == {"removed": True, "versions": VERSIONS[1:4]}
    assert bucket.versions() == [VERSIONS[0], *VERSIONS[4:]]
    assert not [key for key in objects("snapshots/") if VERSIONS[1] in key]
