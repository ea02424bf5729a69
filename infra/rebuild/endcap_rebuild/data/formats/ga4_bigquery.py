"""Rows of Google Analytics 4 in BigQuery, as its payloads for the Measurement Protocol, which the adapter reads.

https://support.google.com/analytics/answer/7029846
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from endcap.feeds.values import is_nothing

Row = tuple[int, dict[str, Any]]
_KINDS: Final = ("string_value", "int_value", "double_value", "float_value")
_LEVELS: Final = ("item_category", "item_category2", "item_category3", "item_category4", "item_category5")


def matches(row: Mapping[str, Any]) -> bool:
    """Whether `row` is a row of the export."""
    return "event_name" in row and "event_timestamp" in row and "event_type" not in row


def payload(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row as one payload with one event."""
    params = _params(row.get("event_params"))
    listed = [_present(item) for item in _list(row.get("items"))]
    order = row.get("ecommerce")
    if isinstance(order, Mapping) and not is_nothing(order.get("transaction_id")):
        params.setdefault("transaction_id", order["transaction_id"])
    if listed:
        params["items"] = listed
    micros, geo = row.get("event_timestamp"), row.get("geo")
    return {
        "client_id": row.get("user_pseudo_id"),
        "user_id": row.get("user_id"),
        "device": row.get("device"),
        "user_location": {"country_id": geo.get("country") if isinstance(geo, Mapping) else None},
        "events": [{"name": row.get("event_name"), "params": params, "timestamp_micros": micros}],
    }


def items(rows: Iterable[tuple[int, Any]]) -> Iterator[Row]:
    """A document for each item that some event names, of what the latest one says."""
    found: dict[str, tuple[int, dict[str, Any]]] = {}
    for line, row in rows:
        if not isinstance(row, Mapping):
            continue
        for item in _list(row.get("items")):
            said = _present(item)
            item_id = str(said.get("item_id") or "")
            if item_id:
                document = {
                    "item_id": item_id,
                    "title": said.get("item_name"),
                    "brand": said.get("item_brand"),
                    "categories": [said[level] for level in _LEVELS if level in said],
                    "price": said.get("price"),
                }
                before = found.get(item_id, (line, {}))
                found[item_id] = before[0], before[1] | _present(document)
    yield from found.values()


def _params(given: Any) -> dict[str, Any]:
    if isinstance(given, Mapping):
        return dict(given)
    params = {}
    for pair in _list(given):
        value = pair.get("value")
        if isinstance(value, Mapping):
            value = next((value[kind] for kind in _KINDS if not is_nothing(value.get(kind))), None)
        if value is not None and isinstance(pair.get("key"), str):
            params[pair["key"]] = value
    return params


def _list(given: Any) -> list[Mapping[str, Any]]:
    return [part for part in given if isinstance(part, Mapping)] if isinstance(given, list) else []


def _present(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if not is_nothing(value)}
