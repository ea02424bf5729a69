"""Looks at the machine while a soak runs: the functions' memory, and whether there was processor enough to judge by."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from endcap_local.bench.timing import Timing

PRESSURE: Final = Path("/proc/pressure/cpu")


@dataclass(frozen=True, slots=True)
class Strain:
    """How scarce processor time was.

    Attributes
    ----------
    cpu_pressure : share of the time in which something on the machine waited for a processor; None where the system
        does not tell
    harness_cpu_share : of one core, taken by moto, the proxies, the gateway and the load; near 1 it is what is measured
    lag_p99_ms : by how much a thread of the harness was late that only sleeps
    """

    cpu_pressure: float | None
    harness_cpu_share: float
    lag_p99_ms: float

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


class Watch:
    """Samples for as long as the block lasts.

    Parameters
    ----------
    processes : process ids by name, of those that run now
    every_s : between samples
    tell : is told the seconds since the beginning

    Attributes
    ----------
    memory : samples of each process: seconds since the beginning, MiB of its own
    """

    def __init__(
        self, processes: Callable[[], dict[str, int]], every_s: float, tell: Callable[[float], object]
    ) -> None:
        self._processes, self._every_s, self._tell = processes, every_s, tell
        self.memory: dict[str, list[tuple[float, float]]] = {}
        self._lags_s: list[float] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def __enter__(self) -> Watch:
        self._began_s, self._cpu_s, self._waited_s = time.monotonic(), time.process_time(), waited_s()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        passed_s, waited = time.monotonic() - self._began_s, waited_s()
        self.strain = Strain(
            None if waited is None or self._waited_s is None else round((waited - self._waited_s) / passed_s, 3),
            round((time.process_time() - self._cpu_s) / passed_s, 3),
            Timing.of(self._lags_s or [0.0]).p99_ms,
        )

    def _run(self) -> None:
        asked_s = time.monotonic()
        while not self._over.wait(self._every_s):
            woken_s = time.monotonic()
            self._lags_s.append(woken_s - asked_s - self._every_s)
            for name, pid in self._processes().items():
                if (mib := private_mib(pid)) is not None:
                    self.memory.setdefault(name, []).append((woken_s - self._began_s, mib))
            self._tell(woken_s - self._began_s)
            asked_s = time.monotonic()


def private_mib(pid: int) -> float | None:
    """Memory in RAM that a process shares with no file, in MiB; None where it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon:")), None)


def waited_s() -> float | None:
    """Seconds in which something has waited for a processor, since the start; None where the system does not tell."""
    try:
        some = PRESSURE.read_text().splitlines()[0]
    except (OSError, IndexError):
        return None
    return int(some.rpartition("total=")[2]) / 1e6
