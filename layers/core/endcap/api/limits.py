"""How much one client may ask for, so that a flood of one leaves the others' answers as they were.

Buckets are kept by each execution environment for itself: a client that N environments serve gets N times its rate at
most. What must hold over all of them is the gateway's part (`ApiRateLimit`, the routes' own limits) and that of a web
application firewall in front.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Final

BURST: Final = 15.0
"""As many requests a client that has been quiet may send at once: a page asks for several lists and sends what was
done, and who knows the way opens three within a second. At higher rates it is what the rate gives in a second."""

REFUSAL: Final = 0.25
"""What a request that is refused costs. So a client that goes on at more than four times its rate gets nothing at all
until it has calmed down; else all copies would answer a flood at the same moments, when its share is full again."""

MAX_CLIENTS: Final = 10_000
"""Of a role; the one that was quiet for longest is forgotten first, and starts anew with a full bucket."""


class ClientLimits:
    """A token bucket for each client of each role.

    Parameters
    ----------
    rates : requests a second of one client, by role; 0 or nothing for no limit
    clock : seconds
    """

    def __init__(self, rates: Mapping[str, float], clock: Callable[[], float] = time.monotonic) -> None:
        self._rates, self._clock = rates, clock
        self._buckets: dict[str, OrderedDict[str, tuple[float, float]]] = {role: OrderedDict() for role in rates}

    def wait_s(self, role: str, client: str) -> float:
        """Seconds until the client's next request may be answered; 0 where this one is, which then counts."""
        rate = self._rates.get(role, 0.0)
        if rate <= 0:
            return 0.0
        most, now_s, buckets = max(BURST, rate), self._clock(), self._buckets[role]
        left, since_s = buckets.pop(client, (most, now_s))
        left = min(most, left + max(0.0, now_s - since_s) * rate)
        allowed = left >= 1.0
        buckets[client] = (left - 1.0 if allowed else max(0.0, left - REFUSAL), now_s)
        wait_s = 0.0 if allowed else (1.0 - buckets[client][0]) / rate
        if len(buckets) > MAX_CLIENTS:
            buckets.popitem(last=False)
        return wait_s
