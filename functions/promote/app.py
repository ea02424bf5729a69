"""Makes a snapshot the current one.

Trigger: the rebuild's state machine, or by hand, with {"version": "...", "force"?: "why"}.
Guarantee: only a verified snapshot that passes the gates becomes current; a refusal leaves the last one in place.
Retry: safe; promoting the current version again only embeds what is still missing.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from endcap.errors import InvalidRequestError
from endcap.observability import logger, metrics, tracer
from endcap.runtime import Runtime
from endcap.snapshot.promote import force_of, promote

runtime = Runtime(background=True)


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    version = event.get("version")
    if not isinstance(version, str) or not version:
        raise InvalidRequestError("the event must name a snapshot's version")
    force = force_of(event.get("force"))
    with runtime.deadline.within(context):
        promoted = promote(version, runtime.snapshots, runtime.items, force=force)
    metrics.add_metric("SnapshotsPromoted", MetricUnit.Count, 1)
    return {name: value for name, value in asdict(promoted).items() if name != "forced" or value is not None}
