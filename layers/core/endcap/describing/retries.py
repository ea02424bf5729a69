"""Trying again: what is worth it, and when."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

from endcap.describing.writer import Sleep, WriterError

TRIES: Final = 4
FIRST_WAIT_S: Final = 1.0
LONGEST_WAIT_S: Final = 60.0
Answer = TypeVar("Answer")


class TryAgainError(Exception):
    """It may go better later; `after_s` where the other side has said when."""

    def __init__(self, reason: str, after_s: float | None = None) -> None:
        super().__init__(reason)
        self.after_s = after_s


class NotThisOneError(Exception):
    """This request is refused, others may not be."""


def no_second_try(wait_s: float) -> None:
    """In place of a sleep: what has failed is not tried again now, as all of it comes again by itself.

    Raises
    ------
    WriterError : always
    """
    raise WriterError(f"not tried again at once, though {wait_s:.0f} seconds were to be waited")


def tried(call: Callable[[], Answer], sleep: Sleep = time.sleep) -> Answer:
    """The outcome of a call, which is made up to `TRIES` times, with doubling waits or those that were asked for.

    Raises
    ------
    WriterError : all of them were in vain
    """
    wait_s = FIRST_WAIT_S
    for number in range(TRIES):
        try:
            return call()
        except TryAgainError as exc:
            if number == TRIES - 1:
                raise WriterError(f"given up after {TRIES} tries: {exc}") from exc
            sleep(min(LONGEST_WAIT_S, wait_s if exc.after_s is None else max(0.0, exc.after_s)))
            wait_s *= 2
    raise AssertionError("unreachable")
