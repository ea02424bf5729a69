"""commercetools' messages, as its Subscriptions send them to SQS and EventBridge.

https://docs.commercetools.com/api/projects/subscriptions
https://docs.commercetools.com/api/message-types/order-messages
https://docs.commercetools.com/api/message-types/product-catalog-messages

A return says of which line of which order and not whose, so it counts where the order comes with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from endcap.errors import FieldError, InvalidRequestError
from endcap.events.formats.fields import number, person, text
from endcap.shops.message import (
    ItemIds,
    Line,
    Message,
    Order,
    Product,
    objects,
    order_events,
    positive,
    required_id,
    time_ms,
    without_nothing,
)

SOURCE: Final = "commercetools"
_OF_NOBODY: Final = frozenset({"ReturnInfoAdded", "ReturnInfoSet", "OrderStateChanged", "OrderDeleted"})
"""Messages about orders that name neither customer nor products, unless the order comes with them."""


def read(raw: Mapping[str, Any], sent_ms: int, item_ids: ItemIds = "variant", language: str = "en") -> Message:
    """What a message asks for, alone or as the data of a CloudEvent.

    Parameters
    ----------
    sent_ms : when it came
    language : of the texts of products, where they have it

    Raises
    ------
    InvalidInputError : it is no message, or holds less than it needs
    """
    data = raw.get("data")
    if "specversion" in raw and isinstance(data, Mapping):
        raw = data
    if raw.get("notificationType") != "Message":
        if isinstance(raw.get("notificationType"), str):  # changes, and the test that a subscription begins with
            return Message(known=False)
        raise InvalidRequestError([FieldError(field="notificationType", message="is required")])
    if isinstance(raw.get("payloadNotIncluded"), Mapping):
        raise InvalidRequestError("the message was too large for its queue, and came without its payload")
    kind, message = raw.get("type"), Message()
    at_ms = time_ms(raw, "createdAt") or sent_ms
    if kind in ("OrderCreated", "OrderImported") or (kind in _OF_NOBODY and isinstance(raw.get("order"), Mapping)):
        _order(raw, at_ms, item_ids, message)
    elif kind in _OF_NOBODY:
        message.warn("order", f"{kind} names no shopper, so it counts for nobody")
    elif kind in ("ProductPublished", "ProductCreated"):
        _product(raw, at_ms, item_ids, language, message)
    elif kind in ("ProductUnpublished", "ProductDeleted"):
        message.products.append(Product(f"{SOURCE}/{_resource_id(raw)}", at_ms))
    elif kind == "CustomerDeleted":
        message.erase.append(_resource_id(raw))
    else:
        message.known = False
    return message


def _resource_id(raw: Mapping[str, Any]) -> str:
    resource = raw.get("resource")
    return required_id(resource if isinstance(resource, Mapping) else {})


def _order(raw: Mapping[str, Any], at_ms: int, item_ids: ItemIds, message: Message) -> None:
    order = raw.get("order")
    if not isinstance(order, Mapping):
        raise InvalidRequestError([FieldError(field="order", message="must be an object")])
    told = [raw.get("returnInfo"), *objects(order.get("returnInfo"))]
    back = _returned([info for info in told if isinstance(info, Mapping)], at_ms)
    gone_ms = at_ms if order.get("orderState") == "Cancelled" else None
    lines = []
    for line in objects(order.get("lineItems")):
        line_id, quantity = required_id(line), positive(line.get("quantity"))
        returned, returned_ms = back.get(line_id, (0.0, None))
        total = _amount(line.get("totalPrice"))
        price = total / quantity if total is not None and quantity else _price(line)
        whole = returned >= (quantity or 1)
        lines.append(Line(line_id, _item_id(line, item_ids), quantity, price, returned_ms if whole else gone_ms))
    total_price = order.get("totalPrice")
    order_events(
        Order(
            SOURCE,
            required_id(order),
            time_ms(order, "createdAt", "completedAt") or at_ms,
            text(total_price.get("currencyCode")) if isinstance(total_price, Mapping) else None,
            person(order.get("customerId")),
            person(order.get("anonymousId")),
            tuple(lines),
        ),
        message,
    )


def _returned(infos: list[Mapping[str, Any]], at_ms: int) -> dict[str, tuple[float, int]]:
    """Id of a line -> how much of it came back, and when the last of it did."""
    found: dict[str, tuple[float, int]] = {}
    for info in infos:
        when_ms = time_ms(info, "returnDate") or at_ms
        for part in objects(info.get("items")):
            line_id = text(part.get("lineItemId")) or ""
            quantity, last_ms = found.get(line_id, (0.0, 0))
            found[line_id] = quantity + (positive(part.get("quantity")) or 0.0), max(when_ms, last_ms)
    return found


def _item_id(line: Mapping[str, Any], item_ids: ItemIds) -> str | None:
    variant = line.get("variant")
    return _name(text(line.get("productId")), variant if isinstance(variant, Mapping) else {}, item_ids)


def _name(product_id: str | None, variant: Mapping[str, Any], item_ids: ItemIds) -> str | None:
    """What an item is called by: ids of variants are small numbers, which mean nothing without the product's."""
    if item_ids == "product":
        return product_id
    number_ = text(variant.get("id"))
    own = f"{product_id}:{number_}" if product_id and number_ else product_id
    return (text(variant.get("sku")) if item_ids == "sku" else None) or own


def _amount(money: object) -> float | None:
    """Money in whole units."""
    if not isinstance(money, Mapping):
        return None
    cents, digits = number(money.get("centAmount")), number(money.get("fractionDigits"))
    return None if cents is None else cents / 10.0 ** (2 if digits is None else digits)


def _price(holder: Mapping[str, Any]) -> float | None:
    price = holder.get("price")
    return _amount(price.get("value")) if isinstance(price, Mapping) else None


def _product(raw: Mapping[str, Any], at_ms: int, item_ids: ItemIds, language: str, message: Message) -> None:
    product = raw.get("productProjection")
    if not isinstance(product, Mapping):
        raise InvalidRequestError([FieldError(field="productProjection", message="must be an object")])
    if product.get("published") is False:  # a draft, which its publication tells of again
        return
    product_id = required_id(product)
    first = product.get("masterVariant")
    variants = [*([first] if isinstance(first, Mapping) else []), *objects(product.get("variants"))]
    shared = without_nothing(
        {
            "title": _spoken(product.get("name"), language),
            "description": _spoken(product.get("description"), language),
            "categories": [name for c in objects(product.get("categories")) if (name := _category(c, language))],
            "created_at": product.get("createdAt"),
        }
    )
    documents = []
    for variant in variants[: 1 if item_ids == "product" else None]:
        prices = list(objects(variant.get("prices")))
        chosen = prices[0].get("value") if prices else None
        images = [image.get("url") for image in objects(variant.get("images"))]
        stock = variant.get("availability")
        documents.append(
            without_nothing(
                shared
                | {
                    "item_id": _name(product_id, variant, item_ids),
                    "group_id": None if item_ids == "product" else product_id,
                    "price": _price(variant) if chosen is None else _amount(chosen),
                    "currency": chosen.get("currencyCode") if isinstance(chosen, Mapping) else None,
                    "image_url": images[0] if images else None,
                    "attributes": without_nothing({"sku": text(variant.get("sku"))}) | _attributes(variant, language),
                }
            )
            | {"available": not (isinstance(stock, Mapping) and stock.get("isOnStock") is False)}
        )
    message.products.append(Product(f"{SOURCE}/{product_id}", at_ms, tuple(documents)))


def _spoken(texts: object, language: str) -> str | None:
    """A text in a language, one of its dialects, or else the first that there is."""
    if not isinstance(texts, Mapping):
        return texts if isinstance(texts, str) else None
    own = [value for name, value in texts.items() if str(name).split("-")[0] == language]
    return next((value for value in (texts.get(language), *own, *texts.values()) if isinstance(value, str)), None)


def _category(category: Mapping[str, Any], language: str) -> str | None:
    found = category.get("obj")
    return _spoken(found.get("name"), language) if isinstance(found, Mapping) else None


def _attributes(variant: Mapping[str, Any], language: str) -> dict[str, Any]:
    found = {}
    for attribute in objects(variant.get("attributes")):
        value = attribute.get("value")
        if isinstance(value, Mapping):
            value = _spoken(value.get("label", value), language)
        if isinstance(attribute.get("name"), str) and isinstance(value, str | int | float | bool):
            found[attribute["name"]] = value
    return found
