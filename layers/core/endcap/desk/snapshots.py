"""Snapshots listed, compared, made current and gone back from; rebuilds started."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from endcap.api.responses import answer
from endcap.aws.pointer import plain_name
from endcap.aws.snapshots import SnapshotBucket
from endcap.desk.changes import noted
from endcap.errors import FieldError, InvalidRequestError, NotFoundError, SnapshotIntegrityError, UnderWayError
from endcap.index.overlay import Overlay
from endcap.live.catalogue import LiveCatalogue
from endcap.operator.schemas import Comparison, Promotion, Rollback
from endcap.recommend.pipeline import recommend
from endcap.runtime import Runtime
from endcap.serving.materials import Materials, current_snapshot, materials
from endcap.serving.records import PREVIEW
from endcap.serving.requests import request_parser
from endcap.snapshot.snapshot import Snapshot
from endcap.snapshot.verify import load_verified

MAX_TOLD: Final = 30
"""Of the bucket's snapshots, the newest: each takes two small reads."""
MAX_FAILURE_CHARS: Final = 500


def all_snapshots(runtime: Runtime) -> dict[str, Any]:
    """The snapshots, the newest first, and what is under way."""
    bucket = runtime.snapshots
    pointer = bucket.seen()
    current = pointer.version if pointer is not None and pointer.version else None
    previous = list(pointer.previous) if pointer is not None else []
    stored = sorted(bucket.stored(), key=lambda one: one.version, reverse=True)[:MAX_TOLD]
    told = []
    for one in stored:
        state = "current" if one.version == current else "previous" if one.version in previous else "other"
        entry: dict[str, Any] = {
            "version": one.version,
            "state": state if one.complete else "incomplete",
            "signed": False,
            "written_at": int(one.written_at.timestamp() * 1000),
            "metrics": {},
        }
        if one.version in previous:
            entry["rollbacks"] = previous.index(one.version) + 1
        told.append(entry | (_stated(runtime, one.version) if one.complete else {}))
    found: dict[str, Any] = {
        "current": current,
        "snapshots": told,
        "running": running_rebuilds(runtime),
    }
    if (failed := failed_rebuild(runtime)) is not None:
        found["failed"] = failed
    elif (rebuilt := _rebuilt(runtime)) is not None:
        found["rebuilt"] = rebuilt
    if (refused := refused_promotion(runtime)) is not None:
        found["refused"] = refused
    return found | ({"promoted_at": pointer.promoted_at} if pointer is not None and pointer.promoted_at else {})


def running_rebuilds(runtime: Runtime) -> list[dict[str, Any]]:
    """The rebuilds that have not ended: since when, and how far they have come.

    Raises
    ------
    ThrottledError, DependencyError
    """
    return [
        {"what": "rebuild", "name": one.name, "since": one.since_ms} | ({"step": one.step} if one.step else {})
        for one in runtime.rebuilds.running()
    ]


def failed_rebuild(runtime: Runtime) -> dict[str, Any] | None:
    """The latest rebuild, where it failed and nothing was made current since.

    Raises
    ------
    ThrottledError, DependencyError
    """
    ended = runtime.rebuilds.last_ended()
    if ended is None or not ended.failure:
        return None
    pointer = runtime.snapshots.seen()
    if pointer is not None and pointer.promoted_at:
        with suppress(ValueError):
            if datetime.fromisoformat(pointer.promoted_at).timestamp() * 1000 > ended.ended_ms:
                return None
    return {
        "what": "rebuild",
        "name": ended.name,
        "since": ended.began_ms,
        "ended": ended.ended_ms,
        "error": ended.failure[:MAX_FAILURE_CHARS],
    }


def _rebuilt(runtime: Runtime) -> dict[str, Any] | None:
    """The latest rebuild, where it came to its end: how long the next one may take.

    Raises
    ------
    ThrottledError, DependencyError
    """
    ended = runtime.rebuilds.last_ended()
    if ended is None or ended.failure:
        return None
    return {"what": "rebuild", "name": ended.name, "since": ended.began_ms, "ended": ended.ended_ms}


def refused_promotion(runtime: Runtime) -> dict[str, Any] | None:
    """The latest promotion or rollback that was refused, unless a rebuild that failed by it tells so already.

    Raises
    ------
    ThrottledError, DependencyError
    """
    refusal = runtime.refusals.latest()
    if refusal is None:
        return None
    failed = failed_rebuild(runtime)
    if failed is not None and failed["since"] <= refusal.at_ms <= failed["ended"]:
        return None
    return {"what": refusal.what, "version": refusal.version, "at": refusal.at_ms, "error": refusal.error}


def _stated(runtime: Runtime, version: str) -> dict[str, Any]:
    """What a snapshot's manifest says, as far as it can be read."""
    try:
        manifest = runtime.snapshots.manifest(version)
        signed = runtime.snapshots.signature(version) is not None
    except (SnapshotIntegrityError, NotFoundError):
        return {"state": "incomplete"}
    files, counts = manifest.get("files") or {}, manifest.get("counts") or {}
    sizes = [entry.get("bytes", 0) for entry in files.values() if isinstance(entry, Mapping)]
    found = {
        "created": manifest.get("created"),
        "items": counts.get("items"),
        "events": counts.get("events"),
        "parent": manifest.get("parent_version"),
        "encoder": _name(manifest.get("encoder")),
    }
    told = {name: value for name, value in found.items() if value is not None}
    return told | {"signed": signed, "size_bytes": sum(sizes), "metrics": manifest.get("metrics") or {}}


def _name(encoder: object) -> str | None:
    name = encoder.get("name") if isinstance(encoder, Mapping) else encoder
    return name if isinstance(name, str) else None


def promote(runtime: Runtime, who: str, version: str, given: Promotion) -> dict[str, Any]:
    """Have a snapshot made the current one.

    Raises
    ------
    NotFoundError : there is no such snapshot
    NotConfiguredError : this stack can't promote from here
    """
    _stored(runtime.snapshots, version)
    event = {"version": version, **({"force": given.force} if given.force else {})}
    with noted(runtime, who, "promote", version, _current(runtime), event):
        runtime.promotions.start(event)
    return {"status": "started", "what": "promote", "version": version}


def roll_back(runtime: Runtime, who: str, given: Rollback) -> dict[str, Any]:
    """Have an earlier snapshot made the current one.

    Raises
    ------
    NotFoundError : there is none before the current one, or not this one
    NotConfiguredError : this stack can't promote from here
    """
    pointer = runtime.snapshots.seen()
    previous = pointer.previous if pointer is not None else ()
    if not previous or (given.version is not None and given.version not in previous):
        raise NotFoundError("there is no earlier snapshot to go back to" + (" of this version" if previous else ""))
    version = given.version or previous[0]
    with noted(runtime, who, "rollback", version, _current(runtime), version):
        runtime.promotions.start({"rollback": True, "version": version})
    return {"status": "started", "what": "rollback", "version": version}


def start_rebuild(runtime: Runtime, who: str) -> dict[str, Any]:
    """Start a rebuild.

    Raises
    ------
    NotConfiguredError : the stack has no rebuild of its own
    UnderWayError : one is under way
    """
    if runtime.rebuilds.running():
        raise UnderWayError("a rebuild is under way")
    name = f"studio-{int(time.time())}"
    with noted(runtime, who, "rebuild", name):
        runtime.rebuilds.start(name)
    return {"status": "started", "what": "rebuild", "name": name}


def compare(runtime: Runtime, version: str, given: Comparison) -> dict[str, Any]:
    """Lists of a snapshot beside those of the current one, for the same shoppers at the same moment.

    Raises
    ------
    NotFoundError : there is no such snapshot
    InvalidRequestError : it is not signed, and only signed ones are loaded
    SnapshotIntegrityError : it can't be used
    """
    current = current_snapshot(runtime)
    other = current if version == current.version else _loaded(runtime, version)
    over = LiveCatalogue(runtime.items, runtime.waiting.clock, runtime.waiting).over(other)
    whose: Sequence[str | None] = given.user_ids or (None,)
    shoppers = [_compared(runtime, user_id, given, over) for user_id in whose]
    return {
        "current": current.version,
        "other": version,
        "shoppers": shoppers,
        "overlap": sum(one["overlap"] for one in shoppers) / len(shoppers),
        "metrics": {"current": _metrics(current), "other": _metrics(other)},
    }


def _loaded(runtime: Runtime, version: str) -> Snapshot:
    bucket, trust = runtime.snapshots.apart("compared"), runtime.trust
    _stored(bucket, version)
    signature = bucket.signature(version) if trust.signs else None
    try:
        trust.check(version, signature)
    except SnapshotIntegrityError as exc:
        message = "is not signed; endcap snapshot approve checks and signs a snapshot without making it current"
        raise InvalidRequestError([FieldError(field="path", message=message)]) from exc
    return load_verified(bucket.download(version, None, signature.manifest_sha256 if signature else None))


def _stored(bucket: SnapshotBucket, version: str) -> None:
    """Make sure that there is such a snapshot.

    Raises
    ------
    NotFoundError : there is none, or it can't be the name of one
    """
    try:
        plain_name(version)
    except SnapshotIntegrityError as exc:
        raise NotFoundError("no snapshot has this name") from exc
    bucket.manifest(version)


def _compared(runtime: Runtime, user_id: str | None, given: Comparison, over: Overlay) -> dict[str, Any]:
    body: dict[str, Any] = {"limit": given.limit, "fields": ["title", "image_url", "price", "currency"]}
    body |= {"user_id": user_id} if user_id is not None else {}
    body |= {"scenario": given.scenario} if given.scenario is not None else {}
    asked = request_parser(runtime).body(body)
    by, to_staff = materials(runtime, asked), replace(asked.request, audience="staff")

    def listed(snapshot: Snapshot, overlay: Overlay) -> dict[str, Any]:
        event_types = runtime.settings.event_types
        found = recommend(snapshot, by.stored.profile, to_staff, by.now_ms, overlay, event_types, by.live)
        return answer(found, f"{PREVIEW}{snapshot.version}", _version(by))

    lists = listed(by.snapshot, by.overlay), listed(over.snapshot, over)
    ids = [{item["item_id"] for item in one["items"]} for one in lists]
    overlap = len(ids[0] & ids[1]) / max(1, *map(len, ids))
    whose = {"user_id": user_id} if user_id is not None else {}
    return {**whose, "current": lists[0], "other": lists[1], "overlap": overlap}


def _version(by: Materials) -> int:
    return by.stored.version


def _metrics(snapshot: Snapshot) -> dict[str, Any]:
    return dict(snapshot.manifest.get("metrics") or {})


def _current(runtime: Runtime) -> str | None:
    pointer = runtime.snapshots.seen()
    return pointer.version if pointer is not None else None
