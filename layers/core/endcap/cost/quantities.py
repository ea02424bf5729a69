"""How much of each service a month takes: every line of the bill before its price.

Provisioned concurrency, SnapStart, more than 512 MB of /tmp, customer-managed keys and the storefront's own streams are
left out: they are off by default.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from endcap.cost.month import MONTH_S, Assumptions, Deployment, Usage
from endcap.cost.rebuilds import FREE_STORAGE_MB, LAMBDA_MB, LambdaLimits, RebuildSize, RebuildWay, way_of
from endcap.events.counts import LEVELS, NOTE_SHARDS
from endcap.live.catalogue import POLL_S

GB: Final = 1_000_000_000  # as transfers are billed; storage is billed by GiB, which is 7 % kinder
FIREHOSE_BYTES: Final = 5 * 1024
"""A record is billed as a multiple of this: https://aws.amazon.com/firehose/pricing/"""
READ_BYTES, WRITE_BYTES = 4096, 1024
EXPOSURES_BUFFER_S: Final = 300  # BufferingHints of the template
ROUTE_METRICS: Final = 6
"""Of each route that is called: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-metrics.html"""
OPTIONAL: Final = frozenset({"receive_webhook", "load_file"})
RESULT_LISTINGS: Final = 8
"""Of three days in two folders, a day of a busy shop in two pages."""
ITEM_SHARDS: Final = 8  # of the index of changed items; one query each


def quantities(usage: Usage, deployment: Deployment, a: Assumptions) -> Iterator[tuple[str, str, float, str]]:
    """Service, what, how much, and the name of its price."""
    collects = math.ceil(usage.events / a.events_per_call)
    batches = collects  # with a batch window of 0 a batch is a message wherever traffic is not dense
    # Each copy of update_profile keeps to one shard of notes, and those of a shard are folded together.
    shards = min(NOTE_SHARDS, max(1, math.ceil(batches / MONTH_S * a.update_ms / 1000)))
    folds = min(batches, shards * MONTH_S / max(1.0, deployment.live_counts_s))
    summaries = min(usage.requests, MONTH_S / EXPOSURES_BUFFER_S)  # one for each file of exposures
    calls = {
        "collect": (collects, a.collect_ms),
        "update_profile": (batches, a.update_ms),
        "recommend": (usage.requests, a.recommend_ms),
        "manage_items": (usage.item_changes, a.other_ms),
        "embed_item": (usage.item_changes, a.other_ms),
        "promote": (usage.rebuilds, 30_000.0),
        "fold_counts": (folds, a.fold_ms),
        "summarise_results": (summaries, a.summary_ms),
        "purge_erased": (a.purge_runs, a.purge_ms),
    }
    compacting_ms = usage.events * a.event_bytes / a.compacted_bytes_s * 1000
    # Of functions that are there where they are asked for; a run of load_file works for two minutes and a half.
    calls |= {"receive_webhook": (usage.webhooks, a.other_ms)} if usage.webhooks else {}
    runs = math.ceil(usage.file_rows * a.row_ms / 150_000)
    calls |= {"load_file": (runs, usage.file_rows * a.row_ms / runs)} if runs else {}
    invocations = sum(n for n, _ in calls.values())
    through_api = collects + usage.requests + usage.item_changes + usage.webhooks

    yield "API Gateway", "requests", through_api, "http_api_requests"
    yield "API Gateway", "answers to the internet", usage.requests * a.answer_bytes / GB, "data_out"

    yield "Lambda", "requests", invocations, "lambda_requests"
    for name, (n, ms) in calls.items():
        seconds = n * (ms + a.cold_share * a.cold_ms) / 1000
        seconds += compacting_ms / 1000 if name == "purge_erased" else 0.0
        memory_mb = deployment.memory_mb.get(name, 1024) if name in OPTIONAL else deployment.memory_mb[name]
        yield "Lambda", name, seconds * memory_mb / 1024, f"lambda_{deployment.architecture}"

    # Sparse requests each find the last poll to be too old; dense ones share a poll every two seconds.
    environments = max(1, math.ceil(usage.requests / MONTH_S * a.recommend_ms / 1000))
    polls = min(usage.requests, environments * MONTH_S / POLL_S)
    profile_writes = math.ceil(a.profile_bytes / WRITE_BYTES)
    item_writes = 2 * 2 * math.ceil(a.item_bytes / WRITE_BYTES)  # the row, then its vector; table and index
    read_units = math.ceil(a.profile_bytes / READ_BYTES)
    yield "DynamoDB", "profiles written", batches * profile_writes, "dynamodb_writes"
    yield "DynamoDB", "live counts noted", batches, "dynamodb_writes"
    yield "DynamoDB", "items written", usage.item_changes * item_writes, "dynamodb_writes"
    yield "DynamoDB", "profiles read", batches * read_units + usage.requests * read_units / 2, "dynamodb_reads"
    yield "DynamoDB", "erasures looked up", batches, "dynamodb_reads"
    yield "DynamoDB", "changed items looked for", polls * ITEM_SHARDS / 2, "dynamodb_reads"
    yield "DynamoDB", "products of webhooks", 2 * usage.webhooks, "dynamodb_writes"
    item_reads = math.ceil(a.item_bytes / READ_BYTES) / 2
    yield "DynamoDB", "items compared with files", usage.file_rows * item_reads, "dynamodb_reads"
    stored_gb = (usage.users * a.profile_bytes + usage.items * a.item_bytes) / GB
    yield "DynamoDB", "storage", stored_gb, "dynamodb_storage"
    yield "DynamoDB", "point-in-time recovery", stored_gb, "dynamodb_recovery"

    yield "SQS", "sent and deleted", 2 * batches, "sqs_requests"
    yield "SQS", "received, empty calls too", max(a.idle_polls, batches), "sqs_requests"
    yield "SQS", "the inbox of files", a.idle_polls if "load_file" in deployment.memory_mb else 0, "sqs_requests"

    firehose_gb = (_rounded(batches * 1.0, 300) + _rounded(usage.requests, 2_500)) / GB
    yield "Firehose", "events and exposures", firehose_gb, "firehose"

    archived = min(batches, MONTH_S / deployment.archive_buffer_s)
    objects = archived + min(usage.requests, MONTH_S / EXPOSURES_BUFFER_S)
    snapshot = a.snapshot_bytes + usage.items * a.snapshot_item_bytes
    kept = (
        a.months * usage.events * a.event_bytes
        + 3 * usage.requests * a.exposure_bytes  # ExposureRetentionDays 90
        + max(1, a.months * usage.rebuilds) * snapshot
    )
    texts = min(batches * a.text_share, MONTH_S / POLL_S)
    yield "S3", f"storage after {a.months} months", kept / GB, "s3_storage"
    yield "S3", "objects written", objects + 50 * usage.rebuilds, "s3_writes"
    yield "S3", "live counts folded", len(LEVELS) * folds, "s3_writes"
    # The book, two parts with open lists, a day in two forms, how far they go.
    yield "S3", "results written", 6 * summaries, "s3_writes"
    yield "S3", "archive listed for results", summaries * RESULT_LISTINGS, "s3_writes"  # a LIST is as dear as a PUT
    yield "S3", "archive read for results", objects, "s3_reads"
    days = 30 if archived > 30 else 0  # each becomes one file: two notes, the file, three listings
    yield "S3", "archive put together", a.purge_runs + 6 * days, "s3_writes"
    yield "S3", "archive read to be put together", a.purge_runs + archived * bool(days), "s3_reads"
    yield "S3", "pointer and scenarios looked at", 2 * polls + texts, "s3_reads"
    looks = min(a.trend_share * usage.requests, environments * MONTH_S / max(1.0, deployment.live_counts_s))
    yield "S3", "live counts looked at, by folds too", len(LEVELS) * (folds + looks), "s3_reads"

    quiet = ("collect", "manage_items")  # the functions without SystemLogLevel INFO
    reported = invocations - sum(calls[name][0] for name in quiet) - usage.webhooks
    logs_gb = ((invocations + through_api) * a.log_bytes + reported * a.report_bytes) / GB
    busy = 1 if usage.events or usage.requests or usage.item_changes else 0
    yield "CloudWatch", "logs taken in", logs_gb, "logs_ingested"
    yield "CloudWatch", "logs kept 30 days", 0.15 * logs_gb, "logs_stored"  # kept compressed
    yield "CloudWatch", "metrics", busy * (a.metrics + ROUTE_METRICS * deployment.routes), "metrics"
    yield "CloudWatch", "alarms", deployment.alarms, "alarms"
    yield "CloudWatch", "dashboards", deployment.dashboards, "dashboards"
    yield "Secrets Manager", "keys of pseudonyms", deployment.secrets, "secrets"
    # Each environment of those that write records reads them once, and again each hour.
    starts = a.cold_share * (batches + usage.requests) if deployment.secrets else 0.0
    yield "Secrets Manager", "keys read", starts + 2 * busy * MONTH_S / 3600 * bool(deployment.secrets), "secret_reads"
    yield "X-Ray", "traces", traced(invocations) if deployment.traces else 0.0, "traces"

    starts = a.cold_share * sum(calls[name][0] for name in ("update_profile", "recommend", "embed_item"))
    looked_at = starts + usage.rebuilds * (environments + 1)
    yield "KMS", "the key of snapshots", deployment.keys, "kms_keys"
    yield "KMS", "signatures looked at", looked_at if deployment.keys else 0.0, "kms_signatures"

    yield from _rebuilds(usage, deployment, a)


def rebuild_way(usage: Usage, deployment: Deployment, assumed: Assumptions | None = None) -> RebuildWay:
    """Where a rebuild of this shop runs once the archive has gathered its months, and its billed seconds."""
    a = assumed or Assumptions()
    if deployment.rebuild_image:
        return RebuildWay("image", 3600 * a.rebuild_hours)
    events = a.months * usage.events
    stored_mb = (events * a.event_bytes + usage.items * a.item_bytes + usage.users * a.profile_bytes) / 1e6
    # Of a month; older ones may be put together.
    files = min(usage.events / a.events_per_call, MONTH_S / deployment.archive_buffer_s)
    new_texts = math.ceil(usage.item_changes / 30)  # of a day
    size = RebuildSize(usage.items, math.ceil(events), new_texts, math.ceil(files), stored_mb)
    return way_of(size, LambdaLimits(deployment.rebuild_mb))


def traced(calls: float) -> float:
    """Calls of a month that X-Ray's default rule records: the first of each second, and a twentieth of the rest.

    Calls that come evenly and independently leave a second empty with probability exp(-calls / second).
    """
    firsts = MONTH_S * -math.expm1(-calls / MONTH_S)
    return firsts + 0.05 * (calls - firsts)


def _rebuilds(usage: Usage, deployment: Deployment, a: Assumptions) -> Iterator[tuple[str, str, float, str]]:
    """What rebuilds are billed, by the way that they go."""
    way = rebuild_way(usage, deployment, a)
    seconds = usage.rebuilds * way.seconds
    if way.way == "lambda":
        yield "Lambda", "rebuild_snapshot", seconds * deployment.rebuild_mb / 1024, f"lambda_{deployment.architecture}"
        yield "Lambda", "disk of rebuilds", seconds * (LAMBDA_MB - FREE_STORAGE_MB) / 1024, "lambda_storage"
    hours = {"sagemaker": "rebuild_cpu_hours", "image": "rebuild_hours"}.get(way.way)
    yield "SageMaker", "rebuilds", seconds / 3600 if hours else 0.0, hours or "rebuild_cpu_hours"


def _rounded(records: float, record_bytes: int) -> float:
    """Bytes that Firehose bills for records of one size."""
    return records * FIREHOSE_BYTES * math.ceil(record_bytes / FIREHOSE_BYTES)
