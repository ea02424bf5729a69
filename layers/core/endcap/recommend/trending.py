"""Live demand in the pipeline: which counts a request needs, what is in demand, and how often it was chosen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from endcap.disclosure import LEAST_PEOPLE
from endcap.events.counts import EXPLORATION_WINDOW, TREND_WINDOW, Demand
from endcap.explain.reasons import Reason
from endcap.messages.language import Language, language_of
from endcap.messages.reasons import how_often
from endcap.ranking.terms.registry import TERMS
from endcap.recommend.explore import explores
from endcap.recommend.request import RecommendationRequest
from endcap.snapshot.snapshot import Snapshot


def windows_of(snapshot: Snapshot, requests: Iterable[RecommendationRequest]) -> set[str]:
    """The windows whose live counts can change the answers."""
    stored = snapshot.weights.terms.get("live_trend")
    windows = set()
    for request in requests:
        weight = (request.weights or {}).get("live_trend", 0.0 if stored is None else stored.weight)
        if request.as_of_ms is None and (request.window is not None or weight):
            windows.add(request.window or TREND_WINDOW)
        if explores(request):
            windows.add(EXPLORATION_WINDOW)
    return windows


def in_demand(request: RecommendationRequest, trend: Demand | None) -> RecommendationRequest:
    """A request for what is in demand as one for the items that are, ranked by that; any other as it is."""
    if request.window is None:
        return request
    times = {} if trend is None else trend.times
    among = times if request.candidates is None else [i for i in request.candidates if i in times]
    weights = dict.fromkeys(TERMS, 0.0) | {"live_trend": 1.0}
    return replace(request, candidates=tuple(among), weights=weights)


def counted(
    reasons: tuple[Reason, ...],
    trend: Demand | None,
    item_id: str,
    document: Mapping[str, Any],
    language: Language | None,
) -> tuple[Reason, ...]:
    """The reasons of an item, with the live trend's saying how often it was chosen, if by enough people."""
    if trend is None:
        return reasons
    times = trend.times.get(item_id, 0) if trend.people.get(item_id, 0) >= LEAST_PEOPLE else None
    text = how_often(times, trend.window.hours, language or language_of(document))
    return tuple(replace(r, text=text) if r.kind == "live_trend" else r for r in reasons)
