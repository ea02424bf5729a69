"""The counters table: batches add up, rows stay small, what is over expires, a full bucket is refused."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any
from unittest.mock import patch

import pytest
from botocore.stub import Stubber

from endcap.aws import counters
from endcap.aws.counters import MAX_NAMES, NAMES_PER_WRITE, CounterTable
from endcap.errors import DependencyError, ThrottledError
from endcap.events.counts import COARSE, FINE, HOUR_MS, Increment, Level
from tests.fakes import moto_stack

START_MS = 1_768_471_200_000


@pytest.fixture
def dynamodb(stack: None) -> Any:
    return moto_stack.client("dynamodb")


@pytest.fixture
def table(dynamodb: Any) -> CounterTable:
    return CounterTable(dynamodb, moto_stack.COUNTERS)


def one_shard(dynamodb: Any) -> CounterTable:
    return CounterTable(dynamodb, moto_stack.COUNTERS, lambda _: 3)


def totals(table: CounterTable, level: Level = FINE, since_ms: int = 0) -> dict[int, Counter[str]]:
    found: dict[int, Counter[str]] = {}
    for start_ms, counts in table.read(level, since_ms):
        found.setdefault(start_ms, Counter()).update(counts)
    return found


def rows(dynamodb: Any) -> list[dict[str, Any]]:
    return list(dynamodb.scan(TableName=moto_stack.COUNTERS)["Items"])


def test_batches_add_up_whatever_their_shards(table: CounterTable, dynamodb: Any) -> None:
    for _ in range(40):
        table.add(Increment(FINE, START_MS, {"da": 2, "ib": 1}))
    assert totals(table) == {START_MS: {"da": 80, "ib": 40}}
    assert len({row["shard"]["S"] for row in rows(dynamodb)}) > 2


def test_buckets_and_levels_are_apart(table: CounterTable) -> None:
    table.add(Increment(FINE, START_MS, {"da": 1}))
    table.add(Increment(FINE, START_MS + FINE.width_ms, {"da": 2}))
    table.add(Increment(COARSE, START_MS, {"da": 4}))
    assert totals(table, FINE, START_MS) == {START_MS: {"da": 1}, START_MS + FINE.width_ms: {"da": 2}}
    assert totals(table, FINE, START_MS + 1) == {START_MS + FINE.width_ms: {"da": 2}}
    assert totals(table, COARSE) == {START_MS: {"da": 4}}


@pytest.mark.parametrize("item_id", ["灯/笼", "a b.c", "#c", ":0", "100%", "counts", "x" * 128])
def test_items_may_have_any_id(table: CounterTable, item_id: str) -> None:
    for _ in range(2):
        table.add(Increment(FINE, START_MS, {"d" + item_id: 3}))
    assert totals(table) == {START_MS: {"d" + item_id: 6}}


def test_a_small_batch_is_one_write_to_a_row_that_is_there(dynamodb: Any) -> None:
    table = one_shard(dynamodb)
    counts = {f"d{n}": 1 for n in range(NAMES_PER_WRITE)}
    table.add(Increment(FINE, START_MS, counts))
    with patch.object(dynamodb, "update_item", wraps=dynamodb.update_item) as written:
        table.add(Increment(FINE, START_MS, counts))
    assert written.call_count == 1
    assert len(written.call_args.kwargs["UpdateExpression"]) < 4096
    assert totals(table) == {START_MS: dict.fromkeys(counts, 2)}


def test_rows_stay_small_however_many_items_there_are(dynamodb: Any) -> None:
    table, names = one_shard(dynamodb), [f"d{n}" for n in range(3 * MAX_NAMES)]
    for first in range(0, len(names), 50):
        table.add(Increment(FINE, START_MS, dict.fromkeys(names[first : first + 50], 1)))
    assert totals(table) == {START_MS: dict.fromkeys(names, 1)}
    assert max(len(row["counts"]["M"]) for row in rows(dynamodb)) < MAX_NAMES + NAMES_PER_WRITE
    other = one_shard(dynamodb)  # which does not know what is full
    other.add(Increment(FINE, START_MS, {"dlate": 1}))
    assert totals(table)[START_MS]["dlate"] == 1


def test_a_bucket_without_room_refuses(dynamodb: Any) -> None:
    table = one_shard(dynamodb)
    with patch.object(counters, "MAX_NAMES", 1), patch.object(counters, "PARTS", 2):
        table.add(Increment(FINE, START_MS, {"da": 1}))
        table.add(Increment(FINE, START_MS, {"db": 1}))
        with pytest.raises(ThrottledError):
            table.add(Increment(FINE, START_MS, {"dc": 1}))


def test_rows_expire_a_day_after_their_last_use(table: CounterTable, dynamodb: Any) -> None:
    table.add(Increment(FINE, START_MS, {"da": 1}))
    (row,) = rows(dynamodb)
    assert int(row["ttl"]["N"]) == START_MS // 1000 + 8 * 3600 + 86_400
    assert FINE.kept_ms == 8 * HOUR_MS


def test_writers_at_once_lose_nothing(dynamodb: Any) -> None:
    writers = [
        threading.Thread(target=one_shard(dynamodb).add, args=(Increment(FINE, START_MS, {"da": 1, f"d{n}": 1}),))
        for n in range(8)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert totals(one_shard(dynamodb)) == {START_MS: {"da": 8} | {f"d{n}": 1 for n in range(8)}}


@pytest.mark.parametrize(
    ("code", "error"),
    [("ThrottlingException", ThrottledError), ("ResourceNotFoundException", DependencyError)],
)
def test_errors_of_aws_become_ours(table: CounterTable, dynamodb: Any, code: str, error: type[Exception]) -> None:
    with Stubber(dynamodb) as stub:
        stub.add_client_error("update_item", code)
        with pytest.raises(error):
            table.add(Increment(FINE, START_MS, {"da": 1}))
        stub.add_client_error("query", code)
        with pytest.raises(error):
            list(table.read(FINE, 0))
