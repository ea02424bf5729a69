"""Exports of databases and of tools that count visits: what is put around a row is taken off."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcap_rebuild.data.options import ReadOptions
from endcap_rebuild.data.reading import read_events, read_items
from endcap_rebuild.data.report import ReadReport
from endcap_rebuild.data.wrapped import unwrapped

NOW_MS = 1_800_000_000_000
AT = 1_790_000_000
OID = "64b000000000000000000001"
DAY = "2026-09-21T14:13:20Z"


def lines(*rows: object) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def typed(**values: Any) -> dict[str, Any]:
    return {"Item": {name: {"N": str(v)} if isinstance(v, int | float) else {"S": v} for name, v in values.items()}}


def source(**document: Any) -> dict[str, Any]:
    return {"_index": "shop", "_id": "a", "_score": 1.0, "_source": document}


MUG = {"title": "Mug", "price": 12.5}
SEEN = {"user_id": "ann", "item_id": "a", "event_type": "view", "timestamp": AT}
EXPORTS = {
    "mongo": (
        {"_id": {"$oid": OID}, "sku": "a", "title": "Mug", "price": {"$numberDecimal": "12.5"}},
        {"_id": {"$oid": OID}, "user_id": "ann", "sku": "a", "type": "view", "ts": {"$date": DAY}},
    ),
    "mongo, canonical": (
        {"_id": "a", "title": "Mug", "price": {"$numberDouble": "12.5"}},
        {"user_id": "ann", "item_id": "a", "type": "view", "ts": {"$date": {"$numberLong": f"{AT}000"}}},
    ),
    "dynamodb": (typed(id="a", **MUG), typed(**SEEN)),
    "mixpanel": (
        {"id": "a", **MUG},
        {"event": "Product Viewed", "properties": {"time": AT, "distinct_id": "ann", "product_id": "a", "$os": "iOS"}},
    ),
    "amplitude": (
        {"id": "a", **MUG},
        {"event_type": "Product Viewed", "user_id": "ann", "event_time": DAY, "event_properties": {"product_id": "a"}},
    ),
    "hits": (source(**MUG), source(**SEEN)),
    "answer of a search": (
        {"took": 3, "hits": {"total": 1, "hits": [source(**MUG)]}},
        {"hits": {"hits": [source(**SEEN)]}},
    ),
}


@pytest.mark.parametrize("name", EXPORTS)
def test_an_export_of_a_database_is_read_as_what_it_holds(name: str, tmp_path: Path) -> None:
    for file, row in zip(("items.json", "events.json"), EXPORTS[name], strict=True):
        (tmp_path / file).write_text(lines(row))
    report = ReadReport()
    (item,) = read_items(tmp_path, report)
    (event,) = read_events(tmp_path, report, NOW_MS, options=ReadOptions())
    assert (item.item_id, item.title, item.price) == ("a", "Mug", 12.5)
    assert (event.user_id, event.item_id, event.event_type, event.timestamp_ms) == ("ann", "a", "view", AT * 1000)
    assert report.bad_row_count == 0


def test_lines_for_a_bulk_load_name_the_document_that_follows() -> None:
    rows = [{"index": {"_index": "shop", "_id": "a"}}, MUG, {"create": {"_id": "b"}}, {"id": "own", **MUG}, MUG]
    assert [row for _, row in unwrapped(enumerate(rows, 1))] == [{"id": "a", **MUG}, {"id": "own", **MUG}, MUG]


@pytest.mark.parametrize(
    "row",
    [
        {"Item": {"item_id": {"S": "a"}, "document": {"S": "{}"}}},
        {"Item": {"item_id": {"S": "a"}, "version": {"N": "3"}}},
        {"Item": {"user_id": {"S": "ann"}, "profile": {"B": "AA=="}}},
        {"event": "view", "properties": {"colour": "red"}, "user_id": "ann"},
        {"id": "a", "attributes": {"size": "M"}},
        {"event_properties": "none"},
    ],
    ids=str,
)
def test_what_is_wrapped_in_nothing_stays_as_it_is(row: dict[str, Any]) -> None:
    assert list(unwrapped(iter([(1, row)]))) == [(1, row)]


NAMES = [
    "Item",
    "S",
    "N",
    "NS",
    "L",
    "M",
    "$oid",
    "$date",
    "$numberLong",
    "_source",
    "_id",
    "hits",
    "index",
    "event",
    "properties",
    "distinct_id",
    "event_properties",
    "title",
    "user_id",
    "item_id",
]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(VALUES, max_size=5))
def test_whatever_stands_in_a_file_is_opened_without_an_error(values: list[Any]) -> None:
    found = list(unwrapped(enumerate(values, 1)))
    assert {line for line, _ in found} <= set(range(1, len(values) + 1))
