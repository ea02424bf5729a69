"""What shoppers may see, say and erase about themselves.

Trigger: PUT and DELETE /users/{user_id}, GET /users/{user_id}/profile and /users/{user_id}/export.
Guarantee: after DELETE nothing from before is stored, and events from before, however late, are not stored again.
Retry: safe; the latest of two writes wins by its timestamp.
"""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from endcap.api.http import http_app, json_answer, json_body, path_id, resolve
from endcap.api.language import language_asked
from endcap.catalog.item import Item
from endcap.errors import NotFoundError
from endcap.observability import logger, metrics, tracer
from endcap.profiles.attributes import stated
from endcap.profiles.identity import delete_user
from endcap.profiles.profile import EMPTY_PROFILE, is_forgotten
from endcap.profiles.summary.describe import MAX_ITEMS, counts, describe, export, item_weights
from endcap.runtime import Runtime

app = http_app()
runtime = Runtime()


def _now_ms() -> int:
    return int(time.time() * 1000)


@app.put("/users/<user_id>")
def put_user(user_id: str) -> Response[str]:
    user_id = path_id(user_id)
    runtime.profiles.update(user_id, stated(json_body(app.current_event), _now_ms()))
    return json_answer({"user_id": user_id, "profile_version": runtime.profiles.get(user_id, consistent=True).version})


@app.get("/users/<user_id>/profile")
def get_profile(user_id: str) -> Response[str]:
    user_id, now_ms = path_id(user_id), _now_ms()
    language = language_asked(app.current_event)
    stored = runtime.profiles.get(user_id, consistent=True)
    if is_forgotten(stored.profile):
        raise NotFoundError("nothing is stored about this user")
    weights = item_weights(stored.profile, now_ms, runtime.settings.event_types)
    items = _items([*list(weights)[:MAX_ITEMS], *(e.item_id for e in stored.profile.interactions[:MAX_ITEMS])])
    body = describe(stored.profile, items, weights, now_ms, runtime.settings.event_types, language)
    return json_answer({"user_id": user_id, "profile_version": stored.version, **body})


def _items(item_ids: list[str]) -> dict[str, Item]:
    """The items of these ids that are there; none while the table does not answer, as titles are no reason to fail."""
    try:
        rows = runtime.items.many(item_ids)
    except Exception as exc:
        logger.warning("items not readable", extra={"error": type(exc).__name__})
        return {}
    return {item_id: row.item for item_id, row in rows.items() if row is not None and row.item is not None}


@app.get("/users/<user_id>/export")
def get_export(user_id: str) -> Response[str]:
    user_id = path_id(user_id)
    stored = runtime.profiles.get(user_id, consistent=True)
    if stored.profile == EMPTY_PROFILE:
        raise NotFoundError("nothing is stored about this user")
    return json_answer({"user_id": user_id, "profile_version": stored.version, **export(stored.profile)})


@app.delete("/users/<user_id>")
def delete(user_id: str) -> Response[str]:
    user_id, at_ms = path_id(user_id), _now_ms()
    before, after = delete_user(user_id, at_ms, runtime.profiles)
    metrics.add_metric("UsersDeleted", MetricUnit.Count, 1)
    receipt = {"user_id": user_id, "deleted_at": at_ms, "removed": counts(before), "remaining": counts(after)}
    return json_answer(receipt, HTTPStatus.OK)


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return resolve(app, event, context)
