"""The counters table and the objects beside it: a batch is one small write, what was tried again is there once, rows of
versions before are read, and folded counts are replaced only where they are still the same."""

from __future__ import annotations

import math
import random
from collections import Counter
from typing import Any
from unittest.mock import patch

import pytest
from botocore.stub import Stubber

from endcap.aws.counters import MAX_BYTES, NAMES_PER_NOTE, NOTE_SHARDS, NOTES, CounterTable, FoldedCounts, note_of
from endcap.errors import ConflictError, DependencyError, StoredDataError, ThrottledError
from endcap.events.counts import CLICKED, COARSE, DEMAND, FINE, HOUR_MS, Change, Increment, Level, increments
from tests.fakes import moto_stack
from tests.fakes.notes import stream_of

START_MS = 1_768_471_200_000
PARTITION_UNITS = 1_000
"""Write units that one key of a table takes in a second:
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html"""


@pytest.fixture
def dynamodb(stack: None) -> Any:
    return moto_stack.client("dynamodb")


@pytest.fixture
def table(dynamodb: Any) -> CounterTable:
    return CounterTable(dynamodb, moto_stack.COUNTERS)


def rows(dynamodb: Any) -> list[dict[str, Any]]:
    return list(dynamodb.scan(TableName=moto_stack.COUNTERS)["Items"])


def noted(dynamodb: Any) -> dict[tuple[Level, int], Counter[str]]:
    found: dict[tuple[Level, int], Counter[str]] = {}
    for record in stream_of(rows(dynamodb)):
        for increment in note_of(record).increments:
            found.setdefault((increment.level, increment.start_ms), Counter()).update(increment.counts)
    return found


def test_notes_are_rows_of_their_own_whatever_they_count(table: CounterTable, dynamodb: Any) -> None:
    for _ in range(5):
        table.add([Increment(FINE, START_MS, {"da": 2, "i灯": 1}), Increment(COARSE, START_MS, {"da": 2})], START_MS)
    assert noted(dynamodb) == {(FINE, START_MS): {"da": 10, "i灯": 5}, (COARSE, START_MS): {"da": 10}}
    assert len(rows(dynamodb)) == 5
    assert {row["shard"]["S"] for row in rows(dynamodb)} == {table._shard}
    assert {int(row["ttl"]["N"]) for row in rows(dynamodb)} == {START_MS // 1000 + 86_400}


def test_copies_of_a_function_share_the_keys(dynamodb: Any) -> None:
    keys = {CounterTable(dynamodb, "t", random.Random(n).randrange)._shard for n in range(60)}
    assert keys == {f"{NOTES}{n}" for n in range(NOTE_SHARDS)}


def test_nothing_counted_is_nothing_written(table: CounterTable, dynamodb: Any) -> None:
    table.add([], START_MS)
    table.add([Increment(FINE, START_MS, {})], START_MS)
    assert rows(dynamodb) == []


def test_a_large_batch_takes_as_many_rows_as_it_needs(table: CounterTable, dynamodb: Any) -> None:
    counts = {f"d{n}" + "x" * 120: 1 for n in range(NAMES_PER_NOTE + 1)}
    table.add([Increment(level, START_MS, counts) for level in (FINE, COARSE)], START_MS)
    assert noted(dynamodb) == {(FINE, START_MS): counts, (COARSE, START_MS): counts}
    assert len(rows(dynamodb)) == 3


def test_a_write_that_is_tried_again_counts_once(dynamodb: Any) -> None:
    table = CounterTable(dynamodb, moto_stack.COUNTERS, lambda _: 3)  # each try has the same key
    for _ in range(2):
        table.add([Increment(FINE, START_MS, {"da": 1})], START_MS)
    assert noted(dynamodb) == {(FINE, START_MS): {"da": 1}}


@pytest.mark.parametrize("together", [1, 10, 100])
def test_a_thousand_counted_events_a_second_fit_into_what_the_keys_take(together: int) -> None:
    # GIVEN a second of a large shop, all of whose events are of different items, in batches of one, ten or a hundred
    events = [Change(f"{(DEMAND, CLICKED)[n % 2]}item-of-the-shop-{n}", START_MS, 1) for n in range(1000)]
    written: list[dict[str, Any]] = []

    class Writes:
        def put_item(self, **request: Any) -> None:
            written.append(request)

    # WHEN fifty copies of the function count it, as many as the events queue may run by default
    copies = [CounterTable(Writes(), "t", random.Random(n).randrange) for n in range(50)]
    for n, first in enumerate(range(0, len(events), together)):
        copies[n % len(copies)].add(increments(events[first : first + together], START_MS), START_MS)
    # THEN that is one conditional write for each batch, and no key takes more than it may
    assert len(written) == 1000 / together
    units: Counter[str] = Counter()
    for request in written:
        assert request["ConditionExpression"] == "attribute_not_exists(#shard)"
        row = request["Item"]
        size = sum(len(name) + len(next(iter(value.values()))) for name, value in row.items())
        units[row["shard"]["S"]] += math.ceil(size / 1024)
    assert max(units.values()) < PARTITION_UNITS / 2
    assert units.total() <= 1000


def test_sums_of_versions_before_are_read(table: CounterTable, dynamodb: Any) -> None:
    old = [
        ("10m#0", START_MS * 64, {"da": 1}),
        ("10m#7", START_MS * 64 + 63, {"da": 2, "ib": 1}),
        ("10m#7", (START_MS - 24 * HOUR_MS) * 64, {"da": 4}),
        ("2h#3", START_MS * 64, {"da": 8}),
    ]
    for shard, bucket, counts in old:
        named = {name: {"N": str(n)} for name, n in counts.items()}
        item = {"shard": {"S": shard}, "bucket": {"N": str(bucket)}, "counts": {"M": named}}
        dynamodb.put_item(TableName=moto_stack.COUNTERS, Item=item)
    table.add([Increment(FINE, START_MS, {"da": 100})], START_MS)
    assert sorted(table.sums(FINE, START_MS - HOUR_MS), key=str) == [
        (START_MS, {"da": 1}),
        (START_MS, {"da": 2, "ib": 1}),
    ]
    assert list(table.sums(COARSE, 0)) == [(START_MS, {"da": 8})]


def test_what_is_no_note_says_so() -> None:
    for record in ({}, {"eventID": "1", "dynamodb": {"NewImage": {"counted": {"B": "?"}}}}):
        with pytest.raises(StoredDataError):
            note_of(record)


class TestFolded:
    @pytest.fixture
    def folded(self, stack: None) -> FoldedCounts:
        return FoldedCounts(moto_stack.client("s3"), moto_stack.BUCKET)

    def test_are_read_only_where_they_have_changed(self, folded: FoldedCounts) -> None:
        assert folded.read(FINE) is None
        folded.write(FINE, b"1", None)
        found = folded.read(FINE)
        assert found is not None
        assert found[0] == b"1"
        assert folded.read(FINE, found[1]) is None
        assert folded.read(COARSE) is None
        folded.write(FINE, b"2", found[1])
        assert (folded.read(FINE, found[1]) or (b"", ""))[0] == b"2"

    def test_are_replaced_only_while_they_are_the_same(self, folded: FoldedCounts) -> None:
        folded.write(FINE, b"1", None)
        with pytest.raises(ConflictError):
            folded.write(FINE, b"2", None)
        with pytest.raises(ConflictError):
            folded.write(FINE, b"2", '"another"')
        assert MAX_BYTES >= 16 << 20

    def test_errors_of_aws_become_ours(self, folded: FoldedCounts) -> None:
        s3 = moto_stack.client("s3")
        with Stubber(s3) as stub:
            stub.add_client_error("get_object", "SlowDown")
            with pytest.raises(ThrottledError):
                folded.read(FINE)
            stub.add_client_error("put_object", "AccessDenied")
            with pytest.raises(DependencyError):
                folded.write(FINE, b"", None)


@pytest.mark.parametrize(
    ("code", "error"),
    [("ThrottlingException", ThrottledError), ("ResourceNotFoundException", DependencyError)],
)
def test_errors_of_aws_become_ours(table: CounterTable, dynamodb: Any, code: str, error: type[Exception]) -> None:
    with Stubber(dynamodb) as stub:
        stub.add_client_error("put_item", code)
        with pytest.raises(error):
            table.add([Increment(FINE, START_MS, {"da": 1})], START_MS)
        stub.add_client_error("query", code)
        with pytest.raises(error):
            list(table.sums(FINE, 0))


def test_a_batch_is_one_call(table: CounterTable, dynamodb: Any) -> None:
    counts = {f"d{n}": 1 for n in range(500)}
    with patch.object(dynamodb, "put_item", wraps=dynamodb.put_item) as written:
        table.add([Increment(FINE, START_MS, counts), Increment(COARSE, START_MS, counts)], START_MS)
    assert written.call_count == 1
