"""A body that is signed, sent again as of another topic."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from endcap.errors import InvalidInputError
from endcap.shops import shopify, woocommerce
from endcap.shops.signatures import keys_for

SAMPLES = Path(__file__).parents[4] / "events" / "receive_webhook"
NOW_MS = 1_780_000_000_000
ORDERS = {"orders/create", "orders/paid", "orders/updated", "orders/cancelled"}
PRODUCTS = {"products/create", "products/update"}
WOO_ORDERS = {"order.created", "order.updated", "order.restored"}
WOO_PRODUCTS = {"product.created", "product.updated", "product.restored"}
CUSTOMER = {"id": 7, "email": "a@example.com"}
LINE = {"id": 1, "variant_id": 2, "product_id": 3, "quantity": 1, "price": "1.00"}


def sample(name: str) -> Any:
    event = json.loads((SAMPLES / f"http-{name}.json").read_text())
    return json.loads(base64.b64decode(event["body"]) if event["isBase64Encoded"] else event["body"])


BODIES: Mapping[str, tuple[Any, set[str]]] = {
    "order": (sample("shopify-order-created"), ORDERS),
    "order of few fields": ({"id": 1, "customer": CUSTOMER, "line_items": [LINE]}, ORDERS),
    "refunded order": (sample("shopify-order-refunded"), ORDERS),
    "refund": (sample("shopify-refund-created"), {"refunds/create"}),
    "product": (sample("shopify-product-updated"), PRODUCTS),
    "product that is gone": (sample("shopify-product-deleted"), {"products/delete"}),
    "customer to be forgotten": (sample("shopify-customer-redacted"), {"customers/redact"}),
    "customer who asks": (sample("shopify-data-requested"), {"customers/data_request"}),
    "shop to be forgotten": ({"shop_id": 1, "shop_domain": "x.example"}, {"shop/redact"}),
    "draft of an order": ({"id": 1, "customer": CUSTOMER, "line_items": [LINE], "invoice_url": "x"}, set()),
    "checkout": ({"id": 1, "customer": CUSTOMER, "line_items": [LINE], "abandoned_checkout_url": "x"}, set()),
    "fulfilment": ({"id": 1, "order_id": 2, "line_items": [LINE], "tracking_number": None}, set()),
    "customer": ({"id": 7, "email": "a@example.com", "orders_count": 0, "tags": ""}, set()),
    "collection's rules": ({"id": 1, "sort_order": "manual"}, set()),
}
WOO_BODIES: Mapping[str, tuple[Any, set[str]]] = {
    "order": (sample("woocommerce-order-created"), WOO_ORDERS),
    "product": (sample("woocommerce-product-updated"), WOO_PRODUCTS),
    "gone": (sample("woocommerce-product-deleted"), {"order.deleted", "product.deleted", "customer.deleted"}),
    "customer": ({"id": 7, "email": "a@example.com", "username": "ann", "role": "customer"}, set()),
    "coupon": ({"id": 7, "code": "ten", "amount": "10.00", "discount_type": "percent"}, set()),
}
ALL = [(shopify, name, body) for name, body in BODIES.items()] + [(woocommerce, n, b) for n, b in WOO_BODIES.items()]


@pytest.mark.parametrize(("system", "name", "body"), ALL, ids=[f"{m.SOURCE} {n}" for m, n, _ in ALL])
def test_a_body_counts_under_topics_of_its_own_kind_alone(
    system: ModuleType, name: str, body: tuple[Any, set[str]]
) -> None:
    raw, own = body
    taken = set()
    for topic in system.TOPICS:
        try:
            system.read(topic, raw, NOW_MS)
        except InvalidInputError:
            continue
        taken.add(topic)
    assert taken == own


def test_bodies_that_are_an_id_alone_are_told_apart_by_the_secrets_of_their_topics() -> None:
    lines, topics = [b"of all", b"customer.deleted hush hush", b"not.a.topic x"], woocommerce.TOPICS
    assert keys_for("product.deleted", lines, topics) == [b"of all", b"not.a.topic x"]
    assert keys_for("customer.deleted", lines, topics) == [b"hush hush"]
    assert keys_for("nonsense", lines, topics) == [b"of all", b"not.a.topic x"]
    assert keys_for("order.created", lines[1:2], topics) == []
