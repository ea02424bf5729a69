"""Looking again now and then, and keeping the last good content meanwhile."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Final, Generic, TypeVar

from endcap.live.waiting import Clock, Waiting

Content = TypeVar("Content")
Look = Callable[[], Content]
Failed = Callable[[Exception], float | None]


IDLE_S: Final = 5.0
"""More than a call to another service takes, so that one that is under way for longer has stood still."""


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
    """The last good content of what is looked at now and then, whatever a look raises.

    It decides when to look and what to keep; how to look, and what a failure means, its owner says.

    With `waiting`, looks run on a worker, one at a time. Who asks waits for a look under way no longer than their
    request may, and nobody does once it has run for as long as a request may wait, or where the look before it failed:
    a service that does not answer costs one request its patience, and the others nothing. A look that was under way
    while nobody asked for some seconds may have been frozen with the function, and what it finds is as old as that:
    another is begun in its place, unless it `takes_long`. Without `waiting` whoever asks looks.

    Parameters
    ----------
    content : what is there before the first look
    every_s : the wait after a look; infinity where one good look is enough
    clock : seconds, ascending
    from_start : each wait begins with a look, as what it finds is as old as that; else with its end, so that a look
        that takes long does not bring on the next one, and then a failure may have a wait of its own
    takes_long : a look needs the time of many requests; it is never begun anew while it is under way
    whole : whether a look has found all there is to find; one that has not is kept, and nobody waits for the next one
        either, as what it did not find may be what it has waited for

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
        from_start: bool = False,
        takes_long: bool = False,
        whole: Callable[[Content], bool] = lambda _: True,
        waiting: Waiting | None = None,
    ) -> None:
        self.content = content
        self._known, self._doubtful = False, False
        self._every_s, self._from_start, self._takes_long, self._whole = every_s, from_start, takes_long, whole
        self._timer, self._clock, self._waiting = Timer(clock), clock, waiting
        self._looking: Future[Content] | None = None
        self._began_s, self._asked_s = 0.0, clock()

    def refreshed(
        self, look: Look[Content], failed: Failed, at_most_s: float = math.inf, *, patient: bool = False
    ) -> Content:
        """The content, looked at first if that is due.

        Parameters
        ----------
        look : finds the content as it is now
        failed : what a failure means: the wait until the next look, None for the usual one. It raises where nothing
            good is known, and then the next call looks again
        at_most_s : to wait for a look under way, within what the request may
        patient : wait, however long it has been under way, and although the look before it failed
        """
        if self._waiting is None:
            if self._timer.is_due():
                self._begun()
                self._take(look, failed)
            return self.content
        before = self._looking
        self.begin(look, failed)
        if self._looking is None or at_most_s <= 0:
            return self.content
        patience_s = 0.0 if self._doubtful else self._began_s + self._waiting.patience_s - self._clock()
        wait_s = max(0.0, min(self._waiting.left_s(), at_most_s if patient else min(at_most_s, patience_s)))
        from_s = self._clock()
        with suppress(Exception):  # what it has raised is seen to where it is taken over
            if self._takes_long:  # that it is not done says nothing against the service
                self._looking.result(wait_s)
            else:
                self._waiting.result(self._looking, wait_s)
        if self._looking.done():
            self._taken_over(self._looking, failed)
            if self._doubtful and not self._takes_long:  # some say of what they have found that it is not all
                self._waiting.hurry_after(self._clock() - from_s)
        elif wait_s > 0 or self._looking is before:  # else it was begun when there was no time left to wait for it
            self._doubtful = True
        return self.content

    @property
    def stale(self) -> bool:
        """Whether something may be missing: no look has ever succeeded, or the last is not whole, failed or late."""
        return self._doubtful or not self._known

    def begin(self, look: Look[Content], failed: Failed) -> None:
        """Take over what a look has found that is done, and begin the next one if it is due; without waiting."""
        if self._waiting is None:
            return
        idle_s, self._asked_s = self._clock() - self._asked_s, self._clock()
        if self._looking is not None and self._looking.done():
            self._taken_over(self._looking, failed)
        elif self._looking is not None and idle_s > IDLE_S and not self._takes_long:
            self._doubtful = False
            if self._known:
                self._looking = None
                self._timer.wait(0)
            else:  # the first may be a long one, and is better than none
                self._began_s = self._clock()
        if self._looking is None and self._timer.is_due():
            self._begun()
            self._looking = self._waiting.workers.submit(look)

    def _begun(self) -> None:
        self._began_s = self._clock()
        if self._from_start:
            self._timer.wait(self._every_s)

    def _taken_over(self, looking: Future[Content], failed: Failed) -> None:
        self._looking = None
        self._take(looking.result, failed)

    def _take(self, look: Look[Content], failed: Failed) -> None:
        wait_s: float | None = None
        try:
            self.content = look()
            self._known, self._doubtful = True, not self._whole(self.content)
        except Exception as exc:  # whatever it is, what is known stays
            self._doubtful = True
            wait_s = failed(exc)
        if not self._from_start:
            self._timer.wait(self._every_s if wait_s is None else wait_s)
