"""The items table: what a PUT changes, what a DELETE leaves, whose vectors a row holds, the order of changes."""

from __future__ import annotations

import base64
import threading
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from botocore.stub import Stubber
from moto.dynamodb.parsing.reserved_keywords import ReservedKeywords

from endcap.aws.item_rows import CHANGE_SHARDS, item_row, read_row, read_stream_image
from endcap.aws.items import POPULAR_KEY, ItemTable
from endcap.aws.known_items import MOST_ASKED, PAUSE_S, KnownItems
from endcap.catalog.item import Item, item_text, text_hash
from endcap.catalog.row import ItemRow, PopularList
from endcap.encoders.items import MAX_ENCODERS, embed_row, item_tag
from endcap.encoders.quantize import quantize_unit
from endcap.errors import ConflictError, DependencyError, ThrottledError
from endcap.identifiers import clean_id
from endcap_rebuild.data.exports import exported_document
from tests.fakes import moto_stack

LAMP = Item("lamp", "Garden lamp", price=39.9, categories=("garden",), attributes={"watts": 3.0})
NEW, OLD, OLDER = b"newe", b"olde", b"eldr"


class Clock:
    """Seconds since 1970, set by hand."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


class Encoder:
    """Encodes every text as its length."""

    def __init__(self, tag: bytes) -> None:
        self.tag = tag
        self.encoded: list[str] = []

    def encode(self, text: str) -> np.ndarray:
        self.encoded.append(text)
        vector = np.array([len(text), 1.0], dtype=np.float32)
        return vector / np.linalg.norm(vector)


@pytest.fixture
def dynamodb(stack: None) -> Any:
    return moto_stack.client("dynamodb")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def table(dynamodb: Any, clock: Clock) -> ItemTable:
    return ItemTable(dynamodb, moto_stack.ITEMS, clock)


def row_of(table: ItemTable, item_id: str) -> ItemRow:
    (row,) = (row for row in table.scan() if row.item_id == item_id)
    return row


def embed(table: ItemTable, item_id: str, tag: bytes) -> bool:
    return embed_row(row_of(table, item_id), Encoder(tag), table)  # type: ignore[arg-type]


class TestItems:
    def test_come_back_as_they_were_put(self, table: ItemTable) -> None:
        assert table.put(LAMP)
        assert table.get("lamp") == LAMP
        assert table.get("unknown") is None

    def test_that_change_nothing_touch_nothing(self, table: ItemTable, clock: Clock, dynamodb: Any) -> None:
        table.put(LAMP)
        before = dynamodb.scan(TableName=moto_stack.ITEMS)["Items"]
        clock.now_s += 60
        assert not table.put(LAMP)
        assert dynamodb.scan(TableName=moto_stack.ITEMS)["Items"] == before

    def test_that_change_are_replaced_whole(self, table: ItemTable) -> None:
        table.put(LAMP)
        assert table.put(Item("lamp", "Lamp"))
        assert table.get("lamp") == Item("lamp", "Lamp")

    def test_leave_a_tombstone_once(self, table: ItemTable, clock: Clock) -> None:
        table.put(LAMP)
        clock.now_s += 5
        assert table.delete("lamp")
        assert table.get("lamp") is None
        assert row_of(table, "lamp") == ItemRow("lamp", None, 1_005_000)
        assert not table.delete("lamp")
        assert not table.delete("unknown")

    def test_come_back_after_a_deletion(self, table: ItemTable) -> None:
        table.put(LAMP)
        table.delete("lamp")
        assert table.put(LAMP)
        assert table.get("lamp") == LAMP

    @pytest.mark.parametrize("item_id", ["灯/笼", "a b", "100%", "😀", "#", "x" * 128])
    def test_may_have_any_id(self, table: ItemTable, item_id: str) -> None:
        table.put(Item(item_id, "Lamp"))
        assert table.get(item_id) == Item(item_id, "Lamp")

    def test_written_at_once_by_many_end_as_one_of_them(self, table: ItemTable) -> None:
        wanted = [Item("lamp", f"Lamp {n}") for n in range(8)]
        threads = [threading.Thread(target=table.put, args=(item,)) for item in wanted]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        row = row_of(table, "lamp")
        assert row.item in wanted
        assert row.text_hash == text_hash(item_text(row.item))


class TestChangedByPatches:
    """`change` reads, changes and writes under the version that it has read."""

    def test_keep_what_is_not_named_and_the_vector_where_the_text_stays(self, table: ItemTable, clock: Clock) -> None:
        table.put(LAMP)
        embed(table, "lamp", NEW)
        clock.now_s += 7
        cheaper = replace(LAMP, price=1.0)
        assert table.change("lamp", lambda item: replace(item, price=1.0)) == (cheaper, True)
        row = row_of(table, "lamp")
        assert (row.item, set(row.vectors), row.changed_at_ms) == (cheaper, {NEW}, 1_007_000)
        table.change("lamp", lambda item: replace(item, title="Desk lamp"))
        assert row_of(table, "lamp").outdated == (NEW,)

    def test_that_change_nothing_touch_nothing(self, table: ItemTable, clock: Clock) -> None:
        table.put(LAMP)
        clock.now_s += 7
        assert table.change("lamp", lambda item: item) == (LAMP, False)
        assert row_of(table, "lamp").changed_at_ms == 1_000_000

    def test_need_an_item(self, table: ItemTable) -> None:
        assert table.change("lamp", lambda item: item) is None
        table.put(LAMP)
        table.delete("lamp")
        assert table.change("lamp", lambda item: replace(item, price=1.0)) is None

    def test_lose_nothing_that_others_write_meanwhile(self, table: ItemTable) -> None:
        table.put(LAMP)
        others = iter([lambda: table.put(replace(LAMP, brand="Acme")), lambda: table.delete("lamp")])

        def price(item: Item) -> Item:
            if (other := next(others, None)) is not None:
                other()
            return replace(item, price=1.0)

        assert table.change("lamp", price) is None  # the second writer has deleted it
        table.put(LAMP)
        others = iter([lambda: table.put(replace(LAMP, brand="Acme"))])
        assert table.change("lamp", price) == (replace(LAMP, price=1.0, brand="Acme"), True)

    def test_give_up_in_the_end(self, table: ItemTable) -> None:
        table.put(LAMP)
        numbers = iter(range(100))

        def beaten(item: Item) -> Item:
            table.put(replace(LAMP, title=f"Lamp {next(numbers)}"))
            return replace(item, price=1.0)

        with patch("endcap.aws.items.time.sleep"), pytest.raises(ConflictError):
            table.change("lamp", beaten)


class TestKnownItems:
    @pytest.fixture
    def known(self, dynamodb: Any, clock: Clock) -> KnownItems:
        return KnownItems(lambda: dynamodb, moto_stack.ITEMS, clock)

    def test_are_those_that_are_there_and_not_deleted(self, table: ItemTable, known: KnownItems) -> None:
        table.put(LAMP)
        table.put(Item("gone", "Vase"))
        table.delete("gone")
        assert known.unknown(["lamp", "gone", "ghost", "lamp"]) == {"gone", "ghost"}
        assert known.unknown([]) == set()

    def test_are_asked_about_once_and_unknown_ones_again(
        self, table: ItemTable, known: KnownItems, dynamodb: Any
    ) -> None:
        table.put(LAMP)
        known.unknown(["lamp", "ghost"])
        table.put(Item("ghost", "Sheet"))
        with patch.object(dynamodb, "batch_get_item", wraps=dynamodb.batch_get_item) as call:
            assert known.unknown(["lamp", "ghost"]) == set()
        (asked,) = call.call_args.kwargs["RequestItems"].values()
        assert asked["Keys"] == [{"item_id": {"S": "ghost"}}]

    def test_are_a_hint_and_at_most_a_hundred_of_them(self, known: KnownItems) -> None:
        assert len(known.unknown(f"i{n}" for n in range(500))) == MOST_ASKED

    def test_are_not_asked_about_for_a_while_after_a_failure(
        self, known: KnownItems, dynamodb: Any, clock: Clock
    ) -> None:
        error = dynamodb.exceptions.ClientError({"Error": {"Code": "ThrottlingException"}}, "BatchGetItem")
        with patch.object(dynamodb, "batch_get_item", side_effect=error) as call:
            assert known.unknown(["ghost"]) == known.unknown(["ghost"]) == set()
            assert call.call_count == 1
        clock.now_s += PAUSE_S
        assert known.unknown(["ghost"]) == {"ghost"}


class TestVectors:
    def test_belong_to_the_text_and_the_encoder_that_made_them(self, table: ItemTable) -> None:
        table.put(LAMP)
        assert embed(table, "lamp", NEW)
        expected = quantize_unit(Encoder(NEW).encode(item_text(LAMP))).tobytes()
        assert row_of(table, "lamp").vectors == {NEW: expected}

    def test_of_some_fields_are_kept_apart_and_go_with_the_whole_text(self, table: ItemTable) -> None:
        table.put(LAMP)
        encoder = Encoder(NEW)
        assert embed_row(row_of(table, "lamp"), encoder, table, ("title",))  # type: ignore[arg-type]
        assert encoder.encoded == [LAMP.title]
        tag = item_tag(NEW, ("title",))
        assert set(row_of(table, "lamp").vectors) == {tag}
        assert not embed_row(row_of(table, "lamp"), encoder, table, ("title",))  # type: ignore[arg-type]
        assert embed(table, "lamp", NEW)
        assert set(row_of(table, "lamp").vectors) == {tag, NEW}
        table.put(Item("lamp", LAMP.title, categories=("desk",)))
        assert row_of(table, "lamp").vectors == {}

    def test_are_not_made_twice(self, table: ItemTable) -> None:
        table.put(LAMP)
        embed(table, "lamp", NEW)
        assert not embed(table, "lamp", NEW)

    def test_survive_a_new_price(self, table: ItemTable) -> None:
        table.put(LAMP)
        embed(table, "lamp", NEW)
        table.put(Item("lamp", "Garden lamp", price=1.0, categories=("garden",)))
        assert set(row_of(table, "lamp").vectors) == {NEW}

    def test_are_out_of_date_after_a_new_text(self, table: ItemTable) -> None:
        table.put(LAMP)
        embed(table, "lamp", NEW)
        table.put(Item("lamp", "Desk lamp"))
        row = row_of(table, "lamp")
        assert (row.vectors, row.outdated) == ({}, (NEW,))
        assert embed(table, "lamp", NEW)
        assert row_of(table, "lamp").outdated == ()

    def test_of_a_text_that_changed_meanwhile_are_dropped(self, table: ItemTable) -> None:
        table.put(LAMP)
        seen = row_of(table, "lamp")
        table.put(Item("lamp", "Desk lamp"))
        assert not embed_row(seen, Encoder(NEW), table)  # type: ignore[arg-type]
        assert row_of(table, "lamp").vectors == {}

    def test_are_not_made_for_a_tombstone(self, table: ItemTable) -> None:
        table.put(LAMP)
        seen = row_of(table, "lamp")
        table.delete("lamp")
        assert not embed(table, "lamp", NEW)
        assert not embed_row(seen, Encoder(NEW), table)  # type: ignore[arg-type]
        assert row_of(table, "lamp").item is None

    def test_of_the_same_text_are_there_again_after_a_deletion(self, table: ItemTable) -> None:
        table.put(LAMP)
        embed(table, "lamp", NEW)
        table.delete("lamp")
        table.put(LAMP)
        assert set(row_of(table, "lamp").vectors) == {NEW}

    @pytest.mark.parametrize("texts", [["same"] * 3, ["first", "second", "third"], ["first", "second", "second"]])
    def test_are_of_two_encoders_at_most(self, table: ItemTable, texts: list[str]) -> None:
        for text, tag in zip(texts, (OLDER, OLD, NEW), strict=True):
            table.put(Item("lamp", text))
            assert embed(table, "lamp", tag)
            row = row_of(table, "lamp")
            assert tag in row.vectors
            assert len(row.vectors) + len(row.outdated) <= MAX_ENCODERS

    def test_count_as_a_change(self, table: ItemTable, clock: Clock) -> None:
        table.put(LAMP)
        clock.now_s += 7
        embed(table, "lamp", NEW)
        assert row_of(table, "lamp").changed_at_ms == 1_007_000


class TestChanges:
    def test_are_read_from_a_time_on_newest_first(self, table: ItemTable, clock: Clock) -> None:
        for n in range(20):
            clock.now_s = 1000.0 + n
            table.put(Item(f"item-{n}"))
        changed = table.changed_since(1_015_000, 100)
        assert [row.item_id for row in changed] == [f"item-{n}" for n in (19, 18, 17, 16, 15)]
        assert [row.item_id for row in table.changed_since(0, 3)] == ["item-19", "item-18", "item-17"]
        assert table.changed_since(1_020_000, 100) == []

    def test_name_an_item_once_by_its_latest(self, table: ItemTable, clock: Clock) -> None:
        table.put(LAMP)
        clock.now_s += 1
        table.delete("lamp")
        assert table.changed_since(0, 100) == [ItemRow("lamp", None, 1_001_000)]

    def test_are_spread_over_shards(self, table: ItemTable) -> None:
        shards = {item_row(Item(f"item-{n}"), 0)["change_shard"]["N"] for n in range(100)}
        assert shards == {str(n) for n in range(CHANGE_SHARDS)}

    def test_of_many_pages_are_read_to_the_end(
        self, table: ItemTable, dynamodb: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for n in range(12):
            table.put(Item(f"item-{n}"))
        query = dynamodb.query
        monkeypatch.setattr(dynamodb, "query", lambda **request: query(**request, Limit=1))
        assert len(table.changed_since(0, 100)) == 12


class TestChangesSince:
    """What the overlay reads: all that withholds an item, and the newest of the rest."""

    @staticmethod
    def paged(dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        """Make pages of one row."""
        query = dynamodb.query
        monkeypatch.setattr(dynamodb, "query", lambda **request: query(**request, Limit=1))

    def test_is_everything_while_there_is_room(self, table: ItemTable, clock: Clock) -> None:
        for n in range(20):
            clock.now_s = 1000.0 + n
            table.put(Item(f"item-{n}"))
        found = table.changes_since(1_010_000, 100)
        assert found.failure is None
        assert [row.item_id for row in found.rows] == [f"item-{n}" for n in range(19, 9, -1)]

    def test_leaves_out_old_prices_and_no_deletion(
        self, table: ItemTable, clock: Clock, dynamodb: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        table.put(Item("gone"))
        table.delete("gone")
        table.put(Item("sold-out", "Lamp", available=False, attributes={"note": "long"}))
        table.put(Item("ends", "Lamp", expires_at_ms=2_000_000_000_000))
        table.put(Item("old", "Lamp", description='says "available":false', attributes={"available": False}))
        clock.now_s += 1
        for n in range(80):
            table.put(Item(f"new-{n}", "Lamp"))
        self.paged(dynamodb, monkeypatch)
        found = table.changes_since(0, 2)
        rows = {row.item_id: row for row in found.rows}
        assert rows["gone"].item is None
        assert rows["sold-out"].item == Item("sold-out", available=False)  # no more than that is read of it
        assert rows["ends"].item == Item("ends", expires_at_ms=2_000_000_000_000)
        assert "old" not in rows or rows["old"].item == Item("old")
        assert len(found.rows) < 80

    def test_keeps_what_was_read_before_a_failure(
        self, table: ItemTable, dynamodb: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for n in range(40):
            table.put(Item(f"item-{n}"))
        self.paged(dynamodb, monkeypatch)
        query, calls = dynamodb.query, []

        def failing(**request: Any) -> Any:
            calls.append(request)
            if "ExclusiveStartKey" in request:
                raise dynamodb.exceptions.ClientError({"Error": {"Code": "ThrottlingException"}}, "Query")
            return query(**request)

        monkeypatch.setattr(dynamodb, "query", failing)
        found = table.changes_since(0, 100)
        assert isinstance(found.failure, ThrottledError)
        assert 1 <= len(found.rows) <= CHANGE_SHARDS

    def test_takes_a_row_that_can_not_be_read_for_a_deletion(self, table: ItemTable, dynamodb: Any) -> None:
        for name in ("lamp", "mug"):
            table.put(Item(name, "Lamp"))
        row = item_row(Item("lamp"), 5)
        dynamodb.put_item(TableName=moto_stack.ITEMS, Item={**row, "document": {"S": '{"title": 3, "price": "x"}'}})
        found = table.changes_since(0, 100)
        assert {row.item_id: row.item is None for row in found.rows} == {"lamp": True, "mug": False}


class TestMany:
    def test_are_rows_by_id_and_nothing_where_there_is_none(self, table: ItemTable) -> None:
        table.put(LAMP)
        table.put(Item("gone"))
        table.delete("gone")
        found = table.many(["lamp", "gone", "unknown", "lamp"])
        assert {name: row and row.item for name, row in found.items()} == {"lamp": LAMP, "gone": None, "unknown": None}
        assert found["unknown"] is None
        assert table.many([]) == {}

    def test_may_be_more_than_one_call_reads(self, table: ItemTable) -> None:
        for n in range(205):
            table.put(Item(f"item-{n}"))
        found = table.many(f"item-{n}" for n in range(210))
        assert sum(row is not None for row in found.values()) == 205
        assert len(found) == 210

    def test_are_without_what_stays_unprocessed(
        self, table: ItemTable, dynamodb: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        table.put(LAMP)
        calls: list[Any] = []

        def nothing(**request: Any) -> Any:
            calls.append(request)
            return {"Responses": {}, "UnprocessedKeys": request["RequestItems"]}

        monkeypatch.setattr(dynamodb, "batch_get_item", nothing)
        assert table.many(["lamp"]) == {}
        assert len(calls) == 2


class TestPopularList:
    LIST = PopularList("v1", (("lamp", "Lamp"), ("灯", "灯笼")))

    def test_comes_back(self, table: ItemTable) -> None:
        assert table.popular() is None
        table.put_popular(self.LIST)
        table.put_popular(replace(self.LIST, version="v2"))
        assert table.popular() == replace(self.LIST, version="v2")

    def test_is_no_item_for_any_reader(self, table: ItemTable) -> None:
        table.put_popular(self.LIST)
        with pytest.raises(ValueError, match="control"):
            clean_id(POPULAR_KEY)
        assert table.changed_since(0, 100) == []
        assert table.changes_since(0, 100).rows == []
        assert [row.item for row in table.scan()] == [None]  # as if it were a deleted item
        (row,) = table._dynamodb.scan(TableName=moto_stack.ITEMS)["Items"]
        assert exported_document({"Item": row}) is None


@pytest.mark.parametrize(("code", "expected"), [("ThrottlingException", ThrottledError), ("Boom", DependencyError)])
def test_errors_of_dynamodb_become_ours(table: ItemTable, dynamodb: Any, code: str, expected: type[Exception]) -> None:
    calls = {
        "get_item": lambda: table.get("a"),
        "update_item": lambda: table.put(LAMP),
        "scan": lambda: list(table.scan()),
        "batch_get_item": lambda: table.many(["a"]),
    }
    for method, call in calls.items():
        with Stubber(dynamodb) as stub:
            stub.add_client_error(method, code)
            with pytest.raises(expected):
                call()


def test_a_stream_carries_rows_with_bytes_in_base64() -> None:
    row = {**item_row(LAMP, 5), "vector_" + NEW.hex(): {"B": bytes.fromhex(text_hash(item_text(LAMP))) + b"\1\2"}}
    image = {name: {"B": base64.b64encode(v["B"]).decode()} if "B" in v else v for name, v in row.items()}
    assert read_stream_image(image) == read_row(row)
    assert read_row(row).vectors == {NEW: b"\1\2"}


def test_no_attribute_has_a_name_that_expressions_reserve() -> None:
    names = {*item_row(LAMP, 0), "deleted", "version", "user_id"}
    assert not {name.upper() for name in names} & set(ReservedKeywords.get_reserved_keywords())
