"""What shoppers may see, say and erase about themselves.

Trigger: PUT and DELETE /users/{user_id}, GET /users/{user_id}/profile and /users/{user_id}/export.
Guarantee: after DELETE nothing from before is stored under the id, and events from before, however late, are not
stored again: the ledger of erasures knows of it before anything is erased. What many anonymous ids handed over is
erased under these in the background, and what other stores hold by the purge; receipts say how far that has come.
Where a store that DELETE needs is away, the queue of events takes the whole of it, and carries it out later.
Retry: safe; the latest of two writes wins by its timestamp.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from endcap.api.http import http_app, json_answer, json_body, path_user, resolve
from endcap.api.language import language_asked
from endcap.batch import retryable
from endcap.catalog.row import ItemRow, generated_tags
from endcap.desk.changes import noted, who
from endcap.erasure.inventory import elsewhere
from endcap.erasure.receipt import receipt
from endcap.errors import EndcapError, FieldError, InvalidRequestError, NotFoundError, StoredDataError
from endcap.identifiers import is_placeholder, named
from endcap.leniency import with_warnings
from endcap.observability import fault, logger, metrics, tracer
from endcap.profiles.attributes import stated
from endcap.profiles.erasure import ERASURE, Erased, Erasure, erase
from endcap.profiles.profile import EMPTY_PROFILE, is_forgotten
from endcap.profiles.summary.describe import (
    MAX_ITEMS,
    counts,
    describe,
    erasure_status,
    export,
    export_unreadable,
    item_weights,
)
from endcap.runtime import Runtime

app = http_app()
runtime = Runtime()


def _now_ms() -> int:
    return int(time.time() * 1000)


@app.put("/users/<user_id>")
def put_user(user_id: str) -> Response[str]:
    key = path_user(user_id)
    if is_placeholder(key):
        raise InvalidRequestError([FieldError(field="path", message=f"{key!r} is no id: it stands for none")])
    warnings: list[FieldError] = []
    statement = stated(json_body(app.current_event), _now_ms(), warnings)
    _, left_out = statement.state(key, runtime.profiles, _in_background)
    answer = {**named(key), "profile_version": runtime.profiles.get(key, consistent=True).version}
    return json_answer(with_warnings(answer | ({"not_stored": list(left_out)} if left_out else {}), warnings))


@app.get("/users/<user_id>/profile")
def get_profile(user_id: str) -> Response[str]:
    key, now_ms = path_user(user_id), _now_ms()
    language = language_asked(app.current_event)
    stored = runtime.profiles.get(key, consistent=True)
    if is_forgotten(stored.profile):
        raise NotFoundError("nothing is stored about this user")
    weights = item_weights(stored.profile, now_ms, runtime.settings.event_types)
    rows = _rows(
        [*list(weights)[:MAX_ITEMS], *(e.item_id for e in stored.profile.interactions[:MAX_ITEMS] if e.item_id)]
    )
    items = {item_id: row.item for item_id, row in rows.items() if row.item is not None}
    body = describe(stored.profile, items, weights, now_ms, runtime.settings.event_types, language, _tags(rows))
    return json_answer({**named(key), "profile_version": stored.version, **body})


def _rows(item_ids: list[str]) -> dict[str, ItemRow]:
    """The items of these ids that are there; none while the table does not answer, as titles are no reason to fail."""
    try:
        rows = runtime.items.many(item_ids)
    except Exception as exc:
        logger.warning("items not readable", extra={"error": type(exc).__name__})
        return {}
    return {item_id: row for item_id, row in rows.items() if row is not None and row.item is not None}


def _tags(rows: Mapping[str, ItemRow]) -> dict[str, tuple[str, ...]]:
    """The tags that a writer has given these items, where rankings go by tags; of an item's present text, if any."""
    if runtime.settings.profile_tags == "off":
        return {}
    try:
        tagged = runtime.tagged.get()
    except Exception as exc:  # no more a reason to fail than titles
        logger.warning("tags not readable", extra={"error": type(exc).__name__})
        return {}
    if tagged is None:
        return {}
    return {item_id: generated_tags(row.generated) or tagged.of(item_id) for item_id, row in rows.items()}


@app.get("/users/<user_id>/export")
def get_export(user_id: str) -> Response[str]:
    key = path_user(user_id)
    entry = runtime.erasures.entry(key)
    given = None if entry is None else receipt(entry, runtime.erasures.secret, runtime.settings.erasure_days)
    try:
        stored = runtime.profiles.get(key, consistent=True)
    except StoredDataError:
        row = runtime.profiles.raw(key) or {}
        return json_answer({**named(key), **export_unreadable(row, given), "elsewhere": elsewhere()})
    if stored.profile == EMPTY_PROFILE and entry is None:
        raise NotFoundError("nothing is stored about this user")
    body = export(stored.profile, given)
    return json_answer({**named(key), "profile_version": stored.version, **body, "elsewhere": elsewhere()})


@app.delete("/users/<user_id>")
def delete(user_id: str) -> Response[str]:
    key, at_ms = path_user(user_id), _now_ms()
    try:
        done = erase(key, at_ms, runtime.profiles, runtime.erasures.put, _in_background)
    except EndcapError as exc:
        if not retryable(exc):
            raise
        return _put_off(key, at_ms, exc)
    _note(key)
    metrics.add_metric("UsersDeleted", MetricUnit.Count, 1)
    body = {"deleted_at": at_ms, "removed": counts(done.before), "remaining": counts(done.after)}
    body |= erasure_status(done.after) | ({"unreadable": True} if done.unreadable else {})
    return json_answer({**named(key), **body, "receipt": _receipt(key, at_ms, done)}, HTTPStatus.OK)


def _put_off(key: str, at_ms: int, exc: EndcapError) -> Response[str]:
    """Leave the whole erasure to the queue, which keeps it until what it needs is there again.

    Raises
    ------
    ThrottledError, DependencyError : the queue is away as well
    """
    with runtime.deadline.saying_so():  # what has to be put off may have used up the time for calls
        _in_background(key, at_ms)
    logger.warning("erasure put off", extra={"error": str(exc)})
    metrics.add_metric("ErasuresPutOff", MetricUnit.Count, 1)
    _note(key)
    return json_answer({**named(key), "deleted_at": at_ms, "status": "accepted"}, HTTPStatus.ACCEPTED)


def _note(key: str) -> None:
    """Leave an audit record of an erasure, which stands without one."""
    try:
        caller = runtime.guard.caller(app.current_event.raw_event)
        with noted(runtime, who(caller), "erase", runtime.erasures.subject(key)):
            pass
    except EndcapError as exc:
        fault("audit record not written", exc)


def _receipt(key: str, at_ms: int, done: Erased) -> dict[str, Any] | None:
    """The receipt as it stands; None where it can't be read now, as what was asked for is done all the same."""
    removed = sum(counts(done.before).values()) - sum(counts(done.after).values())
    try:
        subject = runtime.erasures.subject(key)
        if removed > 0:
            runtime.erasures.count(subject, "profiles", removed, f"asked@{at_ms}")
        entry = runtime.erasures.entry(key)
    except EndcapError as exc:
        fault("receipt not written", exc)
        return None
    return None if entry is None else receipt(entry, runtime.erasures.secret, runtime.settings.erasure_days)


def _in_background(key: str, at_ms: int) -> None:
    runtime.queue.send_message(Erasure(key, at_ms).document(), ERASURE)


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    with runtime.deadline.within(context):
        return resolve(app, event, context, lambda sent: runtime.guard.admit(sent))
