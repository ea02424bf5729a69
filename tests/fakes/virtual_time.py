"""Time that passes only where somebody spends it, and workers that run beside each other in it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

Found = TypeVar("Found")


class VirtualClock:
    """Seconds; what other threads spend than the one that made the clock, they spend side by side, all of it at once.

    How many calls one thread of a pool takes is chance, so what it has spent before does not count.
    """

    def __init__(self) -> None:
        self.now_s = 0.0
        self._main, self._main_s = threading.current_thread(), 0.0
        self._lock = threading.Lock()

    def __call__(self) -> float:
        return self.now_s

    def spend(self, seconds: float) -> None:
        """Let time pass for the thread that calls."""
        if threading.current_thread() is self._main:
            self.now_s += seconds
            self._main_s = self.now_s
            return
        with self._lock:
            self.now_s = max(self.now_s, self._main_s + seconds)

    def set(self, now_s: float) -> None:
        """Go to a moment."""
        self.now_s = self._main_s = now_s


class VirtualWorkers:
    """Runs work at once, in time of its own: who waits for it later gets it when it would have been done."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock

    def submit(self, work: Callable[[], Found], /) -> Future[Found]:
        """Begin, and in truth finish, some work."""
        began_s = self._clock.now_s
        future = _VirtualFuture[Found](self._clock)
        try:
            future.set_result(work())
        except Exception as exc:  # as an executor does
            future.set_exception(exc)
        future.ready_s = self._clock.now_s
        self._clock.set(began_s)
        return future


class _VirtualFuture(Future[Found]):
    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()
        self._clock, self.ready_s = clock, 0.0

    def done(self) -> bool:
        return self._clock.now_s >= self.ready_s

    def result(self, timeout: float | None = None) -> Any:
        ends_s = float("inf") if timeout is None else self._clock.now_s + timeout
        if self.ready_s > ends_s:
            self._clock.set(ends_s)
            raise TimeoutError
        self._clock.set(max(self._clock.now_s, self.ready_s))
        return super().result(0)
