"""What one caller waits for: how long yet, on which threads, behind which breakers, and what the answer lacks for it.

A request has one deadline for everything that it reads. Reads run on worker threads, so that a socket that hangs or
trickles can't hold an answer longer than that; a read that comes late goes on by itself. Lambda freezes threads between
invocations: nothing here relies on one being finished when an answer goes out, and what a worker finds is taken over by
the thread that serves, which is the only one that changes state.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as LateError
from functools import cached_property
from typing import Final, Generic, Protocol, TypeVar

from endcap.errors import DependencyError, ThrottledError

Clock = Callable[[], float]
Found = TypeVar("Found")

READS_S: Final = 0.7
"""How long a request waits for all that it reads together."""
WRITE_S: Final = 0.1
"""What a request may wait for the record of its answer, when its reads have left nothing."""
DEPENDENCIES_S: Final = READS_S + WRITE_S
"""How long a request waits for other services at most, whatever they do."""
HURRIED_S: Final = 0.15
"""How long a request waits for all that it reads together while it is fresh that another has waited in vain: several
times what a read takes where all is well, and short enough that requests do not pile up behind each other."""
HURRY_S: Final = 10.0
"""How long that is fresh. The probes of a breaker are hurried meanwhile; the next one may take its time, so that a
service is found that has become slow and no more."""
MAX_WORKERS: Final = 64
"""Threads are made when they are needed; those that a service holds are not there for others until it lets go."""
FAILURES: Final = 3
REST_S: Final = 5.0


class Workers(Protocol):
    """Where reads run beside the thread that serves."""

    def submit(self, work: Callable[[], Found], /) -> Future[Found]:
        """Begin some work."""


class Waiting:
    """The deadline of the request that is served, and what it had to do without.

    A request that has waited in vain until its deadline makes those of the next seconds hurry, whatever they read: one
    after the other they would wait in vain too, and where all environments do, shoppers wait for these as well. It is
    counted in seconds since then and not in what comes late by itself, as threads may stand still between requests.

    Parameters
    ----------
    workers : threads by default, made when the first read asks for one
    clock : seconds, ascending
    """

    def __init__(self, workers: Workers | None = None, clock: Clock = time.monotonic) -> None:
        self.clock, self._given = clock, workers
        self._lost: dict[str, None] = {}
        self._ends_s, self._hurry_ends_s = clock() + READS_S, float("-inf")
        self._usual = True

    @cached_property
    def workers(self) -> Workers:
        """Where reads run."""
        return self._given or ThreadPoolExecutor(MAX_WORKERS, thread_name_prefix="reads")

    def begin(self) -> None:
        """Another request begins: it has its time before it, and has lost nothing yet."""
        self._usual = not self.hurried
        self._ends_s = self.clock() + (READS_S if self._usual else HURRIED_S)
        self._lost.clear()

    def extend(self, seconds: float) -> None:
        """Wait this long from now, as there is nothing that could be answered without."""
        self._ends_s = max(self._ends_s, self.clock() + seconds)
        self._usual = False

    @property
    def hurried(self) -> bool:
        """Whether the request has less time than usual, so that none of it should go to what is known well enough."""
        return self.clock() < self._hurry_ends_s

    def left_s(self) -> float:
        """Seconds that the request may still wait, 0 when there are none."""
        return max(0.0, self._ends_s - self.clock())

    def result(self, future: Future[Found], at_most_s: float) -> Found:
        """What a call on a worker finds, waited for this long.

        Raises
        ------
        TimeoutError : it comes later
        Exception : whatever the call itself has raised
        """
        to_the_end = at_most_s >= self.left_s()
        try:
            return future.result(at_most_s)
        except LateError:
            # One that has waited no longer than the hurried do, or as long as it was let to, says nothing to others.
            if self._usual and to_the_end and at_most_s > HURRIED_S and not future.done():
                self._hurry_ends_s = self.clock() + HURRY_S
            raise

    def lose(self, name: str) -> None:
        """Note that the answer is made without something."""
        self._lost[name] = None

    @property
    def lost(self) -> tuple[str, ...]:
        """What the answer is made without, in the order in which it was missed."""
        return tuple(self._lost)


class Breaker:
    """Keeps callers from waiting for a service that has just failed several times in a row.

    Closed, it lets every call through. After `FAILURES` failures it is open: calls are refused for `REST_S`, then one
    is let through as a probe while the others are still refused. A success closes it.
    """

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._failures, self._closed_until_s = 0, float("-inf")

    def lets_through(self) -> bool:
        """Whether a call may be made now; one that was let through has to be noted."""
        if self._failures < FAILURES:
            return True
        if self._clock() < self._closed_until_s:
            return False
        self._closed_until_s = self._clock() + REST_S
        return True

    def note(self, *, failed: bool) -> None:
        """How a call ended."""
        self._failures = self._failures + 1 if failed else 0
        if self._failures >= FAILURES:
            self._closed_until_s = self._clock() + REST_S


class Reading(Generic[Found]):
    """A call under way, or one that was refused."""

    def __init__(self, what: str, future: Future[Found] | None, waiting: Waiting, breaker: Breaker) -> None:
        self._what, self._future, self._waiting, self._breaker = what, future, waiting, breaker

    def result(self, at_least_s: float = 0.0) -> Found:
        """What the call found, waited for no longer than the request may, or this long where that is longer.

        Raises
        ------
        DependencyError : it was refused by the breaker, or comes too late
        Exception : whatever the call itself has raised
        """
        if self._future is None:
            raise DependencyError(f"{self._what}: not tried, as it has just failed {FAILURES} times")
        try:
            found = self._waiting.result(self._future, max(at_least_s, self._waiting.left_s()))
        except LateError as exc:
            self._breaker.note(failed=True)
            raise DependencyError(f"{self._what}: no answer in time") from exc
        except Exception as exc:
            # A damaged row says nothing against the service that has handed it over.
            self._breaker.note(failed=isinstance(exc, DependencyError | ThrottledError))
            raise
        self._breaker.note(failed=False)
        return found


class Guarded:
    """Calls to one service, each made on a worker, behind one breaker."""

    def __init__(self, what: str, waiting: Waiting) -> None:
        self._what, self._waiting, self._breaker = what, waiting, Breaker(waiting.clock)

    def begin(self, call: Callable[[], Found]) -> Reading[Found]:
        """Begin a call; its `result` is asked for once."""
        future = self._waiting.workers.submit(call) if self._breaker.lets_through() else None
        return Reading(self._what, future, self._waiting, self._breaker)
