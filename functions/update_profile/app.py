"""Folds events into profiles.

Trigger: the events queue; by parameter also the storefront's own Kinesis stream, SQS queue or EventBridge bus.
Besides events the events queue carries erasures that were too large for the request that asked for them.
Guarantee: every valid event is in its profile and archived before its record is acknowledged, but for those of
shoppers who refuse or had that time erased, which are kept nowhere; what can never be applied is in quarantine; no
event pays for what another one brings about. What the ledger of erasures names is left out, whatever way it came.
Retry: a record that failed is delivered again, later each time; one that there was no time for is at once. Applying an
event twice changes nothing, and counts it once.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.data_classes.kinesis_stream_event import KinesisStreamRecord
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from endcap.aws.queues import FIRST_SEEN, KIND, FailedMessage
from endcap.errors import DeadlineError, EndcapError
from endcap.events.counts import Change, increments
from endcap.observability import fault, logger, metrics, tracer
from endcap.profiles.erasure import ERASURE, erased
from endcap.profiles.ingest import ingest
from endcap.profiles.record import Record
from endcap.runtime import Runtime

runtime = Runtime(background=True)


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    with runtime.deadline.within(context):
        return _handle(event["Records"])


def _handle(batch: list[dict[str, Any]]) -> dict[str, Any]:
    kinesis = any(record.get("eventSource") == "aws:kinesis" for record in batch)
    records = [_record(raw, _kinesis_record if kinesis else _sqs_record) for raw in batch]
    asking = set() if kinesis else _erasures(batch)
    records, unerased = erased(records, asking, runtime.profiles, runtime.erasures.put)
    outcome = ingest(
        records,
        "kinesis" if kinesis else "sqs",
        runtime.settings.event_types,
        runtime.profiles,
        runtime.archive,
        runtime.quarantine,
        runtime.encode_text,
        runtime.deadline,
        runtime.erasures,
        runtime.settings.excluded_users,
    )
    _count(outcome.counted)
    failed = {**outcome.failed, **unerased}
    if not kinesis:
        _put_off(batch, failed)
    metrics.add_metric("EventsApplied", MetricUnit.Count, outcome.applied)
    metrics.add_metric("EventsUnwanted", MetricUnit.Count, outcome.unwanted)
    metrics.add_metric("EventsQuarantined", MetricUnit.Count, outcome.quarantined)
    metrics.add_metric("EventsErased", MetricUnit.Count, outcome.erased)
    if outcome.warned:
        metrics.add_metric("FieldsLeftOut", MetricUnit.Count, outcome.warned)
    metrics.add_metric("RecordsFailed", MetricUnit.Count, len(failed))
    for exc in failed.values():
        reason = str(exc) if isinstance(exc, EndcapError) else type(exc).__name__
        logger.warning("record failed and will be delivered again", extra={"error": reason})
    return {"batchItemFailures": [{"itemIdentifier": record_id} for record_id in failed]}


def _count(changes: Sequence[Change]) -> None:
    try:
        now_ms = int(time.time() * 1000)
        counted = list(increments(changes, now_ms))
        if counted:
            runtime.deadline.check()
            runtime.counters.add(counted, now_ms)
    except Exception as exc:  # counts are approximate: a profile is worth more than they are
        fault("events not counted", exc)
        metrics.add_metric("CountsLost", MetricUnit.Count, 1)


def _put_off(batch: Sequence[dict[str, Any]], failed: Mapping[str, Exception]) -> None:
    try:
        messages = [
            FailedMessage(
                raw["eventSourceARN"],
                raw["receiptHandle"],
                int(raw["attributes"]["ApproximateReceiveCount"]),
                isinstance(failed[raw["messageId"]], DeadlineError),
            )
            for raw in batch
            if raw.get("messageId") in failed
        ]
        runtime.redelivery.put_off(messages)
    except Exception as exc:  # they come again all the same, when the queue's own time is over
        fault("messages not put off", exc)


def _erasures(batch: Sequence[Mapping[str, Any]]) -> set[str]:
    """Ids of the records that ask for an erasure: on the events queue (by account and name), with the attribute."""
    own = runtime.settings.events_queue_url.split("/")[-2:]
    of_queue = (r for r in batch if str(r.get("eventSourceARN", "")).split(":")[-2:] == own)
    kinds = {r.get("messageId", ""): (r.get("messageAttributes") or {}).get(KIND) or {} for r in of_queue}
    return {record_id for record_id, kind in kinds.items() if kind.get("stringValue") == ERASURE}


def _record(raw: dict[str, Any], unpacked: Callable[[dict[str, Any]], Record]) -> Record:
    try:
        return unpacked(raw)
    except Exception:  # as it came it is no event either, and so goes to quarantine
        record_id = raw.get("messageId") or raw.get("kinesis", {}).get("sequenceNumber") or ""
        return Record(record_id, json.dumps(raw).encode(), int(time.time() * 1000))


def _sqs_record(raw: dict[str, Any]) -> Record:
    record = SQSRecord(raw)
    arrival_ms = int(record.attributes.sent_timestamp or 0)
    body = record.body.encode("utf-8", "surrogatepass")
    seen = ((raw.get("messageAttributes") or {}).get(FIRST_SEEN) or {}).get("stringValue") or ""
    first_seen_ms = int(seen) if seen.isascii() and seen.isdigit() and len(seen) < 16 else None
    return Record(record.message_id, body, arrival_ms, first_seen_ms)


def _kinesis_record(raw: dict[str, Any]) -> Record:
    record = KinesisStreamRecord(raw)
    arrival_ms = int(record.kinesis.approximate_arrival_timestamp * 1000)
    return Record(record.kinesis.sequence_number, record.kinesis.data_as_bytes(), arrival_ms)
