"""Exports of shops and platforms: each is recognised, and gives items and events."""

from __future__ import annotations

import csv
import json
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from endcap.catalog.item import Item
from endcap.errors import InvalidInputError
from endcap.events.interaction import Interaction
from endcap.feeds.files import DataFile
from endcap_rebuild.data.formats import nearest_format, recognise
from endcap_rebuild.data.options import FORMATS, ReadOptions
from endcap_rebuild.data.reading import read_events, read_items
from endcap_rebuild.data.report import ReadReport, UnusableDataError
from endcap_rebuild.data.sources import columns_in

NOW_MS = 1_800_000_000_000
AT = 1_790_000_000


def write_table(file: Path, rows: Sequence[Mapping[str, Any]], delimiter: str = ",", encoding: str = "utf-8") -> None:
    with file.open("w", newline="", encoding=encoding) as out:
        writer = csv.DictWriter(out, list(dict.fromkeys(name for row in rows for name in row)), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)


def write_lines(file: Path, rows: Sequence[Any]) -> None:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))


def read(folder: Path, **options: Any) -> tuple[dict[str, Item], list[Interaction], ReadReport]:
    report, told = ReadReport(), ReadOptions(**options)
    items = {item.item_id: item for item in read_items(folder, report, told)}
    return items, list(read_events(folder, report, NOW_MS, options=told)), report


def steps(events: Sequence[Interaction]) -> list[tuple[str, str, str]]:
    return [(event.user_id, event.event_type, event.item_id or "") for event in events]


def formats(report: ReadReport) -> dict[str, str]:
    return {file.file: file.format for file in report.files}


def test_shopify_products_are_grouped_and_orders_find_them(tmp_path: Path) -> None:
    first = {
        "Handle": "linen-tee",
        "Title": "Linen tee",
        "Body (HTML)": "<p>Soft</p>",
        "Vendor": "Weavers",
        "Type": "Shirts",
        "Tags": "summer, linen",
        "Published": "true",
        "Option1 Name": "Size",
        "Option1 Value": "S",
        "Variant SKU": "TEE-S",
        "Variant Inventory Qty": "0",
        "Variant Price": "19.90",
        "Image Src": "https://x/1.jpg",
        "Status": "active",
    }
    second = {"Handle": "linen-tee", "Option1 Value": "M", "Variant SKU": "TEE-M", "Variant Price": "21.90"}
    sold_out = {**first, "Handle": "cap", "Title": "Cap", "Variant SKU": "CAP", "Option1 Name": "Title"}
    draft = {
        **first,
        "Handle": "hat",
        "Title": "Hat",
        "Variant SKU": "HAT",
        "Variant Inventory Qty": 3,
        "Status": "draft",
    }
    write_table(tmp_path / "products_export.csv", [first, second, sold_out, draft], encoding="utf-8-sig")
    head = {
        "Name": "#1",
        "Email": "ann@example.org",
        "Paid at": "2026-08-01 10:00:00 +0200",
        "Created at": "2026-08-01",
    }
    lines = [
        {
            **head,
            "Financial Status": "paid",
            "Lineitem name": "Tee",
            "Lineitem sku": "TEE-M",
            "Lineitem price": "21.90",
        },
        {"Name": "#1", "Lineitem name": "Cap", "Lineitem sku": "CAP", "Lineitem price": "5"},
        {**head, "Name": "#2", "Financial Status": "refunded", "Lineitem name": "Cap", "Lineitem sku": "CAP"},
    ]
    write_table(tmp_path / "orders_export.csv", lines)
    items, events, report = read(tmp_path)
    tee = items["linen-tee"]
    assert (tee.title, tee.description, tee.brand, tee.categories, tee.price) == (
        "Linen tee",
        "Soft",
        "Weavers",
        ("Shirts",),
        19.9,
    )
    assert tee.attributes == {"Size": ("S", "M"), "tags": ("summer", "linen")}
    assert {name: item.available for name, item in items.items()} == {"linen-tee": True, "cap": False, "hat": False}
    assert steps(events) == [
        ("ann@example.org", "purchase", "linen-tee"),
        ("ann@example.org", "purchase", "cap"),
        ("ann@example.org", "purchase", "cap"),
        ("ann@example.org", "return", "cap"),
    ]
    assert events[0].timestamp_ms == 1_785_571_200_000  # 2026-08-01T08:00Z
    assert set(formats(report).values()) == {"shopify"}


def test_shopify_products_as_json_are_those_of_the_table(tmp_path: Path) -> None:
    variants = [
        {"sku": "TEE-S", "price": "19.90", "option1": "S", "available": False},
        {"sku": "TEE-M", "price": "21.90", "option1": "M", "available": True},
    ]
    tee = {"id": 7, "handle": "linen-tee", "title": "Linen tee", "body_html": "<p>Soft</p>", "vendor": "Weavers"}
    tee |= {"product_type": "Shirts", "tags": "summer, linen", "images": [{"src": "https://x/1.jpg"}]}
    tee |= {"options": [{"name": "Size"}], "variants": variants, "published_at": "2026-08-01T10:00:00+02:00"}
    counted = {"price": "5", "inventory_management": "shopify", "inventory_quantity": 0}
    cap = {"handle": "cap", "title": "Cap", "variants": [{"sku": "CAP"} | counted], "tags": []}
    hat = {"handle": "hat", "title": "Hat", "status": "draft", "variants": [{"sku": "HAT", "price": "9"}]}
    (tmp_path / "products.json").write_text(json.dumps({"products": [tee, cap, hat]}, indent=1))
    order = {"Name": "#1", "Email": "ann@example.org", "Created at": "2026-08-01", "Lineitem name": "Tee"}
    write_table(tmp_path / "orders_export.csv", [order | {"Lineitem sku": "TEE-M"}])
    items, events, report = read(tmp_path)
    found = items["linen-tee"]
    assert (found.title, found.description, found.brand, found.categories) == (
        "Linen tee",
        "Soft",
        "Weavers",
        ("Shirts",),
    )
    assert (found.categories, found.price, found.image_url) == (("Shirts",), 19.9, "https://x/1.jpg")
    assert found.attributes == {"Size": ("S", "M"), "tags": ("summer", "linen")}
    assert {name: item.available for name, item in items.items()} == {"linen-tee": True, "cap": False, "hat": False}
    assert (steps(events), report.bad_row_count) == ([("ann@example.org", "purchase", "linen-tee")], 0)
    assert formats(report)["products.json"] == "shopify"


def test_woocommerce_variations_share_their_parent(tmp_path: Path) -> None:
    parent = {
        "ID": 10,
        "Type": "variable",
        "SKU": "T",
        "Name": "Tee",
        "Published": 1,
        "In stock?": 1,
        "Regular price": "",
    }
    rows = [
        {**parent, "Categories": "Clothing > Shirts, Sale", "Images": "https://x/1.jpg, https://x/2.jpg", "Parent": ""},
        {**parent, "ID": 11, "Type": "variation", "SKU": "T-S", "Name": "", "Regular price": "9,50", "Parent": "id:10"},
        {**parent, "ID": 12, "Type": "variation", "SKU": "T-M", "Name": "Tee M", "In stock?": 0, "Parent": "T"},
    ]
    write_table(tmp_path / "wc-product-export.csv", rows, encoding="utf-8-sig")
    items, _, report = read(tmp_path)
    assert [(item.item_id, item.group, item.title) for item in items.values()] == [
        ("T", "T", "Tee"),
        ("T-S", "T", "Tee"),
        ("T-M", "T", "Tee M"),
    ]
    assert items["T-S"].categories == ("Clothing", "Shirts", "Sale")
    assert (items["T-S"].price, items["T-S"].image_url, items["T-M"].available) == (9.5, "https://x/1.jpg", False)
    assert formats(report) == {"wc-product-export.csv": "woocommerce"}


def test_woocommerce_products_of_the_api_go_by_their_ids_as_its_webhooks_do(tmp_path: Path) -> None:
    cup = {"id": 7, "name": "Cup", "type": "simple", "sku": "C1", "price": "3.50", "regular_price": "4.00"}
    cup |= {"categories": [{"id": 9, "name": "Cups"}], "images": [{"src": "https://x/1.jpg"}]}
    write_lines(tmp_path / "products.jsonl", [cup | {"stock_status": "outofstock", "description": "<p>Blue</p>"}])
    found = read(tmp_path)[0]["7"]
    assert (found.title, found.price, found.categories, found.description) == ("Cup", 3.5, ("Cups",), "Blue")
    assert (found.image_url, found.available) == ("https://x/1.jpg", False)


def test_woocommerce_without_skus_goes_by_number(tmp_path: Path) -> None:
    row = {"ID": 7, "Type": "simple", "SKU": "", "Name": "Cup", "Regular price": "3", "Published": 1}
    write_table(tmp_path / "products.csv", [row])
    assert list(read(tmp_path)[0]) == ["7"]


def test_magento_variations_share_their_configurable(tmp_path: Path) -> None:
    base = {"store_view_code": "", "attribute_set_code": "Bag", "product_type": "simple", "product_online": "1"}
    rows = [
        {**base, "sku": "B-1", "name": "Bag red", "categories": "Default Category/Gear/Bags,Default Category/Sale"}
        | {
            "price": "34.0000",
            "is_in_stock": "0",
            "created_at": "3/19/24, 9:30 AM",
            "additional_attributes": "color=Red",
        },
        {**base, "sku": "B", "product_type": "configurable", "name": "Bag", "is_in_stock": "1"}
        | {"configurable_variations": "sku=B-1,color=Red|sku=B-2,color=Blue"},
        {**base, "sku": "B", "store_view_code": "de", "name": "Tasche"},
    ]
    write_table(tmp_path / "export_catalog_product.csv", rows)
    items, _, report = read(tmp_path)
    red = items["B-1"]
    assert (red.group, red.categories, red.price, red.available) == ("B", ("Gear", "Bags", "Sale"), 34.0, False)
    assert red.created_at_ms == 1_710_840_600_000  # 2024-03-19T09:30Z
    assert (red.attributes, items["B"].title) == ({"color": "Red"}, "Bag")
    assert formats(report) == {"export_catalog_product.csv": "magento"}


def test_merchant_feed_is_a_catalogue(tmp_path: Path) -> None:
    row = {
        "id": "a",
        "title": "Mug &amp; lid",
        "description": "d",
        "link": "https://x/a",
        "image_link": "https://x/a.jpg",
    }
    more = {"availability": "out_of_stock", "price": "12.50 EUR", "google_product_category": "Home > Mugs"}
    write_table(tmp_path / "feed.tsv", [row | more | {"item_group_id": "g", "Color": "Red", "gtin": 7}], delimiter="\t")
    items, events, report = read(tmp_path)
    mug = items["a"]
    assert (mug.title, mug.price, mug.currency, mug.categories) == ("Mug & lid", 12.5, "EUR", ("Home", "Mugs"))
    assert (mug.available, mug.group_id, mug.url, mug.attributes) == (False, "g", "https://x/a", {"color": "Red"})
    assert report.ignored_fields == {"gtin": 1}
    assert (events, formats(report)) == ([], {"feed.tsv": "merchant-feed"})


FEED = """<?xml version="1.0"?><rss xmlns:g="http://base.google.com/ns/1.0"><channel><title>Shop</title>
<item><g:id>a</g:id><title>Mug</title><link>https://x/a</link><g:image_link>https://x/a.jpg</g:image_link>
<g:price>12.50 EUR</g:price><g:availability>out of stock</g:availability>
<g:google_product_category>Home &gt; Mugs</g:google_product_category><g:size>L</g:size></item>
<item><g:id>b</g:id><title>Cup</title></item>"""


def test_merchant_feed_in_xml_is_a_catalogue(tmp_path: Path) -> None:
    (tmp_path / "feed.xml").write_text(FEED + "</channel></rss>")
    items, _, report = read(tmp_path)
    mug = items["a"]
    assert (mug.title, mug.price, mug.currency, mug.available) == ("Mug", 12.5, "EUR", False)
    assert (mug.categories, mug.url, mug.attributes) == (("Home", "Mugs"), "https://x/a", {"size": "L"})
    assert list(items) == ["a", "b"]
    assert (formats(report), report.bad_row_count) == ({"feed.xml": "merchant-feed"}, 0)


def test_damage_to_a_feed_in_xml_costs_what_follows_it(tmp_path: Path) -> None:
    (tmp_path / "feed.xml").write_text(FEED + "<item><g:id>c")
    items, _, report = read(tmp_path)
    assert (list(items), report.bad_row_count) == (["a", "b"], 1)
    assert "can't be read from here on" in report.document()["refused"][0]["reason"]


def test_xml_that_is_no_feed_is_passed_over(tmp_path: Path) -> None:
    write_lines(tmp_path / "items.jsonl", [{"item_id": "a"}])
    (tmp_path / "sitemap.xml").write_text("<urlset><url><loc>https://x</loc></url></urlset>")
    (tmp_path / "entities.xml").write_text('<!DOCTYPE a SYSTEM "file:///etc/passwd"><a><item><id>1</id></item></a>')
    _, _, report = read(tmp_path)
    assert "no rows" in report.passed_over["sitemap.xml"]
    assert "document type" in report.passed_over["entities.xml"]


def test_parts_of_an_export_need_no_ending(tmp_path: Path) -> None:
    write_lines(tmp_path / "items.jsonl", [{"item_id": "a"}])
    (tmp_path / "part-00000").write_text(f"user_id,item_id,event_type,timestamp\nu,a,view,{AT}\n")
    write_lines(tmp_path / "000000000001", [{"user_id": "v", "item_id": "a", "event_type": "view", "timestamp": AT}])
    (tmp_path / "README").write_text("user_id,item_id,event_type\n")
    _, events, report = read(tmp_path)
    assert sorted(steps(events)) == [("u", "view", "a"), ("v", "view", "a")]
    assert list(report.passed_over) == ["README"]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"PK\x03\x04sheet", "save it as CSV"),
        (b"PAR1", r"name it \.parquet"),
        (b"BZh9", "unpack it"),
        (b"\n<!DOCTYPE html><html>Sign in</html>", "page or a feed of markup"),
    ],
)
def test_files_of_another_kind_than_their_name_say_what_to_do(tmp_path: Path, data: bytes, said: str) -> None:
    write_lines(tmp_path / "items.jsonl", [{"item_id": "a"}])
    (tmp_path / "log.csv").write_bytes(data)
    assert re.search(said, read(tmp_path)[2].passed_over["log.csv"])
    (tmp_path / "events.csv").write_bytes(data)
    with pytest.raises(InvalidInputError, match=said):
        read(tmp_path)


def test_personalize_datasets_are_read_as_they_are(tmp_path: Path) -> None:
    write_table(tmp_path / "Interactions.csv", [
        {"USER_ID": "u", "ITEM_ID": "a", "TIMESTAMP": AT, "EVENT_TYPE": kind, "EVENT_VALUE": "", "IMPRESSION": "a|b"}
        for kind in ("Purchase", "View", "AddToCart", "StartCheckout", "Watch")
    ])  # fmt: skip
    item = {
        "ITEM_ID": "a",
        "PRICE": "3.5",
        "CATEGORY_L1": "Home",
        "CATEGORY_L2": "Mugs",
        "PRODUCT_DESCRIPTION": "A mug",
    }
    write_table(tmp_path / "Items.csv", [item | {"CREATION_TIMESTAMP": AT}])
    write_table(tmp_path / "Users.csv", [{"USER_ID": "u", "AGE": 30}])
    items, events, report = read(tmp_path)
    assert (items["a"].categories, items["a"].description, items["a"].created_at_ms) == (
        ("Home", "Mugs"),
        "A mug",
        AT * 1000,
    )
    assert [event.event_type for event in events] == ["purchase", "view", "add_to_cart", "add_to_cart", "view"]
    assert (report.users, report.ignored_fields) == (1, {"IMPRESSION": 5})
    assert set(formats(report).values()) == {"personalize"}


def test_ga4_rows_of_bigquery_bring_their_items_along(tmp_path: Path) -> None:
    item = {"item_id": "a", "item_name": "Mug", "item_brand": "(not set)", "item_category": "Home", "price": 3.5}
    row = {
        "event_date": "20261101",
        "event_timestamp": str(AT * 1_000_000),
        "event_name": "purchase",
        "event_params": [{"key": "ga_session_id", "value": {"string_value": None, "int_value": "171"}}],
        "user_id": None,
        "user_pseudo_id": "1.0",
        "geo": {"country": "Germany"},
        "ecommerce": {"transaction_id": "T1"},
        "items": [item],
    }
    nothing = {"event_timestamp": str(AT), "event_name": "page_view", "user_pseudo_id": "1.0", "items": []}
    write_lines(tmp_path / "events.jsonl", [row, nothing])
    items, (event,), report = read(tmp_path)
    assert (items["a"].title, items["a"].brand, items["a"].categories) == ("Mug", "", ("Home",))
    assert (event.user_id, event.event_type, event.item_id) == ("anon:1.0", "purchase", "a")
    assert (event.timestamp_ms, event.session_id) == (AT * 1000, "171")
    assert (report.ignored_rows, report.bad_row_count) == (1, 0)


def test_every_shape_of_post_events_is_read_from_a_file(tmp_path: Path) -> None:
    own = {"user_id": "u", "event_type": "view", "item_id": "a", "timestamp": AT}
    call = {"type": "track", "event": "Product Viewed", "userId": "u", "messageId": "m", "timestamp": AT}
    cloud = {"specversion": "1.0", "id": "1", "source": "s", "type": "t", "data": own}
    ga4 = {"client_id": "c", "user_id": "u", "events": [{"name": "view_item", "params": {"items": [{"item_id": "a"}]}}]}
    segment = {**call, "properties": {"product_id": "a"}}
    write_lines(tmp_path / "items.jsonl", [{"item_id": "a"}])
    shapes = [own, {"events": [own, own]}, segment, {"batch": [segment, segment]}, cloud, ga4]
    write_lines(tmp_path / "events.jsonl", shapes)
    _, events, report = read(tmp_path)
    assert steps(events) == [("u", "view", "a")] * 8
    assert report.bad_row_count == 0


def test_movielens_ratings_are_ratings(tmp_path: Path) -> None:
    write_table(tmp_path / "movies.csv", [{"movieId": 1, "title": "Film (1995)", "genres": "Comedy|Drama"}])
    write_table(tmp_path / "ratings.csv", [{"userId": 1, "movieId": 1, "rating": 3.5, "timestamp": AT}])
    write_table(tmp_path / "tags.csv", [{"userId": 1, "movieId": 1, "tag": "fun", "timestamp": AT}])
    write_table(tmp_path / "links.csv", [{"movieId": 1, "imdbId": 2, "tmdbId": 3}])
    items, (event,), report = read(tmp_path)
    assert items["1"].categories == ("Comedy", "Drama")
    assert (event.event_type, event.value) == ("rating", 3.5)
    assert set(report.passed_over) == {"tags.csv", "links.csv"}


def test_retailrocket_events_and_properties(tmp_path: Path) -> None:
    kinds = ("view", "addtocart", "transaction")
    events = [
        {"timestamp": AT * 1000, "visitorid": 5, "event": kind, "itemid": 7, "transactionid": ""} for kind in kinds
    ]
    write_table(tmp_path / "events.csv", events)
    properties = [("1", "categoryid", "9"), ("2", "categoryid", "10"), ("1", "available", "1"), ("3", "available", "0")]
    rows = [{"timestamp": at, "itemid": 7, "property": name, "value": value} for at, name, value in properties]
    write_table(tmp_path / "item_properties_part1.csv", [*rows, {**rows[0], "property": "790", "value": "n12.000"}])
    write_table(tmp_path / "category_tree.csv", [{"categoryid": 9, "parentid": 1}])
    items, found, report = read(tmp_path)
    assert (items["7"].categories, items["7"].available) == (("10",), False)
    assert steps(found) == [("5", "view", "7"), ("5", "add_to_cart", "7"), ("5", "purchase", "7")]
    assert list(report.passed_over) == ["category_tree.csv"]


def test_own_names_are_mapped(tmp_path: Path) -> None:
    write_lines(tmp_path / "items.jsonl", [{"item_id": "a"}])
    write_table(tmp_path / "log.csv", [{"kunde": "u", "artikel": "a", "was": "angesehen", "wann": AT}])
    columns = {"kunde": "user_id", "artikel": "item_id", "was": "event_type", "wann": "timestamp"}
    _, events, _ = read(tmp_path, columns=columns, event_names={"angesehen": "view"})
    assert steps(events) == [("u", "view", "a")]


def test_one_said_format_leaves_the_others_out(tmp_path: Path) -> None:
    write_table(tmp_path / "movies.csv", [{"movieId": 1, "title": "Film", "genres": "Comedy"}])
    write_table(tmp_path / "feed.tsv", [{"id": "a", "title": "Mug", "link": "l", "image_link": "i"}], delimiter="\t")
    items, _, report = read(tmp_path, source="merchant-feed")
    assert (list(items), list(report.passed_over)) == (["a"], ["movies.csv"])


def test_events_without_any_catalogue_say_what_is_missing(tmp_path: Path) -> None:
    write_table(tmp_path / "events.csv", [{"user_id": "u", "item_id": "a", "event_type": "view", "timestamp": AT}])
    with pytest.raises(UnusableDataError, match="holds no items: put the catalogue beside it"):
        read(tmp_path)


def test_a_file_of_events_is_no_catalogue(tmp_path: Path) -> None:
    write_table(tmp_path / "events.csv", [{"user_id": "u", "item_id": "a", "event_type": "view", "timestamp": AT}])
    with pytest.raises(UnusableDataError, match="holds events and no items: give the folder"):
        read_items(tmp_path / "events.csv", ReadReport())


def test_named_files_come_before_recognised_ones(tmp_path: Path) -> None:
    write_lines(tmp_path / "items.jsonl", [{"item_id": "a"}])
    write_table(tmp_path / "products.csv", [{"sku": "b", "name": "Mug"}])
    (tmp_path / "notes.md").write_text("hello")
    (tmp_path / "broken.zip").write_bytes(b"PK")
    items, _, report = read(tmp_path)
    assert list(items) == ["a"]
    assert report.passed_over["products.csv"] == "items.jsonl is read instead"
    assert set(report.passed_over) == {"products.csv", "notes.md", "broken.zip"}


def test_ga4_rows_without_items_are_counted_and_not_refused(tmp_path: Path) -> None:
    write_lines(tmp_path / "items.jsonl", [{"item_id": "a", "title": "Mug"}])
    row = {"event_timestamp": str(AT * 1_000_000), "user_pseudo_id": "1.0", "items": []}
    names = ("session_start", "page_view", "begin_checkout", "view_item_list", "view_item")
    shown = {"view_item": [{"item_id": "a"}]}
    write_lines(tmp_path / "events.jsonl", [row | {"event_name": name, "items": shown.get(name, [])} for name in names])
    _, events, report = read(tmp_path)
    assert steps(events) == [("anon:1.0", "view", "a")]
    assert (report.bad_row_count, report.ignored_rows) == (0, 4)


def test_labelled_texts_are_no_catalogue(tmp_path: Path) -> None:
    write_table(tmp_path / "texts.csv", [{"id": 1, "category": "Books", "label": 1, "text": "fine"}])
    write_table(tmp_path / "goods.csv", [{"item_id": 1, "category": "Books"}])
    items, _, report = read(tmp_path)
    assert list(items) == ["1"]
    assert items["1"].categories == ("Books",)
    assert [entry["file"] for entry in report.document()["passed_over_files"]] == ["texts.csv"]


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        (
            {"behaviour.csv": "1,a,4756105,pv,1790000000\n2,a,4756105,buy,1790000001\n"},
            ["there are no events, and behaviour.csv was passed over: its first line, 1, a, 4756105, pv, 1790000000, "],
        ),
        (
            {"plays.csv": "userid,timestamp,artid\n1,1790000000,a\n2,1790000001,a\n1,1790000002,a\n"},
            ["there are no events, and plays.csv was passed over: one user stands in several of its rows, "],
        ),
        (
            {
                "lines.csv": "order_id,product_id,reordered\no1,a,0\no2,a,0\n",
                "orders.csv": "order_id,user_id,dow\no1,1,3\no2,1,4\n",
            },
            [
                "there are no events, and lines.csv was passed over: its columns order_id, product_id, reordered ",
                "there are no events, and orders.csv was passed over: one user stands in several of its rows, ",
            ],
        ),
        ({"customers.csv": "userid,createdat\n1,2026-01-01\n2,2026-01-02\n"}, []),
        ({"stores.csv": "street,town\nHigh Street,Leeds\n"}, []),
        ({"stock.csv": "sku,warehouse,qty\na,north,3\n"}, []),
    ],
    ids=["no header", "no item", "two tables", "users", "other things", "stock"],
)
def test_a_log_that_is_not_understood_is_no_shop_without_events(
    tables: dict[str, str], said: list[str], tmp_path: Path
) -> None:
    write_table(tmp_path / "items.csv", [{"id": "a", "title": "Mug"}])
    for name, text in tables.items():
        (tmp_path / name).write_text(text)
    _, events, report = read(tmp_path)
    assert events == []
    faults = report.faults()
    assert [fault[: len(begins)] for fault, begins in zip(faults, said, strict=True)] == said
    write_table(tmp_path / "events.csv", [{"user_id": "u", "item_id": "a", "event_type": "view", "timestamp": AT}])
    assert read(tmp_path)[2].faults() == []


def test_items_without_words_and_without_events_are_no_shop(tmp_path: Path) -> None:
    write_table(tmp_path / "items.csv", [{"id": name, "title": "", "price": 3} for name in "ab"])
    report = read(tmp_path)[2]
    assert report.faults() == ["there are no events, and 2 of 2 items have no title: nothing says what goes with what"]
    write_table(tmp_path / "events.csv", [{"user_id": "u", "item_id": "a", "event_type": "view", "timestamp": AT}])
    assert read(tmp_path)[2].faults() == []


@pytest.mark.parametrize(
    ("items", "events", "steps_"),
    [
        (
            {"item-name": "Mug", "seller-sku": "a", "price": "3.50", "quantity": "3"},
            {"order-id": "1", "purchase-date": "2026-09-21T14:13:20+00:00", "buyer-email": "u@x.org", "sku": "a"},
            [("u@x.org", "purchase", "a")],
        ),
        (
            {"TITLE": "Mug", "PRICE": "3.50", "QUANTITY": "3", "SKU": "a"},
            {"Sale Date": "09/21/26", "Item Name": "Mug", "Buyer": "u", "Quantity": "1", "Order ID": "1", "SKU": "a"},
            [("u", "purchase", "a")],
        ),
        (
            {"article_id": "a", "prod_name": "Mug", "detail_desc": "Of clay", "price": "3.50"},
            {"t_dat": "2026-09-21", "customer_id": "u", "article_id": "a"},
            [("u", "view", "a")],
        ),
        (
            {
                "productNumber": "a",
                "active": "1",
                "stock": "4",
                "name": "Mug",
                "price_net": "2,94",
                "price_gross": "3,50",
            },
            {"Bestellnummer": "1", "Bestelldatum": "21.09.26 14:13", "Kundennummer": "u", "Artikelnummer": "a"},
            [("u", "purchase", "a")],
        ),
    ],
    ids=["Amazon", "Etsy", "H&M", "Shopware"],
)
def test_reports_of_marketplaces_and_shops_go_by_their_own_names(
    items: dict[str, str], events: dict[str, str], steps_: list[tuple[str, str, str]], tmp_path: Path
) -> None:
    write_table(tmp_path / "listings.csv", [items], ";")
    write_table(tmp_path / "orders.csv", [events], ";")
    found, read_, report = read(tmp_path)
    assert (found["a"].title, found["a"].price, found["a"].available) == ("Mug", 3.5, True)
    assert steps(read_) == steps_
    assert report.faults() == []


def test_types_of_events_in_other_languages_are_known_and_what_is_not_is_quoted_for_the_shell(tmp_path: Path) -> None:
    named = {
        "ajout au panier": "add_to_cart",
        "In den Warenkorb": "add_to_cart",
        "Produktansicht": "view",
        "visualización": "view",
        "remboursement": "return",
    }
    rows = [{"user_id": "u", "item_id": "a", "event_type": name, "timestamp": AT} for name in [*named, "ganz anders"]]
    write_table(tmp_path / "items.csv", [{"id": "a", "title": "Mug"}])
    write_table(tmp_path / "events.csv", rows)
    _, events, report = read(tmp_path)
    assert [event.event_type for event in events] == list(named.values())
    (hint,) = report.hints
    assert shlex.split(hint)[:2] == ["--map-event", "ganz anders=view"]


def test_unknown_table_is_told_with_the_nearest_format(tmp_path: Path) -> None:
    write_lines(tmp_path / "items.jsonl", [{"item_id": "a"}])
    write_table(tmp_path / "x.csv", [{"movieId": "1", "when": "2"}])
    _, _, report = read(tmp_path)
    assert "near movielens" in report.passed_over["x.csv"]
    assert nearest_format(["a", "b"]) is None


@pytest.mark.parametrize(
    "options",
    [
        {"source": "nosuch"},
        {"timezone": "Moon/Sea"},
        {"allow_bad": 2},
        {"rating_scale": 0},
        {"columns": {"a": "usr_id"}},
    ],
)
def test_options_without_sense_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError):
        ReadOptions(**options)


PAGE = Path(__file__).parents[4] / "docs" / "data.md"
SAMPLE = re.compile(r"^```\n(.+?)^```$", re.MULTILINE | re.DOTALL)
SECTION = re.compile(r"^\*\*[^*]+\*\* \(`([a-z0-9-]+)`\)", re.MULTILINE)


def samples() -> list[tuple[str, str]]:
    text = PAGE.read_text()
    starts = list(SECTION.finditer(text))
    ends = [match.start() for match in starts[1:]] + [len(text)]
    return [
        (match[1], sample[1])
        for match, end in zip(starts, ends, strict=True)
        for sample in SAMPLE.finditer(text, match.start(), end)
    ]


@pytest.mark.parametrize(("name", "sample"), samples())
def test_samples_of_the_page_are_recognised_and_read(name: str, sample: str, tmp_path: Path) -> None:
    file = tmp_path / ("sample.jsonl" if sample.startswith("{") else "sample.csv")
    file.write_text(sample)
    columns, first, table = columns_in(DataFile(file))
    what = recognise(columns, first, table=table, told={})
    assert what.format == name
    report = ReadReport()
    if what.role == "items":
        found: Sequence[object] = read_items(file, report)
    else:
        found = list(read_events(file, report, NOW_MS))
    assert (len(found), report.bad_row_count) == (1, 0)


def test_page_has_a_sample_of_every_format() -> None:
    assert {name for name, _ in samples()} == set(FORMATS) - {"auto", "csv"}
