"""What a soak has shown, put together from answers, swaps, restarts and memory; nothing here waits or calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from scipy.stats import theilslopes

from endcap_local.bench.soak.load import Answer
from endcap_local.bench.soak.schedule import HEALTHY, Schedule
from endcap_local.bench.soak.traffic import LISTS, SentEvent, Shopper, is_in_profile
from endcap_local.bench.soak.watch import Strain
from endcap_local.bench.timing import Timing
from endcap_local.lambda_runtime.processes import Restart

GOAL_RATE: Final = 20.0
GOAL_LIST_P99_MS: Final = 1000.0
GOAL_GROWTH: Final = 0.05
"""Of an environment's memory, from the warm-up to the end, by the trend."""
WARM_UP_SHARE: Final = 0.25
"""Of the time, for each environment from its start: caches fill, and code is touched for the first time."""
_FEWEST_SAMPLES: Final = 10
_SLOWEST: Final = 20

Exports = Mapping[str, Mapping[str, Any]]
"""What is stored under an id, by id; ids of which nothing is stored are left out."""


@dataclass(frozen=True, slots=True)
class Swapped:
    """A swap as it went: when the pointer was flipped; where not at once, in which try and what ended the last one."""

    by: str
    version: str
    began_s: float
    flipped_s: float | None = None
    tries: int = 1
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What was there when everything had come to rest.

    Attributes
    ----------
    archived : ids of events in the archive
    exports : of every shopper's ids
    waiting : messages on queues that nothing reads, by queue: dead letters, failures
    quarantined : objects in quarantine
    drained_s : how long the queues took to empty; None where they did not
    refused_for_good : writes that were put off until nobody asked again
    """

    archived: Collection[str]
    exports: Exports
    waiting: Mapping[str, int]
    quarantined: int
    drained_s: float | None
    refused_for_good: int


@dataclass(slots=True)
class Observed:
    """All that a soak has noted.

    Attributes
    ----------
    accepted : events that were answered with 202, by id
    erased : whose events may be gone
    began_s : when the soak began, on the clock of the restarts
    memory : samples of each environment: seconds since the beginning, MiB of its own
    met : requests that each service's proxy saw, by mode
    """

    answers: Sequence[Answer]
    accepted: Mapping[str, SentEvent]
    erased: Collection[Shopper]
    swaps: Sequence[Swapped]
    restarts: Sequence[Restart]
    began_s: float
    memory: Mapping[str, Sequence[tuple[float, float]]]
    met: Mapping[str, Mapping[str, int]]
    strain: Strain


def report(schedule: Schedule, observed: Observed, found: Found) -> dict[str, Any]:
    """The report as `endcap bench soak --json` writes it; see `endcap_local.bench.soak.run`."""
    answers = observed.answers
    errors = [answer for answer in answers if _is_error(schedule, answer)]
    events, memory = _events(observed, found), _memory(schedule, observed)
    measured = {
        "seconds": schedule.seconds,
        "faults": [{**asdict(fault), "name": fault.name} for fault in schedule.faults],
        "met_by_proxies": {service: dict(counts) for service, counts in observed.met.items()},
        "requests": len(answers),
        "requests_per_s": round(sum(a.done_s <= schedule.seconds for a in answers) / schedule.seconds, 1),
        "by_kind": _by_kind(answers),
        "errors": _counted(schedule, errors),
        "client_errors": _counted(schedule, [a for a in answers if 400 <= a.status < 500]),
        "put_off_writes": {
            "answers": sum(_is_put_off(schedule, answer) for answer in answers),
            "refused_for_good": found.refused_for_good,
        },
        "lists": _lists(schedule, answers),
        "events": events,
        "swaps": [_swap(swap, answers) for swap in observed.swaps],
        "restarts": [
            {"function": r.function, "environment": r.environment, "reason": r.reason, **_when(schedule, observed, r)}
            for r in observed.restarts
        ],
        "memory": memory,
        "strain": observed.strain.document(),
    }
    return {**measured, "goals": _goals(measured)}


def missing(
    accepted: Mapping[str, SentEvent], erased: Collection[Shopper], archived: Collection[str], exports: Exports
) -> tuple[list[str], list[str]]:
    """Ids of accepted events that are not in the archive, and that are not in their shopper's profile.

    Events of shoppers whose erasure was asked for are excused from both.
    """
    kept = [event for event in accepted.values() if event.shopper not in erased]
    from_profile = [
        event.event_id
        for event in kept
        if not is_in_profile(event, [exports[i] for i in event.shopper.ids if i in exports])
    ]
    return [event.event_id for event in kept if event.event_id not in archived], from_profile


def _events(observed: Observed, found: Found) -> dict[str, Any]:
    from_archive, from_profile = missing(observed.accepted, observed.erased, found.archived, found.exports)
    lost = {*from_archive, *from_profile}
    excused = sum(event.shopper in observed.erased for event in observed.accepted.values())
    return {
        "accepted": len(observed.accepted),
        "excused_by_erasure": excused,
        "missing_from_archive": len(from_archive),
        "missing_from_profile": len(from_profile),
        "lost": len(lost),
        "lost_first": [event_id for event_id in observed.accepted if event_id in lost][:10],
        "waiting": dict(found.waiting),
        "quarantined": found.quarantined,
        "drained_s": None if found.drained_s is None else round(found.drained_s, 1),
    }


def _is_put_off(schedule: Schedule, answer: Answer) -> bool:
    """A write that must be in DynamoDB to be answered, put off with Retry-After while DynamoDB was failing."""
    return answer.put_off and schedule.is_down("dynamodb", answer.sent_s, answer.done_s)


def _is_error(schedule: Schedule, answer: Answer) -> bool:
    failed = answer.status >= 500 or answer.status < 200
    return failed and not _is_put_off(schedule, answer)


def _counted(schedule: Schedule, answers: Iterable[Answer]) -> list[dict[str, Any]]:
    times: dict[tuple[str, str, int], list[float]] = {}
    for answer in answers:
        times.setdefault((answer.kind, schedule.phase_at(answer.sent_s), answer.status), []).append(answer.sent_s)
    return [
        {"kind": kind, "phase": phase, "status": status, "n": len(at_s), **_span(at_s)}
        for (kind, phase, status), at_s in sorted(times.items(), key=lambda item: -len(item[1]))
    ]


def _span(at_s: Sequence[float]) -> dict[str, float]:
    return {"first_s": round(min(at_s), 1), "last_s": round(max(at_s), 1)}


def _by_kind(answers: Sequence[Answer]) -> dict[str, Any]:
    kinds: dict[str, list[Answer]] = {}
    for answer in answers:
        kinds.setdefault(answer.kind, []).append(answer)
    return {
        kind: {
            "statuses": {str(status): n for status, n in sorted(Counter(a.status for a in those).items())},
            **_timing(those),
        }
        for kind, those in sorted(kinds.items())
    }


def _lists(schedule: Schedule, answers: Sequence[Answer]) -> dict[str, Any]:
    lists = [answer for answer in answers if answer.kind in LISTS]
    phases: dict[str, list[Answer]] = {HEALTHY: [], **{fault.name: [] for fault in schedule.faults}}
    for answer in lists:
        phases[schedule.phase_at(answer.sent_s)].append(answer)
    rows = [
        {"phase": name, **_timing(those), "degraded": dict(Counter(a.degraded for a in those if a.degraded))}
        for name, those in phases.items()
        if those
    ]
    slowest = sorted(lists, key=lambda answer: -answer.latency_s)[:_SLOWEST]
    return {
        "all": _timing(lists),
        "phases": rows,
        "worst_p99_ms": max((row["p99_ms"] for row in rows), default=None),
        "slowest": [
            {
                "kind": answer.kind,
                "phase": schedule.phase_at(answer.sent_s),
                "status": answer.status,
                "due_s": round(answer.due_s, 1),
                "ms": round(1000 * answer.latency_s),
            }
            for answer in slowest
        ],
    }


def _timing(answers: Sequence[Answer]) -> dict[str, Any]:
    if not answers:
        return {"n": 0}
    durations = [answer.latency_s for answer in answers]
    timing = Timing.of(durations)
    return {"n": timing.n, "p50_ms": timing.p50_ms, "p99_ms": timing.p99_ms, "max_ms": round(1000 * max(durations), 3)}


def _swap(swap: Swapped, answers: Sequence[Answer]) -> dict[str, Any]:
    flipped_s = swap.flipped_s
    served = [
        a.done_s for a in answers if flipped_s is not None and a.done_s >= flipped_s and a.snapshot == swap.version
    ]
    return {**asdict(swap), "first_served_after_s": round(min(served) - flipped_s, 2) if served and flipped_s else None}


def _when(schedule: Schedule, observed: Observed, restart: Restart) -> dict[str, Any]:
    at_s = restart.at_s - observed.began_s
    return {"at_s": round(at_s, 1), "phase": schedule.phase_at(at_s)}


def _memory(schedule: Schedule, observed: Observed) -> list[dict[str, Any]]:
    rows = []
    for name, samples in sorted(observed.memory.items()):
        began_s = max(0.0, samples[0][0] - 1.0) + WARM_UP_SHARE * schedule.seconds
        warm = [(at_s, mib) for at_s, mib in samples if at_s >= began_s]
        if len(warm) < _FEWEST_SAMPLES:
            continue
        times, sizes = zip(*warm, strict=True)
        per_s = float(theilslopes(sizes, times).slope)  # steps, such as a swap makes, are not taken for a slope
        begin, grown = float(sizes[0]), per_s * (times[-1] - times[0])
        rows.append(
            {
                "environment": name,
                "warm_mib": round(begin, 1),
                "end_mib": round(float(sizes[-1]), 1),
                "slope_mib_per_min": round(60 * per_s, 3),
                "growth_share": round(grown / begin, 4),
            }
        )
    return rows


def _goals(found: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What each goal is, what was found, and whether that meets it; what was not measured meets none."""
    events, memory = found["events"], found["memory"]
    growth = max((row["growth_share"] for row in memory), default=None)
    unserved = sum(swap["first_served_after_s"] is None for swap in found["swaps"])
    worst = found["lists"]["worst_p99_ms"]
    return {
        "requests_per_s": _goal(f">= {GOAL_RATE:g}", found["requests_per_s"], found["requests_per_s"] >= GOAL_RATE),
        "errors": _none_of(sum(row["n"] for row in found["errors"])),
        "client_errors": _none_of(sum(row["n"] for row in found["client_errors"])),
        "writes_refused_for_good": _none_of(found["put_off_writes"]["refused_for_good"]),
        "lost": _none_of(events["lost"]),
        "dead_letters": _none_of(sum(events["waiting"].values()) + events["quarantined"]),
        "drained": _goal("yes", events["drained_s"] is not None, events["drained_s"] is not None),
        "restarts": _none_of(len(found["restarts"])),
        "swaps_not_served": _none_of(unserved),
        "memory_growth_share": _goal(f"<= {GOAL_GROWTH:g}", growth, growth is not None and growth <= GOAL_GROWTH),
        "lists_worst_p99_ms": _goal(f"<= {GOAL_LIST_P99_MS:g}", worst, worst is not None and worst <= GOAL_LIST_P99_MS),
    }


def _none_of(count: int) -> dict[str, Any]:
    return _goal("0", count, count == 0)


def _goal(goal: str, found: Any, met: bool) -> dict[str, Any]:
    return {"goal": goal, "found": found, "met": met}
