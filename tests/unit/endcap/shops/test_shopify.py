from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from endcap.errors import InvalidInputError
from endcap.events.interaction import parse_interaction
from endcap.shops import shopify
from endcap.shops.message import ItemIds, Message
from endcap.shops.signatures import is_signed

SAMPLES = Path(__file__).parents[4] / "events" / "receive_webhook"
NOW_MS = 1_780_000_000_000


def sample(name: str) -> tuple[str, bytes, dict[str, str]]:
    event = json.loads((SAMPLES / f"http-shopify-{name}.json").read_text())
    body = base64.b64decode(event["body"]) if event["isBase64Encoded"] else event["body"].encode()
    return event["headers"]["x-shopify-topic"], body, event["headers"]


def read(name: str, item_ids: ItemIds = "variant", **changes: Any) -> Message:
    topic, body, _ = sample(name)
    return shopify.read(topic, json.loads(body) | changes, NOW_MS, item_ids)


def told(message: Message) -> list[tuple[str, str | None]]:
    return [(event["event_type"], event.get("item_id")) for event in message.events]


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("http-shopify-*.json")), ids=lambda path: path.stem)
def test_samples_are_signed_but_for_the_forged_one(path: Path) -> None:
    _, body, headers = sample(path.stem.removeprefix("http-shopify-"))
    given = headers["x-shopify-hmac-sha256"]
    assert is_signed(body, given, b"secret-of-the-samples") == (path.stem != "http-shopify-forged")
    assert not is_signed(body + b" ", given, b"secret-of-the-samples")


def test_an_order_is_a_purchase_of_each_line_by_its_customer() -> None:
    identify, lamp, mugs = (parse_interaction(event, NOW_MS) for event in read("order-created").events)
    assert (identify.event_type, identify.anonymous_id) == ("identify", "visitor-5150")
    assert {e.user_id for e in (identify, lamp, mugs)} == {"115310627314"}
    assert [(e.event_type, e.item_id, e.value) for e in (lamp, mugs)] == [
        ("purchase", "808950810", 59.0),
        ("purchase", "447654529", 2 * 14.5),
    ]
    assert mugs.properties == {"order_id": "820982911946", "currency": "EUR", "quantity": 2.0, "price": 14.5}
    assert lamp.timestamp_ms == 1_768_989_537_000  # 2026-01-21T10:58:57+01:00


@pytest.mark.parametrize(
    ("item_ids", "expected"),
    [
        ("variant", ["808950810", "447654529"]),
        ("product", ["632910392", "921728736"]),
        ("sku", ["LAMP-BRASS", "MUG-1"]),
    ],
)
def test_items_are_called_as_the_shop_calls_them(item_ids: ItemIds, expected: list[str]) -> None:
    assert [e["item_id"] for e in read("order-created", item_ids).events if "item_id" in e] == expected


def test_every_message_about_an_order_says_the_same_of_it() -> None:
    order = json.loads(sample("order-created")[1])
    messages = [
        shopify.read(topic, order, NOW_MS + n, "variant").events
        for n, topic in enumerate(("orders/create", "orders/paid", "orders/updated"))
    ]
    assert messages[0] == messages[1] == messages[2]
    later = read("order-refunded").events
    assert [e for e in later if e["event_type"] != "return"] == messages[0]


def test_a_line_that_was_refunded_is_returned_and_the_others_are_not() -> None:
    assert [item for kind, item in told(read("order-refunded")) if kind == "return"] == ["808950810"]


def test_a_part_of_a_line_that_is_refunded_leaves_the_purchase() -> None:
    order = json.loads(sample("order-refunded")[1])
    order["line_items"][0]["quantity"] = 2
    assert [kind for kind, _ in told(shopify.read("orders/updated", order, NOW_MS))].count("return") == 0
    order["refunds"].append(order["refunds"][0])
    assert [kind for kind, _ in told(shopify.read("orders/updated", order, NOW_MS))].count("return") == 1


def test_a_cancelled_order_returns_all_of_it_once() -> None:
    at = "2026-01-25T12:00:00Z"
    events = read("order-refunded", cancelled_at=at).events
    returned = [event for event in events if event["event_type"] == "return"]
    assert [event["item_id"] for event in returned] == ["808950810", "447654529"]
    assert len({event["event_id"] for event in events}) == len(events)


REFUNDED_AT = "2026-01-26T08:00:00Z"


def refund(*lines: Any) -> dict[str, Any]:
    return {
        "id": 1,
        "processed_at": REFUNDED_AT,
        "refund_line_items": list(lines),
        "transactions": [{"kind": "refund"}],
    }


@pytest.mark.parametrize(
    ("financial_status", "adjustments", "expected"),
    [
        ("refunded", [], ["808950810", "447654529"]),
        ("partially_refunded", [{"kind": "shipping_refund", "amount": "-4.90"}], []),
        ("partially_refunded", [], []),  # so much, and nobody says of what
    ],
    ids=["whole order", "shipping", "amount"],
)
def test_a_refund_without_lines_is_of_the_whole_order_or_of_none_of_them(
    financial_status: str, adjustments: list[Any], expected: list[str]
) -> None:
    refunds = [refund() | {"order_adjustments": adjustments}]
    events = read("order-created", financial_status=financial_status, refunds=refunds).events
    returned = [event for event in events if event["event_type"] == "return"]
    assert [event["item_id"] for event in returned] == expected
    assert {parse_interaction(event, NOW_MS).timestamp_ms for event in returned} <= {1_769_414_400_000}


@pytest.mark.parametrize("said", [{"financial_status": "refunded"}, {"cancelled_at": REFUNDED_AT}], ids=str)
def test_an_order_that_names_no_line_any_more_is_returned_by_its_id(said: dict[str, Any]) -> None:
    order = {"id": 820982911946, "customer": {"id": 115310627314}, "refunds": [refund()], **said}
    (event,) = shopify.read("orders/updated", order, NOW_MS).events
    returned = parse_interaction(event, NOW_MS)
    assert (returned.event_type, returned.item_id, returned.order_id) == ("return", None, "820982911946")
    assert (returned.user_id, returned.timestamp_ms) == ("115310627314", 1_769_414_400_000)
    assert (
        shopify.read("orders/updated", {**order, "cancelled_at": None, "financial_status": "paid"}, NOW_MS).events == []
    )


def test_a_refund_alone_names_nobody() -> None:
    message = read("refund-created")
    assert (message.events, [w["field"] for w in message.warnings]) == ([], ["customer"])


@pytest.mark.parametrize(("customer", "whose"), [(None, {"anonymous_id"}), ({"id": None}, {"anonymous_id"})])
def test_a_guest_is_known_by_what_the_order_carries_along(customer: Any, whose: set[str]) -> None:
    events = read("order-created", customer=customer).events
    assert {"user_id", "anonymous_id"} & set(events[0]) == whose
    assert [event["event_type"] for event in events] == ["purchase", "purchase"]
    nobody = read("order-created", customer=customer, note_attributes=[])
    assert nobody.events == []
    assert [w["field"] for w in nobody.warnings] == ["customer"]


def test_a_test_order_counts_for_nothing() -> None:
    assert read("order-created", test=True).events == []


def test_a_product_has_an_item_for_each_variant() -> None:
    (product,) = read("product-updated").products
    assert (product.key, product.at_ms) == ("shopify/632910392", 1_768_986_000_000)
    brass, black = product.items
    assert (brass["item_id"], brass["group_id"], brass["title"]) == ("808950810", "632910392", "Desk lamp - Brass")
    assert (brass["available"], black["available"]) == (True, False)
    assert brass["attributes"] == {
        "tags": ["desk", "dimmable"],
        "handle": "desk-lamp",
        "Colour": "Brass",
        "sku": "LAMP-BRASS",
    }
    assert brass["image_url"] == "https://cdn.example.com/desk-lamp.jpg"


def test_a_product_may_be_one_item() -> None:
    (product,) = read("product-updated", "product").products
    (item,) = product.items
    assert (item["item_id"], item["title"], item["available"]) == ("632910392", "Desk lamp", True)
    assert item["attributes"]["Colour"] == ["Brass", "Black"]


@pytest.mark.parametrize(
    "changes", [{"status": "draft"}, {"published_at": None}, {"status": "archived"}], ids=["draft", "hidden", "old"]
)
def test_what_is_not_published_is_not_for_sale(changes: dict[str, Any]) -> None:
    (product,) = read("product-updated", **changes).products
    assert {item["available"] for item in product.items} == {False}


@pytest.mark.parametrize(
    ("variant", "expected"),
    [
        ({"inventory_quantity": 0, "inventory_policy": "deny"}, False),
        ({"inventory_quantity": 0, "inventory_policy": "continue"}, True),
        ({"inventory_quantity": -2, "inventory_policy": "deny", "inventory_management": "shopify"}, False),
        ({"inventory_quantity": 0, "inventory_policy": "deny", "inventory_management": None}, True),
        ({}, True),
    ],
)
def test_stock_is_read_as_the_shop_means_it(variant: dict[str, Any], expected: bool) -> None:
    (product,) = read("product-updated", variants=[{"id": 1, "title": "One", "price": "1.00", **variant}]).products
    assert [item["available"] for item in product.items] == [expected]


def test_people_and_products_that_go() -> None:
    (gone,) = read("product-deleted").products
    assert (gone.key, gone.items) == ("shopify/788032119674", ())
    assert read("customer-redacted").erase == ["191167"]
    asked = read("data-requested")
    assert (asked.erase, bool(asked.for_people)) == ([], True)
    assert shopify.read("shop/redact", {"shop_id": 1}, NOW_MS).for_people


def test_other_topics_are_not_known() -> None:
    assert not read("unknown-topic").known


@pytest.mark.parametrize("topic", [t for t in shopify.TOPICS if t not in ("customers/data_request", "shop/redact")])
def test_what_is_not_what_its_topic_sends_is_refused(topic: str) -> None:
    with pytest.raises(InvalidInputError):
        shopify.read(topic, {}, NOW_MS)
    for odd in ({"id": 1, "line_items": "x", "variants": 3, "refunds": {}, "customer": []}, {"id": 1, "order": 7}):
        try:
            shopify.read(topic, odd, NOW_MS)
        except InvalidInputError:
            continue
