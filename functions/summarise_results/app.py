"""Counts what lists have brought.

Trigger: EventBridge, when a file of `exposures/` is written; a shop where nothing is shown starts nothing.
Guarantee: each record counts once, whatever files are delivered twice and in whatever order they are read.
Retry: safe; of two runs at a time one writes, and the next run reads what the other has read.
"""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from endcap.errors import ConflictError
from endcap.observability import logger, metrics, tracer
from endcap.results.summarise import Summary, summarise
from endcap.runtime import Runtime

runtime = Runtime(background=True)


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    with runtime.deadline.within(context):
        done = _summarised(context)
    metrics.add_metric("ResultFilesCounted", MetricUnit.Count, done.entered)
    metrics.add_metric("ResultFilesLeft", MetricUnit.Count, done.left)
    return asdict(done)


def _summarised(context: LambdaContext) -> Summary:
    whole_ms = context.get_remaining_time_in_millis()

    def goes_on() -> bool:
        return context.get_remaining_time_in_millis() > whole_ms / 2

    try:
        return summarise(runtime.results, int(time.time() * 1000), goes_on=goes_on)
    except ConflictError:  # another run was faster; what it has not read the next one does
        return Summary(0, 0, 0)
