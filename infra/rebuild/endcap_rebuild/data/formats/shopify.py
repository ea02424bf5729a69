"""Shopify's exports of products and of orders, and its products as JSON.

https://help.shopify.com/en/manual/products/import-export/using-csv
https://help.shopify.com/en/manual/fulfillment/managing-orders/exporting-orders
https://shopify.dev/docs/api/admin-rest/latest/resources/product

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


def is_product(row: Mapping[str, Any]) -> bool:
    """Whether `row` is a product as JSON, of the API or of a shop's `/products.json`."""
    return "handle" in row and isinstance(row.get("variants"), list)


def json_items(rows: Iterable[Row]) -> Iterator[Row]:
    """One document for each product as JSON, by its handle as in the table."""
    for line, row in rows:
        variants, images = (_objects(row.get(name)) for name in ("variants", "images"))
        tags = row.get("tags")
        named = tags if isinstance(tags, list) else [tag.strip() for tag in str(tags or "").split(",") if tag.strip()]
        options = {
            str(option["name"]): values
            for place, option in enumerate(_objects(row.get("options")), start=1)
            if option.get("name") not in (None, "Title")
            if (values := _each(variants, f"option{place}"))
        }
        yield (
            line,
            {
                "item_id": row.get("handle"),
                "title": row.get("title"),
                "description": row.get("body_html"),
                "brand": row.get("vendor"),
                "categories": row.get("product_type"),
                "price": next((price for variant in variants if (price := variant.get("price")) is not None), None),
                "available": _for_sale({"Status": row.get("status")})
                and (not variants or any(map(_is_available, variants))),
                "created_at": row.get("published_at") or row.get("created_at"),
                "image_url": next(iter(_each(images, "src")), None),
                "attributes": options | ({"tags": named} if named else {}),
            },
        )


def json_handles(rows: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """As `handles`, of products as JSON."""
    return {
        name: str(row.get("handle"))
        for row in rows
        for name in (text_of(row, "title"), *(text_of(variant, "sku") for variant in _objects(row.get("variants"))))
        if name
    }


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


def _is_available(variant: Mapping[str, Any]) -> bool:
    """Whether a variant as JSON can be bought; what is not tracked can, whatever its number is."""
    if isinstance(variant.get("available"), bool):
        return bool(variant["available"])
    if variant.get("inventory_policy") == "continue" or not variant.get("inventory_management", True):
        return True
    quantity = variant.get("inventory_quantity")
    return not isinstance(quantity, int | float) or quantity > 0


def _objects(value: object) -> list[Mapping[str, Any]]:
    return [part for part in value if isinstance(part, Mapping)] if isinstance(value, list) else []


def _each(rows: Iterable[Mapping[str, Any]], name: str) -> list[str]:
    found = (text_of(row, name) for row in rows)
    return list(dict.fromkeys(text for text in found if text and text != _DEFAULT))
