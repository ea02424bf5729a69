"""Ranks the catalogue for a shopper.

Trigger: GET /users/{user_id}/recommendations, POST /recommendations, GET /search, GET /health.
Guarantee: an answer whenever a snapshot was ever promoted; without the profile it is a degraded one, and says so.
Retry: safe, nothing but the record of the exposure is written.
"""

from __future__ import annotations

import time
import uuid
from typing import Any
from urllib.parse import unquote

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from endcap.asking import answer, asked, asked_by_query, exposure
from endcap.aws.profiles import StoredProfile
from endcap.errors import EndcapError, InvalidRequestError, SnapshotMissingError
from endcap.http import http_app, json_answer, json_body, resolve
from endcap.observability import logger, metrics, tracer
from endcap.recommending import RecommendationRequest, recommend
from endcap.runtime import Runtime

app = http_app()
runtime = Runtime()


@app.get("/users/<user_id>/recommendations")
def get_recommendations(user_id: str) -> Response[str]:
    now_ms = _now_ms()
    return _answer(*asked_by_query(unquote(user_id), _parameters(), now_ms, runtime.settings.event_types), now_ms)


@app.post("/recommendations")
def post_recommendations() -> Response[str]:
    now_ms = _now_ms()
    return _answer(*asked(json_body(app.current_event), now_ms, runtime.settings.event_types), now_ms)


@app.get("/search")
def search() -> Response[str]:
    now_ms, parameters = _now_ms(), _parameters()
    if not parameters.get("q", "").strip():
        raise InvalidRequestError([{"field": "q", "message": "says what to search for"}])
    # Searching for something known is normal: what was seen stays in.
    parameters.setdefault("exclude_seen", "none")
    return _answer(*asked_by_query(None, parameters, now_ms, runtime.settings.event_types), now_ms)


@app.get("/health")
def health() -> Response[str]:
    snapshot = runtime.snapshot.get()
    if snapshot is None:
        raise SnapshotMissingError("no snapshot has been promoted yet")
    return json_answer({"status": "ok", "snapshot_version": snapshot.version, "items": snapshot.n_items})


def _answer(user_id: str | None, request: RecommendationRequest, now_ms: int) -> Response[str]:
    snapshot = runtime.snapshot.get()
    if snapshot is None:
        raise SnapshotMissingError("no snapshot has been promoted yet")
    stored, degraded = _profile(user_id)
    overlay = runtime.live_catalogue.over(snapshot)
    result = recommend(snapshot, stored.profile, request, now_ms, overlay, runtime.settings.event_types)
    recommendation_id = uuid.uuid4().hex
    _record(exposure(result, recommendation_id, user_id, now_ms))
    metrics.add_metric("Recommendations", MetricUnit.Count, 1)
    return json_answer(answer(result, recommendation_id, stored.version, degraded))


def _profile(user_id: str | None) -> tuple[StoredProfile, str | None]:
    if user_id is None:
        return StoredProfile(), None
    try:
        return runtime.profiles.get(user_id), None
    except EndcapError as exc:
        logger.warning("profile not readable", extra={"error": str(exc)})
        metrics.add_metric("DegradedAnswers", MetricUnit.Count, 1)
        return StoredProfile(), "profile_unavailable"


def _record(document: dict[str, Any]) -> None:
    try:
        runtime.exposures.put([document])
    except EndcapError as exc:  # an answer is worth more than its record
        logger.warning("exposure not recorded", extra={"error": str(exc)})
        metrics.add_metric("ExposuresLost", MetricUnit.Count, 1)


def _parameters() -> dict[str, str]:
    return dict(app.current_event.query_string_parameters or {})


def _now_ms() -> int:
    return int(time.time() * 1000)


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return resolve(app, event, context)
