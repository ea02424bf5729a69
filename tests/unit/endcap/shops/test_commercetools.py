from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from endcap.errors import InvalidInputError
from endcap.shops import commercetools
from endcap.shops.message import ItemIds, Message

SAMPLES = Path(__file__).parents[4] / "events" / "receive_webhook"
NOW_MS = 1_780_000_000_000


def messages(name: str) -> list[str]:
    return [record["body"] for record in json.loads((SAMPLES / f"{name}.json").read_text())["Records"]]


ORDER = json.loads(messages("sqs-commercetools-order-created")[0])
PRODUCT, _, CUSTOMER, TEST = messages("sqs-commercetools-poisoned-in-the-middle")
IMPORTED = json.loads((SAMPLES / "eventbridge-commercetools-order-imported.json").read_text())["detail"]
RETURNED = json.loads((SAMPLES / "eventbridge-commercetools-return-info.json").read_text())["detail"]


def read(raw: Any, item_ids: ItemIds = "variant", language: str = "en") -> Message:
    return commercetools.read(json.loads(raw) if isinstance(raw, str) else raw, NOW_MS, item_ids, language)


def test_an_order_is_a_purchase_of_each_line_and_says_who_its_visitor_was() -> None:
    identify, lamp, mug = read(ORDER).events
    assert (identify["event_type"], identify["user_id"], identify["anonymous_id"]) == (
        "identify",
        "ct-customer-7",
        "ct-visitor-7",
    )
    assert (lamp["item_id"], lamp["value"], lamp["properties"]["currency"]) == ("prod-1:1", 59.0, "EUR")
    assert (mug["item_id"], mug["value"]) == ("prod-2:2", 14.0)
    assert [e.get("item_id") for e in read(ORDER, "sku").events] == [None, "LAMP-BRASS", "MUG-1"]
    assert [e.get("item_id") for e in read(ORDER, "product").events] == [None, "prod-1", "prod-2"]


def test_a_return_counts_where_the_order_comes_with_it() -> None:
    events = read(IMPORTED).events
    assert [e["item_id"] for e in events if e["event_type"] == "return"] == ["prod-1:1"]
    alone = read(RETURNED)
    assert (alone.events, [w["field"] for w in alone.warnings]) == ([], ["order"])
    with_order = read({**RETURNED, "order": ORDER["order"]})
    assert [e for e in with_order.events if e["event_type"] == "return"] == [
        e for e in events if e["event_type"] == "return"
    ]


def test_a_published_product_has_an_item_for_each_variant() -> None:
    (product,) = read(PRODUCT).products
    brass, black = product.items
    assert (brass["item_id"], brass["group_id"], brass["title"]) == ("prod-1:1", "prod-1", "Desk lamp")
    assert (brass["price"], brass["currency"], brass["attributes"]["colour"]) == (59.0, "EUR", "Brass")
    assert (brass["available"], black["available"]) == (True, False)
    (german,) = read(PRODUCT, language="de").products
    assert (german.items[0]["title"], german.items[0]["attributes"]["colour"]) == ("Schreibtischlampe", "Messing")
    (whole,) = read(PRODUCT, "product").products
    assert [item["item_id"] for item in whole.items] == ["prod-1"]


@pytest.mark.parametrize("kind", ["ProductUnpublished", "ProductDeleted"])
def test_what_is_not_published_any_more_goes(kind: str) -> None:
    (gone,) = read(json.loads(PRODUCT) | {"type": kind}).products
    assert (gone.key, gone.items) == ("commercetools/prod-1", ())


def test_customers_that_are_deleted_are_forgotten() -> None:
    assert read(CUSTOMER).erase == ["ct-customer-8"]


def test_tests_changes_and_other_messages_are_not_known() -> None:
    assert not read(TEST).known
    assert not read(json.loads(CUSTOMER) | {"type": "CategorySlugChanged"}).known


def test_cloudevents_are_opened() -> None:
    envelope = {"specversion": "1.0", "type": "com.commercetools.order.message.OrderCreated", "source": "/x", "id": "1"}
    assert read({**envelope, "data": ORDER}).events == read(ORDER).events


@pytest.mark.parametrize(
    "raw",
    [{}, {"notificationType": 3}, {**ORDER, "order": None}, {**ORDER, "payloadNotIncluded": {"reason": "too large"}}],
)
def test_what_can_not_be_read_is_refused(raw: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError):
        read(raw)
