"""What the month has cost so far: the arithmetic of a whole month over what has been counted since it began."""

from __future__ import annotations

import calendar
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from endcap.cost.estimate import estimate
from endcap.cost.month import Assumptions, Deployment, Usage
from endcap.cost.prices import AS_OF

STANDARD: Final = Deployment(
    architecture="x86_64",
    memory_mb={
        "collect": 512,
        "update_profile": 1769,
        "recommend": 1769,
        "manage_items": 512,
        "embed_item": 1769,
        "promote": 3008,
        "fold_counts": 1024,
        "summarise_results": 1769,
        "purge_erased": 1769,
    },
    alarms=0,
    dashboards=0,
)
"""What the template has before any parameter is set, but for what watches it."""
ALARMS: Final = 55
"""Metrics that the alarms of `infra/monitoring.yaml` look at."""
_PER_MONTH: Final = ("month",)


def deployment_of(text: str) -> Deployment:
    """What a function is told of its stack's template: JSON with `architecture`, `recommend_mb`, `monitoring` and
    `tracing`; what it does not say is as in `STANDARD`."""
    said: Mapping[str, Any] = json.loads(text) if text else {}
    watched = said.get("monitoring") == "on"
    memory = dict(STANDARD.memory_mb) | ({"recommend": int(said["recommend_mb"])} if "recommend_mb" in said else {})
    return replace(
        STANDARD,
        architecture=str(said.get("architecture", STANDARD.architecture)),
        memory_mb=memory,
        alarms=ALARMS if watched else 0,
        dashboards=1 if watched else 0,
        traces=said.get("tracing") == "Active",
    )


def month_start_ms(now_ms: int) -> int:
    """When the month of a moment began, in UTC."""
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    return int(now.replace(day=1, hour=0, minute=0, second=0, microsecond=0).timestamp() * 1000)


def so_far(usage: Usage, deployment: Deployment, now_ms: int, seen_ms: int) -> dict[str, Any]:
    """US dollars since the month began, or since the stack was first seen, where that is later.

    Parameters
    ----------
    usage : of the month up to now
    seen_ms : a moment from which on the stack was certainly there
    """
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    since_ms = min(now_ms, max(seen_ms, month_start_ms(now_ms)))
    days = (now_ms - since_ms) / 86_400_000
    share = days / calendar.monthrange(now.year, now.month)[1]
    assumed = Assumptions(months=1)
    assumed = replace(assumed, idle_polls=assumed.idle_polls * share, purge_runs=assumed.purge_runs * share)
    by_service: dict[str, float] = {}
    for line in estimate(usage, deployment, assumed).lines:
        # What is billed by the month is there from its first day on; everything else has been counted.
        part = share if line.unit.endswith(_PER_MONTH) else 1.0
        by_service[line.service] = by_service.get(line.service, 0.0) + line.usd * part
    return {
        "usd": round(sum(by_service.values()), 4),
        "month": f"{now:%Y-%m}",
        "since": since_ms,
        "days": round(days, 2),
        "prices_as_of": AS_OF,
        "by_service": {service: round(usd, 4) for service, usd in by_service.items() if usd > 0},
    }
