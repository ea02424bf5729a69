"""The archive in moto, compacted: nothing lost, nothing twice, and a rebuild that comes out the same."""

from __future__ import annotations

import gzip
import io
import json
import random
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from endcap.aws.compacting import MARK, ArchiveFiles
from endcap.aws.erasures import ErasureTable, LedgerCopy
from endcap.aws.profiles import ProfileTable
from endcap.aws.purging import places
from endcap.batch import Deadline
from endcap.compaction import SETTLED_DAYS, Mark
from endcap.erasure.purge import purge
from endcap.filenames import MONTH_ENDING
from endcap.parquet import read_records
from endcap_rebuild.data.dataset import read_shop
from endcap_rebuild.job import rebuild
from endcap_rebuild.settings import RebuildSettings
from tests.fakes import moto_stack
from tests.fakes.effort import proved, proving
from tests.fakes.profile_store import Crash
from tests.fakes.toy_shop import NOW_MS, chain_events, toy_item_rows, write_items
from tests.fakes.toy_snapshot import TINY_ENCODER
from tests.functional.test_crash_points import Death

DAYS = (date(2026, 1, 1), date(2026, 1, 2), date(2026, 2, 1))
TODAY = DAYS[1] + timedelta(days=SETTLED_DAYS)
AFTER = date(2026, 1, 31) + timedelta(days=SETTLED_DAYS)
"""When the first month is over for long enough, and the second is not."""
FILES_A_DAY = 6
STEPS = 40
"""Calls of AWS of the whole run, and a few more."""
MONTH_STEPS = 55
"""The same of one that also puts a month together."""


@pytest.fixture
def bucket() -> Iterator[Any]:
    with moto_stack.stack():
        s3 = moto_stack.client("s3")
        s3.put_bucket_versioning(Bucket=moto_stack.BUCKET, VersioningConfiguration={"Status": "Enabled"})
        yield s3


def fill(s3: Any, rows: list[dict[str, Any]]) -> None:
    """Files as Firehose writes them, some lines of theirs twice, as Firehose may."""
    chance = random.Random(1)
    n_files = len(DAYS) * FILES_A_DAY
    for number in range(n_files):
        day = DAYS[number // FILES_A_DAY]
        lines = rows[number::n_files] + chance.sample(rows, 2)
        body = "".join(json.dumps(row) + "\n" for row in lines).encode()
        key = f"events/{day:%Y/%m/%d}/archive-1-{number:03d}-{chance.getrandbits(64):016x}.jsonl.gz"
        s3.put_object(Bucket=moto_stack.BUCKET, Key=key, Body=gzip.compress(body))


def rows() -> list[dict[str, Any]]:
    events = chain_events(40)
    return [{**row, "event_id": f"e{n}", "timestamp": int(row["timestamp"])} for n, row in enumerate(events)]


def lines(stored: Mapping[str, bytes]) -> list[bytes]:
    """In the order in which the archive is read."""
    return [line for key in sorted(stored) for line in gzip.decompress(stored[key]).splitlines()]


def kept(stored: Mapping[str, bytes]) -> list[Any]:
    """The records, in the order in which the archive is read."""
    return [
        record
        for key in sorted(stored)
        for record in (
            read_records(io.BytesIO(stored[key]))
            if key.endswith(MONTH_ENDING)
            else map(json.loads, gzip.decompress(stored[key]).splitlines())
        )
    ]


def synced(folder: Path) -> Path:
    write_items(folder, toy_item_rows())
    for key, data in moto_stack.objects("events/").items():
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        (folder / key).write_bytes(data)
    return folder


def compact(s3: Any, most: int = 1 << 20, today: date = TODAY) -> dict[str, int]:
    return ArchiveFiles(s3, moto_stack.BUCKET, most).compact(today, Deadline())


def learned(folder: Path, out: Path) -> Any:
    settings = RebuildSettings(
        synced(folder), out, encoder=str(TINY_ENCODER), dim=16, max_cases=20, without_ledger=True
    )
    return rebuild(settings)["version"].rpartition("-")[2]  # the hash of its contents


def test_days_and_months_that_are_over_become_a_file_each_and_a_rebuild_the_same(bucket: Any, tmp_path: Path) -> None:
    fill(bucket, rows())
    stored = moto_stack.objects("events/")
    before = learned(tmp_path / "before", tmp_path / "out-before")
    assert compact(bucket) == {"days": 2, "months": 0, "files": 2 * FILES_A_DAY, "into": 2}
    after = moto_stack.objects("events/")
    assert len(after) == 2 + FILES_A_DAY  # the last day is not over for long enough
    assert lines(after) == lines(stored)
    assert {key.rpartition("/")[0] for key in after} == {key.rpartition("/")[0] for key in stored}
    assert not any(compact(bucket).values())
    assert learned(tmp_path / "days", tmp_path / "out-days") == before
    # AND when the month is over, in columns
    assert compact(bucket, today=AFTER) == {"days": 0, "months": 1, "files": 2, "into": 1}
    after = moto_stack.objects("events/")
    assert [key for key in after if key < "events/2026/02"] == ["events/2026/01/month/000.events.parquet"]
    assert kept(after) == kept(stored)
    assert not any(compact(bucket, today=AFTER).values())
    assert learned(tmp_path / "months", tmp_path / "out-months") == before


def test_months_go_on_where_nobody_knows_any_more_how_far_they_are(bucket: Any) -> None:
    fill(bucket, rows()[:60])
    stored = moto_stack.objects("events/")
    assert compact(bucket, today=AFTER) == {"days": 2, "months": 1, "files": 2 * FILES_A_DAY + 2, "into": 3}
    bucket.delete_object(Bucket=moto_stack.BUCKET, Key=MARK)
    assert compact(bucket, today=AFTER + timedelta(days=40))["months"] == 1
    after = moto_stack.objects("events/")
    assert [key.rpartition("/")[0] for key in after] == ["events/2026/01/month", "events/2026/02/month"]
    assert kept(after) == kept(stored)


def test_a_month_has_as_many_files_as_it_takes(bucket: Any) -> None:
    fill(bucket, rows())
    stored = moto_stack.objects("events/")
    most = sum(len(stored[key]) for key in sorted(stored)[:3])
    assert compact(bucket, most, AFTER)["months"] == 1
    after = moto_stack.objects("events/")
    assert len([key for key in after if key.endswith(MONTH_ENDING)]) > 1
    assert kept(after) == kept(stored)


def test_files_are_as_large_as_they_may_be(bucket: Any) -> None:
    fill(bucket, rows())
    stored = moto_stack.objects("events/")
    most = sum(len(stored[key]) for key in sorted(stored)[:3])
    told = compact(bucket, most)
    assert told["into"] > told["days"]
    assert lines(moto_stack.objects("events/")) == lines(stored)


def test_what_can_not_be_read_stays_between_its_neighbours(bucket: Any) -> None:
    fill(bucket, rows())
    damaged = sorted(moto_stack.objects("events/"))[2]
    whole = moto_stack.objects("events/")[damaged]
    bucket.put_object(Bucket=moto_stack.BUCKET, Key=damaged, Body=whole[:-9])
    assert compact(bucket)["files"] == 2 * FILES_A_DAY - 1
    after = sorted(moto_stack.objects("events/"))
    assert after.index(damaged) == 1  # two before it became one, three behind it another
    assert len(after) == 3 + 1 + FILES_A_DAY


@proved
@pytest.mark.parametrize("step", range(0, MONTH_STEPS, 1 if proving() else 9))
def test_a_run_over_a_month_that_dies_loses_nothing_either(bucket: Any, step: int) -> None:
    fill(bucket, rows()[:60])
    stored = kept(moto_stack.objects("events/"))
    death = Death(2 * step + step // 9 % 2)
    try:
        with death.awaited():
            compact(bucket, today=AFTER)
    except Crash:
        assert told(kept(moto_stack.objects("events/"))) == told(stored)
    compact(bucket, today=AFTER)
    assert kept(moto_stack.objects("events/")) == stored


def told(some: list[Any]) -> set[str]:
    return {json.dumps(record, sort_keys=True) for record in some}


@proved
@pytest.mark.parametrize("step", range(0, STEPS, 1 if proving() else 5))
def test_a_run_that_dies_loses_nothing_and_counts_nothing_twice(bucket: Any, step: int, tmp_path: Path) -> None:
    fill(bucket, rows()[:60])
    stored = lines(moto_stack.objects("events/"))
    death = Death(2 * step + step // 5 % 2)
    try:
        with death.awaited():
            compact(bucket)
    except Crash:
        there = set(lines(moto_stack.objects("events/")))
        assert there == set(stored)
    compact(bucket)
    assert lines(moto_stack.objects("events/")) == stored
    mark = Mark.decoded(bucket.get_object(Bucket=moto_stack.BUCKET, Key=MARK)["Body"].read())
    assert mark == Mark(f"{DAYS[1]:%Y/%m/%d}")


def test_while_parts_and_whole_are_both_there_nothing_is_learned_twice(bucket: Any, tmp_path: Path) -> None:
    fill(bucket, rows())
    parts = moto_stack.objects("events/")
    known = read_shop(synced(tmp_path / "before"), NOW_MS, 0, {}, without_ledger=True).table
    compact(bucket)
    for key, body in parts.items():
        bucket.put_object(Bucket=moto_stack.BUCKET, Key=key, Body=body)
    table = read_shop(synced(tmp_path / "both"), NOW_MS, 0, {}, without_ledger=True).table
    assert table.time_ms.tolist() == known.time_ms.tolist()


def test_a_purge_finds_the_erased_in_what_was_put_together(bucket: Any) -> None:
    fill(bucket, rows())
    dynamodb = moto_stack.client("dynamodb")
    copy = LedgerCopy(bucket, moto_stack.BUCKET)
    table = ErasureTable(dynamodb, moto_stack.ERASURES, lambda: copy)
    compact(bucket)
    table.put("user-3", NOW_MS * 2)
    every = places(bucket, moto_stack.BUCKET, ProfileTable(dynamodb, moto_stack.PROFILES), table)
    assert purge(every, table, NOW_MS, 30, Deadline(), begin=True)["status"] == "done"
    assert not [line for line in lines(moto_stack.objects("events/")) if json.loads(line)["user_id"] == "user-3"]
    versions = bucket.list_object_versions(Bucket=moto_stack.BUCKET, Prefix="events/")["Versions"]
    bodies = [
        bucket.get_object(Bucket=moto_stack.BUCKET, Key=v["Key"], VersionId=v["VersionId"])["Body"].read()
        for v in versions
    ]
    assert not [body for body in bodies if b'"user-3"' in gzip.GzipFile(fileobj=io.BytesIO(body)).read()]


def test_a_purge_finds_the_erased_in_a_month(bucket: Any) -> None:
    fill(bucket, rows())
    dynamodb = moto_stack.client("dynamodb")
    copy = LedgerCopy(bucket, moto_stack.BUCKET)
    table = ErasureTable(dynamodb, moto_stack.ERASURES, lambda: copy)
    compact(bucket, today=AFTER)
    before = kept(moto_stack.objects("events/"))
    table.put("user-3", NOW_MS * 2)
    every = places(bucket, moto_stack.BUCKET, ProfileTable(dynamodb, moto_stack.PROFILES), table)
    assert purge(every, table, NOW_MS, 30, Deadline(), begin=True)["status"] == "done"
    after = kept(moto_stack.objects("events/"))
    assert after == [record for record in before if record["user_id"] != "user-3"] != before
    pages = bucket.list_object_versions(Bucket=moto_stack.BUCKET, Prefix="events/2026/01/month/")
    assert len(pages["Versions"]) == 1  # the one that held too much is deleted for good


def test_files_that_a_purge_has_changed_meanwhile_are_left_for_the_next_run(bucket: Any) -> None:
    fill(bucket, rows())
    first = sorted(moto_stack.objects("events/"))[0]

    class Purging(ArchiveFiles):
        def _still(self, day: str, taken: Any) -> bool:
            bucket.put_object(Bucket=moto_stack.BUCKET, Key=first, Body=gzip.compress(b'{"kept":1}\n'))
            return super()._still(day, taken)

    Purging(bucket, moto_stack.BUCKET).compact(TODAY, Deadline())
    assert first in moto_stack.objects("events/")
