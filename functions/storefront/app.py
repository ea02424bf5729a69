"""The storefront door: what shoppers' browsers may do by themselves, as themselves.

Trigger: POST /storefront/events, POST /storefront/recommendations, POST /storefront/conversations,
GET /storefront/search, GET /storefront/trending, GET /storefront/items/{item_id}/similar, and OPTIONS on any of them.
Guarantee: a request reads and writes the profile of the visitor whose token it brings, and no other, whatever else it
says; one of nobody (`Endcap-Visitor: none`, or a crawler's) reads and writes none, and no record is kept of its list.
Retry: safe; events that carry an id, or a time to make one from with their content, count once.
"""

from __future__ import annotations

import os
import time
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.shared.cookies import Cookie, SameSite
from aws_lambda_powertools.utilities.typing import LambdaContext

from endcap.api.http import gateway_answer, http_app, json_answer, json_body, path_id, problem, resolve
from endcap.api.parse import RequestParser
from endcap.api.resolved import ResolvedRequest
from endcap.api.routes import PREFLIGHT
from endcap.leniency import with_warnings
from endcap.observability import logger, metrics, tracer
from endcap.runtime import Runtime
from endcap.serving.answers import answers
from endcap.serving.requests import request_parser
from endcap.storefront import requests
from endcap.storefront.events import of_nobody, take
from endcap.storefront.tokens import VISIT_S
from endcap.storefront.visits import COOKIE, NOBODY, VISITOR_HEADER, Visit, forgets

MAX_BODY_BYTES = 32 * 1024
CACHED_S = 60  # how long a browser or a cache may go on showing a list that is nobody's in particular

app = http_app()
runtime = Runtime()


@app.post("/storefront/events")
def post_events() -> Response[str]:
    visit, secrets = _visit(), runtime.door.secrets
    body = json_body(app.current_event, MAX_BODY_BYTES)
    if visit is None:
        taken = of_nobody(body)
    else:
        now_ms, agent = int(time.time() * 1000), (app.current_event.headers or {}).get("user-agent")
        taken = take(body, visit, now_ms, runtime.settings.event_types, runtime.queue, secrets, agent)
    metrics.add_metric("EventsAccepted", MetricUnit.Count, taken.accepted)
    metrics.add_metric("EventsRejected", MetricUnit.Count, len(taken.rejected))
    if visit is not None and taken.accepted:
        told = with_warnings({"accepted": taken.accepted, "rejected": taken.rejected}, taken.warnings)
        return _told(told, visit.linked(secrets) if taken.identified else visit, HTTPStatus.ACCEPTED)
    if any(r["retryable"] for r in taken.rejected):
        return problem(HTTPStatus.SERVICE_UNAVAILABLE, "no event could be queued", rejected=taken.rejected)
    return problem(HTTPStatus.BAD_REQUEST, "no event is usable", rejected=taken.rejected)


@app.post("/storefront/recommendations")
def post_recommendations() -> Response[str]:
    return _answer(requests.recommendations(_parser(), json_body(app.current_event, MAX_BODY_BYTES)))


@app.post("/storefront/conversations")
def post_conversations() -> Response[str]:
    from endcap.storefront.conversations import conversation  # its models are read by the first request that wants them

    return _answer(conversation(_parser(), json_body(app.current_event, MAX_BODY_BYTES)))


@app.get("/storefront/search")
def search() -> Response[str]:
    return _answer(requests.search(_parser(), _parameters()))


@app.get("/storefront/items/<item_id>/similar")
def get_similar(item_id: str) -> Response[str]:
    named = path_id(item_id)
    return _answer(requests.similar(_parser(), named, _parameters()))


@app.get("/storefront/trending")
def trending() -> Response[str]:
    return _answer(requests.trending(_parser(), _parameters()))


def _visit() -> Visit | None:
    visit: Visit | None = app.context["visit"]
    return visit


def _parser() -> RequestParser:
    visit = _visit()
    return request_parser(runtime, None if visit is None else visit.shopper)


def _answer(asked: ResolvedRequest) -> Response[str]:
    visit = _visit()
    (body,) = answers(runtime, [asked], kept=visit is not None)
    body = requests.for_shoppers(body)
    return _told_nobody(body) if visit is None else _told(body, visit)


def _told_nobody(body: dict[str, Any]) -> Response[str]:
    """The answer to who is not to be known: without a token, and one that others may be given where it is nobody's."""
    event, response = app.current_event, json_answer(body)
    if forgets(event.headers, event.raw_event.get("cookies") or ()):
        response.cookies.append(_cookie("", 0))
    elif event.headers.get(VISITOR_HEADER) == NOBODY and event.http_method == "GET" and "degraded" not in body:
        response.headers |= {"Cache-Control": f"public, max-age={CACHED_S}", "Vary": VISITOR_HEADER}
    return response


def _cookie(token: str, age_s: int) -> Cookie:
    return Cookie(COOKIE, token, path="/", max_age=age_s, http_only=True, secure=True, same_site=SameSite.LAX_MODE)


def _told(body: dict[str, Any], visit: Visit, status: HTTPStatus = HTTPStatus.OK) -> Response[str]:
    """The answer, with the visitor's token where the browser has yet to be told it."""
    if not visit.fresh:
        return json_answer(body, status)
    token = visit.token(runtime.door.secrets)
    if visit.by_header:
        return json_answer(body | {"visitor": token}, status)
    response = json_answer(body, status)
    response.cookies.append(_cookie(token, VISIT_S))
    return response


def _parameters() -> dict[str, str]:
    return dict(app.current_event.query_string_parameters or {})


def _enter(event: dict[str, Any]) -> None:
    app.context["visit"] = runtime.door.enter(event)


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    headers, origins = event.get("headers") or {}, runtime.door.origins
    if event.get("routeKey") == f"{PREFLIGHT.method} {PREFLIGHT.path}":
        answer = gateway_answer(Response(status_code=HTTPStatus.NO_CONTENT.value))
        return answer | {"headers": origins.preflight_headers(headers)}
    with runtime.deadline.within(context):
        answer = resolve(app, event, context, _enter)
    told = origins.answer_headers(headers)
    if vary := answer["headers"].get("Vary"):
        told["Vary"] += f", {vary}"
    return answer | {"headers": answer["headers"] | told}


if how := os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE"):  # set where Lambda starts this, and gives it ten seconds
    runtime.begin_request()
    runtime.ladder.start(ahead=how != "on-demand")
