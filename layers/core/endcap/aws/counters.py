"""Counts of what happens, in DynamoDB: a row for each bucket of time, shard and part.

Each batch writes to a shard drawn by chance, so that no key takes all writes of a moment. A row holds a map of at most
a few hundred counts: a write is billed by the row's size. Where one is full, its next part is begun.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from endcap.aws.clients import aws_errors
from endcap.errors import ConflictError, ThrottledError
from endcap.events.counts import Increment, Level

SHARDS: Final = 8
PARTS: Final = 64
MAX_NAMES: Final = 250
"""A row takes no further counts once it has this many."""
NAMES_PER_WRITE: Final = 60
"""An update expression may take 4 KB and 300 operators."""
DAY_S: Final = 86_400


class CounterTable:
    """The counters table.

    Parameters
    ----------
    dynamodb : a boto3 DynamoDB client
    draw : n -> a number from 0 to n - 1, by chance
    """

    def __init__(self, dynamodb: Any, table: str, draw: Callable[[int], int] = random.randrange) -> None:
        self._dynamodb, self._table, self._draw = dynamodb, table, draw
        self._parts: dict[tuple[str, int], int] = {}

    def add(self, increment: Increment) -> None:
        """Add to the counts of one bucket, in one write where it has no more than 60 names.

        Raises
        ------
        ThrottledError : also when every part of the shard is full
        DependencyError : some counts may have been added
        """
        shard = _shard(increment.level, self._draw(SHARDS))
        names = sorted(increment.counts)
        for first in range(0, len(names), NAMES_PER_WRITE):
            counts = {name: increment.counts[name] for name in names[first : first + NAMES_PER_WRITE]}
            self._add(shard, increment, counts)

    def read(self, level: Level, since_ms: int) -> Iterator[tuple[int, Mapping[str, int]]]:
        """The counts of the buckets that start at `since_ms` or later: (start, counts), several of one bucket.

        Raises
        ------
        ThrottledError, DependencyError
        """
        with ThreadPoolExecutor(SHARDS) as pool:
            for found in pool.map(lambda number: self._rows(_shard(level, number), since_ms), range(SHARDS)):
                yield from found

    def _rows(self, shard: str, since_ms: int) -> list[tuple[int, Mapping[str, int]]]:
        with aws_errors("read counters"):
            pages = self._dynamodb.get_paginator("query").paginate(
                TableName=self._table,
                KeyConditionExpression="#shard = :shard AND #bucket >= :since",
                ExpressionAttributeNames={"#shard": "shard", "#bucket": "bucket"},
                ExpressionAttributeValues={":shard": {"S": shard}, ":since": {"N": str(since_ms * PARTS)}},
            )
            return [
                (
                    int(row["bucket"]["N"]) // PARTS,
                    {name: int(count["N"]) for name, count in row["counts"]["M"].items()},
                )
                for page in pages
                for row in page["Items"]
            ]

    def _add(self, shard: str, increment: Increment, counts: Mapping[str, int]) -> None:
        place = (shard, increment.start_ms)
        for part in range(self._parts.get(place, 0), PARTS):
            key = {"shard": {"S": shard}, "bucket": {"N": str(increment.start_ms * PARTS + part)}}
            # The last try is for a row that another writer began between the first two.
            if self._grow(key, counts) or self._begin(key, increment, counts) or self._grow(key, counts):
                return
            if len(self._parts) > SHARDS * 8:  # buckets that are over
                self._parts.clear()
            self._parts[place] = part + 1
        raise ThrottledError("add to counters: the bucket is full")

    def _grow(self, key: Mapping[str, Any], counts: Mapping[str, int]) -> bool:
        """Add to the counts of a row; False where there is none, or it is full."""
        names = {f"#{k}": name for k, name in enumerate(counts)}
        values = {f":{n}": {"N": str(n)} for n in {0, *counts.values()}}
        sums = ",".join(f"#c.#{k}=if_not_exists(#c.#{k},:0)+:{n}" for k, n in enumerate(counts.values()))
        return self._update(
            Key=key,
            UpdateExpression=f"SET {sums}",
            ConditionExpression="attribute_exists(#c) AND size(#c) < :most",
            ExpressionAttributeNames={"#c": "counts", **names},
            ExpressionAttributeValues={":most": {"N": str(MAX_NAMES)}, **values},
        )

    def _begin(self, key: Mapping[str, Any], increment: Increment, counts: Mapping[str, int]) -> bool:
        """Write a row's first counts; False where it has some."""
        ends_s = (increment.start_ms + increment.level.kept_ms) // 1000
        return self._update(
            Key=key,
            UpdateExpression="SET #c = :counts, #ttl = :ttl",
            ConditionExpression="attribute_not_exists(#c)",
            ExpressionAttributeNames={"#c": "counts", "#ttl": "ttl"},
            ExpressionAttributeValues={
                ":counts": {"M": {name: {"N": str(count)} for name, count in counts.items()}},
                ":ttl": {"N": str(ends_s + DAY_S)},
            },
        )

    def _update(self, **request: Any) -> bool:
        try:
            with aws_errors("add to counters"):
                self._dynamodb.update_item(TableName=self._table, **request)
        except ConflictError:
            return False
        return True


def _shard(level: Level, number: int) -> str:
    return f"{level.name}#{number}"
