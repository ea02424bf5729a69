"""What shop systems send, signed as theirs, and what comes of it on the way to the profiles."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from endcap.shops.signatures import signature
from tests.fakes import moto_stack
from tests.fakes.functions import Functions

SAMPLES = Path(__file__).parents[2] / "events" / "receive_webhook"
HEADERS = {
    "shopify": ("x-shopify-topic", "x-shopify-hmac-sha256"),
    "woocommerce": ("x-wc-webhook-topic", "x-wc-webhook-signature"),
}


def webhook(system: str, topic: str, body: Any, secret: str = moto_stack.SHOP_SECRET) -> dict[str, Any]:
    """A call of a webhook, with the signature of the body by a secret."""
    sent = body if isinstance(body, str) else json.dumps(body)
    named, signed = HEADERS[system]
    path = f"/webhooks/{system}"
    return {
        "routeKey": f"POST {path}",
        "rawPath": path,
        "headers": {named: topic, signed: signature(secret.encode(), sent.encode())},
        "requestContext": {"http": {"method": "POST", "path": path}, "stage": "$default"},
        "body": sent,
        "isBase64Encoded": False,
    }


def sample_body(name: str) -> Any:
    """The body of a sample of `events/`."""
    event = json.loads((SAMPLES / f"{name}.json").read_text())
    assert not event["isBase64Encoded"]
    return json.loads(event["body"])


def sent() -> list[dict[str, Any]]:
    """The messages on the events queue, taken off it."""
    sqs, url = moto_stack.client("sqs"), moto_stack.ENVIRONMENT["EVENTS_QUEUE_URL"]
    found = []
    while messages := sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], MessageSystemAttributeNames=["All"]
    ).get("Messages"):
        for message in messages:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            kinds = message.get("MessageAttributes", {})
            found.append(
                {
                    "messageId": message["MessageId"],
                    "receiptHandle": message["ReceiptHandle"],
                    "body": message["Body"],
                    "attributes": message["Attributes"],
                    "messageAttributes": {
                        name: {"stringValue": value["StringValue"], "dataType": "String"}
                        for name, value in kinds.items()
                    },
                    "eventSource": "aws:sqs",
                    "eventSourceARN": f"arn:aws:sqs:us-east-1:123456789012:{moto_stack.QUEUE}",
                }
            )
    return found


def delivered(functions: Functions) -> int:
    """Hand what is on the events queue to `update_profile`; how many messages that were."""
    records = sent()
    if records:
        assert functions.invoke("update_profile", {"Records": records}) == {"batchItemFailures": []}
    return len(records)
