"""Items in DynamoDB: documents, their vectors, and the order of changes.

A row holds the item's JSON document, the hash of it, the hash of its text, and for at most two encoders the vector of
that text, in attributes named `vector_<tag>`: 8 bytes of the text's hash, then int8 (d_text,). A vector whose hash is
not the row's is out of date. A deleted item leaves a tombstone. `changes` is an index by (change_shard, changed_at).
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from endcap.aws.clients import aws_errors
from endcap.catalog.item import Item, content_hash, item_document, item_text, parse_item, text_hash
from endcap.catalog.row import ItemRow
from endcap.errors import ConflictError
from endcap.identifiers import short_hash

CHANGE_SHARDS = 8
CHANGES_INDEX = "changes"
VECTOR_PREFIX = "vector_"


class ItemTable:
    """The items table.

    Parameters
    ----------
    dynamodb : a boto3 DynamoDB client
    clock : seconds since 1970
    """

    def __init__(self, dynamodb: Any, table: str, clock: Callable[[], float] = time.time) -> None:
        self._dynamodb, self._table, self._clock = dynamodb, table, clock

    def get(self, item_id: str) -> Item | None:
        """The item, None where there is none.

        Raises
        ------
        ThrottledError, DependencyError
        """
        with aws_errors("read item"):
            answer = self._dynamodb.get_item(
                TableName=self._table, Key={"item_id": {"S": item_id}}, ConsistentRead=True
            )
        return read_row(answer["Item"]).item if "Item" in answer else None

    def put(self, item: Item) -> bool:
        """Store `item`; False where it was stored just so already, and then nothing is touched.

        Raises
        ------
        ThrottledError, DependencyError
        """
        row = item_row(item, self._now_ms())
        values = {f":{name}": value for name, value in row.items() if name != "item_id"}
        sets = ", ".join(f"{name} = :{name}" for name in row if name != "item_id")
        return self._changes(
            Key={"item_id": row["item_id"]},
            UpdateExpression=f"SET {sets} REMOVE deleted",
            ConditionExpression="attribute_not_exists(content_hash) OR content_hash <> :content_hash",
            ExpressionAttributeValues=values,
        )

    def delete(self, item_id: str) -> bool:
        """Leave a tombstone; False where there was no item.

        Raises
        ------
        ThrottledError, DependencyError
        """
        return self._changes(
            Key={"item_id": {"S": item_id}},
            UpdateExpression="SET deleted = :true, changed_at = :now REMOVE content_hash, text_hash, document",
            ConditionExpression="attribute_exists(content_hash)",
            ExpressionAttributeValues={":true": {"BOOL": True}, ":now": {"N": str(self._now_ms())}},
        )

    def put_vector(self, item_id: str, text: str, tag: bytes, vector: bytes, surplus: Iterable[bytes] = ()) -> bool:
        """Store the vector of the item's text; False where the text has changed meanwhile.

        Parameters
        ----------
        surplus : tags of other vectors, which are removed

        Raises
        ------
        ThrottledError, DependencyError
        """
        names = ", ".join(VECTOR_PREFIX + t.hex() for t in surplus)
        removal = f" REMOVE {names}" if names else ""
        digest = text_hash(text)
        return self._changes(
            Key={"item_id": {"S": item_id}},
            UpdateExpression=f"SET {VECTOR_PREFIX}{tag.hex()} = :vector, changed_at = :now{removal}",
            ConditionExpression="text_hash = :text_hash",
            ExpressionAttributeValues={
                ":vector": {"B": bytes.fromhex(digest) + vector},
                ":now": {"N": str(self._now_ms())},
                ":text_hash": {"S": digest},
            },
        )

    def changed_since(self, since_ms: int, limit: int) -> list[ItemRow]:
        """Rows changed at or after `since_ms`, at most `limit`, the newest first where there are more.

        Raises
        ------
        ThrottledError, DependencyError
        """

        def shard(number: int) -> list[ItemRow]:
            rows: list[ItemRow] = []
            query: dict[str, Any] = {
                "TableName": self._table,
                "IndexName": CHANGES_INDEX,
                "KeyConditionExpression": "change_shard = :shard AND changed_at >= :since",
                "ExpressionAttributeValues": {":shard": {"N": str(number)}, ":since": {"N": str(since_ms)}},
                "ScanIndexForward": False,
            }
            while len(rows) < limit:
                with aws_errors("read changed items"):
                    answer = self._dynamodb.query(**query)
                rows += map(read_row, answer["Items"])
                if "LastEvaluatedKey" not in answer:
                    break
                query["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
            return rows

        with ThreadPoolExecutor(CHANGE_SHARDS) as pool:
            rows = [row for part in pool.map(shard, range(CHANGE_SHARDS)) for row in part]
        return sorted(rows, key=lambda row: (-row.changed_at_ms, row.item_id))[:limit]

    def scan(self) -> Iterator[ItemRow]:
        """Every row, tombstones included.

        Raises
        ------
        ThrottledError, DependencyError
        """
        with aws_errors("read items"):
            for page in self._dynamodb.get_paginator("scan").paginate(TableName=self._table):
                yield from map(read_row, page["Items"])

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)

    def _changes(self, **update: Any) -> bool:
        try:
            with aws_errors("write item"):
                self._dynamodb.update_item(TableName=self._table, **update)
        except ConflictError:
            return False
        return True


def item_row(item: Item, now_ms: int) -> dict[str, Any]:
    """`item` as DynamoDB attributes, without vectors."""
    document = json.dumps(item_document(item), separators=(",", ":"), ensure_ascii=False)
    shard = short_hash(item.item_id, 4)[0] % CHANGE_SHARDS
    return {
        "item_id": {"S": item.item_id},
        "document": {"S": document},
        "content_hash": {"S": content_hash(item)},
        "text_hash": {"S": text_hash(item_text(item))},
        "changed_at": {"N": str(now_ms)},
        "change_shard": {"N": str(shard)},
    }


def read_row(row: Mapping[str, Any]) -> ItemRow:
    """A DynamoDB row, from a query, a scan or a stream record."""
    item_id, changed_at_ms = row["item_id"]["S"], int(row["changed_at"]["N"])
    if "document" not in row:
        return ItemRow(item_id, None, changed_at_ms)
    digest = row["text_hash"]["S"]
    stored = {
        bytes.fromhex(name.removeprefix(VECTOR_PREFIX)): bytes(value["B"])
        for name, value in row.items()
        if name.startswith(VECTOR_PREFIX)
    }
    vectors = {tag: data[8:] for tag, data in stored.items() if data[:8].hex() == digest}
    outdated = tuple(sorted(stored.keys() - vectors.keys()))
    return ItemRow(item_id, parse_item(json.loads(row["document"]["S"])), changed_at_ms, digest, vectors, outdated)


def read_stream_image(image: Mapping[str, Any]) -> ItemRow:
    """A row as a stream event carries it: bytes in base64."""
    return read_row({name: {"B": base64.b64decode(v["B"])} if "B" in v else v for name, v in image.items()})
