"""Lists from request to answer: what a runtime has, read and ranked; the same for every function that answers lists."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit

from endcap.api.parse import RequestParser, ResolvedRequest
from endcap.api.responses import answer, cursor_after, exposure
from endcap.aws.profiles import StoredProfile
from endcap.errors import EndcapError, SnapshotMissingError
from endcap.events.counts import Live
from endcap.experiments.assignment import Experiment, other_snapshot
from endcap.index.overlay import Overlay
from endcap.observability import logger, metrics
from endcap.recommend.pipeline import recommend_lists
from endcap.recommend.request import Recommendation, RecommendationRequest
from endcap.recommend.trending import windows_of
from endcap.runtime import Runtime
from endcap.snapshot.snapshot import Snapshot


def current_snapshot(runtime: Runtime) -> Snapshot:
    """The snapshot to rank with.

    Raises
    ------
    SnapshotMissingError : none has been promoted yet
    """
    snapshot = runtime.snapshot.get()
    if snapshot is None:
        raise SnapshotMissingError("no snapshot has been promoted yet")
    return snapshot


def request_parser(runtime: Runtime, shopper: str | None = None) -> RequestParser:
    """What reads requests at this moment; with `shopper`, for that profile whatever they say."""
    now_ms, event_types = int(time.time() * 1000), runtime.settings.event_types
    named, secret = runtime.scenarios.named, runtime.cursor_secret
    return RequestParser(now_ms, event_types, named, secret, experiments_now(runtime), shopper)


def experiments_now(runtime: Runtime) -> tuple[Experiment, ...]:
    """None while they can't be read: an experiment is no reason to refuse an answer."""
    return runtime.experiments.current() or ()


def answers(runtime: Runtime, asked: Sequence[ResolvedRequest]) -> list[dict[str, Any]]:
    """The answers to requests for one shopper, whose profile is read once."""
    snapshot = current_snapshot(runtime)
    user_id, now_ms = asked[0].user_id, int(time.time() * 1000)
    stored, degraded = _profile(runtime, user_id, asked[0].anonymous_key)
    asked, others = _with_challenger(runtime, asked, snapshot, now_ms)
    names = [uuid.uuid4().hex for _ in asked]
    try:
        lists = _lists(runtime, asked, names, snapshot, others, stored, now_ms)
    except EndcapError:
        if all(one.assignment is None for one in asked):
            raise
        asked = [one.without_variant("failed") for one in asked]  # what fails without a variant too is the request's
        lists = _lists(runtime, asked, names, snapshot, {}, stored, now_ms)
    named = list(zip(names, asked, lists, strict=True))
    _record(
        runtime, [exposure(found, name, user_id, now_ms, one.assignment, one.surface) for name, one, found in named]
    )
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
    runtime: Runtime,
    asked: Sequence[ResolvedRequest],
    names: Sequence[str],
    snapshot: Snapshot,
    others: Mapping[int, Overlay],
    stored: StoredProfile,
    now_ms: int,
) -> list[Recommendation]:
    overlay, kinds = runtime.live_catalogue.over(snapshot), runtime.settings.event_types
    requests = [replace(one.request, recommendation_id=name) for name, one in zip(names, asked, strict=True)]
    live = _live(
        runtime, [(others[k].snapshot if k in others else snapshot, one) for k, one in enumerate(requests)], now_ms
    )
    return recommend_lists(snapshot, stored.profile, requests, now_ms, overlay, kinds, live, others)


def _with_challenger(
    runtime: Runtime, asked: Sequence[ResolvedRequest], snapshot: Snapshot, now_ms: int
) -> tuple[Sequence[ResolvedRequest], dict[int, Overlay]]:
    """The requests, and what lies over the snapshot of those whose variant names another one.

    The other snapshot is loaded as soon as it is configured, whoever asks: no variant's shoppers wait longer.
    """
    version = other_snapshot(experiments_now(runtime), now_ms)
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


def _live(runtime: Runtime, requests: Sequence[tuple[Snapshot, RecommendationRequest]], now_ms: int) -> Live | None:
    """The live counts, where a request has use for them."""
    windows = set[str]().union(*(windows_of(snapshot, [request]) for snapshot, request in requests))
    return runtime.live_counts.at(now_ms, windows) if windows else None


def _profile(runtime: Runtime, user_id: str | None, anonymous_key: str | None) -> tuple[StoredProfile, str | None]:
    """The profile of a user, else that of the anonymous id beside it."""
    if user_id is None:
        return StoredProfile(), None
    try:
        stored = runtime.profiles.get(user_id)
        if stored.version == 0 and anonymous_key is not None and anonymous_key != user_id:
            stored = runtime.profiles.get(anonymous_key)
        return stored, None
    except EndcapError as exc:
        logger.warning("profile not readable", extra={"error": str(exc)})
        metrics.add_metric("DegradedAnswers", MetricUnit.Count, 1)
        return StoredProfile(), "profile_unavailable"


def _record(runtime: Runtime, documents: list[dict[str, Any]]) -> None:
    try:
        runtime.exposures.put(documents)
    except EndcapError as exc:  # an answer is worth more than its record
        logger.warning("exposure not recorded", extra={"error": str(exc)})
        metrics.add_metric("ExposuresLost", MetricUnit.Count, 1)
