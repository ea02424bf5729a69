"""What keeps a batch within its time, and each thing in it to its own fate.

`Deadline` says when to begin no more, `Breaker` when to stop asking what does not answer, `retryable` which failures
another try can mend, and `each_alone` finds the one thing of many that fails for good.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, Protocol, TypeVar

from endcap.errors import (
    ConflictError,
    DeadlineError,
    DependencyError,
    EncoderError,
    NotFoundError,
    RefusedError,
    SnapshotError,
    ThrottledError,
)

Thing = TypeVar("Thing")
Verdict = Exception | None
"""Why something was not done; None where it was."""

WORK_SHARE: Final = 0.5
"""The part of an invocation in which work is begun; the rest is for what is under way, and for its answer."""
CALLS_SHARE: Final = 0.25
MOST_CALLS_S: Final = 15.0
"""No call is sent once less than a quarter of the invocation is left, or this long: a call may take 12 s to fail."""
LAST_CALLS_MS: Final = 1500.0
"""For the one call that says what was not done: a try of 0.4 s, a pause of up to a second, and the answer."""
MOST_FAILURES: Final = 5
WRITERS: Final = 32
"""Profiles that are written side by side; the client of the table keeps as many connections."""
_MENDED_BY_TIME = (
    ConflictError,
    ThrottledError,
    DependencyError,
    NotFoundError,  # an object that a newer snapshot replaced meanwhile
    SnapshotError,
    EncoderError,
    OSError,
)


class Context(Protocol):
    """As much of Lambda's context as is needed here."""

    def get_remaining_time_in_millis(self) -> int: ...


class Deadline:
    """How long an invocation may begin work and send calls; for ever while none is running."""

    def __init__(self) -> None:
        self._left_ms: Callable[[], int] | None = None
        self._work_ms = self._calls_ms = 0.0

    @contextmanager
    def within(self, context: Context) -> Iterator[None]:
        """Hold to the time that `context` gives, until the block ends."""
        begun_ms = context.get_remaining_time_in_millis()
        self._work_ms = begun_ms * (1 - WORK_SHARE)
        self._calls_ms = min(begun_ms * CALLS_SHARE, MOST_CALLS_S * 1000)
        self._left_ms = context.get_remaining_time_in_millis
        try:
            yield
        finally:
            self._left_ms = None

    @contextmanager
    def saying_so(self) -> Iterator[None]:
        """Send calls until shortly before the end: those that hand on what could not be done in time."""
        before, self._calls_ms = self._calls_ms, min(self._calls_ms, LAST_CALLS_MS)
        try:
            yield
        finally:
            self._calls_ms = before

    @property
    def ends_work(self) -> bool:
        """Whether it is too late to begin anything."""
        return self._left_ms is not None and self._left_ms() < self._work_ms

    @property
    def ends_calls(self) -> bool:
        """Whether it is too late to send another call."""
        return self._left_ms is not None and self._left_ms() < self._calls_ms

    def check(self) -> None:
        """Let work begin.

        Raises
        ------
        DeadlineError : it is too late
        """
        if self.ends_work:
            raise DeadlineError("not begun: half of the invocation's time is over")


class Breaker:
    """Spares a batch the waiting for what does not answer: after some failures running, it is not asked again.

    Parameters
    ----------
    what : the name of what is asked, for the message
    most : failures running, with no success between them, after which it is not asked any more
    """

    def __init__(self, what: str, most: int = MOST_FAILURES) -> None:
        self._what, self._most, self._running = what, most, 0
        self._lock = threading.Lock()

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Around each time that it is asked; a lost race or a late hour says nothing about it.

        Raises
        ------
        DependencyError : it is not asked any more
        """
        if self._running >= self._most:
            raise DependencyError(f"{self._what}: not asked, as it has failed {self._running} times running")
        try:
            yield
        except (ConflictError, DeadlineError, RefusedError):
            raise
        except _MENDED_BY_TIME:
            with self._lock:
                self._running += 1
            raise
        with self._lock:
            self._running = 0


def retryable(failure: Exception) -> bool:
    """Whether the same thing may go through another time; what nobody foresaw is a property of the thing itself."""
    return isinstance(failure, _MENDED_BY_TIME) and not isinstance(failure, RefusedError)


def each_alone(things: Sequence[Thing], act: Callable[[Sequence[Thing]], Sequence[Verdict]]) -> list[Verdict]:
    """`act` on all of `things` together; where one fails for good, on halves of them, until it fails alone.

    Parameters
    ----------
    act : answers for each thing, or raises for all of them; doing it again to what is done must change nothing
    """
    try:
        verdicts = list(act(things))
    except Exception as exc:
        verdicts = [exc] * len(things)
    if len(things) > 1 and any(verdict is not None and not retryable(verdict) for verdict in verdicts):
        middle = len(things) // 2
        return each_alone(things[:middle], act) + each_alone(things[middle:], act)
    return verdicts
