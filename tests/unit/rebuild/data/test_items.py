"""Rows of a catalogue in an export's own form: an odd optional field never loses its item."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from endcap.catalog.item import Item
from endcap_rebuild.data.reading import read_items
from endcap_rebuild.data.report import ReadReport

NAN = float("nan")


def read(tmp_path: Path, *rows: dict[str, Any]) -> tuple[list[Item], ReadReport]:
    (tmp_path / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    report = ReadReport()
    return read_items(tmp_path, report), report


@pytest.mark.parametrize(
    ("odd", "name", "expected"),
    [
        ({"item_id": 123}, "item_id", "123"),
        ({"price": "19,99"}, "price", 19.99),
        ({"price": "19.99 USD"}, "currency", "USD"),
        ({"price": "¥59.00"}, "price", 59.0),
        ({"price": {"amount": "12,50", "currency": "EUR"}}, "price", 12.5),
        ({"price": {"value": 12.5, "currencyCode": "EUR"}}, "currency", "EUR"),
        ({"brand": 361}, "brand", "361"),
        ({"brand": {"id": 3, "name": "Acme"}}, "brand", "Acme"),
        ({"brand": NAN}, "brand", ""),
        ({"categories": [None, "Home"]}, "categories", ("Home",)),
        ({"categories": "Home > Mugs"}, "categories", ("Home", "Mugs")),
        ({"available": "out of stock"}, "available", False),
        ({"availability": "in stock", "stock": 0}, "available", False),
        ({"quantity": "3"}, "available", True),
        ({"attributes": {"sizes": [38, 39.5]}}, "attributes", {"sizes": ("38", "39.5")}),
        ({"attributes": {"w": NAN, "h": 2}}, "attributes", {"h": 2.0}),
        ({"image_url": ["http://a/1.jpg", "http://a/2.jpg"]}, "image_url", "http://a/1.jpg"),
        ({"images": [{"id": 1, "src": "http://a/1.jpg"}]}, "image_url", "http://a/1.jpg"),
        ({"image": {"url": "http://a/1.jpg"}}, "image_url", "http://a/1.jpg"),
        ({"description": ["soft", "and warm"]}, "description", "soft and warm"),
        ({"group_id": 77}, "group_id", "77"),
        ({"created_at": "2024-01-05 10:00:00 UTC"}, "created_at_ms", 1_704_448_800_000),
        ({"description": "<p>soft</p>"}, "description", "soft"),
    ],
)
def test_exports_own_forms_are_read(tmp_path: Path, odd: dict[str, Any], name: str, expected: object) -> None:
    (item,), report = read(tmp_path, {"item_id": "a", "title": "mug"} | odd)
    assert getattr(item, name) == expected
    assert report.dropped_fields == {}


@pytest.mark.parametrize(
    ("odd", "field"),
    [
        ({"price": -1}, "price"),
        ({"price": "ask us"}, "price"),
        ({"currency": "US Dollars"}, "currency"),
        ({"attributes": {"dim": {"w": 1}, "h": 2}}, "attributes.dim"),
        ({"created_at": "soon"}, "created_at"),
        ({"available": "perhaps"}, "available"),
        ({"categories": [f"c{k}" for k in range(60)]}, "categories"),
        ({"description": "a" * 30_000}, "description"),
    ],
)
def test_odd_fields_are_dropped_or_cut_and_told(tmp_path: Path, odd: dict[str, Any], field: str) -> None:
    (item,), report = read(tmp_path, {"item_id": "a", "title": "mug"} | odd)
    assert item.title == "mug"
    ((said, count),) = report.dropped_fields.items()
    assert said.startswith(field)
    assert count == 1


def test_usual_spellings_stand_for_our_names(tmp_path: Path) -> None:
    (item,), report = read(tmp_path, {"id": "p", "name": "Mug", "category": "Home", "vendor": "Acme", "colour": "red"})
    assert (item.title, item.categories, item.brand) == ("Mug", ("Home",), "Acme")
    assert report.ignored_fields == {"colour": 1}


def test_rows_of_variants_keep_what_the_first_row_said(tmp_path: Path) -> None:
    first = {"item_id": "tee", "title": "Linen tee", "price": 10, "categories": ["Shirts"], "attributes": {"a": "x"}}
    (item,), report = read(
        tmp_path, first, {"item_id": "tee", "title": "", "price": 12}, {"item_id": "tee", "stock": 0}
    )
    assert (item.title, item.price, item.categories, item.available) == ("Linen tee", 12.0, ("Shirts",), False)
    assert report.replaced_items == 2


def test_item_without_an_id_is_refused(tmp_path: Path) -> None:
    items, report = read(tmp_path, {"title": "no id"}, {"item_id": "NULL", "title": "x"}, {"item_id": "a"})
    assert [item.item_id for item in items] == ["a"]
    assert report.bad_row_count == 2


def test_what_items_lack_is_counted(tmp_path: Path) -> None:
    _, report = read(tmp_path, {"item_id": "a", "title": "mug"}, {"item_id": "b", "price": 1, "image": "https://x"})
    assert report.data_report()["items_without"] == {"title": 1, "price": 1, "image": 1}
