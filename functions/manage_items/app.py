"""Keeps the catalogue.

Trigger: PUT, PATCH, GET and DELETE /items/{item_id}, POST /items with up to 500 items.
Guarantee: what is answered as stored is rankable within seconds; what changes nothing touches nothing. What was left
out of it stands in `warnings`.
Retry: safe, a PUT replaces the whole item, and a PATCH what it names of it.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from endcap.api.http import http_app, json_answer, json_body, path_id, problem, resolve
from endcap.catalog.bulk import apply_bulk, named_item, put
from endcap.catalog.item import item_document
from endcap.catalog.patch import item_patch
from endcap.errors import FieldError, NotFoundError
from endcap.leniency import with_warnings
from endcap.observability import logger, metrics, tracer
from endcap.runtime import Runtime

app = http_app()
runtime = Runtime(patient=True)


@app.put("/items/<item_id>")
def put_item(item_id: str) -> Response[str]:
    warnings: list[FieldError] = []
    item = named_item(path_id(item_id), json_body(app.current_event), warnings)
    changed = put(item, runtime.items)
    metrics.add_metric("ItemsChanged", MetricUnit.Count, changed)
    return json_answer(with_warnings({"item_id": item.item_id, "changed": changed}, warnings))


@app.patch("/items/<item_id>")
def patch_item(item_id: str) -> Response[str]:
    warnings: list[FieldError] = []
    named = path_id(item_id)
    outcome = runtime.items.change(named, item_patch(named, json_body(app.current_event), warnings))
    if outcome is None:
        raise NotFoundError("there is no such item")
    item, changed = outcome
    metrics.add_metric("ItemsChanged", MetricUnit.Count, changed)
    return json_answer(with_warnings({"item_id": item.item_id, "changed": changed}, warnings))


@app.get("/items/<item_id>")
def get_item(item_id: str) -> Response[str]:
    item = runtime.items.get(path_id(item_id))
    if item is None:
        raise NotFoundError("there is no such item")
    return json_answer(item_document(item))


@app.delete("/items/<item_id>")
def delete_item(item_id: str) -> Response[str]:
    if not runtime.items.delete(path_id(item_id)):
        raise NotFoundError("there is no such item")
    return Response(status_code=HTTPStatus.NO_CONTENT.value)


@app.post("/items")
def post_items() -> Response[str]:
    outcome = apply_bulk(json_body(app.current_event), runtime.items, runtime.deadline)
    metrics.add_metric("ItemsChanged", MetricUnit.Count, outcome.changed)
    if outcome.accepted:
        body = {"accepted": outcome.accepted, "changed": outcome.changed, "rejected": outcome.rejected}
        return json_answer(with_warnings(body, outcome.warnings))
    if any(r["retryable"] for r in outcome.rejected):
        return problem(HTTPStatus.SERVICE_UNAVAILABLE, "no item could be stored", rejected=outcome.rejected)
    return problem(HTTPStatus.BAD_REQUEST, "no item is usable", rejected=outcome.rejected)


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    with runtime.deadline.within(context):
        return resolve(app, event, context, lambda sent: runtime.guard.admit(sent))
