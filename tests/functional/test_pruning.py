"""Which snapshots may go, that they do, and that half of one goes too, but no upload that is under way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import pytest
from typer.testing import CliRunner

from endcap.aws.snapshots import SnapshotBucket
from endcap.errors import InvalidInputError
from endcap_local.cli.app import app
from endcap_local.prune import remove, surplus
from tests.fakes.moto_stack import BUCKET, client, objects, stack

VERSIONS = [f"2026010{day}T000000Z-aaaa" for day in range(1, 8)]
UPLOADED = "20260201T000000Z-bbbb"
NOW = datetime.now(UTC)  # what moto says that it was written
SOON, LATER = timedelta(hours=23), timedelta(hours=25)


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


def old(keep: int) -> list[str]:
    return list(surplus(client("s3"), BUCKET, keep, NOW).versions)


def remains(after: timedelta) -> list[str]:
    """What is left of half a snapshot, some time from now."""
    return list(surplus(client("s3"), BUCKET, 20, NOW + after).remains)


def command(monkeypatch: pytest.MonkeyPatch, after: timedelta, *options: str) -> Any:
    class Later(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return datetime.now(tz) + after

    with monkeypatch.context() as patch:
        patch.setattr("datetime.datetime", Later)
        found = CliRunner().invoke(app, ["snapshot", "prune", "--bucket", BUCKET, "--keep", "1", "--json", *options])
    return json.loads(found.stdout) if found.exit_code == 0 else found


def test_current_previous_and_newer_ones_stay(bucket: SnapshotBucket) -> None:
    assert old(0) == VERSIONS[1:5]


def test_the_newest_of_the_others_stay(bucket: SnapshotBucket) -> None:
    assert old(2) == VERSIONS[1:3]
    assert old(20) == []


def test_what_an_experiment_ranks_with_stays(bucket: SnapshotBucket) -> None:
    experiment(VERSIONS[2])
    assert old(0) == [VERSIONS[1], VERSIONS[3], VERSIONS[4]]


def test_nothing_goes_where_experiments_can_not_be_read(bucket: SnapshotBucket) -> None:
    put("config/experiments.json", "{")
    with pytest.raises(InvalidInputError):
        old(0)


def test_nothing_goes_before_the_first_promotion() -> None:
    with stack():
        put(f"snapshots/{VERSIONS[0]}/manifest.json", "{}")
        assert old(0) == []


def test_command_names_them_and_removes_them_with_yes(bucket: SnapshotBucket, monkeypatch: pytest.MonkeyPatch) -> None:
    assert command(monkeypatch, SOON) == {"removed": False, "versions": VERSIONS[1:4], "remains": []}
    assert bucket.versions() == VERSIONS
    assert command(monkeypatch, SOON, "--yes") == {"removed": True, "versions": VERSIONS[1:4], "remains": []}
    assert bucket.versions() == [VERSIONS[0], *VERSIONS[4:]]
    assert not [key for key in objects("snapshots/") if VERSIONS[1] in key]


@pytest.mark.parametrize("calls", [1, 2, 3, 4, 5])
def test_an_interrupted_removal_is_finished_by_the_same_command(
    calls: int, bucket: SnapshotBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3, made = client("s3"), list[str]()
    delete = s3.delete_object

    def cut(**asked: Any) -> Any:
        made.append(asked["Key"])
        if len(made) > calls:
            raise KeyboardInterrupt
        return delete(**asked)

    with monkeypatch.context() as patch:
        patch.setattr(s3, "delete_object", cut)
        patch.setattr("endcap.aws.clients.client", lambda *_: s3)
        command(monkeypatch, LATER, "--yes")
    assert len(made) == calls + 1
    assert not set(bucket.versions()) - {v for v in VERSIONS if f"snapshots/{v}/words.txt" in objects("snapshots/")}
    command(monkeypatch, LATER, "--yes")
    assert {key.split("/")[1] for key in objects("snapshots/")} == {"current.json", VERSIONS[0], *VERSIONS[4:]}


def test_an_upload_under_way_stays_and_what_is_left_of_one_goes_a_day_later(bucket: SnapshotBucket) -> None:
    for version in (UPLOADED, VERSIONS[2]):  # newer than the current one, and older
        client("s3").delete_object(Bucket=BUCKET, Key=f"snapshots/{version}/manifest.json")
    put(f"snapshots/{UPLOADED}/words.txt", "words")
    assert remains(SOON) == []
    assert remains(LATER) == [VERSIONS[2], UPLOADED]
    put(f"snapshots/{UPLOADED}/manifest.json", "{}")
    assert remains(LATER) == [VERSIONS[2]]


@pytest.mark.parametrize("position", [0, 2, 5], ids=["previous", "of an experiment", "current"])
def test_what_is_pointed_at_stays_without_its_manifest_too(position: int, bucket: SnapshotBucket) -> None:
    experiment(VERSIONS[2])
    client("s3").delete_object(Bucket=BUCKET, Key=f"snapshots/{VERSIONS[position]}/manifest.json")
    assert remains(LATER) == []


def test_what_is_no_snapshot_is_not_ours_to_remove(bucket: SnapshotBucket) -> None:
    for key in ("notes/words.txt", "notes.txt", ".trash/words.txt", "20260101T000000Z/words.txt"):
        put(f"snapshots/{key}", "words")
    assert remains(LATER) == []


def test_what_came_to_be_needed_meanwhile_stays(bucket: SnapshotBucket) -> None:
    gone = remove(client("s3"), BUCKET, VERSIONS[1:5])
    assert next(gone) == VERSIONS[1]
    bucket.flip(VERSIONS[2], bucket.current())
    experiment(VERSIONS[4])
    assert list(gone) == [VERSIONS[3]]
    assert bucket.versions() == [VERSIONS[0], VERSIONS[2], *VERSIONS[4:]]


def test_a_damaged_one_goes_with_all_its_files(bucket: SnapshotBucket) -> None:
    put(f"snapshots/{VERSIONS[1]}/manifest.json", "{")
    put(f"snapshots/{VERSIONS[1]}/unheard-of.npy", "x")
    assert list(remove(client("s3"), BUCKET, old(3))) == [VERSIONS[1]]
    assert not [key for key in objects("snapshots/") if VERSIONS[1] in key]
