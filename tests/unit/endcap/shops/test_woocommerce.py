from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from endcap.errors import InvalidInputError
from endcap.shops import woocommerce
from endcap.shops.message import ItemIds, Message

SAMPLES = Path(__file__).parents[4] / "events" / "receive_webhook"
NOW_MS = 1_780_000_000_000


def read(name: str, item_ids: ItemIds = "variant", **changes: Any) -> Message:
    event = json.loads((SAMPLES / f"http-woocommerce-{name}.json").read_text())
    topic = event["headers"]["x-wc-webhook-topic"]
    return woocommerce.read(topic, json.loads(event["body"]) | changes, NOW_MS, item_ids)


def kinds(message: Message) -> list[str]:
    return [event["event_type"] for event in message.events]


def test_an_order_is_a_purchase_of_each_line() -> None:
    teapot, cups = read("order-created").events
    assert (teapot["user_id"], teapot["item_id"], teapot["value"]) == ("26", "93", 20.0)
    assert (cups["item_id"], cups["value"], cups["properties"]["price"]) == ("23", 14.0, 7.0)
    assert [e["item_id"] for e in read("order-created", "product").events] == ["93", "22"]
    assert [e["item_id"] for e in read("order-created", "sku").events] == ["TEAPOT", "CUP-BLUE"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"status": "pending", "date_paid_gmt": None, "date_paid": None}, []),
        ({"status": "failed"}, []),
        ({"status": "on-hold", "payment_method": "bacs"}, ["purchase", "purchase"]),
        ({"status": "completed"}, ["purchase", "purchase"]),
        ({"status": "shipped"}, ["purchase", "purchase"]),  # statuses of plugins come after the payment
        ({"status": "cancelled", "date_paid_gmt": None, "date_paid": None}, []),  # never paid, so never counted
        ({"status": "cancelled"}, ["purchase", "return", "purchase", "return"]),
        ({"status": "refunded"}, ["purchase", "return", "purchase", "return"]),
    ],
)
def test_an_order_counts_by_its_status(changes: dict[str, Any], expected: list[str]) -> None:
    assert kinds(read("order-created", **changes)) == expected


@pytest.mark.parametrize(
    ("totals", "expected"),
    [(["-34.00"], 2), (["-20.00", "-14.00"], 2), (["-4.90"], 0), ([], 0), ([None], 0)],
    ids=str,
)
def test_refunds_that_come_to_all_of_an_order_return_it(totals: list[Any], expected: int) -> None:
    refunds = [{"id": n, "reason": "", "total": total} for n, total in enumerate(totals)]
    assert kinds(read("order-created", status="completed", refunds=refunds)).count("return") == expected


def test_an_order_that_names_no_line_any_more_is_returned_by_its_id() -> None:
    (event,) = read("order-refunded", line_items=[]).events
    assert (event["event_type"], event["user_id"], event["properties"]) == ("return", "26", {"order_id": "4750"})
    assert "item_id" not in event


def test_every_message_about_an_order_says_the_same_of_it() -> None:
    before = read("order-created").events
    assert [event for event in read("order-refunded").events if event["event_type"] == "purchase"] == before


def test_a_guest_is_nobody_unless_the_order_carries_a_visitor_along() -> None:
    guest = read("order-created", customer_id=0)
    assert (guest.events, [w["field"] for w in guest.warnings]) == ([], ["customer"])
    visitor = [{"id": 1, "key": "endcap_anonymous_id", "value": "v-1"}]
    assert {e["anonymous_id"] for e in read("order-created", customer_id=0, meta_data=visitor).events} == {"v-1"}


def test_a_product_is_an_item_and_a_variation_one_of_its_parents_group() -> None:
    (product,) = read("product-updated").products
    (item,) = product.items
    assert (product.key, item["item_id"], item["title"], item["price"]) == ("woocommerce/93", "93", "Teapot", "20.00")
    assert (item["categories"], item["available"], item["attributes"]["Material"]) == (["Kitchen"], True, ["Cast iron"])
    assert "group_id" not in item
    variation = {"type": "variation", "parent_id": 22, "attributes": [{"name": "Colour", "option": "Blue"}]}
    (of_group,) = read("product-updated", **variation).products
    assert (of_group.items[0]["group_id"], of_group.items[0]["attributes"]["Colour"]) == ("22", "Blue")
    assert read("product-updated", "product", **variation).products == []


@pytest.mark.parametrize(
    "changes", [{"stock_status": "outofstock"}, {"status": "private"}, {"catalog_visibility": "hidden"}]
)
def test_what_can_not_be_bought_is_not_for_sale(changes: dict[str, Any]) -> None:
    (product,) = read("product-updated", **changes).products
    assert product.items[0]["available"] is False


def test_what_goes() -> None:
    (gone,) = read("product-deleted").products
    assert (gone.key, gone.items) == ("woocommerce/94", ())
    assert read("customer-deleted").erase == ["27"]
    deleted = woocommerce.read("order.deleted", {"id": 1}, NOW_MS)
    assert (deleted.events, len(deleted.warnings)) == ([], 1)
    assert not woocommerce.read("coupon.created", {"id": 1}, NOW_MS).known


def test_only_a_bare_ping_is_one() -> None:
    assert woocommerce.is_ping(b"webhook_id=3")
    assert not any(
        map(woocommerce.is_ping, (b"", b"webhook_id=3&x=1", b"webhook_id=", b'{"id": 1}', b"webhook_id=3\n"))
    )


@pytest.mark.parametrize("topic", [t for t in woocommerce.TOPICS if t != "order.deleted"])
def test_what_is_not_what_its_topic_sends_is_refused(topic: str) -> None:
    with pytest.raises(InvalidInputError):
        woocommerce.read(topic, {}, NOW_MS)
