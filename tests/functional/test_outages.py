"""Two hours without a service, on virtual clocks, with the template's own queues, mappings and handlers.

The queue keeps SQS's promises: a message that was received is hidden, comes again, and after the template's number of
receives is a dead letter. The streams are the state machine that `endcap local` delivers with.
"""

from __future__ import annotations

import base64
import heapq
import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from endcap.aws.profiles import ProfileTable
from endcap.aws.queues import Redelivery
from endcap.errors import DependencyError
from endcap.live.snapshot import LoadedEncoder
from endcap_local.event_source_mapping.state_machine import (
    Discard,
    QueueSettings,
    Shard,
    StreamRecord,
    StreamSettings,
    settle_messages,
)
from endcap_local.event_source_mapping.state_machine import Message as Delivered
from endcap_local.lambda_runtime.reply import Reply
from endcap_local.template.intrinsics import Resolver
from endcap_local.template.template import expand
from tests.fakes import moto_stack
from tests.fakes.functions import Functions

ROOT = Path(__file__).parents[2]
START_MS = 1_768_471_200_000
AWAY_S = 2 * 3600
ARN = "arn:aws:sqs:us-east-1:123456789012:events"

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics")


@pytest.fixture(scope="module")
def resources() -> Mapping[str, Any]:
    """The template's queues and mappings, with a storefront's stream."""
    _, expanded = expand(ROOT / "template.yaml")
    stream = {"StorefrontStreamArn": "arn:aws:kinesis:us-east-1:123456789012:stream/shop"}
    resolver = Resolver(expanded, stream, "http://127.0.0.1:9")
    wanted = ("EventsQueue", "EventsQueueMapping", "StorefrontStreamMapping", "ItemsStreamMapping")
    return {name: resolver.resolve(expanded["Resources"][name]["Properties"]) for name in wanted}


@dataclass
class Waiting:
    body: str
    sent_s: float
    visible_s: float
    receives: int = 0


class Queue:
    """An SQS queue on a clock of its own, and as much of a boto3 client as the function asks."""

    def __init__(self, properties: Mapping[str, Any]) -> None:
        self._visibility_s = int(properties["VisibilityTimeout"])
        self._retention_s = int(properties["MessageRetentionPeriod"])
        self._limit = int(properties["RedrivePolicy"]["maxReceiveCount"])
        self.now_s = 0.0
        self.messages: dict[str, Waiting] = {}
        self.dead: dict[str, Waiting] = {}
        self.receives = 0
        self.takes_wishes = True

    def send(self, body: str) -> None:
        self.messages[f"m{len(self.messages) + len(self.dead)}-{self.now_s}"] = Waiting(body, self.now_s, self.now_s)

    def change_message_visibility_batch(self, *, QueueUrl: str, Entries: list[dict[str, Any]]) -> None:
        if not self.takes_wishes:
            raise DependencyError("no answer")
        for entry in Entries:
            self.messages[entry["ReceiptHandle"]].visible_s = self.now_s + entry["VisibilityTimeout"]

    def receive(self, most: int) -> list[str]:
        visible = [name for name, m in self.messages.items() if m.visible_s <= self.now_s]
        for name in visible:
            assert self.now_s - self.messages[name].sent_s < self._retention_s, "a message expired"
            if self.messages[name].receives >= self._limit:
                self.dead[name] = self.messages.pop(name)
        taken = [name for name in visible if name in self.messages][:most]
        for name in taken:
            message = self.messages[name]
            message.receives += 1
            message.visible_s = self.now_s + self._visibility_s
        self.receives += len(taken)
        return taken

    def run(self, invoke: Callable[[dict[str, Any]], Any], sends: list[tuple[float, str]], until_s: float) -> None:
        """Deliver as Lambda does, sending bodies at their times, until all is done or the time is over."""
        pending = list(sends)
        heapq.heapify(pending)
        while (pending or self.messages) and self.now_s < until_s:
            due = [m.visible_s for m in self.messages.values()] + [t for t, _ in pending[:1]]
            self.now_s = max(self.now_s, min(due))
            while pending and pending[0][0] <= self.now_s:
                self.send(heapq.heappop(pending)[1])
            taken = self.receive(10)
            if taken:
                reply = Reply(payload=invoke({"Records": [self._record(name) for name in taken]}))
                delivered = [Delivered(name, self.messages[name].receives) for name in taken]
                outcome = settle_messages(delivered, reply, QueueSettings(10, 0, True, self._limit))
                for message in outcome.deleted:
                    del self.messages[message.message_id]

    def _record(self, name: str) -> dict[str, Any]:
        message = self.messages[name]
        return {
            "messageId": name,
            "receiptHandle": name,
            "body": message.body,
            "attributes": {
                "ApproximateReceiveCount": str(message.receives),
                "SentTimestamp": str(START_MS + int(message.sent_s * 1000)),
            },
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": ARN,
            "awsRegion": "us-east-1",
        }


def down(*_: object, **__: object) -> None:
    raise DependencyError("no answer")


def seen(user_id: str) -> set[str]:
    table = ProfileTable(moto_stack.client("dynamodb"), moto_stack.PROFILES)
    return {e.item_id for e in table.get(user_id, consistent=True).profile.interactions}


def archived() -> set[str]:
    lines = [json.loads(line) for data in moto_stack.objects("events/").values() for line in data.splitlines()]
    return {line["user_id"] for line in lines}


SERVICES = {"firehose": "put_record", "dynamodb": "get_item", "both": "both"}


@pytest.mark.parametrize("takes_wishes", [True, False], ids=["put off", "queue's own time"])
@pytest.mark.parametrize("service", SERVICES)
def test_two_hours_without_a_service_need_no_hand(
    functions: Functions, resources: Mapping[str, Any], service: str, takes_wishes: bool
) -> None:
    # GIVEN shoppers who act all the time, one poisonous message, and a service that is away from minute 10 on
    queue = Queue(resources["EventsQueue"])
    queue.takes_wishes = takes_wishes
    app = functions.app("update_profile")
    app.runtime.redelivery = Redelivery(queue, moto_stack.ENVIRONMENT["EVENTS_QUEUE_URL"], random.Random(7).random)
    sends = [(300.0 * n, json.dumps({"user_id": f"u{n}", "event_type": "view", "item_id": f"i{n}"})) for n in range(40)]
    sends.append((1200.0, "poison"))
    adapters = {
        "firehose": [(app.runtime.archive, "put")],
        "dynamodb": [(app.runtime.profiles, "update"), (app.runtime.counters, "add")],
    }
    away = adapters["firehose"] + adapters["dynamodb"] if service == "both" else adapters[service]

    def invoke(event: dict[str, Any]) -> Any:
        if not 600 <= queue.now_s < 600 + AWAY_S:
            return functions.invoke("update_profile", event)
        with patch.object(*away[0], down), patch.object(*away[-1], down):
            return functions.invoke("update_profile", event)

    # WHEN half a day goes by
    queue.run(invoke, sends, 12 * 3600)
    # THEN nothing waits, nothing is a dead letter, and everything is where it belongs
    assert (queue.messages, queue.dead) == ({}, {})
    assert all(seen(f"u{n}") == {f"i{n}"} for n in range(40))
    assert archived() >= {f"u{n}" for n in range(40)}
    assert len(moto_stack.objects("quarantine/")) == 1
    # AND it was over soon after, without a storm of tries
    assert queue.now_s <= max(600 + AWAY_S, 300 * 39) + 1000
    assert queue.receives < 41 + 24 * 40


def test_what_no_time_mends_is_a_dead_letter_before_it_expires(
    functions: Functions, resources: Mapping[str, Any]
) -> None:
    queue = Queue(resources["EventsQueue"])
    app = functions.app("update_profile")
    app.runtime.redelivery = Redelivery(queue, moto_stack.ENVIRONMENT["EVENTS_QUEUE_URL"], lambda: 1.0)
    with patch.object(app.runtime.archive, "put", down):
        body = json.dumps({"user_id": "u", "event_type": "view", "item_id": "i"})
        queue.run(lambda event: functions.invoke("update_profile", event), [(0.0, body)], 14 * 86_400)
    assert len(queue.dead) == 1
    assert queue.now_s < 7 * 86_400  # so that it lies among the dead letters for a week


def stream_settings(properties: Mapping[str, Any]) -> StreamSettings:
    limit = int(properties["MaximumRetryAttempts"])
    return StreamSettings(
        batch_size=int(properties["BatchSize"]),
        parallelization=int(properties["ParallelizationFactor"]),
        bisect=bool(properties["BisectBatchOnFunctionError"]),
        max_retries=None if limit < 0 else limit,
        max_age_ms=int(properties["MaximumRecordAgeInSeconds"]) * 1000,
        report_failures="ReportBatchItemFailures" in properties["FunctionResponseTypes"],
        longest_backoff_ms=60_000,  # what the outage costs in tries is not what is asked here
    )


def run_stream(
    settings: StreamSettings, records: list[StreamRecord], invoke: Callable[[dict[str, Any], int], Any]
) -> tuple[list[Discard], int]:
    """Deliver a shard to its end; what was given up, and when the last batch was done."""
    shard, discarded, now_ms = Shard(settings), [], records[0].arrived_ms
    waiting = list(records)
    while waiting or shard.pending:
        while waiting and waiting[0].arrived_ms <= now_ms:
            shard.offer([waiting.pop(0)])
        for lane in shard.lanes:
            batch, too_old = lane.take(now_ms)
            if too_old:
                discarded.append(too_old)
                shard.close(too_old.records)
            if batch:
                payload = invoke({"Records": [dict(r.payload) for r in batch.records]}, now_ms)
                settled = lane.settle(batch, Reply(payload=payload), now_ms)
                shard.close(settled.acknowledged)
                if settled.discard:
                    discarded.append(settled.discard)
                    shard.close(settled.discard.records)
        due = [ms for ms in (shard.due_ms(), waiting[0].arrived_ms if waiting else None) if ms is not None]
        now_ms = max(now_ms + 1, min(due, default=now_ms))
    return discarded, now_ms


@pytest.mark.parametrize("service", ["firehose", "dynamodb"])
def test_two_hours_without_a_service_leave_no_record_of_a_stream_behind(
    functions: Functions, resources: Mapping[str, Any], service: str
) -> None:
    app = functions.app("update_profile")
    away = (app.runtime.archive, "put") if service == "firehose" else (app.runtime.profiles, "update")

    def record(n: int) -> StreamRecord:
        event = {"user_id": f"u{n}", "event_type": "view", "item_id": f"i{n}"}
        data = b"poison" if n == 7 else json.dumps(event).encode()
        arrived_ms = START_MS + n * 600_000
        kinesis = {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": f"u{n}",
            "sequenceNumber": f"s{n}",
            "data": base64.b64encode(data).decode(),
            "approximateArrivalTimestamp": arrived_ms / 1000,
        }
        return StreamRecord(f"s{n}", f"u{n}", arrived_ms, {"eventSource": "aws:kinesis", "kinesis": kinesis})

    def invoke(event: dict[str, Any], now_ms: int) -> Any:
        if not 600_000 <= now_ms - START_MS < 600_000 + AWAY_S * 1000:
            return functions.invoke("update_profile", event)
        with patch.object(*away, down):
            return functions.invoke("update_profile", event)

    settings = stream_settings(resources["StorefrontStreamMapping"])
    discarded, _ = run_stream(settings, [record(n) for n in range(20)], invoke)
    assert discarded == []
    assert all(seen(f"u{n}") == {f"i{n}"} for n in range(20) if n != 7)
    assert archived() == {f"u{n}" for n in range(20)} - {"u7"}
    assert len(moto_stack.objects("quarantine/")) == 1


def test_two_hours_without_s3_leave_no_item_without_its_vector(
    functions: Functions, resources: Mapping[str, Any]
) -> None:
    app = functions.app("embed_item")
    sample = json.loads((ROOT / "events" / "embed_item" / "dynamodb-new-item.json").read_text())["Records"][0]
    embedded: list[str] = []

    def record(n: int) -> StreamRecord:
        image = {**sample["dynamodb"]["NewImage"], "item_id": {"S": f"i{n}"}}
        if n == 3:
            image["document"] = {"S": "{not json"}
        change = {
            **sample["dynamodb"],
            "NewImage": image,
            "Keys": {"item_id": {"S": f"i{n}"}},
            "SequenceNumber": f"s{n}",
        }
        return StreamRecord(f"s{n}", f"i{n}", START_MS + n * 600_000, {**sample, "dynamodb": change})

    def embed(row: Any, *_: object) -> bool:
        embedded.append(row.item_id)
        return True

    loaded = LoadedEncoder(encoder=None, catalog_as_of_ms=0)

    def invoke(event: dict[str, Any], now_ms: int) -> Any:
        is_away = 600_000 <= now_ms - START_MS < 600_000 + AWAY_S * 1000
        get = down if is_away else lambda: loaded
        with patch.object(app.runtime.encoder, "get", get), patch.object(app, "embed_row", embed):
            return functions.invoke("embed_item", event)

    settings = stream_settings(resources["ItemsStreamMapping"])
    discarded, _ = run_stream(settings, [record(n) for n in range(20)], invoke)
    assert discarded == []
    assert set(embedded) == {f"i{n}" for n in range(20)} - {"i3"}
    url = moto_stack.ENVIRONMENT["STREAM_FAILURES_QUEUE_URL"]
    told = moto_stack.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert {json.loads(m["Body"])["keys"]["item_id"]["S"] for m in told} == {"i3"}
