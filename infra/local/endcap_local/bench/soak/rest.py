"""What is to be found when a soak is over: profiles, the archive, and what was left on queues and in quarantine."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from endcap_local.bench.functions import BenchError
from endcap_local.bench.soak.load import Load, Send
from endcap_local.bench.soak.report import Found
from endcap_local.bench.soak.traffic import Call, Shopper
from endcap_local.stack import LocalStack

ARCHIVE: Final = "events/"
QUARANTINE: Final = "quarantine/"
_READERS: Final = 4
_TRIES: Final = 3


def look_around(stack: LocalStack, load: Load, send: Send, drain_s: float) -> Found:
    """Wait until everything has come to rest, at most `drain_s`, then look.

    Raises
    ------
    BenchError : an export can't be had, so that nothing can be said of what is lost
    """
    refused = load.send_put_off(drain_s)
    began_s = time.monotonic()
    drained_s: float | None = None
    try:
        stack.wait_until_idle(drain_s)
        drained_s = time.monotonic() - began_s
    except TimeoutError:
        pass  # what is still on its way is lost as far as anybody can tell
    stack.engine.deliver()
    (bucket,) = stack.plan.buckets
    with ThreadPoolExecutor(_READERS) as readers:
        shoppers = {event.shopper for event in load.accepted.values()} - load.erased
        exports = dict(readers.map(lambda i: (i, _export(send, i)), _ids(shoppers)))
        parts = readers.map(lambda key: _event_ids(stack, bucket, key), _keys(stack, bucket, ARCHIVE))
        archived = {event_id for part in parts for event_id in part}
    return Found(
        archived,
        {i: export for i, export in exports.items() if export is not None},
        _waiting(stack),
        sum(1 for _ in _keys(stack, bucket, QUARANTINE)),
        drained_s,
        refused,
    )


def _ids(shoppers: Iterable[Shopper]) -> Iterator[str]:
    for shopper in shoppers:
        yield from shopper.ids


def _export(send: Send, user_id: str) -> dict[str, Any] | None:
    for _ in range(_TRIES):
        came = send(Call("export", "GET", f"/users/{user_id}/export"))
        if came.status == 404:
            return None
        if came.status == 200:
            return dict(came.body)
    raise BenchError(f"no export of {user_id} after the soak: the last answer was {came.status}")


def _keys(stack: LocalStack, bucket: str, prefix: str) -> Iterator[str]:
    pages = stack.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    for page in pages:
        for entry in page.get("Contents", ()):
            yield entry["Key"]


def _event_ids(stack: LocalStack, bucket: str, key: str) -> list[str]:
    data = stack.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    return [str(json.loads(line).get("event_id")) for line in data.splitlines()]


def _waiting(stack: LocalStack) -> dict[str, int]:
    """Messages on the queues that no function reads: nobody but a person takes them away."""
    read = {mapping.source_name for mapping in stack.plan.mappings}
    sqs, counts = stack.client("sqs"), {}
    for name in stack.plan.queues:
        if name not in read:
            url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
            answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
            counts[name] = int(answer["Attributes"]["ApproximateNumberOfMessages"])
    return counts
