"""What live counts amount to, stated without objects that are folded: the sums that versions before read themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from endcap.events.counts import CLICKED, DEMAND, LEVELS, PEOPLE, SHOWN, Demand, Increment, Window, weight_of

Buckets = Mapping[int, Mapping[str, int]]
"""Start of each bucket -> its counts."""


def sums_of(increments: Iterable[Increment]) -> dict[str, dict[int, Counter[str]]]:
    """All increments of each level added up."""
    sums: dict[str, dict[int, Counter[str]]] = {level.name: {} for level in LEVELS}
    for increment in increments:
        sums[increment.level.name].setdefault(increment.start_ms, Counter()).update(increment.counts)
    return sums


def demand_of(buckets: Buckets, window: Window, now_ms: int) -> Demand:
    """The demand that `buckets` amount to; each counts with the age of its middle, and whole or not at all."""
    sums: dict[str, Counter[str]] = {what: Counter() for what in (DEMAND, CLICKED, SHOWN, PEOPLE)}
    decayed: dict[str, float] = {}
    first_ms = window.level.start_of(now_ms - window.span_ms)
    for start_ms, counts in sorted(buckets.items()):
        if not first_ms <= start_ms <= now_ms:
            continue
        weight = weight_of(start_ms, window, now_ms)
        for name, count in counts.items():
            what, item_id = name[0], name[1:]
            sums[what][item_id] += count
            if what == DEMAND:
                decayed[item_id] = decayed.get(item_id, 0.0) + weight * count
    return Demand(window, sums[DEMAND], decayed, sums[CLICKED], sums[SHOWN], sums[PEOPLE])
