"""Shopify's webhooks.

https://shopify.dev/docs/api/webhooks
https://shopify.dev/docs/api/admin-rest/latest/resources/order
https://shopify.dev/docs/api/admin-rest/latest/resources/product
https://shopify.dev/docs/apps/build/compliance/privacy-law-compliance

A line is returned once all of it was refunded, or all of its order was, by its lines or without them, or its order was
cancelled; a part of it, or its shipping, leaves the purchase as it is. A refund by itself names no customer:
`orders/updated`, which Shopify sends with it, holds refunds and customer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from endcap.events.formats.fields import number, person, text
from endcap.shops.forms import Form
from endcap.shops.message import (
    ANONYMOUS_ID,
    RECOMMENDATION_ID,
    ItemIds,
    Line,
    Message,
    Order,
    Product,
    named_value,
    objects,
    order_events,
    positive,
    required_id,
    time_ms,
    without_nothing,
)

SOURCE: Final = "shopify"
_PLAIN: Final = "Default Title"


def read(topic: str, raw: Mapping[str, Any], sent_ms: int, item_ids: ItemIds = "variant") -> Message:
    """What a message of a topic asks for.

    Parameters
    ----------
    sent_ms : when what it tells of happened, for topics that don't say it themselves

    Raises
    ------
    InvalidInputError : it is not what its topic sends
    """
    reader, form = _READERS.get(topic, (None, None))
    if reader is None or form is None:
        return Message(known=False)
    form.check(raw)
    message = Message()
    reader(raw, sent_ms, item_ids, message)
    return message


def _order(raw: Mapping[str, Any], sent_ms: int, item_ids: ItemIds, message: Message) -> None:
    order_id = required_id(raw)
    if raw.get("test") is True:
        message.warn("test", "the order is a test, and counts for nothing")
        return
    customer = raw.get("customer")
    whole_ms = _wholly_returned(raw, sent_ms)
    back = _refunded(raw, sent_ms)
    lines = []
    for line in objects(raw.get("line_items")):
        line_id = required_id(line)
        quantity = positive(line.get("quantity"))
        refunded, refunded_ms = back.get(line_id, (0.0, None))
        returned_ms = whole_ms if refunded < (quantity or 1) else refunded_ms
        shown = named_value(line.get("properties"), RECOMMENDATION_ID)
        lines.append(Line(line_id, _item_id(line, item_ids), quantity, number(line.get("price")), returned_ms, shown))
    order = Order(
        SOURCE,
        order_id,
        time_ms(raw, "created_at", "processed_at") or sent_ms,
        text(raw.get("currency")),
        person(customer.get("id")) if isinstance(customer, Mapping) else None,
        named_value(raw.get("note_attributes"), ANONYMOUS_ID),
        tuple(lines),
        whole_ms,
    )
    order_events(order, message)


def _wholly_returned(raw: Mapping[str, Any], sent_ms: int) -> int | None:
    """When all of an order was given back, whatever its refunds say of lines; None where it was not."""
    cancelled_ms = time_ms(raw, "cancelled_at")
    if cancelled_ms is not None or raw.get("financial_status") != "refunded":
        return cancelled_ms
    refunds = (time_ms(refund, "processed_at", "created_at") for refund in objects(raw.get("refunds")))
    return max((at_ms for at_ms in refunds if at_ms is not None), default=time_ms(raw, "updated_at") or sent_ms)


def _refunded(raw: Mapping[str, Any], sent_ms: int) -> dict[str, tuple[float, int]]:
    """Id of a line -> how much of it was refunded, and when the last of it was."""
    found: dict[str, tuple[float, int]] = {}
    for refund in objects(raw.get("refunds")):
        at_ms = time_ms(refund, "processed_at", "created_at") or sent_ms
        for part in objects(refund.get("refund_line_items")):
            line_id = text(part.get("line_item_id")) or ""
            quantity, last_ms = found.get(line_id, (0.0, 0))
            found[line_id] = quantity + (positive(part.get("quantity")) or 0.0), max(at_ms, last_ms)
    return found


def _refund(raw: Mapping[str, Any], sent_ms: int, item_ids: ItemIds, message: Message) -> None:
    required_id(raw, "order_id")
    order = raw.get("order")
    if isinstance(order, Mapping):
        _order(order, sent_ms, item_ids, message)
    else:
        message.warn("customer", "a refund names no customer; orders/updated, sent with it, holds both")


def _item_id(line: Mapping[str, Any], item_ids: ItemIds) -> str | None:
    product, variant = text(line.get("product_id")), text(line.get("variant_id"))
    if item_ids == "product":
        return product
    return (text(line.get("sku")) if item_ids == "sku" else None) or variant or product


def _product(raw: Mapping[str, Any], sent_ms: int, item_ids: ItemIds, message: Message) -> None:
    product_id = required_id(raw)
    variants = list(objects(raw.get("variants")))
    if not variants:
        message.warn("variants", "are missing, so nothing about the product was changed")
        return
    for_sale = raw.get("status", "active") == "active" and bool(raw.get("published_at"))
    shared = _shared(raw)
    documents = []
    for variant in variants:
        named = {"product_id": product_id, "variant_id": variant.get("id"), "sku": variant.get("sku")}
        document = shared | {
            "item_id": _item_id(named, item_ids),
            "price": variant.get("price"),
            "available": for_sale and _in_stock(variant),
            "image_url": _image(raw, variant),
        }
        if item_ids != "product":
            document |= {"group_id": product_id, "title": _title(raw, variant)}
            document["attributes"] = shared.get("attributes", {}) | _options(raw, [variant]) | _sku(variant)
        documents.append(without_nothing(document) | {"available": document["available"]})
    if item_ids == "product":
        whole = next((document for document in documents if document["available"]), documents[0])
        options = _options(raw, variants)
        documents = [whole | {"attributes": shared.get("attributes", {}) | options}]
    message.products.append(Product(f"{SOURCE}/{product_id}", time_ms(raw, "updated_at") or sent_ms, tuple(documents)))


def _shared(raw: Mapping[str, Any]) -> dict[str, Any]:
    """What all variants have in common."""
    category = raw.get("category")
    path = category.get("full_name") or category.get("name") if isinstance(category, Mapping) else None
    kinds = [path, raw.get("product_type")]
    tags = raw.get("tags")
    listed = tags.split(",") if isinstance(tags, str) else tags if isinstance(tags, list) else []
    named = [tag.strip() for tag in listed if isinstance(tag, str) and tag.strip()]
    return without_nothing(
        {
            "title": raw.get("title"),
            "description": raw.get("body_html"),
            "brand": raw.get("vendor"),
            "categories": [kind for kind in kinds if isinstance(kind, str) and kind],
            "created_at": raw.get("published_at") or raw.get("created_at"),
            "attributes": without_nothing({"tags": named, "handle": raw.get("handle")}),
        }
    )


def _title(raw: Mapping[str, Any], variant: Mapping[str, Any]) -> str:
    title, own = str(raw.get("title") or ""), variant.get("title")
    return f"{title} - {own}" if isinstance(own, str) and own not in ("", _PLAIN) else title


def _in_stock(variant: Mapping[str, Any]) -> bool:
    """What is not tracked can be sold whatever its number is; since 2024-07 webhooks no longer say what is not."""
    untracked = "inventory_management" in variant and not variant["inventory_management"]
    quantity = number(variant.get("inventory_quantity"))
    return untracked or variant.get("inventory_policy") == "continue" or quantity is None or quantity > 0


def _image(raw: Mapping[str, Any], variant: Mapping[str, Any]) -> str | None:
    of_id = {image.get("id"): image.get("src") for image in objects(raw.get("images"))}
    first = raw.get("image")
    return of_id.get(variant.get("image_id")) or (first.get("src") if isinstance(first, Mapping) else None)


def _options(raw: Mapping[str, Any], variants: list[Mapping[str, Any]]) -> dict[str, Any]:
    """The name of each option -> the values that some variants have."""
    found = {}
    for place, option in enumerate(objects(raw.get("options")), start=1):
        values = list(dict.fromkeys(str(v[key]) for v in variants if v.get(key := f"option{place}")))
        if values and values != [_PLAIN] and isinstance(option.get("name"), str):
            found[option["name"]] = values if len(values) > 1 else values[0]
    return found


def _sku(variant: Mapping[str, Any]) -> dict[str, Any]:
    return without_nothing({"sku": text(variant.get("sku"))})


def _product_gone(raw: Mapping[str, Any], sent_ms: int, _: ItemIds, message: Message) -> None:
    message.products.append(Product(f"{SOURCE}/{required_id(raw)}", sent_ms))


def _redact(raw: Mapping[str, Any], _: int, __: ItemIds, message: Message) -> None:
    customer = raw.get("customer")
    message.erase.append(required_id(customer if isinstance(customer, Mapping) else {}))


def _data_request(_: Mapping[str, Any], __: int, ___: ItemIds, message: Message) -> None:
    message.for_people = "a customer asks for their data"


def _shop_redact(_: Mapping[str, Any], __: int, ___: ItemIds, message: Message) -> None:
    message.for_people = "the shop asks for everything of it to be erased"


# What bodies of each kind have at their top and no other kind has; of topics that are not read, too.
_ORDER: Final = frozenset({"line_items", "financial_status", "fulfillment_status", "order_number", "refunds"})
_REFUND: Final = frozenset({"order_id", "refund_line_items", "order_adjustments"})
_PRODUCT: Final = frozenset({"variants", "body_html", "product_type", "vendor", "handle", "published_at"})
_REDACTED: Final = frozenset({"orders_to_redact"})
_ASKED: Final = frozenset({"orders_requested", "data_request"})
_SHOP: Final = frozenset({"shop_id", "shop_domain"})
_UNREAD: Final = frozenset(
    {
        *("abandoned_checkout_url", "completed_at", "invoice_sent_at", "invoice_url"),  # checkouts, drafts of orders
        *("tracking_number", "tracking_numbers", "orders_count", "verified_email"),  # fulfilments, customers
    }
)
_PEOPLE: Final = _REDACTED | _ASKED | _SHOP
_OF_ORDER: Final = Form(_ORDER, _REFUND | _PRODUCT | _PEOPLE | _UNREAD)
_OF_REFUND: Final = Form(frozenset({"order_id"}), _PRODUCT | _PEOPLE | _UNREAD | _ORDER)
_OF_PRODUCT: Final = Form(_PRODUCT | {"title"}, _ORDER | _REFUND | _PEOPLE | _UNREAD)
_GONE: Final = Form(frozenset({"id"}), only=frozenset({"id", "admin_graphql_api_id"}))

_Reader = Callable[[Mapping[str, Any], int, ItemIds, Message], None]
_READERS: Final[Mapping[str, tuple[_Reader, Form]]] = {
    "orders/create": (_order, _OF_ORDER),
    "orders/paid": (_order, _OF_ORDER),
    "orders/updated": (_order, _OF_ORDER),
    "orders/cancelled": (_order, _OF_ORDER),
    "refunds/create": (_refund, _OF_REFUND),
    "products/create": (_product, _OF_PRODUCT),
    "products/update": (_product, _OF_PRODUCT),
    "products/delete": (_product_gone, _GONE),
    "customers/redact": (_redact, Form(_REDACTED, _ASKED | _ORDER | _REFUND | _PRODUCT | _UNREAD | {"id"})),
    "customers/data_request": (_data_request, Form(_ASKED, _REDACTED | {"id"})),
    "shop/redact": (_shop_redact, Form(_SHOP, _REDACTED | _ASKED | {"id", "customer"})),
}
TOPICS: Final = tuple(_READERS)
