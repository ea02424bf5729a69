"""Segment's calls and its e-commerce events, version 2.

https://segment.com/docs/connections/spec/common/
https://segment.com/docs/connections/spec/ecommerce/v2/

`{"type": "track", "event": "Product Viewed", "userId"?, "anonymousId"?, "messageId"?, "timestamp"?, "properties"}`
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from endcap.events.contexts import CONTEXT_NAMES, context_value
from endcap.events.formats.fields import amount, invalid, mapping_at, moment, number, numbered, place, products_at, text
from endcap.events.formats.fields import properties as kept
from endcap.validation import timestamp_number

KINDS: Mapping[str, str] = MappingProxyType(
    {
        "Product Viewed": "view",
        "Product Clicked": "click",
        "Product Added": "add_to_cart",
        "Product Removed": "remove_from_cart",
        "Product List Viewed": "impression",
        "Product List Filtered": "impression",
        "Products Searched": "search",
        "Checkout Started": "add_to_cart",
        "Order Completed": "purchase",
        "Order Refunded": "return",
        "Product Added to Wishlist": "wishlist",
        "Wishlist Product Added to Cart": "add_to_cart",
        "Product Shared": "share",
        "Product Reviewed": "review",
    }
)
_STEPS = frozenset({"Cart Viewed", "Order Updated", "Order Cancelled", "Product Removed from Wishlist"})
"""Events that name products, and say nothing that a profile keeps."""
_CALLS = frozenset({"track", "identify", "alias", "page", "screen", "group"})
_PROPERTIES = ("order_id", "list_id", "currency", "price", "quantity", "coupon", "variant")


def matches(raw: Mapping[str, Any]) -> bool:
    """Whether `raw` has the shape of a call."""
    ids = ("userId", "anonymousId", "messageId")
    call = raw.get("type")
    return isinstance(call, str) and call in _CALLS and "event_type" not in raw and any(k in raw for k in ids)


def is_batch(raw: Mapping[str, Any]) -> bool:
    """Whether `raw` has the shape of a batch of calls."""
    batch = raw.get("batch")
    return isinstance(batch, list) and "events" not in raw and any(isinstance(c, Mapping) and matches(c) for c in batch)


def interactions(raw: Mapping[str, Any], foreign_id: str | None = None) -> list[dict[str, Any]]:
    """What a call says about items or about who somebody is, in Endcap's own form.

    Parameters
    ----------
    foreign_id : of the envelope that the call came in; `messageId` comes first

    Raises
    ------
    InvalidInteractionError : the call can't be used
    """
    user_id, anonymous_id = text(raw.get("userId")), text(raw.get("anonymousId"))
    common = {
        "user_id": user_id or anonymous_id,
        "anonymous_id": anonymous_id if user_id else None,
        "timestamp": _timestamp(raw),
    }
    call = raw["type"]
    if call in ("identify", "alias"):
        other = text(raw.get("previousId")) if call == "alias" else anonymous_id
        same = not (user_id and other) or user_id == other
        found = [] if same else [{**common, "anonymous_id": other, "event_type": "identify"}]
    elif call == "track":
        found = [{**common, **part} for part in _tracked(raw)]
    else:
        return []
    message_id = text(raw.get("messageId")) or foreign_id
    return found if message_id is None else numbered(found, "segment", message_id)


def _tracked(raw: Mapping[str, Any]) -> list[dict[str, Any]]:
    event, properties = raw.get("event"), mapping_at(raw, "properties")
    if not isinstance(event, str) or not event:
        raise invalid("event", "is required for track")
    kind = KINDS.get(event, event)
    about: dict[str, Any] = {
        "event_type": kind,
        "session_id": text(properties.get("session_id")),
        "recommendation_id": text(properties.get("recommendation_id")),
    }
    if kind == "search":
        return [{**about, "text": properties.get("query")}]
    listed = properties.get("products") is not None
    if event in _STEPS or (event not in KINDS and not listed and _product_id(properties) is None):
        return []
    if kind == "review":
        about |= {"text": properties.get("review_body")}
    came_from = kept(CONTEXT_NAMES, _context(raw))
    parts = []
    for index, product in enumerate(products_at(properties, "products", "properties.products")):
        item_id = _product_id(product)
        if item_id is None:
            where = f"properties.products.{index}" if listed else "properties"
            raise invalid(f"{where}.product_id", "is required")
        parts.append(
            about
            | {
                "item_id": item_id,
                "value": number(properties.get("rating")) if kind == "review" else amount(product),
                "position": place(product.get("position")),
                "properties": (kept(_PROPERTIES, product, properties) | came_from) or None,
            }
        )
    return parts


def _context(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Where the shopper came from, by the names under which demand is counted."""

    def told(*path: str) -> object:
        found: object = raw.get("context")
        for field in path:
            found = found.get(field) if isinstance(found, Mapping) else None
        return found

    referrer = told("page", "referrer") or told("referrer", "url") or ""
    return {
        "device": told("device", "type"),
        "country": told("location", "country"),
        "referrer": context_value(referrer),
    }


def _product_id(product: Mapping[str, Any]) -> str | None:
    return text(product.get("product_id")) or text(product.get("sku")) or None


def _timestamp(raw: Mapping[str, Any]) -> float | None:
    for field in ("timestamp", "originalTimestamp"):
        if raw.get(field) not in (None, ""):
            return timestamp_number(moment(raw[field], field))
    return None
