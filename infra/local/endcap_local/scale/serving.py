"""Lists, and the copies of recommend that answer them: how many there are, and who waits for a start."""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass
from typing import Final

MORE, MORE_EVERY_S = 1_000, 10.0
"""Copies of one function that are started in ten seconds:
https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html"""


@dataclass(frozen=True, slots=True)
class Served:
    """What became of the requests of a while.

    Attributes
    ----------
    copies : at once
    cold : share that waited for a start
    refused : share that found no copy, and none that might be started
    """

    copies: int
    cold: float
    refused: float


def serve(
    per_s: float, answer_s: float, start_s: float, most: int, seconds: float, warm: int = 0, seed: int = 0
) -> Served:
    """Requests that come at random, so many a second, from one moment on.

    Parameters
    ----------
    answer_s, start_s : that an answer takes, and that a start adds
    most : copies that the account, or a parameter, allows
    warm : copies that are there to begin with
    """
    chance = random.Random(seed)  # nosec B311 # it decides nothing
    free, busy = warm, list[float]()
    started: list[float] = []
    total = cold = refused = 0
    copies = warm
    at_s = chance.expovariate(per_s)
    while at_s < seconds:
        while busy and busy[0] <= at_s:
            heapq.heappop(busy)
            free += 1
        total += 1
        if free:
            free -= 1
            heapq.heappush(busy, at_s + answer_s)
        else:
            while started and started[0] <= at_s - MORE_EVERY_S:
                started.pop(0)
            if len(busy) >= most or len(started) >= MORE:
                refused += 1
            else:
                started.append(at_s)
                cold += 1
                heapq.heappush(busy, at_s + start_s + answer_s)
        copies = max(copies, len(busy) + free)
        at_s += chance.expovariate(per_s)
    return Served(copies, cold / total, refused / total)


RATES: Final = (10, 200, 2_000)
"""Lists a second that docs/scale.md tells of."""
