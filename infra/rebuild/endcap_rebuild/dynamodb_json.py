"""Rows of a DynamoDB export (`{"Item": {"price": {"N": "3"}}}`) as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def plain_row(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """The row itself, or the plain form of an exported one; unreadable types are left out."""
    item = row.get("Item")
    if not isinstance(item, Mapping) or "item_id" in row:
        return row
    return {key: value for key, typed in item.items() if (value := _plain(typed)) is not None}


def _plain(typed: object) -> Any:
    if not isinstance(typed, Mapping) or len(typed) != 1:
        return None
    kind, value = next(iter(typed.items()))
    match kind:
        case "S" | "BOOL" | "SS":
            return value
        case "N":
            return float(value)
        case "L":
            return [_plain(element) for element in value]
        case "M":
            return {key: _plain(element) for key, element in value.items()}
    return None
