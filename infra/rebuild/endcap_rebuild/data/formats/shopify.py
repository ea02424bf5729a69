"""Shopify's exports of products and of orders.

https://help.shopify.com/en/manual/products/import-export/using-csv
https://help.shopify.com/en/manual/fulfillment/managing-orders/exporting-orders

A product is its handle: the first of its rows names it, the following ones are its further variants and pictures. A
line of an order names the variant's SKU, which the export of products leads back to the handle.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from endcap.feeds.names import spelled
from endcap_rebuild.data.formats.cells import text_of

Row = tuple[int, dict[str, Any]]
_OPTIONS: Final = (1, 2, 3)
_HEAD: Final = (
    "Email",
    "Created at",
    "Paid at",
    "Financial Status",
    "Id",
    "Customer ID",
    "Billing Name",
    "Cancelled at",
)
"""What the first line of an order says for all of its lines."""
_DEFAULT: Final = "Default Title"
_RENAMED: Final = {
    spelled(new): old
    for new, old in {
        "URL handle": "Handle",
        "Description": "Body (HTML)",
        "Published on online store": "Published",
        "SKU": "Variant SKU",
        "Price": "Variant Price",
        "Inventory quantity": "Variant Inventory Qty",
        "Continue selling when out of stock": "Variant Inventory Policy",
        "Product image URL": "Image Src",
    }.items()
}
"""Columns of products since 2025 -> what they were called before; the others differ in capitals alone."""
_UNCHANGED: Final = {
    spelled(name): name
    for name in (
        *("Handle", "Title", "Body (HTML)", "Vendor", "Product Category", "Type", "Tags", "Published", "Status"),
        *("Variant SKU", "Variant Price", "Variant Inventory Qty", "Variant Inventory Policy", "Image Src"),
        *(f"Option{k} {part}" for k in _OPTIONS for part in ("Name", "Value")),
    )
}


def items(rows: Iterable[Row]) -> Iterator[Row]:
    """One document for each handle, with the line of its first row."""
    products: dict[str, tuple[int, list[dict[str, Any]]]] = {}
    for line, row in rows:
        row = _in_old_names(row)
        handle = text_of(row, "Handle")
        products.setdefault(handle, (line, []))[1].append(row)
    for handle, (line, variants) in products.items():
        yield line, _product(handle, variants)


def handles(rows: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """SKU of a variant, and title of a product -> its handle."""
    found: dict[str, str] = {}
    for given in rows:
        row = _in_old_names(given)
        found |= dict.fromkeys(
            filter(None, (text_of(row, "Title"), text_of(row, "Variant SKU"))), text_of(row, "Handle")
        )
    return found


def order_lines(rows: Iterable[Row], handle_of: Mapping[str, str]) -> Iterator[Row]:
    """Purchases, in our own names: one for each line of an order, and a return where all of it was undone."""
    order: dict[str, Any] = {}
    for line, row in rows:
        name = text_of(row, "Name")
        if name != order.get("Name") or text_of(row, "Email") or text_of(row, "Created at"):
            order = {"Name": name} | {field: text_of(row, field) for field in _HEAD}
        sku, title = text_of(row, "Lineitem sku"), text_of(row, "Lineitem name")
        said = {
            "user_id": order.get("Customer ID") or order.get("Email") or order.get("Billing Name"),
            "item_id": handle_of.get(sku) or sku or _by_title(title, handle_of),
            "timestamp": order.get("Paid at") or order.get("Created at"),
            "value": text_of(row, "Lineitem price"),
            "session_id": name,
            "order_id": name,
        }
        undone = str(order.get("Financial Status", "")).lower() in ("refunded", "voided") or order.get("Cancelled at")
        for event_type in ("purchase", "return") if undone else ("purchase",):
            yield line, {**said, "event_type": event_type}


def _product(handle: str, variants: list[dict[str, Any]]) -> dict[str, Any]:
    first = next((row for row in variants if text_of(row, "Title")), variants[0])
    sold = [row for row in variants if text_of(row, "Variant Price")]
    kinds = text_of(first, "Product Category") or text_of(first, "Type")
    names = [kinds, text_of(first, "Type")] if kinds != text_of(first, "Type") else [kinds]
    options = {
        name: values
        for k in _OPTIONS
        if (name := text_of(first, f"Option{k} Name")) and name != "Title"
        if (values := _each(variants, f"Option{k} Value"))
    }
    tags = [tag.strip() for tag in text_of(first, "Tags").split(",") if tag.strip()]
    return {
        "item_id": handle,
        "title": text_of(first, "Title"),
        "description": text_of(first, "Body (HTML)"),
        "brand": text_of(first, "Vendor"),
        "categories": [name for name in names if name],
        "price": text_of(sold[0], "Variant Price") if sold else None,
        "available": _for_sale(first) and (not sold or any(_in_stock(row) for row in sold)),
        "image_url": next(iter(_each(variants, "Image Src")), None),
        "attributes": options | ({"tags": tags} if tags else {}),
    }


def _by_title(title: str, handle_of: Mapping[str, str]) -> str:
    """The handle of a line without SKU, whose title ends with its variant; else the title."""
    return handle_of.get(title) or handle_of.get(title.rpartition(" - ")[0]) or title


def _in_old_names(row: Mapping[str, Any]) -> dict[str, Any]:
    old = {spelled(name): name for name in row}
    return {
        (name if name in _UNCHANGED.values() else _UNCHANGED.get(key) or _RENAMED.get(key, name)): row[name]
        for key, name in old.items()
    }


def _for_sale(row: Mapping[str, Any]) -> bool:
    return text_of(row, "Status").lower() not in ("draft", "archived") and text_of(row, "Published").lower() != "false"


def _in_stock(row: Mapping[str, Any]) -> bool:
    if text_of(row, "Variant Inventory Policy").lower() in ("continue", "true", "yes"):
        return True
    try:
        return float(text_of(row, "Variant Inventory Qty") or 1) > 0
    except ValueError:
        return True


def _each(rows: Iterable[Mapping[str, Any]], name: str) -> list[str]:
    found = (text_of(row, name) for row in rows)
    return list(dict.fromkeys(text for text in found if text and text != _DEFAULT))
