"""What a shop system's message asks for, and what its adapters share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from endcap.errors import FieldError, InvalidRequestError
from endcap.events.formats.fields import derived_id, moment, number, person, text
from endcap.validation import timestamp_number

ItemIds = Literal["variant", "product", "sku"]
"""What an item is called by: the variant's id, the product's, or the SKU (the variant's id where it has none)."""

ANONYMOUS_ID: Final = "endcap_anonymous_id"
"""The name of what an order carries along of the visitor who placed it: an attribute of its note, its metadata."""
RECOMMENDATION_ID: Final = "_endcap_recommendation_id"
"""The name of a line's property that says in which answer its item was shown; shops hide names with an underscore."""


@dataclass(frozen=True, slots=True)
class Product:
    """What is known of a product from one moment on; without items it is gone.

    Attributes
    ----------
    key : names the product, whatever its items are called
    at_ms : when it was so; what is older than what is known already counts for nothing
    items : documents of its items, as `parse_item` reads them
    """

    key: str
    at_ms: int
    items: tuple[Mapping[str, Any], ...] = ()


@dataclass(slots=True)
class Message:
    """What a message asks for.

    Attributes
    ----------
    known : whether its topic is one that is read
    events : as `parse_interaction` reads them
    erase : ids of users to be forgotten
    for_people : what somebody has to do by hand, "" for nothing
    """

    known: bool = True
    events: list[dict[str, Any]] = field(default_factory=list)
    products: list[Product] = field(default_factory=list)
    erase: list[str] = field(default_factory=list)
    warnings: list[FieldError] = field(default_factory=list)
    for_people: str = ""

    def warn(self, about: str, message: str) -> None:
        """Tell of what was left out."""
        self.warnings.append(FieldError(field=about, message=message))


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an order.

    Attributes
    ----------
    line_id : within its order
    returned_ms : when all of it came back, None where it did not
    """

    line_id: str
    item_id: str | None
    quantity: float | None
    price: float | None
    returned_ms: int | None = None
    recommendation_id: str | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """An order as events tell of it.

    Attributes
    ----------
    returned_ms : when all of it was given back, for messages that say so and name none of its lines
    """

    source: str
    order_id: str
    at_ms: int
    currency: str | None
    user_id: str | None
    anonymous_id: str | None
    lines: tuple[Line, ...]
    returned_ms: int | None = None


def order_events(order: Order, message: Message) -> None:
    """Add a purchase for each line of an order, and a return for each that came back.

    Their ids depend on order and line alone, so that each message about an order says the same again.
    """
    if order.user_id is None and order.anonymous_id is None:
        message.warn("customer", f"nobody is named, so the order counts for nobody; {ANONYMOUS_ID} may name a visitor")
        return
    whose = {"user_id": order.user_id} if order.user_id else {"anonymous_id": order.anonymous_id}
    if order.user_id and order.anonymous_id and order.user_id != order.anonymous_id:
        event_id = derived_id(order.source, order.order_id, "identify")
        identify = {"event_id": event_id, "event_type": "identify", "anonymous_id": order.anonymous_id}
        message.events.append(identify | whose | {"timestamp": timestamp_number(order.at_ms)})
    if not order.lines and order.returned_ms is not None:
        message.events.append(
            {
                "event_id": derived_id(order.source, order.order_id, "", "return"),
                "event_type": "return",
                **whose,
                "properties": {"order_id": order.order_id},
                "timestamp": timestamp_number(order.returned_ms),
            }
        )
    for index, line in enumerate(order.lines):
        if not line.item_id:
            message.warn(f"lines.{index}", "names no item, so it was left out")
            continue
        value = None if line.price is None else round(line.price * (1 if line.quantity is None else line.quantity), 4)
        details: dict[str, Any] = {"order_id": order.order_id, "currency": order.currency}
        details |= {"quantity": line.quantity, "price": line.price}
        about = {
            **whose,
            "item_id": line.item_id,
            "value": value,
            "properties": {name: detail for name, detail in details.items() if detail is not None},
        }
        for event_type, at_ms in (("purchase", order.at_ms), ("return", line.returned_ms)):
            if at_ms is None:
                continue
            shown = {"recommendation_id": line.recommendation_id} if event_type == "purchase" else {}
            message.events.append(
                {
                    "event_id": derived_id(order.source, order.order_id, line.line_id, event_type),
                    "event_type": event_type,
                    **about,
                    **shown,
                    "timestamp": timestamp_number(at_ms),
                }
            )


def required_id(raw: Mapping[str, Any], field_name: str = "id") -> str:
    """An id without which a message says nothing.

    Raises
    ------
    InvalidRequestError : it is missing
    """
    found = text(raw.get(field_name))
    if not found:
        raise InvalidRequestError([FieldError(field=field_name, message="is required")])
    return found


def time_ms(raw: Mapping[str, Any], *names: str) -> int | None:
    """The first of some times that is given, in milliseconds since 1970; None where none is.

    Raises
    ------
    InvalidInteractionError : it is no time
    """
    return next((moment(raw[name], name) for name in names if raw.get(name) not in (None, "")), None)


def objects(value: object) -> Iterator[Mapping[str, Any]]:
    """The objects of a list; nothing where it is none."""
    if isinstance(value, list):
        yield from (one for one in value if isinstance(one, Mapping))


def named_value(pairs: object, name: str, key: str = "name") -> str | None:
    """The value of a name in a list of `{"name", "value"}`; None where it is none that can be an id."""
    return next((person(pair.get("value")) for pair in objects(pairs) if pair.get(key) == name), None)


def positive(value: object) -> float | None:
    """`value` as a number above 0; None where it is none."""
    found = number(value)
    return found if found is not None and found > 0 else None


def without_nothing(document: Mapping[str, Any]) -> dict[str, Any]:
    """A document without what is empty in it."""
    return {name: value for name, value in document.items() if value not in (None, "", [], {})}
