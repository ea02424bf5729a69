"""Filters tried, items page by page, and why an item is missing from a list."""

from __future__ import annotations

import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from endcap.api.scenarios import EVERYWHERE
from endcap.api.schemas import HiddenInput
from endcap.errors import DependencyError, FieldError, InvalidRequestError
from endcap.filters.evaluate import FilterContext
from endcap.index.index import ItemIndex
from endcap.messages.language import Language
from endcap.operator.catalogue import catalogue_item, catalogue_rows, check_filter, filter_fields
from endcap.operator.schemas import DiagnosisQuery, FilterCheck, ItemsQuery
from endcap.operator.words import placement, sentence
from endcap.recommend.diagnosis import Finding, diagnose
from endcap.recommend.placement import Placed
from endcap.recommend.prepared import prepared
from endcap.runtime import Runtime
from endcap.serving.materials import current_snapshot, materials
from endcap.serving.requests import request_parser

WINDOWS: Final = ("1h", "24h", "7d")
NO_END: Final = 0
MAX_ROWS: Final = 1 << 31


def checked_filter(runtime: Runtime, given: FilterCheck) -> dict[str, Any]:
    """What an expression holds for, and what filters may name."""
    index = _index(runtime)
    about = FilterContext(_now_ms(), parameters=given.parameters, event_types=runtime.settings.event_types)
    if given.user_id is not None:
        profile = runtime.profiles.get(given.user_id).profile
        about = FilterContext(about.now_ms, profile, given.parameters, about.event_types)
    found = check_filter(index, given.filter, about, given.sample, _hidden_until(runtime, about.now_ms))
    return found | {"fields": filter_fields(index)}


def items(runtime: Runtime, given: ItemsQuery) -> dict[str, Any]:
    """A page of the catalogue.

    Raises
    ------
    InvalidRequestError : the filter or the cursor can't be used
    """
    index, now_ms = _index(runtime), _now_ms()
    rows = catalogue_rows(index, given.filter, given.q, FilterContext(now_ms))
    first = int(rows.searchsorted(_row(given.cursor) + 1)) if given.cursor is not None else 0
    page = rows[first : first + given.limit].tolist()
    runtime.live_counts.begin(now_ms, WINDOWS)
    demands = runtime.live_counts.at(now_ms, WINDOWS, patient=True).demands
    counted_at = runtime.live_counts.looked_ms(WINDOWS)
    hidden = _hidden_until(runtime, now_ms)
    found: dict[str, Any] = {
        "items": [
            catalogue_item(index, row, now_ms, demands if counted_at is not None else {}, hidden) for row in page
        ],
        "total": len(rows),
        "counted_at": counted_at,
    }
    return found | ({"cursor": _cursor(page[-1])} if page and first + len(page) < len(rows) else {})


def diagnosis(runtime: Runtime, item_id: str, given: DiagnosisQuery) -> dict[str, Any]:
    """Why an item is in a list, or not.

    Raises
    ------
    InvalidRequestError : there is no such scenario, or it can't be used by itself
    """
    body: dict[str, Any] = {"limit": given.limit, "language": given.language}
    body |= {"user_id": given.user_id} if given.user_id else {}
    body |= {"scenario": given.scenario} if given.scenario else {}
    asked = request_parser(runtime).body(body)
    by = materials(runtime, asked)
    made = prepared(
        by.snapshot,
        by.stored.profile,
        replace(asked.request, audience="staff"),
        by.now_ms,
        by.overlay,
        runtime.settings.event_types,
        by.live,
    )
    found = diagnose(made, item_id)
    row = made.index.position(item_id)
    scenario = runtime.scenarios.named(given.scenario) if given.scenario else {}
    return {
        "item_id": item_id,
        "title": None if row is None else made.index.document(row).get("title"),
        "shown": found.rank is not None and not found.findings,
        "rank": found.rank,
        "by_score": found.by_score,
        "limit": given.limit,
        "placed_by": [_placed(one, found.rank, given.language) for one in found.placed_by],
        "findings": [_told(runtime, item_id, one, scenario, by.now_ms, given.language) for one in found.findings],
        "score": found.score,
        "reasons": [
            {"kind": r.kind, "weight": r.weight, "text": r.text, "evidence": [_evidence(e) for e in r.evidence]}
            for r in found.reasons
        ],
        "snapshot_version": by.snapshot.version,
        **({"scenario": given.scenario} if given.scenario else {}),
        **({"user_id": given.user_id} if given.user_id else {}),
    }


def _evidence(one: Any) -> dict[str, Any]:
    item = {} if one.item_id is None else {"item_id": one.item_id, "title": one.title}
    return item | {"event_type": one.event_type, "words": list(one.words)}


def _placed(one: Placed, rank: int | None, language: Language) -> dict[str, Any]:
    known = {"position": one.position, "promotion": one.promotion, "weight": one.weight}
    told: dict[str, Any] = {"by": one.by, "text": placement(one, rank, language)}
    told |= {name: value for name, value in known.items() if value is not None}
    return told if one.by == "pinned_in_vain" else told | {"rank_without": one.rank_without}


def _told(
    runtime: Runtime, item_id: str, found: Finding, scenario: Mapping[str, Any], now_ms: int, language: Language
) -> dict[str, Any]:
    """A finding with who has brought it about."""
    told: dict[str, Any] = {"reason": found.cause}
    if found.cause == "excluded":
        told |= _who_hides(runtime, item_id, scenario, now_ms)
    elif found.cause == "filter":
        told |= {"field": "filter", "by": str(scenario.get("filter", ""))}
    elif found.cause in _FIELDS:
        told |= {"field": _FIELDS[found.cause]}
    told |= {"event_type": found.deed} if found.deed is not None else {}
    told |= {"not_due": found.not_due} if found.cause == "not_due" else {}
    told |= {"by": found.by} if found.by is not None else {}
    told |= {"score": found.score} if found.score is not None else {}
    told |= {"needed": found.needed} if found.needed is not None else {}
    return told | {"text": sentence(told, language, deed=found.deed, not_due=found.not_due)}


_FIELDS: Final = {
    "seen": "exclude_seen",
    "cap": "caps",
    "variety": "diversity",
    "displaced": "pinned",
    "not_candidate": "candidates",
}


def _who_hides(runtime: Runtime, item_id: str, scenario: Mapping[str, Any], now_ms: int) -> dict[str, Any]:
    of_scenario = [HiddenInput.model_validate(one) for one in scenario.get("hidden", ())]
    for by, listed in ((EVERYWHERE, _hidden(runtime)), ("scenario", of_scenario)):
        for one in listed:
            if one.item_id == item_id and one.counts(now_ms):
                until = {"until": one.until} if one.until is not None else {}
                return {"reason": "hidden", "field": "hidden", "by": by, **until}
    return {"field": "blocked"}


def _hidden_until(runtime: Runtime, now_ms: int) -> dict[str, int]:
    return {one.item_id: one.until or NO_END for one in _hidden(runtime) if one.counts(now_ms)}


def _hidden(runtime: Runtime) -> Iterable[HiddenInput]:
    try:
        return runtime.scenarios.everywhere()
    except DependencyError:
        return ()


def _index(runtime: Runtime) -> ItemIndex:
    snapshot = current_snapshot(runtime)
    return runtime.live_catalogue.over(snapshot).index


def _now_ms() -> int:
    return int(time.time() * 1000)


def _cursor(row: int) -> str:
    return urlsafe_b64encode(str(row).encode()).decode().rstrip("=")


def _row(cursor: str) -> int:
    try:
        row = int(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError:
        row = -1
    if not 0 <= row < MAX_ROWS:
        raise InvalidRequestError([FieldError(field="cursor", message="is none of ours")])
    return row
