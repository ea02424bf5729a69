"""Retailrocket's properties of items: (timestamp, itemid, property, value), all but two of them hashed.

https://www.kaggle.com/datasets/retailrocket/ecommerce-dataset
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

Row = tuple[int, dict[str, Any]]
_READ: Final = {"categoryid": "categories", "available": "available"}


def items(rows: Iterable[Row]) -> Iterator[Row]:
    """A document for each item, of the latest value of each property that has a name."""
    found: dict[str, dict[str, tuple[float, str]]] = {}
    lines: dict[str, int] = {}
    for line, row in rows:
        item_id, name = str(row.get("itemid") or "").strip(), str(row.get("property") or "")
        lines.setdefault(item_id, line)
        properties = found.setdefault(item_id, {})
        if name not in _READ:
            continue
        try:
            at = float(row.get("timestamp") or 0)
        except ValueError:
            at = 0.0
        if name not in properties or at >= properties[name][0]:
            properties[name] = at, str(row.get("value") or "").strip()
    for item_id, properties in found.items():
        yield lines[item_id], {"item_id": item_id} | {_READ[name]: value for name, (_, value) in properties.items()}
