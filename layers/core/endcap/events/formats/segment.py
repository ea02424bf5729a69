"""Segment's calls and its e-commerce events, version 2.

https://segment.com/docs/connections/spec/common/
https://segment.com/docs/connections/spec/ecommerce/v2/

`{"type": "track", "event": "Product Viewed", "userId"?, "anonymousId"?, "messageId"?, "timestamp"?, "properties"}`
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from endcap.errors import FieldError
from endcap.events.contexts import CONTEXT_NAMES, context_value
from endcap.events.formats.fields import (
    amount,
    invalid,
    mapping_at,
    moment,
    number,
    numbered,
    person,
    place,
    products_at,
    text,
    told_apart,
    with_ids,
)
from endcap.events.formats.fields import properties as kept
from endcap.events.machines import flagged
from endcap.events.types import GIVES_BACK, GRADED, IDENTIFY, SEARCH, SEGMENT
from endcap.validation import timestamp_number

_STEPS = frozenset({"Cart Viewed", "Order Updated", "Product Removed from Wishlist"})
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


def interactions(
    raw: Mapping[str, Any], foreign_id: str | None = None, warnings: list[FieldError] | None = None
) -> list[dict[str, Any]]:
    """What a call says about items or about who somebody is, in Endcap's own form.

    Parameters
    ----------
    foreign_id : of the envelope that the call came in; `messageId` comes first
    warnings : products that name no item are told of here

    Raises
    ------
    InvalidInteractionError : the call can't be used
    """
    user_id, anonymous_id = person(raw.get("userId")), person(raw.get("anonymousId"))
    common = {"user_id": user_id, "anonymous_id": anonymous_id, "timestamp": _timestamp(raw)}
    call = raw["type"]
    if call in ("identify", "alias"):
        other = person(raw.get("previousId")) if call == "alias" else anonymous_id
        same = not (user_id and other) or user_id == other
        found = [] if same else [{**common, "anonymous_id": other, "event_type": IDENTIFY}]
    elif call == "track":
        found = [{**common, **part} for part in _tracked(raw, [] if warnings is None else warnings)]
    else:
        return []
    message_id = text(raw.get("messageId")) or foreign_id
    return told_apart(found) if message_id is None else numbered(found, "segment", message_id)


def _tracked(raw: Mapping[str, Any], warnings: list[FieldError]) -> list[dict[str, Any]]:
    event, properties = raw.get("event"), mapping_at(raw, "properties")
    if not isinstance(event, str) or not event:
        raise invalid("event", "is required for track")
    event_type = SEGMENT.get(event, event)
    about: dict[str, Any] = {
        "event_type": event_type,
        "session_id": text(properties.get("session_id")),
        "recommendation_id": text(properties.get("recommendation_id")),
    }
    if event_type == SEARCH:
        return [{**about, "text": properties.get("query")}]
    listed = properties.get("products") is not None
    names_product = listed or _product_id(properties) is not None
    if event_type in GIVES_BACK and not names_product:
        order_id = text(properties.get("order_id"))  # the whole order: the profile knows what was bought with it
        return [{**about, "order_id": order_id}] if order_id else []
    if event in _STEPS or (event not in SEGMENT and not names_product):
        return []
    graded = event_type in GRADED
    if graded:
        about |= {"text": properties.get("review_body")}
    came_from = kept(CONTEXT_NAMES, _context(raw)) | flagged(_value_at(raw, "userAgent"))
    parts = []
    for index, product in enumerate(products_at(properties, "products", "properties.products")):
        part = {
            "item_id": _product_id(product),
            "value": number(properties.get("rating")) if graded else amount(product),
            "position": place(product.get("position")),
            "properties": (kept(_PROPERTIES, product, properties) | came_from) or None,
        }
        parts.append((f"properties.products.{index}" if listed else "properties", about | part))
    return with_ids(parts, "product_id", warnings)


def _context(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Where the shopper came from, by the names under which demand is counted."""

    referrer = _value_at(raw, "page", "referrer") or _value_at(raw, "referrer", "url") or ""
    return {
        "device": _value_at(raw, "device", "type"),
        "country": _value_at(raw, "location", "country"),
        "referrer": context_value(referrer),
    }


def _value_at(raw: Mapping[str, Any], *path: str) -> object:
    """What stands at a path of the call's context."""
    found: object = raw.get("context")
    for field in path:
        found = found.get(field) if isinstance(found, Mapping) else None
    return found


def _product_id(product: Mapping[str, Any]) -> str | None:
    return text(product.get("product_id")) or text(product.get("sku")) or None


def _timestamp(raw: Mapping[str, Any]) -> float | None:
    for field in ("timestamp", "originalTimestamp"):
        if raw.get(field) not in (None, ""):
            return timestamp_number(moment(raw[field], field))
    return None
