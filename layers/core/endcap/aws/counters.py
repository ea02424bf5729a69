"""Counts of what happens: each batch notes what it counted in DynamoDB, and a function folds the notes into S3.

A note is one conditional write of a row of its own, however many items the batch has counted, so that writers never
meet in a row and a try that is made again counts once. The stream of the table starts the fold: where nothing is
counted, nothing runs. Rows of versions before, which held sums themselves, are read when the first fold finds nothing.
"""

from __future__ import annotations

import base64
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any, Final

from endcap.aws.clients import aws_errors
from endcap.aws.documents import S3Document
from endcap.errors import ConflictError, NotFoundError, StoredDataError
from endcap.events.counts import NOTE_SHARDS, Increment, Level
from endcap.events.folding import Note, packed, unpacked

NOTES: Final = "new#"
"""Before the shards of notes; the stream's filter in the template has their names."""
NAMES_PER_NOTE: Final = 2_000
"""A row may take 400 KB, and a name has up to 129 bytes."""
DAY_S: Final = 86_400
_RANDOM: Final = 10**16

SUM_SHARDS: Final = 8
SUM_PARTS: Final = 64
"""Of rows with sums, as versions before wrote them."""

MAX_BYTES: Final = 64 << 20
"""Of folded counts, which have some MB at most."""
PREFIX: Final = "counts/"


class CounterTable:
    """The counters table.

    Parameters
    ----------
    dynamodb : a boto3 DynamoDB client
    draw : n -> a number from 0 to n - 1, by chance
    """

    def __init__(self, dynamodb: Any, table: str, draw: Callable[[int], int] = random.randrange) -> None:
        self._dynamodb, self._table, self._draw = dynamodb, table, draw
        self._shard = f"{NOTES}{draw(NOTE_SHARDS)}"

    def add(self, increments: Iterable[Increment], now_ms: int) -> None:
        """Note what a batch counted, in one write where it has no more than 2,000 names; none where it has nothing.

        Raises
        ------
        ThrottledError, DependencyError : some counts may have been added
        """
        for part in _parts(increments):
            row = {
                "shard": {"S": self._shard},
                "bucket": {"N": str(now_ms * _RANDOM + self._draw(_RANDOM))},
                "counted": {"B": packed(part)},
                "ttl": {"N": str(now_ms // 1000 + DAY_S)},
            }
            try:
                with aws_errors("note counts"):
                    self._dynamodb.put_item(
                        TableName=self._table,
                        Item=row,
                        ConditionExpression="attribute_not_exists(#shard)",
                        ExpressionAttributeNames={"#shard": "shard"},
                    )
            except ConflictError:  # the try before was taken after all
                continue

    def sums(self, level: Level, since_ms: int) -> Iterator[tuple[int, Mapping[str, int]]]:
        """What versions before have summed up, of buckets that start at `since_ms` or later: several of one bucket.

        Raises
        ------
        ThrottledError, DependencyError
        """
        with ThreadPoolExecutor(SUM_SHARDS) as pool:
            shards = (f"{level.name}#{number}" for number in range(SUM_SHARDS))
            for found in pool.map(lambda shard: self._rows(shard, since_ms), shards):
                yield from found

    def _rows(self, shard: str, since_ms: int) -> list[tuple[int, Mapping[str, int]]]:
        with aws_errors("read counters"):
            pages = self._dynamodb.get_paginator("query").paginate(
                TableName=self._table,
                KeyConditionExpression="#shard = :shard AND #bucket >= :since",
                ExpressionAttributeNames={"#shard": "shard", "#bucket": "bucket"},
                ExpressionAttributeValues={":shard": {"S": shard}, ":since": {"N": str(since_ms * SUM_PARTS)}},
            )
            return [
                (
                    int(row["bucket"]["N"]) // SUM_PARTS,
                    {name: int(count["N"]) for name, count in row["counts"]["M"].items()},
                )
                for page in pages
                for row in page["Items"]
            ]


def note_of(record: Mapping[str, Any]) -> Note:
    """The note that a record of the table's stream brings.

    Raises
    ------
    StoredDataError : it brings none
    """
    try:
        data = base64.b64decode(record["dynamodb"]["NewImage"]["counted"]["B"], validate=True)
        name = str(record["eventID"])
    except Exception as exc:
        raise StoredDataError("no note of a batch") from exc
    return Note(name, unpacked(data))


class FoldedCounts:
    """The folded counts of a bucket in S3: one object for each width of bucket of time.

    Parameters
    ----------
    s3 : a boto3 S3 client
    """

    def __init__(self, s3: Any, bucket: str) -> None:
        self._s3, self._bucket = s3, bucket

    def read(self, level: Level, known_etag: str | None = None) -> tuple[bytes, str] | None:
        """Its bytes and ETag; None where it is still the one with `known_etag`, or where there is none.

        Raises
        ------
        InvalidInputError : it is too large to be one
        ThrottledError, DependencyError
        """
        try:
            return S3Document(self._s3, self._bucket, _key(level), MAX_BYTES).read(known_etag)
        except NotFoundError:
            return None

    def write(self, level: Level, data: bytes, etag: str | None) -> None:
        """Put it in the place of the one with `etag`, or where none is.

        Raises
        ------
        ConflictError : another one is there
        ThrottledError, DependencyError
        """
        condition = {"IfNoneMatch": "*"} if etag is None else {"IfMatch": etag}
        with aws_errors("write folded counts"):
            self._s3.put_object(Bucket=self._bucket, Key=_key(level), Body=data, **condition)


def _key(level: Level) -> str:
    return f"{PREFIX}{level.name}"


def _parts(increments: Iterable[Increment]) -> Iterator[Sequence[Increment]]:
    """The increments by as many names as a row holds."""
    part: list[Increment] = []
    room = NAMES_PER_NOTE
    for increment in increments:
        counts = iter(increment.counts.items())
        while taken := dict(islice(counts, room)):
            part.append(Increment(increment.level, increment.start_ms, taken))
            room -= len(taken)
            if not room:
                yield part
                part, room = [], NAMES_PER_NOTE
    if part:
        yield part
