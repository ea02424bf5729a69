"""Takes what was erased out of every store that keeps records, then puts small files of the archive together.

Trigger: a schedule; by hand `{"begin": true}` begins a round at once, whatever is due.
Guarantee: what the ledger of erasures names is in no store any more by the time that its receipt says so.
Retry: safe; a run goes on where the one before ended, and what is removed already is not counted again. Files are put
together only between two rounds of the purge, so that none is written behind where a round stands.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from endcap.erasure.purge import purge
from endcap.errors import EndcapError
from endcap.observability import logger, metrics, tracer
from endcap.runtime import Runtime

runtime = Runtime(background=True)


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    with runtime.deadline.within(context):
        now_ms = int(time.time() * 1000)
        try:
            report = purge(
                runtime.purged_places,
                runtime.erasures,
                now_ms,
                runtime.settings.erasure_days,
                runtime.deadline,
                begin=event.get("begin") is True,
            )
            today = datetime.fromtimestamp(now_ms / 1000, UTC).date()
            between = report["status"] != "unfinished"
            compacted = runtime.archive_files.compact(today, runtime.deadline) if between else {}
        except EndcapError as exc:
            raise exc from None  # what a service said of it may repeat keys, and would be logged and traced
    for name in ("pending", "late", "unreadable"):
        metrics.add_metric(f"Erasures{name.title()}", MetricUnit.Count, report[name])
    logger.info("purge", extra={**report, "compacted": compacted})
    return {**report, "compacted": compacted}
