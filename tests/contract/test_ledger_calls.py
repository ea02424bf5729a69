"""What the ledger's table and its copy are asked and told, call by call."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from typing import Any

import pytest

from endcap.aws import erasures as module
from endcap.aws.erasures import ErasureTable, LedgerCopy
from endcap.erasure.ledger import Ledger, ledger_key
from endcap.erasure.receipt import Entry
from endcap.errors import DependencyError, StoredDataError
from endcap.pseudonyms import PseudonymKeys, names_of
from tests.fakes.moto_stack import client, stack

SECRET = b"\xaa" * 32
_numbers = count()


@pytest.fixture(scope="module")
def _moto() -> Iterator[None]:
    with stack():
        yield


class Watched:
    """A client that remembers its calls, and of which some answer otherwise."""

    def __init__(self, real: Any) -> None:
        self._real, self.calls = real, list[tuple[str, dict[str, Any]]]()
        self.instead: dict[str, Callable[..., Any]] = {}

    def __getattr__(self, name: str) -> Any:
        if name == "get_paginator":
            return self._real.get_paginator

        def call(**given: Any) -> Any:
            self.calls.append((name, given))
            return self.instead.get(name, getattr(self._real, name))(**given)

        return call

    def named(self, name: str) -> list[dict[str, Any]]:
        return [given for called, given in self.calls if called == name]


class World:
    """A table and a bucket of a test's own."""

    def __init__(self) -> None:
        self.name = f"ledger-{next(_numbers)}"
        self.dynamodb, self.s3 = Watched(client("dynamodb")), Watched(client("s3"))
        client("dynamodb").create_table(
            TableName=self.name,
            KeySchema=[{"AttributeName": "subject", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "subject", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        client("s3").create_bucket(Bucket=self.name)
        self.copy, self.now_s = LedgerCopy(self.s3, self.name), 50.0

    def table(self, **options: Any) -> ErasureTable:
        return ErasureTable(self.dynamodb, self.name, clock=lambda: self.now_s, **options)

    def copied(self) -> ErasureTable:
        return self.table(copy=lambda: self.copy)

    def put_row(self, **row: Any) -> None:
        client("dynamodb").put_item(TableName=self.name, Item=row)

    def rows(self) -> dict[str, Mapping[str, Any]]:
        return {row["subject"]["S"]: row for row in client("dynamodb").scan(TableName=self.name)["Items"]}

    def objects(self) -> dict[str, bytes]:
        keys = [one["Key"] for one in client("s3").list_objects_v2(Bucket=self.name).get("Contents", ())]
        return {key: client("s3").get_object(Bucket=self.name, Key=key)["Body"].read() for key in keys}

    def put_object(self, key: str, body: bytes) -> None:
        client("s3").put_object(Bucket=self.name, Key=key, Body=body)


@pytest.fixture
def world(_moto: None) -> World:
    return World()


class TestCopy:
    def test_is_an_object_for_the_key_and_one_for_each_erasure(self, world: World) -> None:
        world.copy.put_key(SECRET)
        world.copy.put("ab" * 32, 7)
        world.copy.put("ab" * 32, 9)
        assert world.objects() == {
            "erasures/key-1.json": b'{"number":1,"secret":"%s"}\n' % (b"aa" * 32),
            f"erasures/{'ab' * 32}/7.json": b'{"subject":"%s","until_ms":7}\n' % (b"ab" * 32),
            f"erasures/{'ab' * 32}/9.json": b'{"subject":"%s","until_ms":9}\n' % (b"ab" * 32),
        }
        assert {given["ContentType"] for given in world.s3.named("put_object")} == {"application/json"}
        assert world.copy.read() == Ledger({1: SECRET}, {"ab" * 32: 9})

    def test_of_nothing_is_none(self, world: World) -> None:
        world.put_object("elsewhere/a", b"no json")
        assert world.copy.read() is None

    def test_may_hold_several_rows_in_an_object_and_nothing_else(self, world: World) -> None:
        rows = [{"number": 1, "secret": SECRET.hex()}, {"subject": "ab" * 32, "until_ms": 7}]
        world.put_object("erasures/a.json", b"\n \n".join(json.dumps(row).encode() for row in rows))
        assert world.copy.read() == Ledger({1: SECRET}, {"ab" * 32: 7})
        world.put_object("erasures/b.json", b"no json")
        with pytest.raises(StoredDataError, match=r"erasures/b\.json is no part"):
            world.copy.read()


class TestKey:
    def test_is_made_once_and_read_once(self, world: World) -> None:
        first, other = world.table(), world.table()
        assert first.secret == first.secret == other.secret
        assert len(world.dynamodb.named("update_item")) == 2
        assert len(first.secret) == 32
        assert first.subject("ann") == ledger_key("ann", first.secret)

    @pytest.mark.parametrize("row", [{}, {"secret": {"S": "text"}}, {"secret": {"B": None}}])
    def test_that_can_not_be_read_is_an_error_at_every_door(self, world: World, row: dict[str, Any]) -> None:
        table = world.table()
        world.put_row(subject={"S": "key#1"}, until_ms={"N": "3"}, **{k: v for k, v in row.items() if v != {"B": None}})
        world.dynamodb.instead["update_item"] = lambda **_: {"Attributes": row}
        with pytest.raises(StoredDataError, match="key"):
            _ = table.secret
        for ask in (lambda: table.until_ms(["ann"]), table.read, lambda: table.entry("ann")):
            with pytest.raises(StoredDataError, match="key"):
                ask()

    def test_that_nobody_has_made_is_asked_for_again(self, world: World) -> None:
        warm = world.table()
        assert warm.until_ms(["ann"]) == {}
        assert warm.entry("ann") is None
        world.table().put("ann", 5)
        assert warm.until_ms(["ann"]) == {"ann": 5}
        asked = len(world.dynamodb.calls)
        warm.until_ms(["ann"])
        assert len(world.dynamodb.calls) == asked + 1  # the key is known by now


class TestLookups:
    @pytest.mark.parametrize(("n", "calls"), [(1, [1]), (100, [100]), (101, [1, 100]), (230, [30, 100, 100])])
    def test_ask_for_a_hundred_at_a_time(self, world: World, n: int, calls: list[int]) -> None:
        table = world.table()
        table.put("user-0", 5)
        table.put(f"user-{n - 1}", 6)
        assert table.secret
        world.dynamodb.calls.clear()
        found = table.until_ms([f"user-{k}" for k in range(n)])
        assert found == ({"user-0": 6} if n == 1 else {"user-0": 5, f"user-{n - 1}": 6})
        asked = [given["RequestItems"][world.name] for given in world.dynamodb.named("batch_get_item")]
        assert sorted(len(one["Keys"]) for one in asked) == calls
        assert all(one["ConsistentRead"] is True for one in asked)

    def test_that_are_answered_in_part_are_asked_for_the_rest(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        table, waited, answered = world.table(), list[float](), list[int]()
        monkeypatch.setattr(module.time, "sleep", waited.append)
        for name in ("ann", "bob", "cat", "dan"):
            table.put(name, 5)
        real = client("dynamodb").batch_get_item

        def one_at_a_time(RequestItems: dict[str, Any]) -> Any:
            ((name, asked),) = RequestItems.items()
            first, *rest = asked["Keys"]
            answered.append(len(rest))
            answer = real(RequestItems={name: {**asked, "Keys": [first]}})
            return {**answer, "UnprocessedKeys": {name: {**asked, "Keys": rest}} if rest else {}}

        world.dynamodb.instead["batch_get_item"] = one_at_a_time
        assert table.until_ms(["ann", "bob", "cat", "dan"]) == dict.fromkeys(("ann", "bob", "cat", "dan"), 5)
        assert (answered, waited) == ([3, 2, 1, 0], [0.04, 0.08, 0.16])

    def test_that_are_not_answered_are_no_answer(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        table, waited = world.table(), list[float]()
        monkeypatch.setattr(module.time, "sleep", waited.append)
        table.put("ann", 5)
        world.dynamodb.instead["batch_get_item"] = lambda RequestItems: {
            "Responses": {},
            "UnprocessedKeys": RequestItems,
        }
        world.dynamodb.calls.clear()
        with pytest.raises(DependencyError, match="not answered"):
            table.until_ms(["ann"])
        assert (len(world.dynamodb.calls), waited) == (4, [0.04, 0.08, 0.16])


class TestPut:
    def test_is_written_at_its_moment_and_renewed_by_what_reaches_further(self, world: World) -> None:
        table = world.table()
        table.put("ann", 7)
        entry = table.entry("ann")
        assert entry == Entry(table.subject("ann"), 7, 50_000)
        table.count(entry.subject, "archive", 3, "a")
        table.finish(entry, 99, {"objects": 1})
        done = table.entry("ann")
        world.now_s = 60.0
        for until_ms in (7, 6):
            table.put("ann", until_ms)
        assert table.entry("ann") == done == Entry(entry.subject, 7, 50_000, {"archive": 3}, 99, {"objects": 1})
        table.put("ann", 8)
        assert table.entry("ann") == Entry(entry.subject, 8, 60_000, {"archive": 3})

    def test_goes_to_the_copy_first_whose_key_is_there_before_it(self, world: World) -> None:
        table = world.copied()
        table.put("ann", 7)
        table.put("bob", 8)
        keys = [given["Key"] for given in world.s3.named("put_object")]
        subjects = [table.subject(name) for name in ("ann", "bob")]
        assert keys == [
            "erasures/key-1.json", f"erasures/{subjects[0]}/7.json", f"erasures/{subjects[1]}/8.json"
        ]  # fmt: skip

    def test_that_can_not_be_copied_is_not_written(self, world: World) -> None:
        def away(**_: Any) -> Any:
            raise DependencyError("away")

        table = world.copied()
        world.s3.instead["put_object"] = away
        with pytest.raises(DependencyError):
            table.put("ann", 7)
        assert table.until_ms(["ann"]) == {}
        del world.s3.instead["put_object"]
        table.put("ann", 7)
        assert "erasures/key-1.json" in world.objects()

    def test_is_of_every_name_of_the_keys_as_they_are_now(self, world: World) -> None:
        keys = PseudonymKeys({1: b"k" * 32})
        table = world.table(pseudonym_keys=lambda: keys)
        table.put("ann", 7)
        plain = world.table()
        assert plain.until_ms(names_of("ann", keys)) == dict.fromkeys(names_of("ann", keys), 7)
        keys = PseudonymKeys({1: b"k" * 32, 2: b"l" * 32})
        table.put("bob", 7)
        assert len(plain.until_ms(names_of("bob", keys))) == 2


class TestCounts:
    def test_are_kept_by_store_and_mark(self, world: World) -> None:
        table = world.table()
        table.put("ann", 7)
        subject = table.subject("ann")
        for store, removed, mark in (("a", 2, "x"), ("a", 2, "x"), ("b", 5, "x"), ("b", 5, "y"), ("a", 1, "x")):
            table.count(subject, store, removed, mark)
        entry = table.entry("ann")
        assert entry is not None
        assert entry.removed == {"a": 3, "b": 5}

    def test_of_nobody_who_was_erased_are_not_kept(self, world: World) -> None:
        table = world.table()
        table.count(table.subject("bob"), "a", 2, "x")
        assert set(world.rows()) == {"key#1"}

    def test_begin_anew_once_an_erasure_is_finished(self, world: World) -> None:
        table = world.table()
        table.put("ann", 7)
        entry = Entry(table.subject("ann"), 7, 50_000)
        table.count(entry.subject, "a", 2, "x")
        table.finish(entry, 99, {})
        table.count(entry.subject, "a", 2, "x")
        assert table.entry("ann") == Entry(entry.subject, 7, 50_000, {"a": 4}, 99, {})

    def test_are_finished_only_for_the_erasure_that_was_looked_for(self, world: World) -> None:
        table = world.table()
        table.put("ann", 7)
        for until_ms in (6, 8):
            table.finish(Entry(table.subject("ann"), until_ms, 1), 99, {})
        table.finish(Entry(table.subject("bob"), 7, 1), 99, {})
        assert [row.get("purged_ms") for row in world.rows().values()] == [None, None]


class TestRead:
    def test_gives_entries_in_the_order_of_their_requests(self, world: World) -> None:
        table = world.table()
        for name, now_s in (("ann", 3.0), ("bob", 1.0), ("cat", 3.0)):
            world.now_s = now_s
            table.put(name, 7)
        table.save({"place": 1})
        ledger, entries = table.read()
        assert ledger == Ledger({1: table.secret}, {table.subject(name): 7 for name in ("ann", "bob", "cat")})
        assert entries == sorted(entries, key=lambda entry: (entry.requested_ms, entry.subject))
        assert entries[0].subject == table.subject("bob")

    def test_gives_an_entry_of_before_requests_were_noted_the_time_that_it_reaches_to(self, world: World) -> None:
        table = world.table()
        subject = table.subject("ann")
        world.put_row(subject={"S": subject}, until_ms={"N": "7"}, removed_archive={"N": "2"}, mark={"S": "x"})
        assert table.entry("ann") == Entry(subject, 7, 7, {"archive": 2})
        assert table.read()[1] == [Entry(subject, 7, 7, {"archive": 2})]

    def test_of_an_empty_table_is_an_empty_ledger(self, world: World) -> None:
        assert world.table().read() == (Ledger(), [])
        assert world.table().round() is None

    def test_gives_the_round_as_it_was_saved(self, world: World) -> None:
        table = world.table()
        table.save({"place": 1, "cursor": "x"})
        table.save({"place": 2, "looked": {"a": 1}})
        assert table.round() == {"place": 2, "looked": {"a": 1}}
        assert world.rows()["round"]["state"] == {"S": '{"place":2,"looked":{"a":1}}'}


class TestRestore:
    def test_writes_what_is_missing_or_reaches_further(self, world: World) -> None:
        ledger = Ledger({1: SECRET}, {ledger_key(name, SECRET): 7 for name in ("ann", "bob", "cat")})
        table = world.table()
        assert table.restore(Ledger({2: SECRET}, ledger.entries)) == 0
        assert world.rows() == {}
        assert table.restore(ledger) == 3
        assert world.table().secret == SECRET
        table.put("ann", 9)
        assert table.restore(ledger) == 0
        assert table.restore(Ledger({1: SECRET}, {ledger_key(n, SECRET): 8 for n in ("ann", "bob")})) == 1
        assert table.until_ms(["ann", "bob", "cat"]) == {"ann": 9, "bob": 8, "cat": 7}

    def test_refuses_another_stacks(self, world: World) -> None:
        table = world.table()
        table.put("ann", 7)
        with pytest.raises(StoredDataError, match="another stack"):
            table.restore(Ledger({1: SECRET}, {"ab" * 32: 9}))
        assert set(world.rows()) == {"key#1", table.subject("ann")}
