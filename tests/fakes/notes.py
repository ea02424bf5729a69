"""Notes of counts as the stream of their table brings them, and what they were folded into."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from typing import Any

from endcap.aws.counters import NOTES, FoldedCounts
from endcap.events.counts import Level
from endcap.events.folding import decoded
from tests.fakes import moto_stack


def stream_of(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The records of the stream that those of `rows` make which hold notes."""
    records = []
    for row in rows:
        if row["shard"]["S"].startswith(NOTES):
            image = {**row, "counted": {"B": base64.b64encode(row["counted"]["B"]).decode()}}
            keys = {name: row[name] for name in ("shard", "bucket")}
            number = row["bucket"]["N"]
            records.append(
                {
                    "eventID": number,
                    "eventName": "INSERT",
                    "eventSource": "aws:dynamodb",
                    "dynamodb": {"Keys": keys, "NewImage": image, "SequenceNumber": number},
                }
            )
    return records


def noted() -> dict[str, Any]:
    """What Lambda hands to `fold_counts` for all notes of the account in moto."""
    rows = moto_stack.client("dynamodb").scan(TableName=moto_stack.COUNTERS)["Items"]
    return {"Records": stream_of(rows)}


def folded(level: Level) -> dict[int, dict[str, int]]:
    """Start of each bucket -> its counts, as requests read them."""
    found = FoldedCounts(moto_stack.client("s3"), moto_stack.BUCKET).read(level)
    if found is None:
        return {}
    return {start: bucket.counts for start, bucket in decoded(found[0], level).buckets.items()}
