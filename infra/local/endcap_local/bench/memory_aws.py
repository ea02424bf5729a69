"""As much of AWS as handlers call, in memory: adapters run as they are, and a call costs nearly nothing.

Table rows keep their bytes, so that profiles are decoded and encoded as ever. Items that changed, counts and
scenarios are empty; what is archived, shown or quarantined is counted and let go.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError


class MemoryAws:
    """The clients of one account.

    Attributes
    ----------
    rows : profiles by user id, as DynamoDB items
    messages : bodies on the events queue
    calls : how often each call was made
    """

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Any]] = {}
        self.messages: list[str] = []
        self.calls: Counter[str] = Counter()

    # DynamoDB

    def get_item(self, *, Key: dict[str, Any], **_: Any) -> dict[str, Any]:
        """A row of the one table that is kept."""
        self.calls["get_item"] += 1
        row = self.rows.get(Key["user_id"]["S"])
        return {} if row is None else {"Item": row}

    def put_item(self, *, Item: dict[str, Any], **_: Any) -> None:
        """Keep a profile; writers take turns here, so its condition always holds. Notes of counts are let go."""
        self.calls["put_item"] += 1
        if "user_id" in Item:
            self.rows[Item["user_id"]["S"]] = Item

    def update_item(self, *, ExpressionAttributeValues: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Counters are taken and let go; the ledger's key is as whoever asks for it would have it."""
        self.calls["update_item"] += 1
        return {"Attributes": {"secret": ExpressionAttributeValues.get(":secret")}}

    def batch_get_item(self, **_: Any) -> dict[str, Any]:
        """Nobody has been erased."""
        self.calls["batch_get_item"] += 1
        return {"Responses": {}}  # nor is there a key to look anybody up by

    def query(self, **_: Any) -> dict[str, Any]:
        """No item has changed."""
        self.calls["query"] += 1
        return {"Items": []}

    def get_paginator(self, _: str) -> MemoryAws:
        """Of `query` alone."""
        return self

    def paginate(self, **_: Any) -> Iterator[dict[str, Any]]:
        """One empty page."""
        yield self.query()

    # Firehose, S3, SQS

    def put_record(self, **_: Any) -> None:
        """Archived, or shown."""
        self.calls["put_record"] += 1

    def put_object(self, **_: Any) -> None:
        """Quarantined."""
        self.calls["put_object"] += 1

    def get_object(self, **_: Any) -> None:
        """There are no scenarios, and nothing was counted."""
        self.calls["get_object"] += 1
        raise ClientError({"Error": {"Code": "NoSuchKey"}}, "GetObject")

    def send_message(self, *, MessageBody: str, **_: Any) -> None:
        """Put a message on the queue."""
        self.calls["send_message"] += 1
        self.messages.append(MessageBody)
