"""WooCommerce's export of products.

https://github.com/woocommerce/woocommerce/wiki/Product-CSV-Import-Schema

An item is called by its SKU where every one has one, else by its ID. A variation names its parent by `id:<ID>` or by
SKU, shares its group, and takes over what it does not say itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from endcap_rebuild.data.formats.cells import text_of

Row = tuple[int, dict[str, Any]]
_ATTRIBUTE: Final = re.compile(r"Attribute (\d+) name")
_INHERITED: Final = ("title", "description", "categories", "image_url", "brand")


def items(rows: Iterable[Row]) -> Iterator[Row]:
    """A document for each product and variation."""
    known = list(rows)
    by_sku = all(text_of(row, "SKU") for _, row in known)
    id_of: dict[str, str] = {}
    for _, row in known:
        own = text_of(row, "SKU") if by_sku else text_of(row, "ID")
        id_of[f"id:{text_of(row, 'ID')}"] = own
        if sku := text_of(row, "SKU"):
            id_of.setdefault(sku, own)
    documents = {}
    for line, row in known:
        own = text_of(row, "SKU") if by_sku else text_of(row, "ID")
        documents[line] = document = _document(own, row)
        parent = id_of.get(text_of(row, "Parent").replace(" ", ""))
        if parent and parent != own and text_of(row, "Type").startswith("variation"):
            document["group_id"] = parent
    of_id = {document["item_id"]: document for document in documents.values()}
    for line, document in documents.items():
        parent_document = of_id.get(str(document.get("group_id")), {})
        taken = {name: parent_document.get(name) for name in _INHERITED if not document.get(name)}
        yield line, document | taken


def _document(own: str, row: Mapping[str, Any]) -> dict[str, Any]:
    names = [text_of(row, f"Attribute {k} name") for k in _numbers(row)]
    values = [text_of(row, f"Attribute {k} value(s)") for k in _numbers(row)]
    attributes = {n: [v.strip() for v in text.split(",")] for n, text in zip(names, values, strict=True) if n and text}
    return {
        "item_id": own,
        "title": text_of(row, "Name"),
        "description": text_of(row, "Description") or text_of(row, "Short description"),
        "categories": _paths(text_of(row, "Categories")),
        "brand": text_of(row, "Brands"),
        "price": text_of(row, "Sale price") or text_of(row, "Regular price") or None,
        "available": _available(row),
        "image_url": text_of(row, "Images").split(",")[0].strip(),
        "attributes": attributes,
    }


def _numbers(row: Mapping[str, Any]) -> list[str]:
    return [match[1] for name in row if (match := _ATTRIBUTE.fullmatch(name))]


def _paths(text: str) -> list[str]:
    """The names of `A > B, A > C`; a comma within a name is written with a backslash."""
    paths = re.split(r"(?<!\\),", text)
    names = (part.replace("\\,", ",").strip() for path in paths for part in path.split(">"))
    return list(dict.fromkeys(name for name in names if name))


def _available(row: Mapping[str, Any]) -> bool:
    if text_of(row, "Published") in ("0", "-1"):
        return False
    said = text_of(row, "In stock?").lower()
    return said not in ("0", "no", "false", "outofstock")
