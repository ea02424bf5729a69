"""Google Analytics 4 e-commerce events, as the Measurement Protocol and server-side tagging send them.

https://developers.google.com/analytics/devguides/collection/protocol/ga4/reference
https://developers.google.com/analytics/devguides/collection/ga4/ecommerce

`{"client_id", "user_id"?, "timestamp_micros"?, "events": [{"name", "params": {"items": [...]}, "timestamp_micros"?}]}`
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
    number,
    numbered,
    person,
    place,
    products_at,
    properties,
    text,
    told_apart,
    with_ids,
)
from endcap.events.machines import flagged
from endcap.events.types import GA4, GIVES_BACK, IDENTIFY, SEARCH
from endcap.validation import MAX_TIMESTAMP_MS, timestamp_number

_STEPS = frozenset({"view_cart", "add_payment_info", "add_shipping_info"})
"""Between the cart and the order: they name items that another event has already told of."""
_ITEMS_OPTIONAL = frozenset({"view_promotion", "select_promotion", "share"})
_PROPERTIES = ("transaction_id", "item_list_id", "currency", "price", "quantity", "coupon")


def matches(raw: Mapping[str, Any]) -> bool:
    """Whether `raw` has the shape of a payload: a client or user, and events that have names and no types."""
    events = raw.get("events")
    if not isinstance(events, list) or not any(k in raw for k in ("client_id", "app_instance_id", "user_id")):
        return False
    named = [e for e in events if isinstance(e, Mapping)]
    return any("name" in e for e in named) and not any("event_type" in e for e in named)


def split(raw: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One payload for each event of `raw`."""
    return [{**raw, "events": [event]} for event in raw["events"]]


def interactions(
    raw: Mapping[str, Any], foreign_id: str | None = None, warnings: list[FieldError] | None = None
) -> list[dict[str, Any]]:
    """What the events of a payload say about items, in Endcap's own form.

    Parameters
    ----------
    foreign_id : of the envelope that the payload came in; without one the order's number or `params.event_id` serves,
        and failing those the content
    warnings : products that name no item are told of here

    Raises
    ------
    InvalidInteractionError : an event can't be used
    """
    found = []
    for index, event in enumerate(raw["events"]):
        if not isinstance(event, Mapping):
            raise invalid("", "an event must be an object")
        told = [] if warnings is None else warnings
        found += _of_event(raw, event, None if foreign_id is None else [foreign_id, index], told)
    return found


def _of_event(
    raw: Mapping[str, Any], event: Mapping[str, Any], foreign_id: object, warnings: list[FieldError]
) -> list[dict[str, Any]]:
    name, params = event.get("name"), mapping_at(event, "params")
    if not isinstance(name, str) or not name:
        raise invalid("name", "is required")
    client_id = person(raw.get("client_id")) or person(raw.get("app_instance_id"))
    user_id = person(raw.get("user_id"))
    event_type = GA4.get(name, name)
    common = {
        "user_id": user_id,
        "anonymous_id": client_id,
        "event_type": event_type,
        "timestamp": _timestamp(event.get("timestamp_micros", raw.get("timestamp_micros"))),
        "session_id": text(params.get("session_id")) or text(params.get("ga_session_id")),
        "recommendation_id": text(params.get("recommendation_id")),
    }
    if event_type == IDENTIFY:
        return [common] if user_id and client_id and user_id != client_id else []
    own_id = text(params.get("event_id")) or text(params.get("transaction_id"))
    if event_type == SEARCH:
        found = [{**common, "text": params.get("search_term")}]
    elif event_type in GIVES_BACK and "items" not in params and "item_id" not in params:
        # Google: a refund without items is one of the whole order.
        order_id = text(params.get("transaction_id"))
        found = [{**common, "order_id": order_id}] if order_id else []
    elif name in _STEPS or ("items" not in params and "item_id" not in params and _needs_no_items(name)):
        return []
    elif params.get("items") is None and "item_id" not in params:
        raise invalid("params.items", f"is required for {name}")
    else:
        products = enumerate(products_at(params, "items", "params.items"))
        context = _context(raw, params)
        program = flagged(raw.get("user_agent", params.get("user_agent")))
        parts = ((f"params.items.{index}", {**common, **_item(p, params, context, program)}) for index, p in products)
        found = with_ids(parts, "item_id", warnings)
    if own_id is None and foreign_id is None:
        return told_apart(found)
    return numbered(found, "ga4", name, foreign_id if own_id is None else own_id)


def _needs_no_items(name: str) -> bool:
    return name not in GA4 or name in _ITEMS_OPTIONAL


def _context(raw: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """Where the shopper came from, by the names under which demand is counted."""
    device, location = raw.get("device"), raw.get("user_location")
    return {
        "device": device.get("category") if isinstance(device, Mapping) else None,
        "country": location.get("country_id") if isinstance(location, Mapping) else None,
        "referrer": context_value(params.get("page_referrer") or ""),
    }


def _item(
    product: Mapping[str, Any], params: Mapping[str, Any], context: Mapping[str, Any], program: Mapping[str, Any]
) -> dict[str, Any]:
    index = number(product.get("index"))
    return {
        "item_id": text(product.get("item_id")),
        "value": amount(product),
        "position": None if index is None else place(index + 1),  # Google counts from 0
        "properties": {**properties(_PROPERTIES, product, params), **properties(CONTEXT_NAMES, context), **program}
        or None,
    }


def _timestamp(micros: object) -> float | None:
    if micros is None:
        return None
    found = number(micros)
    if found is None or not 0 <= found / 1000 <= MAX_TIMESTAMP_MS:
        raise invalid("timestamp_micros", "must be microseconds since 1970")
    return timestamp_number(int(found / 1000))
