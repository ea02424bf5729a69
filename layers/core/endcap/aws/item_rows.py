"""Rows of the items table, between items and DynamoDB's attributes.

A row holds the item's JSON document, the hash of it, the hash of its text, and for at most two encoders the vector of
that text, in attributes named `vector_<tag>`: 8 bytes of the text's hash, then int8 (d_text,). A vector whose hash is
not the row's is out of date. What a writer has said of the text (`generated`, JSON) and the vector of that
(`generated_vector`) name the text likewise, and are out of date with it. A deleted item leaves a tombstone.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any, Final

from endcap.catalog.item import Item, content_hash, item_document, item_text, stored_item, text_hash
from endcap.catalog.row import Generated, ItemRow
from endcap.identifiers import short_hash
from endcap.observability import logger
from endcap.validation import timestamp_ms

CHANGE_SHARDS: Final = 8
VECTOR_PREFIX: Final = "vector_"
GENERATED: Final = "generated"
GENERATED_VECTOR: Final = "generated_vector"
TAG_BYTES: Final = 4


def item_row(item: Item, now_ms: int) -> dict[str, Any]:
    """`item` as DynamoDB attributes, without vectors."""
    document = json.dumps(item_document(item), separators=(",", ":"), ensure_ascii=False)
    shard = short_hash(item.item_id, 4)[0] % CHANGE_SHARDS
    return {
        "item_id": {"S": item.item_id},
        "document": {"S": document},
        "content_hash": {"S": content_hash(item)},
        "text_hash": {"S": text_hash(item_text(item))},
        "changed_at": {"N": str(now_ms)},
        "change_shard": {"N": str(shard)},
    }


def read_row(row: Mapping[str, Any]) -> ItemRow:
    """A DynamoDB row, from a query, a scan or a stream record."""
    item_id, changed_at_ms = row["item_id"]["S"], int(row["changed_at"]["N"])
    if "document" not in row:
        return ItemRow(item_id, None, changed_at_ms)
    digest = row["text_hash"]["S"]
    stored = {
        bytes.fromhex(name.removeprefix(VECTOR_PREFIX)): bytes(value["B"])
        for name, value in row.items()
        if name.startswith(VECTOR_PREFIX)
    }
    vectors = {tag: data[8:] for tag, data in stored.items() if data[:8].hex() == digest}
    outdated = tuple(sorted(stored.keys() - vectors.keys()))
    item = stored_item(json.loads(row["document"]["S"]))
    return ItemRow(item_id, item, changed_at_ms, digest, vectors, outdated, _generated(row, digest))


def generated_attributes(generated: Generated, digest: str) -> dict[str, Any]:
    """What was written about the text with this hash, as DynamoDB attributes."""
    attributes = {name: list(v) if isinstance(v, tuple) else v for name, v in generated.attributes.items()}
    document = {"text_hash": digest, "key": generated.key, "attributes": attributes}
    return {
        GENERATED: {"S": json.dumps(document, separators=(",", ":"), ensure_ascii=False)},
        GENERATED_VECTOR: {"B": generated.tag + generated.vector},
    }


def _generated(row: Mapping[str, Any], digest: str) -> Generated | None:
    if GENERATED not in row:
        return None
    try:
        told, data = json.loads(row[GENERATED]["S"]), bytes(row[GENERATED_VECTOR]["B"])
        if told["text_hash"] != digest:
            return None
        attributes = {str(k): tuple(v) if isinstance(v, list) else v for k, v in told["attributes"].items()}
        return Generated(str(told["key"]), attributes, data[:TAG_BYTES], data[TAG_BYTES:])
    except (AttributeError, KeyError, TypeError, ValueError) as exc:  # the item is none the worse for it
        logger.warning("description not readable", extra={"error": type(exc).__name__})
        return None


def readable(row: Mapping[str, Any]) -> ItemRow:
    """A row as `read_row` reads it; one that is damaged as deleted, as nobody can say whether it may be shown."""
    try:
        return read_row(row)
    except Exception as exc:  # whatever is wrong with one row, the others count
        logger.warning("item row not readable", extra={"error": type(exc).__name__})
        return ItemRow(row["item_id"]["S"], None, int(row["changed_at"]["N"]))


def restriction(row: Mapping[str, Any]) -> ItemRow:
    """Of a row no more than whether, and how long, its item is for sale: checking whole items takes long."""
    item_id, changed_at_ms = row["item_id"]["S"], int(row["changed_at"]["N"])
    try:
        document = json.loads(row["document"]["S"]) if "document" in row else None
        if document is None:
            return ItemRow(item_id, None, changed_at_ms)
        expires = document.get("expires_at")
        item = Item(
            item_id,
            available=document.get("available", True) is True,
            expires_at_ms=None if expires is None else timestamp_ms(expires),
        )
    except Exception:  # see `readable`
        return ItemRow(item_id, None, changed_at_ms)
    return ItemRow(item_id, item, changed_at_ms)


def read_stream_image(image: Mapping[str, Any]) -> ItemRow:
    """A row as a stream event carries it: bytes in base64."""
    return read_row({name: {"B": base64.b64decode(v["B"])} if "B" in v else v for name, v in image.items()})
