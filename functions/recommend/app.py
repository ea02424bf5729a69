"""Ranks the catalogue for a shopper.

Trigger: GET /users/{user_id}/recommendations, POST /recommendations, POST /users/{user_id}/rankings, GET /search,
POST /conversations, GET /trending, GET /items/{item_id}/similar, GET /items/{item_id}/together, GET /parameters,
GET /health, POST /personalize/recommendations, POST /personalize/personalize-ranking.
Guarantee: an answer whenever a snapshot was ever promoted, in the time that `endcap.live.waiting` says; what it had to
do without, be it the profile or the snapshot, it names.
Retry: safe, nothing but the record of the exposure is written.
"""

from __future__ import annotations

import os
import time
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from endcap.api import personalize
from endcap.api.conversations import conversation_request
from endcap.api.http import http_app, json_answer, json_body, path_id, path_user, resolve
from endcap.api.language import language_asked
from endcap.api.parameters import parameters
from endcap.api.parse import ITEM_DOOR, RequestParser
from endcap.api.resolved import ResolvedRequest
from endcap.api.responses import health as health_of
from endcap.api.roles import SERVER, STEER
from endcap.errors import InvalidRequestError, NotFoundError
from endcap.experiments.assignment import running
from endcap.identifiers import named
from endcap.messages.language import DEFAULT_LANGUAGE
from endcap.observability import logger, metrics, tracer
from endcap.operator.preview import preview_of
from endcap.runtime import Runtime
from endcap.serving.answers import answers
from endcap.serving.materials import current_snapshot
from endcap.serving.requests import experiments_now, request_parser

app = http_app()
runtime = Runtime()


@app.get("/users/<user_id>/recommendations")
def get_recommendations(user_id: str) -> Response[str]:
    return _answer(_reader().query(_parameters(), None, **named(path_user(user_id))))


@app.post("/recommendations")
def post_recommendations() -> Response[str]:
    body = json_body(app.current_event)
    preview = preview_of(body)
    runtime.guard.require(app.current_event.raw_event, SERVER if preview is None else STEER)
    if preview is not None:
        from endcap.desk.previews import previewed  # operators alone ask for one: shoppers' starts do without it

        return json_answer(previewed(runtime, preview))
    if isinstance(body, dict) and "requests" in body:
        return json_answer({"lists": answers(runtime, _reader().lists(body))})
    return _answer(_reader().body(body))


@app.post("/conversations")
def post_conversations() -> Response[str]:
    return _answer(conversation_request(_reader(), json_body(app.current_event)))


@app.post("/users/<user_id>/rankings")
def post_rankings(user_id: str) -> Response[str]:
    return _answer(_reader().ranking(path_user(user_id), json_body(app.current_event)))


@app.get("/items/<item_id>/similar")
def get_similar(item_id: str) -> Response[str]:
    return _answer(_reader().query(_parameters(), ITEM_DOOR, relation="similar", items=[path_id(item_id)]))


@app.get("/items/<item_id>/together")
def get_together(item_id: str) -> Response[str]:
    return _answer(_reader().query(_parameters(), ITEM_DOOR, relation="together", items=[path_id(item_id)]))


@app.get("/search")
def search() -> Response[str]:
    parameters = _parameters()
    if not parameters.get("q", "").strip():
        raise InvalidRequestError([{"field": "q", "message": "says what to search for"}])
    return _answer(_reader().query(parameters, ITEM_DOOR))


@app.get("/trending")
def trending() -> Response[str]:
    return _answer(_reader().trending(_parameters()))


@app.post("/personalize/recommendations")
@personalize.aws_error_shape
def post_personalize_recommendations() -> Response[str]:
    body = personalize.recommendations_request(json_body(app.current_event))
    try:
        found = answers(runtime, [_reader().body(body, personalize.DOOR)])[0]
    except NotFoundError:  # an item that nobody knows: Personalize then answers what is popular
        found = answers(runtime, [_reader().body(body | {"relation": None, "items": []}, personalize.DOOR)])[0]
    return json_answer(personalize.item_list(found, "itemList"))


@app.post("/personalize/personalize-ranking")
@personalize.aws_error_shape
def post_personalize_ranking() -> Response[str]:
    body = personalize.ranking_request(json_body(app.current_event))
    asked = _reader().body(body, personalize.DOOR)
    if asked.request.filter is None:  # then every id is in the answer, as it is in Personalize's
        asked = asked.completed()
    return json_answer(personalize.item_list(answers(runtime, [asked])[0], "personalizedRanking"))


@app.get("/parameters")
def get_parameters() -> Response[str]:
    experiments = running(experiments_now(runtime), int(time.time() * 1000))
    language = language_asked(app.current_event) or DEFAULT_LANGUAGE
    event_types, scenarios = runtime.settings.event_types, runtime.scenarios.all()
    return json_answer(parameters(current_snapshot(runtime), event_types, scenarios, experiments, language))


@app.get("/health")
def health() -> Response[str]:
    return json_answer(health_of(current_snapshot(runtime)))


def _reader() -> RequestParser:
    return request_parser(runtime)


def _answer(asked: ResolvedRequest) -> Response[str]:
    return json_answer(answers(runtime, [asked])[0])


def _parameters() -> dict[str, str]:
    return dict(app.current_event.query_string_parameters or {})


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    runtime.begin_request()
    return resolve(app, event, context, lambda sent: runtime.guard.admit(sent))


if how := os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE"):  # set where Lambda starts this, and gives it ten seconds
    runtime.begin_request()
    runtime.ladder.start(ahead=how != "on-demand")
