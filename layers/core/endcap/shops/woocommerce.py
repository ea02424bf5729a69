"""WooCommerce's webhooks.

https://developer.woocommerce.com/docs/apis/rest-api/v3/webhooks/
https://developer.woocommerce.com/docs/apis/rest-api/v3/orders/
https://developer.woocommerce.com/docs/apis/rest-api/v3/products/

An order says of its refunds how much and not of what, so its lines are returned once its status says so of all of them,
or its refunds come to its total.
"""

from __future__ import annotations

import re
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

SOURCE: Final = "woocommerce"
_UNPAID: Final = frozenset({"pending", "failed", "draft", "auto-draft", "checkout-draft", "trash"})
_OFFLINE: Final = frozenset({"bacs", "cheque", "cod"})
"""Ways to pay by which an order counts before its money has come."""
_PING: Final = re.compile(rb"webhook_id=\d{1,20}")


def is_ping(body: bytes) -> bool:
    """Whether a body is what WooCommerce sends, unsigned, when a webhook is saved; it asks for nothing but a 200."""
    return _PING.fullmatch(body) is not None


def read(topic: str, raw: Mapping[str, Any], sent_ms: int, item_ids: ItemIds = "variant") -> Message:
    """What a message of a topic asks for; see `endcap.shops.shopify.read`.

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
    order_id, status = required_id(raw), str(raw.get("status") or "")
    paid = raw.get("date_paid_gmt") or raw.get("date_paid") or raw.get("payment_method") in _OFFLINE
    if status in _UNPAID or (status == "cancelled" and not paid):
        return
    back = status in ("refunded", "cancelled") or _wholly_refunded(raw)
    returned_ms = (time_ms(raw, "date_modified_gmt", "date_modified") or sent_ms) if back else None
    lines = []
    for line in objects(raw.get("line_items")):
        quantity, total = positive(line.get("quantity")), number(line.get("total"))
        price = total / quantity if total is not None and quantity else number(line.get("price"))
        shown = named_value(line.get("meta_data"), RECOMMENDATION_ID, "key")
        lines.append(Line(required_id(line), _item_id(line, item_ids), quantity, price, returned_ms, shown))
    order = Order(
        SOURCE,
        order_id,
        time_ms(raw, "date_created_gmt", "date_created") or sent_ms,
        text(raw.get("currency")),
        _customer(raw.get("customer_id")),
        named_value(raw.get("meta_data"), ANONYMOUS_ID, "key"),
        tuple(lines),
        returned_ms,
    )
    order_events(order, message)


def _wholly_refunded(raw: Mapping[str, Any]) -> bool:
    """Whether refunds come to an order's total to half a hundredth, whatever its status; never where it was free."""
    total = positive(raw.get("total"))
    back = sum(abs(number(refund.get("total")) or 0.0) for refund in objects(raw.get("refunds")))
    return total is not None and back > total - 0.005


def _customer(value: object) -> str | None:
    """A customer's id; None for guests, who are 0."""
    found = person(value)
    return None if found == "0" else found


def _item_id(line: Mapping[str, Any], item_ids: ItemIds) -> str | None:
    product, variation = text(line.get("product_id")), text(line.get("variation_id"))
    product, variation = (found if found != "0" else None for found in (product, variation))
    if item_ids == "product":
        return product
    return (text(line.get("sku")) if item_ids == "sku" else None) or variation or product


def _product(raw: Mapping[str, Any], sent_ms: int, item_ids: ItemIds, message: Message) -> None:
    product_id, parent = required_id(raw), text(raw.get("parent_id"))
    variation = raw.get("type") == "variation" and parent not in (None, "0")
    if variation and item_ids == "product":
        return
    images = [image.get("src") for image in objects(raw.get("images"))]
    own = raw.get("image")
    images += [own.get("src")] if isinstance(own, Mapping) else []
    brands = [brand.get("name") for brand in objects(raw.get("brands"))]
    document = without_nothing(
        {
            "item_id": (text(raw.get("sku")) if item_ids == "sku" else None) or product_id,
            "group_id": parent if variation else None,
            "title": raw.get("name"),
            "description": raw.get("description") or raw.get("short_description"),
            "categories": [c["name"] for c in objects(raw.get("categories")) if isinstance(c.get("name"), str)],
            "brand": brands[0] if brands else None,
            "price": raw.get("price") or raw.get("regular_price"),
            "created_at": raw.get("date_created_gmt") or raw.get("date_created"),
            "image_url": images[0] if images else None,
            "url": raw.get("permalink"),
            "attributes": _attributes(raw),
        }
    )
    at_ms = time_ms(raw, "date_modified_gmt", "date_modified") or sent_ms
    message.products.append(Product(f"{SOURCE}/{product_id}", at_ms, (document | {"available": _for_sale(raw)},)))


def _for_sale(raw: Mapping[str, Any]) -> bool:
    stock = raw.get("stock_status")
    if stock is None:
        stock = "outofstock" if raw.get("in_stock") is False else "instock"
    shown = raw.get("status", "publish") == "publish" and raw.get("catalog_visibility") != "hidden"
    return shown and stock != "outofstock"


def _attributes(raw: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = without_nothing({"sku": text(raw.get("sku"))})
    tags = [tag["name"] for tag in objects(raw.get("tags")) if isinstance(tag.get("name"), str)]
    found |= {"tags": tags} if tags else {}
    for attribute in objects(raw.get("attributes")):
        value = attribute.get("option") or attribute.get("options")
        if isinstance(attribute.get("name"), str) and value:
            found[attribute["name"]] = value
    return found


def _product_gone(raw: Mapping[str, Any], sent_ms: int, _: ItemIds, message: Message) -> None:
    message.products.append(Product(f"{SOURCE}/{required_id(raw)}", sent_ms))


def _order_gone(_: Mapping[str, Any], __: int, ___: ItemIds, message: Message) -> None:
    message.warn("order", "one that is deleted names no shopper; refunding or cancelling it first takes it back")


def _customer_gone(raw: Mapping[str, Any], _: int, __: ItemIds, message: Message) -> None:
    message.erase.append(required_id(raw))


# What bodies of each kind have at their top and no other kind has; of topics that are not read, too.
_ORDER: Final = frozenset({"line_items", "order_key", "payment_method", "customer_id"})
_PRODUCT: Final = frozenset({"permalink", "regular_price", "stock_status", "catalog_visibility", "purchasable"})
_UNREAD: Final = frozenset({"username", "avatar_url", "is_paying_customer", "discount_type", "usage_count"})
_OF_ORDER: Final = Form(_ORDER, _PRODUCT | _UNREAD)
_OF_PRODUCT: Final = Form(_PRODUCT | {"name", "price", "sku"}, _ORDER | _UNREAD)
_GONE: Final = Form(frozenset({"id"}), only=frozenset({"id"}))

_Reader = Callable[[Mapping[str, Any], int, ItemIds, Message], None]
_READERS: Final[Mapping[str, tuple[_Reader, Form]]] = {
    "order.created": (_order, _OF_ORDER),
    "order.updated": (_order, _OF_ORDER),
    "order.restored": (_order, _OF_ORDER),
    "order.deleted": (_order_gone, _GONE),
    "product.created": (_product, _OF_PRODUCT),
    "product.updated": (_product, _OF_PRODUCT),
    "product.restored": (_product, _OF_PRODUCT),
    "product.deleted": (_product_gone, _GONE),
    "customer.deleted": (_customer_gone, _GONE),
}
TOPICS: Final = tuple(_READERS)
