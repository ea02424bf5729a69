"""Takes events in over HTTP and puts them on the queue.

Trigger: POST /events (events of Endcap, GA4, Segment, CloudEvents), POST /personalize/events, GET /openapi.json, and
every path that no other function answers.
Guarantee: an event listed as accepted is on the queue; one that is not is listed with the reason. What was left out of
an accepted one, and items that the catalogue lacks, stand in `warnings`.
Retry: an event that carries an id, or a time to make one from with its content, keeps it: sent twice, it counts once.
"""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from endcap.api.http import http_app, json_answer, json_body, problem, resolve
from endcap.api.openapi import openapi_document
from endcap.api.personalize import aws_error_shape, put_events
from endcap.api.routes import allowed_methods
from endcap.errors import DependencyError
from endcap.events.collect import collect
from endcap.events.formats.cloudevents import structured
from endcap.events.interaction import interaction_document
from endcap.leniency import with_warnings
from endcap.observability import logger, metrics, tracer
from endcap.runtime import Runtime

app = http_app()
runtime = Runtime()


@app.post("/events")
def post_events() -> Response[str]:
    body, now_ms = structured(app.current_event.headers, json_body(app.current_event)), int(time.time() * 1000)
    outcome = collect(body, now_ms, runtime.settings.event_types, runtime.queue, runtime.known_items.unknown)
    metrics.add_metric("EventsAccepted", MetricUnit.Count, outcome.accepted)
    metrics.add_metric("EventsRejected", MetricUnit.Count, len(outcome.rejected))
    if outcome.accepted or not outcome.rejected:
        answer = {"accepted": outcome.accepted, "rejected": outcome.rejected}
        answer |= {"ignored": outcome.ignored} if outcome.ignored else {}
        return json_answer(with_warnings(answer, outcome.warnings), HTTPStatus.ACCEPTED)
    if any(r["retryable"] for r in outcome.rejected):
        return problem(HTTPStatus.SERVICE_UNAVAILABLE, "no event could be queued", rejected=outcome.rejected)
    return problem(HTTPStatus.BAD_REQUEST, "no event is usable", rejected=outcome.rejected)


@app.post("/personalize/events")
@aws_error_shape
def post_personalize_events() -> Response[str]:
    body = json_body(app.current_event)
    interactions = put_events(body, int(time.time() * 1000), runtime.settings.event_types)
    if runtime.queue.send([interaction_document(interaction) for interaction in interactions]):
        raise DependencyError("the queue did not take the events")
    metrics.add_metric("EventsAccepted", MetricUnit.Count, len(interactions))
    return Response(status_code=HTTPStatus.OK.value)


@app.get("/openapi.json")
def get_openapi() -> Response[str]:
    return Response(status_code=HTTPStatus.OK.value, content_type="application/json", body=openapi_document())


@app.not_found
def no_route(_: Exception) -> Response[str]:
    path, method = app.current_event.path, app.current_event.http_method
    methods = allowed_methods(path)
    if methods and method not in methods:
        return problem(HTTPStatus.METHOD_NOT_ALLOWED, f"{method} is not among {methods}", allow=", ".join(methods))
    return problem(HTTPStatus.NOT_FOUND, "there is nothing at this path")


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    with runtime.deadline.within(context):
        return resolve(app, event, context, lambda sent: runtime.guard.admit(sent))
