"""The first page: how the shop's personalisation does right now."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

from endcap.api.roles import SCOPES, Caller
from endcap.api.scenarios import read_scenarios
from endcap.cost.month import Usage
from endcap.cost.so_far import deployment_of, month_start_ms, so_far
from endcap.desk.changes import who
from endcap.desk.snapshots import failed_rebuild, refused_promotion, running_rebuilds
from endcap.errors import EndcapError, InvalidInputError
from endcap.experiments.config import read_experiments
from endcap.messages.language import DEFAULT_LANGUAGE, Language
from endcap.operator.overview import DAY_MS, HOUR_MS, MINUTE_MS, State, attention
from endcap.operator.scenarios import scenario
from endcap.operator.words import WORDS
from endcap.runtime import Runtime
from endcap.snapshot.figures import Figures
from endcap.snapshot.snapshot import Snapshot

MINUTES: Final = 15
"""That rates are told of, or as many as the stack has been there."""
_METERS: Final = {
    "events": "EventsAccepted",
    "lists": "Recommendations",
    "refused": "EventsRejected",
    "degraded": "DegradedAnswers",
}
_MONTHLY: Final = {"events": "EventsAccepted", "lists": "Recommendations", "items": "ItemsChanged"}


def overview(runtime: Runtime, caller: Caller | None, language: Language = DEFAULT_LANGUAGE) -> dict[str, Any]:
    """What stands on the first page; what can't be read is left out or null, and never a reason to show nothing."""
    now_ms = int(time.time() * 1000)
    snapshot = _snapshot(runtime)
    counted = _counted(runtime, now_ms)
    month = {name: int(sum(counted.get(name, {}).values())) for name in _MONTHLY}
    seen_ms = _seen_ms(runtime, counted, now_ms)
    minutes = min(MINUTES, max(1, -(-(now_ms - seen_ms) // MINUTE_MS)))
    rates = _rates(runtime, now_ms, minutes)
    anything = not counted or any(month.values()) or any(rates.values())
    n_items = 0
    if snapshot is not None:
        index = runtime.live_catalogue.over(snapshot).index
        n_items = index.n_items - len(index.deleted_rows)
    n_shoppers = _shoppers(runtime)
    usage = Usage(month["events"], month["lists"], n_items, n_shoppers, 0, month["items"])
    state = _state(runtime, now_ms, snapshot, rates)
    return {
        "at": now_ms,
        "operator": {"who": who(caller), "scopes": sorted(SCOPES if caller is None else caller.scopes)},
        "items": n_items,
        "shoppers": n_shoppers,
        "rates": {"minutes": minutes, "counted": anything, **(rates if anything else dict.fromkeys(rates))},
        "snapshot": None if snapshot is None else _told(runtime, snapshot, now_ms),
        "cost": so_far(usage, deployment_of(runtime.settings.deployment), now_ms, seen_ms)
        | {"assumed": list(WORDS[language].cost_assumed)},
        "attention": attention(state, language),
        "rebuild": "available" if runtime.rebuilds.configured else "not_configured",
        "running": _or_none(lambda: running_rebuilds(runtime)) or [],
    }


def _snapshot(runtime: Runtime) -> Snapshot | None:
    try:
        return runtime.ladder.loaded()
    except EndcapError:
        return None


def _told(runtime: Runtime, snapshot: Snapshot, now_ms: int) -> dict[str, Any]:
    pointer = _or_none(runtime.snapshots.seen)
    promoted = {}
    if pointer is not None and pointer.version != snapshot.version:  # for the seconds until it is loaded
        promoted = {"next": pointer.version} if pointer.version else {}
    elif pointer is not None and pointer.promoted_at:
        promoted = {"promoted_at": pointer.promoted_at}
    return {
        "version": snapshot.version,
        "items": snapshot.n_items,
        "catalogue_as_of": snapshot.catalog_as_of_ms,
        "age_days": round(_age_days(snapshot, now_ms), 2),
        "quality": dict(Figures.of(snapshot.manifest).measures),
        **promoted,
    }


def _age_days(snapshot: Snapshot, now_ms: int) -> float:
    return max(0.0, (now_ms - snapshot.catalog_as_of_ms) / DAY_MS)


def _rates(runtime: Runtime, now_ms: int, minutes: int) -> dict[str, float | None]:
    """Per minute; null where they can't be read."""
    from_ms = now_ms - minutes * MINUTE_MS
    try:
        found = runtime.meters.counted(list(_METERS.values()), from_ms, now_ms, 60)
    except EndcapError:
        return dict.fromkeys(_METERS)
    return {name: round(sum(found[metric].values()) / minutes, 3) for name, metric in _METERS.items()}


def _counted(runtime: Runtime, now_ms: int) -> Mapping[str, Mapping[int, float]]:
    """What the hours of the month have seen so far, by when they began; nothing where that can't be read."""
    try:
        found = runtime.meters.counted(list(_MONTHLY.values()), month_start_ms(now_ms), now_ms, HOUR_MS // 1000)
    except EndcapError:
        return {}
    return {name: found[metric] for name, metric in _MONTHLY.items()}


def _seen_ms(runtime: Runtime, counted: Mapping[str, Mapping[int, float]], now_ms: int) -> int:
    """When the stack was certainly there: its oldest snapshot's moment, or the end of the first hour that counted."""
    hours = [began + HOUR_MS for hours in counted.values() for began, count in hours.items() if count > 0]
    stored = _or_none(runtime.snapshots.stored) or []
    written = [int(one.written_at.timestamp() * 1000) for one in stored]
    return min([now_ms, *hours, *written])


def _shoppers(runtime: Runtime) -> int:
    return _or_none(runtime.profiles.approximate_count) or 0


def _state(runtime: Runtime, now_ms: int, snapshot: Snapshot | None, rates: Mapping[str, float | None]) -> State:
    unusable, ending = [], []
    try:
        data = runtime.scenarios_document.found()[0]
        known = read_scenarios(data) if data else {}
        ending = [{**end, "scenario": name} for name in known for end in scenario(known, name)["ending"]]
    except InvalidInputError:
        unusable.append("scenarios")
    except EndcapError:
        pass
    try:
        data = runtime.experiments_document.found()[0]
        _ = read_experiments(data) if data else ()
    except InvalidInputError:
        unusable.append("experiments")
    except EndcapError:
        pass
    pointer, failed = _or_none(runtime.snapshots.seen), _or_none(lambda: failed_rebuild(runtime))
    return State(
        now_ms,
        None if snapshot is None else _age_days(snapshot, now_ms),
        signed=pointer is None or pointer.signature is not None,
        unusable=tuple(unusable),
        rates=rates,
        quarantined=_or_none(lambda: runtime.strays.count_since(now_ms - DAY_MS)) or 0,
        ending=tuple(ending),
        rebuild_failed=failed,
        promotion_refused=_or_none(lambda: refused_promotion(runtime)),
    )


def _or_none(read: Any) -> Any:
    try:
        return read()
    except EndcapError:
        return None
