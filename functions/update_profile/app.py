"""Folds events into profiles.

Trigger: the events queue; by parameter also the storefront's own Kinesis stream, SQS queue or EventBridge bus.
Besides events the events queue carries erasures that were too large for the request that asked for them.
Guarantee: every valid event is archived and in its profile before its record is acknowledged; what can never be
applied is in quarantine.
Retry: a record that failed is delivered again; applying an event twice changes nothing, and counts it once.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.data_classes import KinesisStreamEvent, SQSEvent
from aws_lambda_powertools.utilities.typing import LambdaContext

from endcap.aws.queues import KIND
from endcap.errors import EndcapError
from endcap.events.counts import increments
from endcap.events.interaction import Interaction
from endcap.observability import logger, metrics, tracer
from endcap.profiles.erasure import ERASURE, erased
from endcap.profiles.ingest import Record, ingest
from endcap.runtime import Runtime

runtime = Runtime(background=True)


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    kinesis = any(record.get("eventSource") == "aws:kinesis" for record in event["Records"])
    records = list(_kinesis_records(event) if kinesis else _sqs_records(event))
    records, unerased = erased(records, set() if kinesis else _erasures(event), runtime.profiles)
    outcome = ingest(
        records,
        "kinesis" if kinesis else "sqs",
        runtime.settings.event_types,
        runtime.profiles,
        runtime.archive,
        runtime.quarantine,
        runtime.encode_text,
    )
    _count(outcome.new)
    metrics.add_metric("EventsApplied", MetricUnit.Count, outcome.applied)
    metrics.add_metric("EventsQuarantined", MetricUnit.Count, outcome.quarantined)
    metrics.add_metric("RecordsFailed", MetricUnit.Count, len(outcome.failed) + len(unerased))
    failed = {**outcome.failed, **unerased}
    for exc in failed.values():
        logger.warning("record failed and will be delivered again", extra={"error": str(exc)})
    return {"batchItemFailures": [{"itemIdentifier": record_id} for record_id in failed]}


def _count(events: Sequence[Interaction]) -> None:
    try:
        for increment in increments(events, int(time.time() * 1000), runtime.settings.event_types):
            runtime.counters.add(increment)
    except EndcapError as exc:  # counts are approximate: a profile is worth more than they are
        logger.warning("events not counted", extra={"error": str(exc)})
        metrics.add_metric("CountsLost", MetricUnit.Count, 1)


def _sqs_records(event: dict[str, Any]) -> Iterator[Record]:
    for record in SQSEvent(event).records:
        arrival_ms = int(record.attributes.sent_timestamp or 0)
        yield Record(record.message_id, record.body.encode("utf-8", "surrogatepass"), arrival_ms)


def _erasures(event: dict[str, Any]) -> set[str]:
    """Ids of the records that ask for an erasure: on the events queue (by account and name), with the attribute."""
    own = runtime.settings.events_queue_url.split("/")[-2:]
    of_queue = (r for r in event["Records"] if r["eventSourceARN"].split(":")[-2:] == own)
    kinds = {r["messageId"]: r.get("messageAttributes", {}).get(KIND, {}) for r in of_queue}
    return {record_id for record_id, kind in kinds.items() if kind.get("stringValue") == ERASURE}


def _kinesis_records(event: dict[str, Any]) -> Iterator[Record]:
    for record in KinesisStreamEvent(event).records:
        arrival_ms = int(record.kinesis.approximate_arrival_timestamp * 1000)
        yield Record(record.kinesis.sequence_number, record.kinesis.data_as_bytes(), arrival_ms)
