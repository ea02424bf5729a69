"""What a writer was asked: answered from memory, or waited for so long and no longer."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Final, Generic, Protocol, TypeVar

from endcap.live.waiting import Breaker, Waiting
from endcap.observability import logger

Found = TypeVar("Found")

DEADLINE_S: Final = 0.3
"""How long a shopper may wait for one answer of a writer."""
KEPT: Final = 2000
PENDING: Final = 8
"""Questions that may be under way; more are not asked."""


class Writer(Protocol):
    """A language model."""

    def write(self, system: str, data: Mapping[str, Any], most_tokens: int, /) -> object:
        """What it answers to some data under an instruction, read as JSON.

        Raises
        ------
        EndcapError : it does not answer
        """


class Asked(Generic[Found]):
    """Answers by what was asked. One that comes late is there for who asks the same next.

    Parameters
    ----------
    waiting : of the requests that are served
    most : answers that are kept, those asked for longest ago given up first
    """

    def __init__(self, waiting: Waiting, most: int = KEPT) -> None:
        self._waiting, self._most, self._breaker = waiting, most, Breaker(waiting.clock)
        self._kept: OrderedDict[str, Found | None] = OrderedDict()
        self._pending: dict[str, Future[Found | None]] = {}
        self._ends_s: dict[str, float] = {}

    def known(self, key: str) -> bool:
        """Whether it needs no asking."""
        return key in self._kept

    def begin(self, key: str, call: Callable[[], Found | None]) -> None:
        """Ask, unless the answer is known or on its way, or too much is asked or has failed."""
        self._take_over()
        if self.known(key):
            return
        self._ends_s[key] = self._waiting.clock() + DEADLINE_S
        if key not in self._pending and len(self._pending) < PENDING and self._breaker.lets_through():
            self._pending[key] = self._waiting.workers.submit(call)

    def answer(self, key: str) -> Found | None:
        """The answer; None where there is none that can be used, or none in time."""
        future, ends_s = self._pending.get(key), self._ends_s.pop(key, 0.0)
        if future is not None and not future.done():
            left_s = max(0.0, min(ends_s - self._waiting.clock(), self._waiting.left_s()))
            with suppress(Exception):  # how it ended is told as it is taken over
                future.result(left_s)
            if not future.done():
                self._breaker.note(failed=True)
        self._take_over()
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    def _take_over(self) -> None:
        for key in [key for key, future in self._pending.items() if future.done()]:
            future = self._pending.pop(key)
            failed = future.exception()
            self._breaker.note(failed=failed is not None)
            if failed is not None:
                logger.warning("writer has not answered", extra={"error": type(failed).__name__})
                continue
            self._kept[key] = future.result()
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
