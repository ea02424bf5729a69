"""What becomes of the probes: whether each is answered, with what, and how long it takes."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from statistics import median
from typing import Final

from endcap.api.responses import answer
from endcap.probes.requests import Probe
from endcap.recommend.pipeline import recommend
from endcap.recommend.request import Recommendation
from endcap.snapshot.figures import Route
from endcap.snapshot.snapshot import Snapshot

ENOUGH_S: Final = 15.0
"""Processor time after which no more of a kind are asked: what they would say is known."""
MAX_PROBLEM: Final = 200


@dataclass
class _Tally:
    asked: int = 0
    failed: int = 0
    unsound: int = 0
    short: int = 0
    problem: str = ""
    took_s: list[float] = field(default_factory=list)

    def route(self) -> Route:
        return Route(self.asked, self.failed, self.unsound, self.short, median(self.took_s or [0.0]), self.problem)


def routes_of(
    snapshot: Snapshot, probes: Iterable[Probe], now_ms: int, step: Callable[[str], None]
) -> dict[str, Route]:
    """Ask all of them, in order, of one kind after the other.

    Parameters
    ----------
    step : told what comes next
    """
    tallies: dict[str, _Tally] = {}
    for number, probe in enumerate(probes):
        tally = tallies.setdefault(probe.kind, _Tally())
        if sum(tally.took_s) > ENOUGH_S:
            continue
        step(f"request {number} ({probe.kind})")
        began = time.process_time()
        _ask(snapshot, probe, now_ms, tally)
        tally.took_s.append(time.process_time() - began)
    return {kind: tally.route() for kind, tally in tallies.items()}


def _ask(snapshot: Snapshot, probe: Probe, now_ms: int, tally: _Tally) -> None:
    tally.asked += 1
    try:
        found = recommend(snapshot, probe.profile, probe.request, now_ms, live=probe.live)
        json.dumps(answer(found, "probe", 0, complete=probe.request.complete), allow_nan=False)
    except Exception as exc:  # whatever a snapshot's contents bring about
        tally.failed += 1
        tally.problem = tally.problem or f"{type(exc).__name__}: {exc}"[:MAX_PROBLEM]
        return
    tally.unsound += not _sound(found)
    tally.short += len(found.items) < probe.least


def _sound(found: Recommendation) -> bool:
    """Whether it is a list: each item once, one rank after the other, scores that are numbers."""
    ids, ranks = [item.item_id for item in found.items], [item.rank for item in found.items]
    numbers = [n for item in found.items for n in (item.score, *(reason.weight for reason in item.reasons))]
    return len(set(ids)) == len(ids) and ranks == list(range(1, len(ids) + 1)) and all(map(math.isfinite, numbers))
