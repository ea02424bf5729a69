"""Durations and their percentiles, and the machine that they are from."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, TypeVar

Result = TypeVar("Result")
_PACKAGES: Final = ("numpy", "onnxruntime", "simsimd", "tokenizers", "boto3", "aws-lambda-powertools")


@dataclass(frozen=True, slots=True)
class Timing:
    """How long one thing takes, in milliseconds.

    Attributes
    ----------
    cpu_p50_ms : of the calling thread's own time on a processor, which others on the machine do not add to; None where
        it was not taken
    """

    n: int
    p50_ms: float
    p90_ms: float
    p99_ms: float
    mean_ms: float
    cpu_p50_ms: float | None = None

    @classmethod
    def of(cls, durations_s: Sequence[float], cpu_s: Sequence[float] = ()) -> Timing:
        """Of durations in seconds; a percentile is the smallest duration that so many are not longer than.

        Raises
        ------
        ValueError : there are none
        """
        if not durations_s:
            raise ValueError("nothing was timed")
        p50, p90, p99 = (_percentile(durations_s, share) for share in (50, 90, 99))
        mean = round(1000 * sum(durations_s) / len(durations_s), 3)
        return cls(len(durations_s), p50, p90, p99, mean, _percentile(cpu_s, 50) if cpu_s else None)


@dataclass(slots=True)
class Laps:
    """Seconds of calls, one after the other, on the clock and on the processor."""

    wall_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)

    def run(self, call: Callable[[Any], Result], given: Any) -> Result:
        """Call, and note how long it took; a call that raises is noted too."""
        began_cpu, began = time.thread_time(), time.perf_counter()
        try:
            return call(given)
        finally:
            self.wall_s.append(time.perf_counter() - began)
            self.cpu_s.append(time.thread_time() - began_cpu)

    def timing(self) -> Timing:
        """All of them together."""
        return Timing.of(self.wall_s, self.cpu_s)


def timed(call: Callable[[Any], object], inputs: Iterable[Any]) -> Laps:
    """How long `call` takes for each input."""
    laps = Laps()
    for given in inputs:
        laps.run(call, given)
    return laps


@dataclass(frozen=True, slots=True)
class Call:
    """Something to time: `run` is, `given` makes what it is given in a turn and is not."""

    run: Callable[[Any], object]
    given: Callable[[int], Any]


def alternated(
    calls: Mapping[str, Call], turns: Iterable[int], rare: Mapping[str, Call] | None = None, rare_turns: int = 0
) -> dict[str, Timing]:
    """Timings of several calls that take turns, so that all of them meet the same machine.

    Parameters
    ----------
    rare : calls that are too slow for every turn
    rare_turns : how many turns those take part in, spread evenly
    """
    numbers, rare = list(turns), rare or {}
    chosen = {k * len(numbers) // rare_turns for k in range(rare_turns)}
    laps = {name: Laps() for name in (*calls, *rare)}
    for place, turn in enumerate(numbers):
        for name, call in (*calls.items(), *(rare.items() if place in chosen else ())):
            laps[name].run(call.run, call.given(turn))
    return {name: lap.timing() for name, lap in laps.items() if lap.wall_s}


def _percentile(durations_s: Sequence[float], share: int) -> float:
    ordered = sorted(durations_s)
    return round(1000 * ordered[-(-len(ordered) * share // 100) - 1], 3)


def machine() -> dict[str, Any]:
    """Processor, memory, interpreter and versions, and how busy the machine was in the last minute."""
    return {
        "cpu": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": _memory_gib(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: version(name) for name in _PACKAGES},
        "load_1min": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(errors="replace").splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _memory_gib() -> float | None:
    try:
        return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1)
    except (ValueError, OSError, AttributeError):
        return None
