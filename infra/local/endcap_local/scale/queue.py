"""Events on their queue, and the copies of update_profile that take them."""

from __future__ import annotations

import heapq
import random
from collections import deque
from dataclasses import dataclass
from typing import Final

BEGIN: Final = 5
MORE_PER_S: Final = 300 / 60
"""Batches at a time to begin with, and how fast there are more:
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html"""


@dataclass(frozen=True, slots=True)
class Waited:
    """How long messages waited for a batch, in seconds; how many still did in the end; copies at once."""

    median_s: float
    longest_s: float
    left: int
    copies: int


def wait(per_s: float, batch: int, took_s: float, most: int, seconds: float, seed: int = 0) -> Waited:
    """Messages that come at random, so many a second, to a queue that was empty.

    Parameters
    ----------
    batch : messages in one call at most
    took_s : by a call
    most : calls at a time
    """
    chance = random.Random(seed)  # nosec B311 # it decides nothing
    waiting: deque[float] = deque()
    running: list[float] = []  # when calls end
    waits: list[float] = []
    at_s, copies = chance.expovariate(per_s), 0
    while at_s < seconds or running:
        arrives = at_s < seconds and (not running or at_s <= running[0])
        now_s = at_s if arrives else heapq.heappop(running)
        if arrives:
            waiting.append(at_s)
            at_s += chance.expovariate(per_s)
        elif now_s >= seconds:
            break
        allowed = min(most, BEGIN + int(MORE_PER_S * now_s))
        while waiting and len(running) < allowed:
            waits += [now_s - waiting.popleft() for _ in range(min(batch, len(waiting)))]
            heapq.heappush(running, now_s + took_s)
            copies = max(copies, len(running))
    waits.sort()
    return Waited(waits[len(waits) // 2], waits[-1], len(waiting), copies)
