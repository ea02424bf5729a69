"""A customer of whom a shop system says that they are to be forgotten is in no store any more, and nobody else is gone.

Before that they have ordered, with a device that the order names, one line of the order could not be used and lies in
quarantine, lists were shown to them, and their purchase is in the archive. Afterwards the same messages come again.
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from endcap.aws.profiles import ProfileTable
from endcap.pseudonyms import PseudonymKeys, pseudonymous
from tests.fakes import moto_stack
from tests.fakes.functions import Functions, stack_for_functions
from tests.fakes.shop_messages import SAMPLES, delivered, sample_body, webhook
from tests.fakes.store_bytes import every_table, every_version, holds

CUSTOMER, OTHER, DEVICE = 80_117_223_344_551, 80_117_223_344_552, "device-of-redacted-77"
pytestmark = pytest.mark.filterwarnings("ignore:No application metrics")
KEYS = PseudonymKeys({1: b"k" * 64, 2: b"l" * 64})
UNUSABLE = "x" * 300
"""An id that no item can have."""


@dataclass(frozen=True)
class System:
    """How a shop system tells of orders and of who is to be forgotten.

    Attributes
    ----------
    order : customer, their device -> the event of the function, of an order with a line that can't be used
    forget : the customer -> the event of the function
    """

    order: Callable[[int, str], dict[str, Any]]
    forget: Callable[[int], dict[str, Any]]


def mail_of(customer: int) -> str:
    return f"mail-of-{customer % 10}@example.com"


def shopify_order(customer: int, device: str) -> dict[str, Any]:
    order = sample_body("http-shopify-order-refunded")
    order |= {"id": customer + 5, "email": mail_of(customer), "customer": {"id": customer, "email": mail_of(customer)}}
    order["note_attributes"] = [{"name": "endcap_anonymous_id", "value": device}]
    order["line_items"][0]["variant_id"] = UNUSABLE
    return webhook("shopify", "orders/updated", order)


def redact(customer: int) -> dict[str, Any]:
    return {"shop_id": 1, "customer": {"id": customer, "email": mail_of(customer)}, "orders_to_redact": [customer + 5]}


def woocommerce_order(customer: int, device: str) -> dict[str, Any]:
    order = sample_body("http-woocommerce-order-created")
    order |= {"id": customer + 5, "customer_id": customer, "billing": {"email": mail_of(customer)}}
    order["meta_data"] = [{"key": "endcap_anonymous_id", "value": device}]
    order["line_items"][0]["product_id"] = UNUSABLE
    return webhook("woocommerce", "order.updated", order)


def commercetools(*messages: dict[str, Any]) -> dict[str, Any]:
    record = json.loads((SAMPLES / "sqs-commercetools-order-created.json").read_text())["Records"][0]
    bodies = [json.dumps(message) for message in messages]
    return {"Records": [record | {"messageId": str(n), "body": body} for n, body in enumerate(bodies)]}


def commercetools_order(customer: int, device: str) -> dict[str, Any]:
    message = json.loads(
        json.loads((SAMPLES / "sqs-commercetools-order-created.json").read_text())["Records"][0]["body"]
    )
    whose = {"customerId": str(customer), "anonymousId": device, "customerEmail": mail_of(customer)}
    sound = message | {"order": message["order"] | whose}
    unusable = message | {"order": {"customerEmail": mail_of(customer), "customerId": str(customer)}}
    return commercetools(sound, unusable)


def customer_deleted(customer: int) -> dict[str, Any]:
    resource = {"typeId": "customer", "id": str(customer)}
    return commercetools({"notificationType": "Message", "type": "CustomerDeleted", "resource": resource})


SYSTEMS = {
    "shopify": System(shopify_order, lambda customer: webhook("shopify", "customers/redact", redact(customer))),
    "woocommerce": System(
        woocommerce_order, lambda customer: webhook("woocommerce", "customer.deleted", {"id": customer})
    ),
    "commercetools": System(commercetools_order, customer_deleted),
}
THEIRS = {DEVICE}.union(*({key, *KEYS.all_of(key).values()} for key in (str(CUSTOMER), f"anon:{DEVICE}")))


@pytest.fixture
def functions(tmp_path: Any) -> Iterator[Functions]:
    """A stack that writes pseudonyms and keeps older versions of objects."""
    with stack_for_functions(tmp_path):
        moto_stack.client("s3").put_bucket_versioning(
            Bucket=moto_stack.BUCKET, VersioningConfiguration={"Status": "Enabled"}
        )
        text = json.dumps({number: key.decode() for number, key in KEYS.by_number.items()})
        secret = moto_stack.client("secretsmanager").create_secret(Name="keys", SecretString=text)
        os.environ["PSEUDONYM_SECRET"] = secret["ARN"]
        yield Functions()


def took(functions: Functions, event: dict[str, Any]) -> None:
    """The function takes an event, and what it puts on the queue arrives."""
    answer = functions.invoke("receive_webhook", event)
    assert answer.get("statusCode") == 200 or answer == {"batchItemFailures": []}
    assert delivered(functions)


def refused(functions: Functions, event: dict[str, Any]) -> int:
    """The function's status for an event that puts nothing on the queue."""
    answer = functions.invoke("receive_webhook", event)
    assert not delivered(functions)
    return int(answer["statusCode"])


def lived(functions: Functions, system: System) -> None:
    """Orders of both, and lists that were shown to them."""
    for customer, device in ((CUSTOMER, DEVICE), (OTHER, "device-of-another")):
        took(functions, system.order(customer, device))
    shown = {"recommendation_id": "r1", "timestamp": 1_768_989_600_000, "items": [{"item_id": "item-3"}]}
    records = [pseudonymous({**shown, "user_id": str(customer)}, KEYS) for customer in (CUSTOMER, OTHER)]
    body = gzip.compress("".join(json.dumps(record) + "\n" for record in records).encode())
    moto_stack.client("s3").put_object(Bucket=moto_stack.BUCKET, Key="exposures/2026/01/21/a.jsonl.gz", Body=body)


def traces_of_them() -> set[str]:
    """What names them in any byte of any store."""
    data = every_version() + every_table()
    return {mark for mark in (*THEIRS, mail_of(CUSTOMER)) if holds(data, mark)}


def bought_by(customer: int) -> list[str | None]:
    """What the profile of a customer has."""
    table = ProfileTable(moto_stack.client("dynamodb"), moto_stack.PROFILES)
    return sorted(entry.item_id for entry in table.get(str(customer), consistent=True).profile.interactions)


@pytest.mark.parametrize("name", SYSTEMS)
def test_they_are_gone_from_every_store_and_do_not_come_back(functions: Functions, name: str) -> None:
    system = SYSTEMS[name]
    lived(functions, system)
    before = every_version("events/") + every_version("exposures/")
    assert {str(CUSTOMER), DEVICE} <= traces_of_them()  # profiles and quarantine; by pseudonyms in the others
    assert all(KEYS.of(str(customer)).encode() in before for customer in (CUSTOMER, OTHER))
    assert holds(every_version("quarantine/"), str(CUSTOMER))
    assert (mail_of(CUSTOMER) in traces_of_them()) == (name == "commercetools")  # what is put aside as it came
    theirs = bought_by(OTHER)
    assert bought_by(CUSTOMER) == theirs != []

    took(functions, system.forget(CUSTOMER))
    assert bought_by(CUSTOMER) == []
    took(functions, system.order(CUSTOMER, DEVICE))  # an order of before, told of late
    took(functions, system.forget(CUSTOMER))  # the same message once more
    report = functions.invoke("purge_erased", {"begin": True})
    assert (report["status"], report["late"], report["unreadable"]) == ("done", 0, 0)
    assert traces_of_them() == set()
    assert KEYS.of(str(OTHER)).encode() in every_version("events/")
    assert KEYS.of(str(OTHER)).encode() in every_version("exposures/")
    assert bought_by(OTHER) == theirs


@pytest.mark.parametrize("name", ["shopify", "woocommerce"])
def test_what_comes_late_of_them_is_not_even_put_aside(functions: Functions, name: str) -> None:
    took(functions, SYSTEMS[name].forget(CUSTOMER))
    took(functions, SYSTEMS[name].order(CUSTOMER, DEVICE))
    assert moto_stack.objects("quarantine/") == {}
    assert not holds(every_version("events/"), KEYS.of(str(CUSTOMER)))
    took(functions, SYSTEMS[name].order(OTHER, "device-of-another"))
    assert holds(every_version("quarantine/"), str(OTHER))


@pytest.mark.parametrize("name", ["shopify", "woocommerce"])
def test_of_who_refuses_no_order_is_kept_anywhere(functions: Functions, name: str) -> None:
    refusal = {"consent": {"personalization": False}}
    assert functions.http("PUT", "/users/{user_id}", refusal, user_id=str(CUSTOMER))[0] == 200
    took(functions, SYSTEMS[name].order(CUSTOMER, DEVICE))
    assert (every_version("quarantine/"), every_version("events/")) == (b"", b"")
    assert bought_by(CUSTOMER) == []


def test_nobody_is_forgotten_without_the_signature_or_under_another_topic(functions: Functions) -> None:
    system = SYSTEMS["shopify"]
    lived(functions, system)
    before, stores = bought_by(CUSTOMER), every_version() + every_table()
    forged = webhook("shopify", "customers/redact", redact(CUSTOMER), "another secret")
    unsigned = system.forget(CUSTOMER)
    del unsigned["headers"]["x-shopify-hmac-sha256"]
    of_another = system.forget(CUSTOMER) | {"body": json.dumps(redact(CUSTOMER + 1))}
    empty = system.forget(CUSTOMER) | {"body": ""}
    assert [refused(functions, event) for event in (forged, unsigned, of_another, empty)] == [401] * 4
    order = json.loads(system.order(CUSTOMER, DEVICE)["body"])
    for topic, body in (
        ("customers/redact", order),
        ("customers/redact", {"customer": {}, "orders_to_redact": []}),
        ("customers/redact", {"id": CUSTOMER}),
        ("orders/updated", redact(CUSTOMER)),
        ("products/delete", redact(CUSTOMER)),
        ("customers/data_request", redact(CUSTOMER)),
        ("shop/redact", redact(CUSTOMER)),
    ):
        assert refused(functions, webhook("shopify", topic, body)) == 400, topic
    for topic, body, status in (
        ("customers/delete", redact(CUSTOMER), 202),  # a topic that is not read
        ("customers/data_request", {"customer": {"id": CUSTOMER}, "orders_requested": []}, 200),  # for people
        ("shop/redact", {"shop_id": 1, "shop_domain": "shop.example"}, 200),
    ):
        assert refused(functions, webhook("shopify", topic, body)) == status, topic
    assert bought_by(CUSTOMER) == before
    assert every_version() + every_table() == stores
