"""Ranks the catalogue for a shopper.

Trigger: GET /users/{user_id}/recommendations, POST /recommendations, POST /users/{user_id}/rankings, GET /search,
GET /trending, GET /items/{item_id}/similar, GET /items/{item_id}/together, GET /parameters, GET /health,
POST /personalize/recommendations, POST /personalize/personalize-ranking.
Guarantee: an answer whenever a snapshot was ever promoted; without the profile it is a degraded one, and says so.
Retry: safe, nothing but the record of the exposure is written.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from endcap.api import personalize
from endcap.api.http import http_app, json_answer, json_body, path_id, path_user, resolve
from endcap.api.language import language_asked
from endcap.api.parameters import parameters
from endcap.api.parse import ITEM_DOOR, RequestParser, ResolvedRequest
from endcap.api.responses import answer, cursor_after, exposure
from endcap.aws.profiles import StoredProfile
from endcap.errors import EndcapError, InvalidRequestError, NotFoundError, SnapshotMissingError
from endcap.events.counts import Live
from endcap.experiments.assignment import Experiment, other_snapshot, running
from endcap.identifiers import named
from endcap.index.overlay import Overlay
from endcap.messages.language import DEFAULT_LANGUAGE
from endcap.observability import logger, metrics, tracer
from endcap.recommend.pipeline import recommend_lists
from endcap.recommend.request import Recommendation, RecommendationRequest
from endcap.recommend.trending import windows_of
from endcap.runtime import Runtime
from endcap.snapshot.snapshot import Snapshot

app = http_app()
runtime = Runtime()


@app.get("/users/<user_id>/recommendations")
def get_recommendations(user_id: str) -> Response[str]:
    return _answer(_reader().query(_parameters(), **named(path_user(user_id))))


@app.post("/recommendations")
def post_recommendations() -> Response[str]:
    body = json_body(app.current_event)
    if isinstance(body, dict) and "requests" in body:
        return json_answer({"lists": _answers(_reader().lists(body))})
    return _answer(_reader().body(body))


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
    return json_answer(parameters(_snapshot(), event_types, scenarios, experiments, language))


@app.get("/health")
def health() -> Response[str]:
    snapshot = _snapshot()
    return json_answer({"status": "ok", "snapshot_version": snapshot.version, "items": snapshot.n_items})


def _snapshot() -> Snapshot:
    snapshot = runtime.snapshot.get()
    if snapshot is None:
        raise SnapshotMissingError("no snapshot has been promoted yet")
    return snapshot


def _reader() -> RequestParser:
    named = runtime.scenarios.named
    return RequestParser(
        int(time.time() * 1000), runtime.settings.event_types, named, runtime.cursor_secret, _experiments()
    )


def _experiments() -> tuple[Experiment, ...]:
    """None while they can't be read: an experiment is no reason to refuse an answer."""
    return runtime.experiments.current() or ()


def _answer(asked: ResolvedRequest) -> Response[str]:
    return json_answer(_answers([asked])[0])


def _answers(asked: Sequence[ResolvedRequest]) -> list[dict[str, Any]]:
    """The answers to requests for one shopper, whose profile is read once."""
    snapshot = _snapshot()
    user_id, now_ms = asked[0].user_id, int(time.time() * 1000)
    stored, degraded = _profile(user_id, asked[0].anonymous_key)
    asked, others = _with_challenger(asked, snapshot, now_ms)
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
    return [
        answer(
            found,
            name,
            stored.version,
            degraded,
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
    overlay, kinds = runtime.live_catalogue.over(snapshot), runtime.settings.event_types
    requests = [replace(one.request, recommendation_id=name) for name, one in zip(names, asked, strict=True)]
    live = _live([(others[k].snapshot if k in others else snapshot, one) for k, one in enumerate(requests)], now_ms)
    return recommend_lists(snapshot, stored.profile, requests, now_ms, overlay, kinds, live, others)


def _with_challenger(
    asked: Sequence[ResolvedRequest], snapshot: Snapshot, now_ms: int
) -> tuple[Sequence[ResolvedRequest], dict[int, Overlay]]:
    """The requests, and what lies over the snapshot of those whose variant names another one.

    The other snapshot is loaded as soon as it is configured, whoever asks: no variant's shoppers wait longer.
    """
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


def _live(requests: Sequence[tuple[Snapshot, RecommendationRequest]], now_ms: int) -> Live | None:
    """The live counts, where a request has use for them."""
    windows = set[str]().union(*(windows_of(snapshot, [request]) for snapshot, request in requests))
    return runtime.live_counts.at(now_ms, windows) if windows else None


def _profile(user_id: str | None, anonymous_key: str | None) -> tuple[StoredProfile, str | None]:
    if user_id is None:
        return StoredProfile(), None
    try:
        stored = runtime.profiles.get(user_id)
        if stored.version == 0 and anonymous_key not in (None, user_id):
            stored = runtime.profiles.get(anonymous_key)
        return stored, None
    except EndcapError as exc:
        logger.warning("profile not readable", extra={"error": str(exc)})
        metrics.add_metric("DegradedAnswers", MetricUnit.Count, 1)
        return StoredProfile(), "profile_unavailable"


def _record(documents: list[dict[str, Any]]) -> None:
    try:
        runtime.exposures.put(documents)
    except EndcapError as exc:  # an answer is worth more than its record
        logger.warning("exposure not recorded", extra={"error": str(exc)})
        metrics.add_metric("ExposuresLost", MetricUnit.Count, 1)


def _parameters() -> dict[str, str]:
    return dict(app.current_event.query_string_parameters or {})


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return resolve(app, event, context)
