"""What needs attention, said of what is known of a stack."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

DAY_MS: Final = 86_400_000
OLD_DAYS: Final = 14
SOON_MS: Final = 2 * DAY_MS
WORTH_A_LOOK: Final = 0.01
"""A share of lists or events."""


@dataclass(frozen=True)
class State:
    """What a stack is like right now.

    Attributes
    ----------
    age_days : of the snapshot, None without one
    unusable : documents that can't be read, such as "scenarios"
    rates : per minute, as the overview tells them
    quarantined : strays of the last day
    ending : what of scenarios ends, as `scenario` tells it, each with the scenario's name
    rebuild_failed : the latest rebuild, where it failed
    """

    now_ms: int
    age_days: float | None
    signed: bool = True
    unusable: tuple[str, ...] = ()
    rates: Mapping[str, float | None] = field(default_factory=dict)
    quarantined: int = 0
    ending: tuple[Mapping[str, Any], ...] = ()
    rebuild_failed: Mapping[str, Any] | None = None


def attention(state: State) -> list[dict[str, Any]]:
    """What somebody should look at, the worst first."""
    order = {"error": 0, "warning": 1, "info": 2}
    return sorted(_found(state), key=lambda one: order[one["severity"]])


def _found(state: State) -> Iterator[dict[str, Any]]:
    if state.age_days is None:
        yield _one("snapshot_missing", "error", "No snapshot is current: import or rebuild a shop", "snapshots")
    elif state.age_days > OLD_DAYS:
        yield _one("snapshot_old", "warning", f"The snapshot is {state.age_days:.0f} days old", "snapshots")
    if state.age_days is not None and not state.signed:
        yield _one("snapshot_unsigned", "info", "The current snapshot is not signed", "snapshots")
    if state.rebuild_failed is not None:
        text = f"The rebuild {state.rebuild_failed['name']} failed: {state.rebuild_failed['error']}"
        yield _one("rebuild_failed", "error", text, "snapshots")
    for name in state.unusable:
        text = f"config/{name}.json can't be used; the last good one counts"
        yield _one(f"{name}_unusable", "error", text, name)
    if state.quarantined:
        text = f"{state.quarantined} records of the last day could not be used"
        yield _one("quarantine", "warning", text, "events", state.quarantined)
    yield from _of_rates(state.rates)
    yield from _of_ends(state.ending, state.now_ms)


def _of_rates(rates: Mapping[str, float | None]) -> Iterator[dict[str, Any]]:
    lists, degraded = rates.get("lists") or 0.0, rates.get("degraded") or 0.0
    if degraded > WORTH_A_LOOK * lists:
        yield _one("degraded", "warning", f"{degraded:.1f} lists a minute had to do without something", "today")
    events, refused = rates.get("events") or 0.0, rates.get("refused") or 0.0
    if refused > WORTH_A_LOOK * (events + refused):
        yield _one("refused", "warning", f"{refused:.1f} events a minute are refused", "events")


def _of_ends(ending: Iterable[Mapping[str, Any]], now_ms: int) -> Iterator[dict[str, Any]]:
    soon = [one for one in ending if 0 <= one["until"] - now_ms <= SOON_MS]
    if soon:
        text = f"{len(soon)} rules of scenarios end within two days"
        yield _one("ending_soon", "info", text, "scenarios", len(soon))


def _one(kind: str, severity: str, text: str, page: str, count: int | None = None) -> dict[str, Any]:
    counted = {} if count is None else {"count": count}
    return {"kind": kind, "severity": severity, "text": text, "page": page, **counted}
