"""Items in DynamoDB: written, read, and the order of changes.

`item_rows` says what a row holds. `changes` is an index by (change_shard, changed_at).

One more row holds what the last promotion found popular. Its key is no item's id, and every reader takes it for the
tombstone of an item that nobody knows; it is not in the index.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from endcap.aws.clients import aws_errors
from endcap.aws.item_rows import (
    CHANGE_SHARDS,
    VECTOR_PREFIX,
    generated_attributes,
    item_row,
    read_row,
    readable,
    restriction,
)
from endcap.catalog.item import Item, text_hash
from endcap.catalog.row import ChangedRows, Generated, ItemRow, PopularList
from endcap.errors import ConflictError

CHANGES_INDEX: Final = "changes"
POPULAR_KEY: Final = "\0popular"
"""No id has a control character in it."""
KEYS_PER_READ: Final = 100
PARALLEL_READS: Final = 5
MAX_TRIES: Final = 6
_WITHHELD: Final = "attribute_not_exists(document) OR contains(document, :unavailable) OR contains(document, :expires)"
"""Rows of items that are deleted, not for sale, or expire one day: as `item_document` writes it, without spaces."""


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
        row = self._row(item_id)
        return None if row is None else read_row(row).item

    def _row(self, item_id: str) -> Mapping[str, Any] | None:
        with aws_errors("read item"):
            answer = self._dynamodb.get_item(
                TableName=self._table, Key={"item_id": {"S": item_id}}, ConsistentRead=True
            )
        row: Mapping[str, Any] | None = answer.get("Item")
        return row

    def many(self, item_ids: Iterable[str]) -> dict[str, ItemRow | None]:
        """The rows of some items, None where there is none; what could not be read in two tries is left out.

        Raises
        ------
        ThrottledError, DependencyError
        """
        ids = list(dict.fromkeys(item_ids))
        parts = [ids[first : first + KEYS_PER_READ] for first in range(0, len(ids), KEYS_PER_READ)]
        if len(parts) <= 1:
            return self._batch(parts[0]) if parts else {}
        with ThreadPoolExecutor(PARALLEL_READS) as pool:
            return {item_id: row for found in pool.map(self._batch, parts) for item_id, row in found.items()}

    def _batch(self, item_ids: list[str]) -> dict[str, ItemRow | None]:
        keys, rows = [{"item_id": {"S": item_id}} for item_id in item_ids], dict[str, ItemRow | None]()
        for _ in range(2):
            with aws_errors("read items"):
                answer = self._dynamodb.batch_get_item(RequestItems={self._table: {"Keys": keys}})
            rows |= {row["item_id"]["S"]: readable(row) for row in answer["Responses"].get(self._table, ())}
            keys = answer.get("UnprocessedKeys", {}).get(self._table, {}).get("Keys", [])
            if not keys:
                break
        unread = {key["item_id"]["S"] for key in keys}
        return {item_id: rows.get(item_id) for item_id in item_ids if item_id in rows or item_id not in unread}

    def put_popular(self, popular: PopularList) -> None:
        """Remember what sells best.

        Raises
        ------
        ThrottledError, DependencyError
        """
        items = json.dumps(popular.items, separators=(",", ":"), ensure_ascii=False)
        with aws_errors("write popular list"):
            self._dynamodb.update_item(
                TableName=self._table,
                Key={"item_id": {"S": POPULAR_KEY}},
                UpdateExpression="SET changed_at = :long_ago, snapshot_version = :version, popular_items = :items",
                ExpressionAttributeValues={
                    ":long_ago": {"N": "0"},
                    ":version": {"S": popular.version},
                    ":items": {"S": items},
                },
            )

    def popular(self) -> PopularList | None:
        """What sells best; None where no promotion has written it.

        Raises
        ------
        ThrottledError, DependencyError
        """
        key = {"item_id": {"S": POPULAR_KEY}}
        with aws_errors("read popular list"):
            answer = self._dynamodb.batch_get_item(RequestItems={self._table: {"Keys": [key]}})
        for row in answer["Responses"].get(self._table, ()):
            items = json.loads(row["popular_items"]["S"])
            return PopularList(row["snapshot_version"]["S"], tuple((str(i), str(title)) for i, title in items))
        return None

    def put(self, item: Item) -> bool:
        """Store `item`; False where it was stored just so already, and then nothing is touched.

        Raises
        ------
        ThrottledError, DependencyError
        """
        return self._write(item, "attribute_not_exists(content_hash) OR content_hash <> :content_hash", {})

    def _write(self, item: Item, condition: str, values: Mapping[str, Any]) -> bool:
        row = item_row(item, self._now_ms())
        sets = ", ".join(f"{name} = :{name}" for name in row if name != "item_id")
        return self._changes(
            Key={"item_id": row["item_id"]},
            UpdateExpression=f"SET {sets} REMOVE deleted",
            ConditionExpression=condition,
            ExpressionAttributeValues={
                **{f":{name}": value for name, value in row.items() if name != "item_id"},
                **values,
            },
        )

    def change(self, item_id: str, change: Callable[[Item], Item]) -> tuple[Item, bool] | None:
        """Replace an item i by change(i), whoever else writes meanwhile; it and whether that changed anything.

        None where there is no such item.

        Raises
        ------
        ConflictError : another writer won six times running
        ThrottledError, DependencyError
        """
        for attempt in range(MAX_TRIES):
            row = self._row(item_id)
            item = None if row is None else read_row(row).item
            if row is None or item is None:
                return None
            changed = change(item)
            if changed == item:
                return item, False
            if self._write(changed, "content_hash = :known", {":known": row["content_hash"]}):
                return changed, True
            time.sleep(random.uniform(0, 0.02 * 2**attempt))  # nosec B311 # a wait, no secret
        raise ConflictError("write item: another writer won each time")

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

    def put_generated(self, item_id: str, text: str, generated: Generated) -> bool:
        """Store what was written about the item's text; False where the text has changed meanwhile.

        Raises
        ------
        ThrottledError, DependencyError
        """
        digest = text_hash(text)
        attributes = generated_attributes(generated, digest)
        return self._changes(
            Key={"item_id": {"S": item_id}},
            UpdateExpression=f"SET {', '.join(f'{name} = :{name}' for name in attributes)}, changed_at = :now",
            ConditionExpression="text_hash = :text_hash",
            ExpressionAttributeValues={
                **{f":{name}": value for name, value in attributes.items()},
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
            for page in self._pages(number, since_ms):
                rows += map(read_row, page)
                if len(rows) >= limit:
                    break
            return rows

        with ThreadPoolExecutor(CHANGE_SHARDS) as pool:
            rows = [row for part in pool.map(shard, range(CHANGE_SHARDS)) for row in part]
        return sorted(rows, key=_newest_first)[:limit]

    def changes_since(self, since_ms: int, limit: int) -> ChangedRows:
        """Rows changed at or after `since_ms`: all of items that are withheld, and the newest `limit` or so of others.

        Withheld is what is deleted, not for sale, or expires one day. Of those beyond the newest rows nothing is read
        but that. What was read before a failure is in the answer.
        """
        # Ids spread evenly over the shards, so that a quarter of the limit in each holds the newest of all.
        enough = min(limit, limit // 4 + 50)

        def shard(number: int) -> tuple[list[ItemRow], Exception | None]:
            rows: list[ItemRow] = []
            try:
                for page in self._pages(number, since_ms, enough):
                    rows += map(readable if len(rows) < enough else restriction, page)
            except Exception as exc:
                return rows, exc
            return rows, None

        with ThreadPoolExecutor(CHANGE_SHARDS) as pool:
            parts = list(pool.map(shard, range(CHANGE_SHARDS)))
        rows = sorted((row for part, _ in parts for row in part), key=_newest_first)
        return ChangedRows(rows, next((failure for _, failure in parts if failure is not None), None))

    def _pages(self, shard: int, since_ms: int, enough: int | None = None) -> Iterator[list[dict[str, Any]]]:
        """Pages of a shard's changed rows, the newest first; after `enough` rows those of withheld items only."""
        query: dict[str, Any] = {
            "TableName": self._table,
            "IndexName": CHANGES_INDEX,
            "KeyConditionExpression": "change_shard = :shard AND changed_at >= :since",
            "ExpressionAttributeValues": {":shard": {"N": str(shard)}, ":since": {"N": str(since_ms)}},
            "ScanIndexForward": False,
        }
        count = 0
        while True:
            with aws_errors("read changed items"):
                answer = self._dynamodb.query(**query)
            yield answer["Items"]
            count += len(answer["Items"])
            if "LastEvaluatedKey" not in answer:
                return
            query["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
            if enough is not None and count >= enough and "FilterExpression" not in query:
                query["FilterExpression"] = _WITHHELD
                query["ExpressionAttributeValues"] |= {
                    ":unavailable": {"S": '"available":false'},
                    ":expires": {"S": '"expires_at":'},
                }

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


def _newest_first(row: ItemRow) -> tuple[int, str]:
    return -row.changed_at_ms, row.item_id
