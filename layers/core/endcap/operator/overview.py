"""What needs attention, said of what is known of a stack."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple

from endcap.messages.language import DEFAULT_LANGUAGE, Language
from endcap.messages.texts import filled
from endcap.operator.words import WORDS

DAY_MS: Final = 86_400_000
HOUR_MS: Final = 3_600_000
MINUTE_MS: Final = 60_000
OLD_DAYS: Final = 14
SOON_MS: Final = 2 * DAY_MS
WORTH_A_LOOK: Final = 0.01
"""A share of lists or events."""
Severity = Literal["error", "warning", "info"]


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
    promotion_refused : the latest promotion or rollback, where it was refused
    """

    now_ms: int
    age_days: float | None
    signed: bool = True
    unusable: tuple[str, ...] = ()
    rates: Mapping[str, float | None] = field(default_factory=dict)
    quarantined: int = 0
    ending: tuple[Mapping[str, Any], ...] = ()
    rebuild_failed: Mapping[str, Any] | None = None
    promotion_refused: Mapping[str, Any] | None = None


def attention(state: State, language: Language = DEFAULT_LANGUAGE) -> list[dict[str, Any]]:
    """What somebody should look at, the worst first."""
    order = {"error": 0, "warning": 1, "info": 2}
    texts = WORDS[language].attention
    found = sorted(_found(state), key=lambda one: order[one.severity])
    return [
        {
            "kind": one.kind,
            "severity": one.severity,
            "text": filled(texts[one.kind], **one.values),
            "page": one.page,
            **{name: value for name, value in one.values.items() if name == "count"},
        }
        for one in found
    ]


class _Found(NamedTuple):
    """Something to look at; `values` are what is said of it."""

    kind: str
    severity: Severity
    page: str
    values: Mapping[str, Any] = MappingProxyType({})


def _found(state: State) -> Iterator[_Found]:
    if state.age_days is None:
        yield _Found("snapshot_missing", "error", "snapshots")
    elif state.age_days > OLD_DAYS:
        yield _Found("snapshot_old", "warning", "snapshots", {"days": state.age_days})
    if state.age_days is not None and not state.signed:
        yield _Found("snapshot_unsigned", "info", "snapshots")
    if state.rebuild_failed is not None:
        yield _Found("rebuild_failed", "error", "snapshots", state.rebuild_failed)
    if state.promotion_refused is not None:
        yield _Found("promotion_refused", "error", "snapshots", state.promotion_refused)
    for name in state.unusable:
        yield _Found(f"{name}_unusable", "error", name)
    if state.quarantined:
        yield _Found("quarantine", "warning", "events", {"count": state.quarantined})
    yield from _of_rates(state.rates)
    yield from _of_ends(state.ending, state.now_ms)


def _of_rates(rates: Mapping[str, float | None]) -> Iterator[_Found]:
    lists, degraded = rates.get("lists") or 0.0, rates.get("degraded") or 0.0
    if degraded > WORTH_A_LOOK * lists:
        yield _Found("degraded", "warning", "today", {"rate": degraded})
    events, refused = rates.get("events") or 0.0, rates.get("refused") or 0.0
    if refused > WORTH_A_LOOK * (events + refused):
        yield _Found("refused", "warning", "events", {"rate": refused})


def _of_ends(ending: Iterable[Mapping[str, Any]], now_ms: int) -> Iterator[_Found]:
    soon = [one for one in ending if 0 <= one["until"] - now_ms <= SOON_MS]
    if soon:
        yield _Found("ending_soon", "info", "scenarios", {"count": len(soon)})
