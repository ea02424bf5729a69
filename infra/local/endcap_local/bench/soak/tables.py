"""The report of a soak, as tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def soak_tables(result: Mapping[str, Any]) -> Iterator[tuple[Sequence[str], Sequence[Sequence[str]]]]:
    """Tables for people: the goals, lists by phase, and whatever went wrong."""
    rows = [
        [goal.replace("_", " "), row["goal"], str(row["found"]), "met" if row["met"] else "missed"]
        for goal, row in result["goals"].items()
    ]
    yield (f"{result['seconds']:g} s, {result['requests']:,} requests", "goal", "found", ""), rows
    lists = [
        [row["phase"], f"{row['n']:,}", *(f"{row[part]:.0f}" for part in ("p50_ms", "p99_ms", "max_ms"))]
        for row in result["lists"]["phases"]
    ]
    yield ("lists while", "answers", "p50 ms", "p99 ms", "longest"), lists
    events = result["events"]
    counts = ("accepted", "excused_by_erasure", "missing_from_archive", "missing_from_profile", "quarantined")
    yield ("events", ""), [[name.replace("_", " "), f"{events[name]:,}"] for name in counts]
    yield ("swaps", "at s", "first served", "tries"), [_swap(swap) for swap in result["swaps"]]
    failed = [[f"{row['kind']}, {row['phase']}", str(row["status"]), f"{row['n']:,}"] for row in result["errors"]]
    if failed:
        yield ("errors", "status", "answers"), failed
    if result["restarts"]:
        yield (
            ("restarts", "at s", "why"),
            [[r["environment"], f"{r['at_s']:.0f}", r["reason"]] for r in result["restarts"]],
        )
    memory = [
        [row["environment"], *(f"{row[part]:.1f}" for part in ("warm_mib", "end_mib")), f"{row['growth_share']:.1%}"]
        for row in result["memory"]
    ]
    yield ("memory, MiB", "warm", "end", "trend"), memory
    strain = {name.replace("_", " "): str(value) for name, value in result["strain"].items()}
    yield ("short of processors?", ""), [list(row) for row in strain.items()]


def _swap(swap: Mapping[str, Any]) -> list[str]:
    after_s = swap["first_served_after_s"]
    served = f"after {after_s:g} s" if after_s is not None else swap["error"] or "never"
    return [swap["by"], f"{swap['began_s']:.0f}", served, str(swap["tries"])]
