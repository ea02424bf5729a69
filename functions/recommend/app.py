"""Ranks the catalogue for a shopper.

Trigger: GET /users/{user_id}/recommendations, POST /recommendations, POST /users/{user_id}/rankings, GET /search,
GET /trending, GET /items/{item_id}/similar, GET /items/{item_id}/together, GET /parameters, GET /health,
POST /personalize/recommendations, POST /personalize/personalize-ranking.
Guarantee: an answer whenever a snapshot was ever promoted, in the time that `endcap.live.waiting` says; what it had to do
without, be it the profile or the snapshot, it names.
Retry: safe, nothing but the record of the exposure is written.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from endcap.api import personalize
from endcap.api.http import http_app, json_answer, json_body, path_id, resolve
from endcap.api.language import language_asked
from endcap.api.parameters import parameters
from endcap.api.parse import ITEM_DOOR, RequestParser, ResolvedRequest
from endcap.api.responses import answer, cursor_after, exposure
from endcap.aws.profiles import StoredProfile
from endcap.errors import DependencyError, EndcapError, InvalidRequestError, NotFoundError
from endcap.experiments.assignment import Experiment, other_snapshot, running
from endcap.index.overlay import Overlay
from endcap.live.waiting import WRITE_S, Reading
from endcap.messages.language import DEFAULT_LANGUAGE
from endcap.observability import logger, metrics, tracer
from endcap.recommend.pipeline import recommend_lists
from endcap.recommend.request import Recommendation
from endcap.recommend.trending import windows_of
from endcap.runtime import Runtime
from endcap.snapshot.snapshot import Snapshot

app = http_app()
runtime = Runtime()


@app.get("/users/<user_id>/recommendations")
def get_recommendations(user_id: str) -> Response[str]:
    return _answer(_reader().query(_parameters(), user_id=path_id(user_id)))


@app.post("/recommendations")
def post_recommendations() -> Response[str]:
    body = json_body(app.current_event)
    if isinstance(body, dict) and "requests" in body:
        return json_answer({"lists": _answers(_reader().lists(body))})
    return _answer(_reader().body(body))


@app.post("/users/<user_id>/rankings")
def post_rankings(user_id: str) -> Response[str]:
    return _answer(_reader().ranking(path_id(user_id), json_body(app.current_event)))


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
        found = _answers([_reader().body(body, personalize.DOOR)])[0]
    except NotFoundError:  # an item that nobody knows: Personalize then answers what is popular
        found = _answers([_reader().body(body | {"relation": None, "items": []}, personalize.DOOR)])[0]
    return json_answer(personalize.item_list(found, "itemList"))


@app.post("/personalize/personalize-ranking")
@personalize.aws_error_shape
def post_personalize_ranking() -> Response[str]:
    body = personalize.ranking_request(json_body(app.current_event))
    asked = _reader().body(body, personalize.DOOR)
    if asked.request.filter is None:  # then every id is in the answer, as it is in Personalize's
        asked = asked.completed()
    return json_answer(personalize.item_list(_answers([asked])[0], "personalizedRanking"))


@app.get("/parameters")
def get_parameters() -> Response[str]:
    experiments = running(_experiments(), int(time.time() * 1000))
    language = language_asked(app.current_event) or DEFAULT_LANGUAGE
    event_types, scenarios = runtime.settings.event_types, runtime.scenarios.all()
    return json_answer(parameters(runtime.ladder.loaded(), event_types, scenarios, experiments, language))


@app.get("/health")
def health() -> Response[str]:
    snapshot = runtime.ladder.loaded()
    return json_answer({"status": "ok", "snapshot_version": snapshot.version, "items": snapshot.n_items})


def _reader() -> RequestParser:
    return RequestParser(
        int(time.time() * 1000), runtime.settings.event_types, _scenario, runtime.cursor_secret, _experiments()
    )


def _scenario(name: str) -> Mapping[str, Any]:
    """What a scenario says; nothing while none can be read, and the answer says so."""
    try:
        return runtime.scenarios.named(name)
    except DependencyError:
        runtime.waiting.lose("scenarios")
        return {}


def _experiments() -> tuple[Experiment, ...]:
    """None while they can't be read: an experiment is no reason to refuse an answer."""
    known = runtime.experiments.current()
    if known is None:
        runtime.waiting.lose("experiments")
    return known or ()


def _answer(asked: ResolvedRequest) -> Response[str]:
    return json_answer(_answers([asked])[0])


def _answers(asked: Sequence[ResolvedRequest]) -> list[dict[str, Any]]:
    """The answers to requests for one shopper, whose profile is read once."""
    user_id, now_ms = asked[0].user_id, int(time.time() * 1000)
    reading = None if user_id is None else runtime.profile_reads.begin(partial(runtime.profiles.get, user_id))
    snapshot = runtime.ladder.begin(item_id for one in asked for item_id in one.request.named)
    asked, others = _with_challenger(asked, snapshot, now_ms)
    runtime.live_counts.begin(now_ms, _windows(asked, snapshot, others))
    stored = _profile(reading)
    names = [uuid.uuid4().hex for _ in asked]
    try:
        lists = _lists(asked, names, snapshot, others, stored, now_ms)
    except EndcapError:
        if all(one.assignment is None for one in asked):
            raise
        asked = [one.without_variant("failed") for one in asked]  # what fails without a variant too is the request's
        lists = _lists(asked, names, snapshot, {}, stored, now_ms)
    named = list(zip(names, asked, lists, strict=True))
    _record([exposure(found, name, user_id, now_ms, one.assignment) for name, one, found in named])
    metrics.add_metric("Recommendations", MetricUnit.Count, len(named))
    lost = runtime.waiting.lost
    if lost:
        metrics.add_metric("DegradedAnswers", MetricUnit.Count, 1)
    return [
        answer(
            found,
            name,
            stored.version,
            lost,
            cursor_after(found, one, runtime.cursor_secret),
            assignment=one.assignment,
            complete=one.request.complete,
        )
        for name, one, found in named
    ]


def _lists(
    asked: Sequence[ResolvedRequest],
    names: Sequence[str],
    snapshot: Snapshot,
    others: Mapping[int, Overlay],
    stored: StoredProfile,
    now_ms: int,
) -> list[Recommendation]:
    overlay, kinds = runtime.ladder.over(snapshot), runtime.settings.event_types
    requests = [replace(one.request, recommendation_id=name) for name, one in zip(names, asked, strict=True)]
    windows = _windows(asked, snapshot, others)
    live = runtime.live_counts.at(now_ms, windows) if windows else None
    return recommend_lists(snapshot, stored.profile, requests, now_ms, overlay, kinds, live, others)


def _with_challenger(
    asked: Sequence[ResolvedRequest], snapshot: Snapshot, now_ms: int
) -> tuple[Sequence[ResolvedRequest], dict[int, Overlay]]:
    """The requests, and what lies over the snapshot of those whose variant names another one.

    The other snapshot is loaded as soon as it is configured, whoever asks, and nobody waits for it.
    """
    if runtime.waiting.lost and "snapshot" in runtime.waiting.lost:
        return [one.without_variant("snapshot_unavailable") for one in asked], {}
    version = other_snapshot(_experiments(), now_ms)
    challenger = runtime.challenger.get(version if version != snapshot.version else None)
    served, others = list(asked), dict[int, Overlay]()
    for k, one in enumerate(asked):
        wanted = one.assignment.variant.snapshot if one.assignment else None
        if wanted in (None, snapshot.version):
            continue
        if challenger is None or challenger.version != wanted:
            served[k] = one.without_variant("snapshot_unavailable")
        elif one.assignment is not None and one.assignment.not_served is None:
            others[k] = runtime.challenger_catalogue.over(challenger)
    return served, others


def _windows(asked: Sequence[ResolvedRequest], snapshot: Snapshot, others: Mapping[int, Overlay]) -> set[str]:
    """The windows of time whose live counts the requests have use for."""
    bases = [others[k].snapshot if k in others else snapshot for k in range(len(asked))]
    return set[str]().union(*(windows_of(base, [one.request]) for base, one in zip(bases, asked, strict=True)))


def _profile(reading: Reading[StoredProfile] | None) -> StoredProfile:
    """The shopper's profile; an empty one where it can't be read, whatever the reason, and the answer says so."""
    if reading is None:
        return StoredProfile()
    try:
        return reading.result()
    except Exception as exc:  # also bytes that are damaged: no reason to fail a shopper
        logger.warning("profile not readable", extra={"error": type(exc).__name__})
        runtime.waiting.lose("profile")
        return StoredProfile()


def _record(documents: list[dict[str, Any]]) -> None:
    try:
        runtime.exposure_writes.begin(partial(runtime.exposures.put, documents)).result(WRITE_S)
    except Exception as exc:  # an answer is worth more than its record
        logger.warning("exposure not recorded", extra={"error": str(exc)})
        metrics.add_metric("ExposuresLost", MetricUnit.Count, 1)


def _parameters() -> dict[str, str]:
    return dict(app.current_event.query_string_parameters or {})


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    runtime.prepare()
    runtime.waiting.begin()
    return resolve(app, event, context)


if how := os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE"):  # set where Lambda starts this, and gives it ten seconds
    runtime.prepare()
    runtime.ladder.start(ahead=how != "on-demand")
