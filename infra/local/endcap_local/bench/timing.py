"""Durations and their percentiles, and the machine that they are from."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

_PACKAGES: Final = ("numpy", "onnxruntime", "simsimd", "tokenizers", "boto3", "aws-lambda-powertools")


@dataclass(frozen=True, slots=True)
class Timing:
    """Durations of one thing, in milliseconds."""

    n: int
    p50_ms: float
    p90_ms: float
    p99_ms: float
    mean_ms: float

    @classmethod
    def of(cls, durations_s: Sequence[float]) -> Timing:
        """Of durations in seconds; a percentile is the smallest duration that so many are not longer than.

        Raises
        ------
        ValueError : there are none
        """
        if not durations_s:
            raise ValueError("nothing was timed")
        ordered = sorted(durations_s)

        def percentile(share: int) -> float:
            return round(1000 * ordered[-(-len(ordered) * share // 100) - 1], 3)

        mean = round(1000 * sum(ordered) / len(ordered), 3)
        return cls(len(ordered), percentile(50), percentile(90), percentile(99), mean)


def timed(call: Callable[[Any], object], inputs: Iterable[Any]) -> list[float]:
    """Seconds that `call` takes for each input."""
    durations = []
    for given in inputs:
        started = time.perf_counter()
        call(given)
        durations.append(time.perf_counter() - started)
    return durations


def alternated(calls: Mapping[str, Callable[[Any], object]], inputs: Iterable[Any]) -> dict[str, Timing]:
    """Timings of several calls that take turns on each input, so that all of them meet the same machine."""
    durations: dict[str, list[float]] = {name: [] for name in calls}
    for given in inputs:
        for name, call in calls.items():
            durations[name] += timed(call, [given])
    return {name: Timing.of(seconds) for name, seconds in durations.items()}


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
