"""Checks snapshots, signs them, and makes them the current one.

Trigger: the rebuild's state machine, or by hand, with one of
    {"version": "...", "force"?: "why"}                    make it current
    {"version": "...", "approve": true, "force"?: "why"}   sign it for an experiment; what is current stays
    {"rollback": true, "version"?: "..."}                 make the one before current, or an earlier one
Guarantee: only a verified snapshot that passes the gates is signed and becomes current, and none that was built before
the current one but by a rollback; a refusal leaves the last one in place, and is noted for whoever asked.
Retry: safe; promoting the current version again only embeds what is still missing. A rollback that is tried again goes
one further back, unless it names its version.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from endcap.errors import InvalidRequestError
from endcap.observability import logger, metrics, tracer
from endcap.runtime import Runtime
from endcap.settings import SettingsError
from endcap.snapshot.candidate import force_of
from endcap.snapshot.promote import Promoted, approve, promote, rollback

runtime = Runtime(background=True)


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    version, back = event.get("version"), event.get("rollback") is True
    if version is None and back:
        version = ""
    elif not isinstance(version, str) or not version:
        raise InvalidRequestError("the event must name a snapshot's version")
    force = force_of(event.get("force"))
    with runtime.deadline.within(context):
        if event.get("approve") is True:
            return _approved(version, force=force)
        with runtime.refusals.noting("rollback" if back else "promote", version):
            promoted = _promoted(version, back=back, force=force)
    metrics.add_metric("SnapshotsPromoted", MetricUnit.Count, 1)
    return {name: value for name, value in asdict(promoted).items() if name != "forced" or value is not None}


def _promoted(version: str, *, back: bool, force: str | None) -> Promoted:
    snapshots, signer = runtime.snapshots, runtime.signing_key
    if back:
        return rollback(snapshots, runtime.items, to=version or None, signer=signer)
    return promote(
        version,
        snapshots,
        runtime.items,
        force=force,
        signer=signer,
        storage_mb=runtime.settings.snapshot_storage_mb,
    )


def _approved(version: str, *, force: str | None) -> dict[str, Any]:
    if runtime.signing_key is None:
        raise SettingsError("environment variable SNAPSHOT_KEY is not set")
    signature = approve(
        version,
        runtime.snapshots,
        runtime.signing_key,
        force=force,
        storage_mb=runtime.settings.snapshot_storage_mb,
    )
    return {"version": version, "manifest_sha256": signature.manifest_sha256, "key_id": signature.key_id}
