"""Rows of a DynamoDB export of the items table: `{"Item": {"item_id": {"S": ...}, "document": {"S": ...}, ...}}`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from endcap.errors import InvalidItemError


def is_exported(row: Mapping[str, Any]) -> bool:
    """Whether a row comes from an export, not from an import file."""
    return isinstance(row.get("Item"), Mapping) and "item_id" not in row and "id" not in row


def exported_document(row: Mapping[str, Any]) -> Any:
    """The item's JSON document that an exported row carries; None for a tombstone of a deleted item.

    Raises
    ------
    InvalidItemError : the row is not one of the items table
    """
    item = row["Item"]
    try:
        item["item_id"]["S"]
        return json.loads(item["document"]["S"]) if "document" in item else None
    except (KeyError, TypeError, ValueError) as exc:
        raise InvalidItemError("the row is not one of the items table") from exc
