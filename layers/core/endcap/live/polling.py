"""Looking again now and then, and keeping the last good content meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Generic, TypeVar

from endcap.errors import EndcapError

Clock = Callable[[], float]
Content = TypeVar("Content")


class Timer:
    """When something is due again; at once, until it is told otherwise.

    Parameters
    ----------
    clock : seconds, ascending
    """

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._due_at = float("-inf")

    def is_due(self) -> bool:
        """Whether the time has come."""
        return self._clock() >= self._due_at

    def wait(self, seconds: float) -> None:
        """Be due this long from now."""
        self._due_at = self._clock() + seconds


class LastGood(Generic[Content]):
    """The last good content of what is looked at now and then.

    It decides when to look and what to keep; how to look, and what a failure means, its owner says.

    Parameters
    ----------
    content : what is there before the first look
    every_s : the wait after a look; infinity where one good look is enough
    clock : seconds, ascending
    failures : the errors of a look that leave the content as it is; any other ends it
    from_start : each wait begins with a look, as what it finds is as old as that; else with its end, so that a look
        that takes long does not bring on the next one, and then a failure may have a wait of its own

    Attributes
    ----------
    content : as the last good look has found it
    """

    def __init__(
        self,
        content: Content,
        every_s: float,
        clock: Clock = time.monotonic,
        *,
        failures: tuple[type[Exception], ...] = (EndcapError,),
        from_start: bool = False,
    ) -> None:
        self.content = content
        self._every_s, self._failures, self._from_start = every_s, failures, from_start
        self._timer = Timer(clock)

    def refreshed(self, look: Callable[[], Content], failed: Callable[[Exception], float | None]) -> Content:
        """The content, looked at first if that is due.

        Parameters
        ----------
        look : finds the content as it is now
        failed : what a failure means: the wait until the next look, None for the usual one. It raises where nothing
            good is known, and then the next call looks again
        """
        if not self._timer.is_due():
            return self.content
        if self._from_start:
            self._timer.wait(self._every_s)
        wait_s: float | None = None
        try:
            self.content = look()
        except self._failures as exc:
            wait_s = failed(exc)
        if not self._from_start:
            self._timer.wait(self._every_s if wait_s is None else wait_s)
        return self.content
