"""What one caller waits for: how long yet, on which threads, behind which breakers, and what the answer lacks for it.

A request has one deadline for everything that it reads. Reads run on worker threads, so that a socket that hangs or
trickles can't hold an answer longer than that; a read that comes late goes on by itself. Lambda freezes threads between
invocations: nothing here relies on one being finished when an answer goes out, and what a worker finds is taken over by
the thread that serves, which is the only one that changes state.
"""

from __future__ import annotations

import time
from collections import deque
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
"""How long a request waits for all that it reads together while it is fresh that another has waited in vain, at least:
short enough that requests do not pile up behind each other."""
HURRIED_TIMES: Final = 3.0
"""How long it waits as a multiple of what reads take where all is well, and no longer than one that is not hurried: on
a machine that is short of processors they take long without a service being at fault."""
REMEMBERED: Final = 64
"""Requests that tell what reads take where all is well, by their median."""
PRESUMED_S: Final = (0.1,) * 3
"""What they are taken to have taken before there were any, in seconds: a few good ones outvote it."""
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

    A request that has waited in vain, until its deadline or for a call that has failed late, makes those of the next
    seconds hurry, whatever they read: one after the other they would wait in vain too, and where all environments do,
    shoppers wait for these as well. It is counted in seconds since then and not in what comes late by itself, as
    threads may stand still between requests.

    How long the hurried wait goes by how long earlier requests had to, from their begin on. Those that were hurried
    themselves, and those that did without something, do not count: what a failing service takes says nothing about a
    sound one.

    Parameters
    ----------
    workers : threads by default, made when the first read asks for one
    clock : seconds, ascending
    patience_s : how long a request waits for all that it reads together
    """

    def __init__(
        self, workers: Workers | None = None, clock: Clock = time.monotonic, patience_s: float = READS_S
    ) -> None:
        self.clock, self.patience_s, self._given = clock, patience_s, workers
        self._lost: dict[str, None] = {}
        self._began_s, self._hurry_ends_s = clock(), float("-inf")
        self._ends_s, self._usual = self._began_s + self.patience_s, True
        self._read_in_s: float | None = None
        self._good_s, self._hurried_s = deque(PRESUMED_S, REMEMBERED), HURRIED_S

    @cached_property
    def workers(self) -> Workers:
        """Where reads run."""
        return self._given or ThreadPoolExecutor(MAX_WORKERS, thread_name_prefix="reads")

    def begin(self) -> None:
        """Another request begins: it has its time before it, and has lost nothing yet."""
        if self._usual and self._read_in_s is not None and not self._lost:
            self._good_s.append(self._read_in_s)
        self._read_in_s = None
        self._usual, self._began_s = not self.hurried, self.clock()
        self._ends_s = self._began_s + (self.patience_s if self._usual else self._hurried_s)
        self._lost.clear()

    def extend(self, seconds: float) -> None:
        """Wait this long from now, as there is nothing that could be answered without."""
        self._ends_s = max(self._ends_s, self.clock() + seconds)
        self._usual = False

    @property
    def hurried(self) -> bool:
        """Whether the request has less time than usual, so that none of it should go to what is known well enough."""
        return self.clock() < self._hurry_ends_s

    def of_patience(self, seconds: float) -> float:
        """As much of this patience as `seconds` are of `READS_S`."""
        return seconds * self.patience_s / READS_S

    def left_s(self) -> float:
        """Seconds that the request may still wait, 0 when there are none."""
        return max(0.0, self._ends_s - self.clock())

    def result(self, future: Future[Found], at_most_s: float) -> Found:
        """What a read on a worker finds, waited for this long.

        Raises
        ------
        TimeoutError : it comes later
        Exception : whatever the call itself has raised
        """
        to_the_end, from_s, at_hand = at_most_s >= self.left_s(), self.clock(), future.done()
        try:
            found = future.result(at_most_s)
        except LateError:
            # One that has waited as long as it was let to says nothing to others.
            if to_the_end and not future.done():
                self.hurry_after(at_most_s)
            raise
        except (DependencyError, ThrottledError):
            self.hurry_after(self.clock() - from_s)
            raise
        self._read_in_s = (self._read_in_s or 0.0) if at_hand else self.clock() - self._began_s
        return found

    def hurry_after(self, waited_s: float) -> None:
        """Make the next requests hurry where this one has waited in vain for longer than the hurried always may."""
        if self._usual and waited_s > HURRIED_S:
            self._hurry_ends_s = self.clock() + HURRY_S
            median_s = sorted(self._good_s)[len(self._good_s) // 2]
            self._hurried_s = min(self.patience_s, max(HURRIED_S, HURRIED_TIMES * median_s))

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

        Parameters
        ----------
        at_least_s : seconds of its own, of what is no read: how long it takes says nothing about reads

        Raises
        ------
        DependencyError : it was refused by the breaker, or comes too late
        Exception : whatever the call itself has raised
        """
        if self._future is None:
            raise DependencyError(f"{self._what}: not tried, as it has just failed {FAILURES} times")
        wait_s = max(at_least_s, self._waiting.left_s())
        try:
            found = self._future.result(wait_s) if at_least_s else self._waiting.result(self._future, wait_s)
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
