"""Queues emptied by hand, as by the function that reads them on AWS."""

from __future__ import annotations

from typing import Any


def drain(sqs: Any, queue: str) -> None:
    """Delete what waits in a queue, by its name."""
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        entries = [{"Id": str(n), "ReceiptHandle": message["ReceiptHandle"]} for n, message in enumerate(messages)]
        sqs.delete_message_batch(QueueUrl=url, Entries=entries)
