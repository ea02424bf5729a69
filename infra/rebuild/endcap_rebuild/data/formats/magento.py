"""Magento's (Adobe Commerce's) export of products.

https://experienceleague.adobe.com/en/docs/commerce-admin/systems/data-transfer/data-attributes-product

A configurable product lists its variations by SKU, and they share its group. A SKU stands in a row for each store view
that says something else; the first row, of the default view, counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from endcap_rebuild.data.formats.cells import text_of

Row = tuple[int, dict[str, Any]]
_VARIATION: Final = re.compile(r"(?:^|\|)sku=([^,|]+)")
_ROOT: Final = "Default Category"


def items(rows: Iterable[Row]) -> Iterator[Row]:
    """A document for each SKU."""
    documents: dict[str, tuple[int, dict[str, Any]]] = {}
    group_of: dict[str, str] = {}
    for line, row in rows:
        sku = text_of(row, "sku")
        if text_of(row, "store_view_code") and sku in documents:
            continue
        documents[sku or f"line {line}"] = line, _document(sku, row)
        group_of |= dict.fromkeys(_VARIATION.findall(text_of(row, "configurable_variations")), sku)
    for sku, (line, document) in documents.items():
        yield line, document | ({"group_id": group_of[sku]} if sku in group_of else {})


def _document(sku: str, row: Mapping[str, Any]) -> dict[str, Any]:
    names = (
        name.strip()
        for path in text_of(row, "categories").split(",")
        for name in path.split("/")
        if name.strip() != _ROOT
    )
    pairs = [pair.partition("=") for pair in text_of(row, "additional_attributes").split(",")]
    stock = text_of(row, "is_in_stock")
    attributes = {name.strip(): value.strip() for name, _, value in pairs if name.strip() and value.strip()}
    brand = attributes.pop("manufacturer", "") or attributes.pop("brand", "")
    return {
        "item_id": sku,
        "title": text_of(row, "name"),
        "description": text_of(row, "description") or text_of(row, "short_description"),
        "categories": list(dict.fromkeys(name for name in names if name)),
        "price": text_of(row, "special_price") or text_of(row, "price") or None,
        "available": text_of(row, "product_online") != "2" and stock not in ("0", "0.0000"),
        "created_at": text_of(row, "created_at"),
        "image_url": text_of(row, "base_image"),
        "url": text_of(row, "url_key"),
        "brand": brand,
        "attributes": attributes,
    }
