"""What shop systems send, from the function to profiles, catalogue and quarantine."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from endcap.aws.items import ItemTable
from endcap.aws.profiles import ProfileTable
from tests.fakes import moto_stack
from tests.fakes.functions import Functions
from tests.fakes.shop_messages import SAMPLES, delivered, sample_body, sent, webhook


def history(user_id: str) -> list[tuple[str, str | None]]:
    profile = ProfileTable(moto_stack.client("dynamodb"), moto_stack.PROFILES, 0).get(user_id, consistent=True).profile
    return sorted((entry.event_type, entry.item_id) for entry in profile.interactions)


def catalogue() -> ItemTable:
    return ItemTable(moto_stack.client("dynamodb"), moto_stack.ITEMS)


def test_an_order_counts_once_however_many_messages_tell_of_it(functions: Functions) -> None:
    order = sample_body("http-shopify-order-refunded")
    for topic in ("orders/create", "orders/paid", "orders/updated", "orders/create"):
        answer = functions.invoke("receive_webhook", webhook("shopify", topic, order | {"refunds": []}))
        assert answer["statusCode"] == 200
        delivered(functions)
    bought = [("purchase", "447654529"), ("purchase", "808950810")]
    assert history("115310627314") == bought
    functions.invoke("receive_webhook", webhook("shopify", "orders/updated", order))
    delivered(functions)
    assert [entry for entry in history("115310627314") if entry[0] == "return"] == [("return", "808950810")]


def test_customers_who_ask_are_erased_and_what_comes_late_of_them_is_not_kept(functions: Functions) -> None:
    order = sample_body("http-shopify-order-refunded") | {"refunds": []}
    functions.invoke("receive_webhook", webhook("shopify", "orders/create", order))
    delivered(functions)
    redact = {"shop_id": 1, "customer": {"id": 115310627314}, "orders_to_redact": []}
    answer = functions.invoke("receive_webhook", webhook("shopify", "customers/redact", redact))
    assert (answer["statusCode"], json.loads(answer["body"])["erasures"]) == (200, 1)
    delivered(functions)
    assert history("115310627314") == []
    functions.invoke("receive_webhook", webhook("shopify", "orders/updated", order))
    delivered(functions)
    assert history("115310627314") == []


def test_a_product_follows_its_variants_and_goes_by_its_id_alone(functions: Functions) -> None:
    product = sample_body("http-shopify-product-updated")

    def send(topic: str, body: Any) -> int:
        answer = functions.invoke("receive_webhook", webhook("shopify", topic, body))
        assert answer["statusCode"] == 200
        return int(json.loads(answer["body"])["items_changed"])

    assert send("products/create", product) == 2
    assert send("products/update", product) == 0
    brass, black = catalogue().get("808950810"), catalogue().get("808950811")
    assert brass is not None
    assert black is not None
    assert (brass.group, brass.available, black.available) == ("632910392", True, False)
    fewer = product | {"variants": product["variants"][:1], "updated_at": "2026-01-22T00:00:00Z"}
    assert send("products/update", fewer) == 1
    assert catalogue().get("808950811") is None
    assert send("products/update", product) == 0  # older than what is known
    assert catalogue().get("808950811") is None
    assert send("products/delete", {"id": 632910392}) == 1
    assert catalogue().get("808950810") is None
    assert {row.item_id[0] for row in catalogue().scan() if row.item is None} >= {"\0"}  # which no reader shows


def test_nothing_is_looked_into_before_its_signature(functions: Functions) -> None:
    for body in ("no JSON at all", '{"id": 1}', ""):
        event = webhook("shopify", "orders/create", body, "another secret")
        assert functions.invoke("receive_webhook", event)["statusCode"] == 401
        del event["headers"]["x-shopify-hmac-sha256"]
        assert functions.invoke("receive_webhook", event)["statusCode"] == 401
    assert functions.invoke("receive_webhook", webhook("shopify", "orders/create", "no JSON"))["statusCode"] == 400
    assert sent() == []


def test_a_signed_body_is_not_taken_under_another_topic(functions: Functions) -> None:
    asked = sample_body("http-shopify-data-requested")
    assert functions.invoke("receive_webhook", webhook("shopify", "customers/data_request", asked))["statusCode"] == 200
    assert functions.invoke("receive_webhook", webhook("shopify", "customers/redact", asked))["statusCode"] == 400
    product = sample_body("http-shopify-product-updated")
    assert functions.invoke("receive_webhook", webhook("shopify", "products/update", product))["statusCode"] == 200
    assert functions.invoke("receive_webhook", webhook("shopify", "products/delete", product))["statusCode"] == 400
    assert sent() == []
    assert catalogue().get("808950810") is not None


def test_a_topic_with_a_secret_of_its_own_takes_no_other(functions: Functions) -> None:
    own = f"{moto_stack.SHOP_SECRET}\ncustomer.deleted for people"
    moto_stack.client("secretsmanager").put_secret_value(SecretId="shop-system", SecretString=own)

    def status(topic: str, secret: str) -> int:
        event = webhook("woocommerce", topic, {"id": 27}, secret)
        return int(functions.invoke("receive_webhook", event)["statusCode"])

    assert status("product.deleted", moto_stack.SHOP_SECRET) == 200
    assert status("customer.deleted", moto_stack.SHOP_SECRET) == 401
    assert status("product.deleted", "for people") == 401
    assert sent() == []
    assert status("customer.deleted", "for people") == 200
    assert len(sent()) == 1


def test_without_a_secret_there_is_no_way_in(functions: Functions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WOOCOMMERCE_SECRET", "")
    for event in (webhook("woocommerce", "order.created", {"id": 1}), webhook("woocommerce", "", "webhook_id=3")):
        assert functions.invoke("receive_webhook", event)["statusCode"] in (401, 404)


def test_an_order_that_the_queue_does_not_take_is_sent_again(
    functions: Functions, monkeypatch: pytest.MonkeyPatch
) -> None:
    down = ClientError({"Error": {"Code": "ServiceUnavailable"}}, "SendMessage")

    def refuse(**_: Any) -> None:
        raise down

    event = webhook("shopify", "orders/create", sample_body("http-shopify-order-refunded"))
    with monkeypatch.context() as patch:
        patch.setattr(moto_stack.client("sqs"), "send_message", refuse)
        assert functions.invoke("receive_webhook", event)["statusCode"] == 503
    assert functions.invoke("receive_webhook", event)["statusCode"] == 200
    assert len(sent()) == 1


def test_an_event_that_can_not_be_used_is_kept_and_its_neighbours_go_through(functions: Functions) -> None:
    order = sample_body("http-shopify-order-refunded") | {"refunds": []}
    order["line_items"][0]["variant_id"] = "x" * 300
    order["line_items"].append({**order["line_items"][0], "id": 141249953215, "variant_id": "y" * 250_000})
    answer = functions.invoke("receive_webhook", webhook("shopify", "orders/create", order))
    assert (answer["statusCode"], json.loads(answer["body"])["events"]) == (200, 2)
    (large,) = moto_stack.objects("quarantine/").values()  # larger than a message
    delivered(functions)
    (kept,) = moto_stack.objects("quarantine/sqs/").values()
    assert [json.loads(one)["errors"][0]["field"] for one in (large, kept)] == ["item_id", "item_id"]
    assert history("115310627314") == [("purchase", "447654529")]


def test_an_event_that_can_not_be_used_and_the_queue_does_not_take_is_sent_again(
    functions: Functions, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = sample_body("http-shopify-order-refunded") | {"refunds": [], "note_attributes": []}
    order["line_items"] = [order["line_items"][0] | {"variant_id": "x" * 300}]
    event = webhook("shopify", "orders/create", order)
    down = ClientError({"Error": {"Code": "ServiceUnavailable"}}, "SendMessage")

    def refuse(**_: Any) -> None:
        raise down

    with monkeypatch.context() as patch:
        patch.setattr(moto_stack.client("sqs"), "send_message", refuse)
        assert functions.invoke("receive_webhook", event)["statusCode"] == 503
    assert functions.invoke("receive_webhook", event)["statusCode"] == 200
    assert len(sent()) == 1


def test_a_message_of_commercetools_fails_alone(functions: Functions, monkeypatch: pytest.MonkeyPatch) -> None:
    records = [
        *json.loads((SAMPLES / "sqs-commercetools-order-created.json").read_text())["Records"],
        *json.loads((SAMPLES / "sqs-commercetools-poisoned-in-the-middle.json").read_text())["Records"],
    ]
    for number, record in enumerate(records):
        record["messageId"] = str(number)
    down = ClientError({"Error": {"Code": "ThrottlingException"}}, "UpdateItem")

    def refuse(**_: Any) -> None:
        raise down

    with monkeypatch.context() as patch:
        patch.setattr(moto_stack.client("dynamodb"), "update_item", refuse)
        failed = functions.invoke("receive_webhook", {"Records": records})["batchItemFailures"]
    assert failed == [{"itemIdentifier": "1"}]  # the product; order, erasure and the poisoned one went through
    assert len(moto_stack.objects("quarantine/webhook/")) == 1
    assert len(sent()) == 2
    assert functions.invoke("receive_webhook", {"Records": records[1:2]}) == {"batchItemFailures": []}
    item = catalogue().get("prod-1:1")
    assert item is not None
    assert (item.title, item.price, item.currency) == ("Desk lamp", 59.0, "EUR")
