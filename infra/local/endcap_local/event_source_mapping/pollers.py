"""Threads that carry records from the engine's queues and streams to the functions, woken by each change.

What happens to a batch is decided by `state_machine.py`; here are only the calls. Two things differ from AWS on
purpose: a failed message comes back after `redelivery_s` and not after the queue's visibility timeout, and shards are
those that a stream had at the start.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from endcap_local.engine.engine import Engine
from endcap_local.event_source_mapping import state_machine
from endcap_local.event_source_mapping.filters import parse_filters, passes
from endcap_local.event_source_mapping.records import (
    discard_report,
    dynamodb_record,
    filterable,
    kinesis_record,
    sqs_message,
)
from endcap_local.lambda_runtime.reply import Reply
from endcap_local.template.intrinsics import TemplateError
from endcap_local.template.template import EventMapping, StackPlan

Invoke = Callable[[str, Mapping[str, Any]], Reply]
LONGEST_SLEEP_S = 1.0  # a change wakes a poller at once; this only bounds what a missed signal costs
_READ_AHEAD = 1_000

logger = logging.getLogger(__name__)


class Poller(ABC):
    """One event source mapping at work, in a thread of its own."""

    def __init__(self, mapping: EventMapping, engine: Engine, invoke: Invoke) -> None:
        self.name = mapping.logical_id
        self._mapping, self._engine, self._invoke = mapping, engine, invoke
        self._filters = parse_filters(mapping.properties.get("FilterCriteria"))
        self._stopping = False
        self._topics = (mapping.source, mapping.logical_id)
        self._idle_at = -1
        self._thread = threading.Thread(target=self._run, name=f"poll {mapping.logical_id}", daemon=True)

    def start(self) -> None:
        """Begin to poll."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the batch that is out, then stop."""
        self._stopping = True
        self._engine.activity.signal(self._mapping.logical_id)
        self._thread.join()

    def is_idle(self) -> bool:
        """Whether everything that the source held so far is settled."""
        return self._idle_at == self._engine.activity.count(*self._topics)

    @abstractmethod
    def _poll(self) -> float | None:
        """Do the work there is; seconds until the next look, None when there is nothing left to settle."""

    def _run(self) -> None:
        activity = self._engine.activity
        while not self._stopping:
            seen = activity.count(*self._topics)
            try:
                pause_s = self._poll()
            except Exception:  # one failed call must not end the delivery
                logger.exception("%s: polling failed", self._mapping.logical_id)
                pause_s = LONGEST_SLEEP_S
            else:
                self._idle_at = seen if pause_s is None else -1
            pause_s = LONGEST_SLEEP_S if pause_s is None else min(pause_s, LONGEST_SLEEP_S)
            if pause_s > 0:
                activity.wait(seen, pause_s, *self._topics)


class QueuePoller(Poller):
    """Delivers an SQS queue."""

    def __init__(
        self, mapping: EventMapping, engine: Engine, invoke: Invoke, max_receive_count: int | None, redelivery_s: int
    ) -> None:
        super().__init__(mapping, engine, invoke)
        properties = mapping.properties
        self._settings = state_machine.QueueSettings(
            batch_size=int(properties.get("BatchSize", 10)),
            window_ms=int(properties.get("MaximumBatchingWindowInSeconds", 0)) * 1000,
            report_failures="ReportBatchItemFailures" in properties.get("FunctionResponseTypes", ()),
            max_receive_count=max_receive_count,
        )
        self._redelivery_s = redelivery_s
        self._sqs = engine.client("sqs")
        self._url = self._sqs.get_queue_url(QueueName=mapping.source_name)["QueueUrl"]
        self._gathered: list[state_machine.Message] = []
        self._first_ms = 0

    def _poll(self) -> float | None:
        settings = self._settings
        room = settings.batch_size - len(self._gathered)
        received = self._receive(min(10, room)) if room else []
        now_ms = _now_ms()
        if received and not self._gathered:
            self._first_ms = now_ms
        self._gathered += received
        if state_machine.batch_is_ready(
            len(self._gathered), self._first_ms, now_ms, settings.batch_size, settings.window_ms
        ):
            batch, self._gathered = self._gathered, []
            self._settle(batch, self._invoke(self._mapping.function, {"Records": [m.payload for m in batch]}))
            return 0.0
        if self._gathered:
            return 0.0 if received else (self._first_ms + settings.window_ms - now_ms) / 1000
        return None if self._is_empty() else 0.1

    def _receive(self, limit: int) -> list[state_machine.Message]:
        answer = self._sqs.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=limit,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        arn = str(self._mapping.properties["EventSourceArn"])
        messages = [sqs_message(received, arn) for received in answer.get("Messages", ())]
        passing = [message for message in messages if passes(self._filters, filterable(message.payload))]
        kept = {message.message_id for message in passing}
        self._delete([message for message in messages if message.message_id not in kept])
        return passing

    def _settle(self, batch: list[state_machine.Message], reply: Reply) -> None:
        outcome = state_machine.settle_messages(batch, reply, self._settings)
        self._delete(list(outcome.deleted))
        for messages, delay_s in ((outcome.returned, self._redelivery_s), (outcome.exhausted, 0)):
            for message in messages:  # an exhausted message moves to the dead letters when it is received next
                self._sqs.change_message_visibility(
                    QueueUrl=self._url, ReceiptHandle=message.handle, VisibilityTimeout=delay_s
                )

    def _delete(self, messages: list[state_machine.Message]) -> None:
        for start in range(0, len(messages), 10):
            entries = [
                {"Id": str(i), "ReceiptHandle": message.handle}
                for i, message in enumerate(messages[start : start + 10])
            ]
            self._sqs.delete_message_batch(QueueUrl=self._url, Entries=entries)

    def _is_empty(self) -> bool:
        names = [
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesDelayed",
        ]
        attributes = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=names)["Attributes"]
        return all(int(attributes[name]) == 0 for name in names)


class StreamPoller(Poller):
    """Delivers the shards of a DynamoDB or Kinesis stream."""

    def __init__(self, mapping: EventMapping, engine: Engine, invoke: Invoke) -> None:
        super().__init__(mapping, engine, invoke)
        properties = mapping.properties
        self._settings = state_machine.StreamSettings(
            batch_size=int(properties.get("BatchSize", 100)),
            window_ms=int(properties.get("MaximumBatchingWindowInSeconds", 0)) * 1000,
            parallelization=int(properties.get("ParallelizationFactor", 1)),
            bisect=bool(properties.get("BisectBatchOnFunctionError", False)),
            max_retries=_limit(properties.get("MaximumRetryAttempts")),
            max_age_ms=_limit(properties.get("MaximumRecordAgeInSeconds"), scale=1000),
            report_failures="ReportBatchItemFailures" in properties.get("FunctionResponseTypes", ()),
        )
        self._destination = str(properties.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination", ""))
        if self._destination and ":sqs:" not in self._destination and ":s3:" not in self._destination:
            raise TemplateError(f"{mapping.logical_id}: the local on-failure destination must be a queue or a bucket")
        is_kinesis = mapping.source == "kinesis"
        self._client = engine.client("kinesis" if is_kinesis else "dynamodbstreams")
        self._stream = {"StreamName": mapping.source_name} if is_kinesis else {"StreamArn": self._dynamodb_stream()}
        self._arn = str(properties["EventSourceArn"]) if is_kinesis else self._stream["StreamArn"]
        self._shards = {shard_id: state_machine.Shard(self._settings) for shard_id in self._shard_ids()}
        position = {"ShardIteratorType": properties.get("StartingPosition", "TRIM_HORIZON")}
        self._iterators = {
            shard_id: self._client.get_shard_iterator(**self._stream, ShardId=shard_id, **position)["ShardIterator"]
            for shard_id in self._shards
        }
        lanes = len(self._shards) * self._settings.parallelization
        self._lanes = ThreadPoolExecutor(lanes, thread_name_prefix=f"lane {mapping.logical_id}")
        self._lock = threading.Lock()  # lanes settle in threads of their own, all on the same shards
        self._read_at = -1

    def stop(self) -> None:
        """Finish the batches that are out, then stop."""
        super().stop()
        self._lanes.shutdown()

    def _poll(self) -> float | None:
        count = self._engine.activity.count(self._mapping.source)
        if count != self._read_at:
            drained = [self._read(shard_id) for shard_id in self._shards]
            self._read_at = count if all(drained) else -1
        with self._lock:
            for shard_id, shard in self._shards.items():
                for lane in shard.lanes:
                    batch, discard = lane.take(_now_ms())
                    self._drop(shard_id, shard, discard)
                    if batch is not None:
                        self._lanes.submit(self._deliver, shard_id, shard, lane, batch)
            due = [ms for shard in self._shards.values() if (ms := shard.due_ms()) is not None]
            pending = any(shard.pending for shard in self._shards.values())
        if due:
            return max(0.0, (min(due) - _now_ms()) / 1000)
        return LONGEST_SLEEP_S if pending else None

    def _read(self, shard_id: str) -> bool:
        """Read ahead on one shard; whether its end was reached."""
        shard = self._shards[shard_id]
        while shard.pending < _READ_AHEAD:
            answer = self._client.get_records(ShardIterator=self._iterators[shard_id], Limit=_READ_AHEAD)
            self._iterators[shard_id] = answer["NextShardIterator"]
            if not answer["Records"]:
                return True
            records = [self._record(record, shard_id) for record in answer["Records"]]
            with self._lock:
                shard.offer(r for r in records if r is not None and passes(self._filters, filterable(r.payload)))
        return False

    def _record(self, record: Mapping[str, Any], shard_id: str) -> state_machine.StreamRecord | None:
        if self._mapping.source == "kinesis":
            return kinesis_record(record, self._arn, shard_id, _now_ms())
        return dynamodb_record(record, self._arn, _now_ms())

    def _deliver(
        self, shard_id: str, shard: state_machine.Shard, lane: state_machine.Lane, batch: state_machine.Batch
    ) -> None:
        reply = self._invoke(self._mapping.function, {"Records": [record.payload for record in batch.records]})
        with self._lock:
            settled = lane.settle(batch, reply, _now_ms())
            shard.close(settled.acknowledged)
            try:
                self._drop(shard_id, shard, settled.discard)
            except Exception:  # nobody looks at a lane's future
                logger.exception("%s: the on-failure destination failed", self._mapping.logical_id)
        self._engine.activity.signal(self._mapping.logical_id)

    def _drop(self, shard_id: str, shard: state_machine.Shard, discard: state_machine.Discard | None) -> None:
        if discard is None:
            return
        report = discard_report(discard, self._mapping.source, self._arn, shard_id, self._mapping.function, _now_ms())
        name = self._destination.rpartition(":")[2]
        if ":sqs:" in self._destination:
            sqs = self._engine.client("sqs")
            sqs.send_message(QueueUrl=sqs.get_queue_url(QueueName=name)["QueueUrl"], MessageBody=json.dumps(report))
        elif self._destination:
            report["payload"] = json.dumps({"Records": [record.payload for record in discard.records]})
            key = f"aws/lambda/{self._mapping.logical_id}/{shard_id}/{report['timestamp']}-{_now_ms()}"
            self._engine.client("s3").put_object(Bucket=name, Key=key, Body=json.dumps(report).encode())
        shard.close(discard.records)

    def _dynamodb_stream(self) -> str:
        table = self._engine.client("dynamodb").describe_table(TableName=self._mapping.source_name)["Table"]
        return str(table["LatestStreamArn"])

    def _shard_ids(self) -> list[str]:
        if self._mapping.source == "kinesis":
            return [shard["ShardId"] for shard in self._client.list_shards(**self._stream)["Shards"]]
        description = self._client.describe_stream(**self._stream)["StreamDescription"]
        return [shard["ShardId"] for shard in description["Shards"]]


def pollers_of(plan: StackPlan, engine: Engine, invoke: Invoke, redelivery_s: int) -> list[Poller]:
    """A poller for every event source mapping of the plan."""
    pollers: list[Poller] = []
    for mapping in plan.mappings:
        if mapping.source == "sqs":
            redrive = plan.queues.get(mapping.source_name, {}).get("RedrivePolicy", {})
            limit = redrive.get("maxReceiveCount")
            pollers.append(QueuePoller(mapping, engine, invoke, None if limit is None else int(limit), redelivery_s))
        else:
            pollers.append(StreamPoller(mapping, engine, invoke))
    return pollers


def _limit(value: Any, scale: int = 1) -> int | None:
    number = -1 if value is None else int(value)
    return None if number < 0 else number * scale


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
