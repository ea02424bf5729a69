"""Shares of clients, in virtual time: a flood of one leaves the others' answers as they were."""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given

from endcap.api.limits import BURST, MAX_CLIENTS, ClientLimits
from endcap_local.template.template import expand
from tests.fakes.effort import tried

TEMPLATE = Path(__file__).parents[4] / "template.yaml"
RATE = 5.0
SERVICE_S, REFUSAL_S = 0.060, 0.002
COPIES = 10  # all that a new account may run
LASTS_S = 120.0


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@tried(100)
@given(
    rate=st.floats(0.1, 1000),
    gaps=st.lists(st.floats(0, 3), min_size=1, max_size=200),
)
def test_nobody_gets_more_than_burst_and_rate(rate: float, gaps: list[float]) -> None:
    clock = Clock()
    limits = ClientLimits({"browser": rate}, clock)
    allowed = 0
    for gap in gaps:
        clock.now += gap
        allowed += limits.wait_s("browser", "one") == 0
    assert allowed <= max(BURST, rate) + rate * clock.now + 1e-6 * len(gaps)


@tried(100)
@given(rate=st.floats(0.1, 1000), requests=st.integers(1, 50))
def test_who_waits_as_told_is_answered(rate: float, requests: int) -> None:
    clock = Clock()
    limits = ClientLimits({"browser": rate}, clock)
    for _ in range(requests):
        while wait_s := limits.wait_s("browser", "one"):
            clock.now += wait_s * 1.000001
    assert limits.wait_s("browser", "two") == 0


def test_who_goes_on_regardless_gets_nothing_until_they_have_calmed_down() -> None:
    clock = Clock()
    limits = ClientLimits({"browser": 2.0}, clock)
    answered = 0
    for step in range(1000):
        clock.now = step / 100
        answered += limits.wait_s("browser", "one") == 0
    assert answered == BURST
    clock.now += limits.wait_s("browser", "one") * 1.000001
    assert limits.wait_s("browser", "one") == 0


def test_no_rate_is_no_limit() -> None:
    limits = ClientLimits({"server": 0.0}, lambda: 0.0)
    assert not any(limits.wait_s(role, "one") for role in ("server", "operator") for _ in range(1000))


def test_a_clock_that_goes_back_gives_nothing_away() -> None:
    clock = Clock()
    clock.now = 100.0
    limits = ClientLimits({"browser": 1.0}, clock)
    while not limits.wait_s("browser", "one"):
        pass
    clock.now = 0.0
    assert limits.wait_s("browser", "one") > 0
    clock.now = 100.0
    limits.wait_s("browser", "calm")
    clock.now = 0.0
    assert limits.wait_s("browser", "calm") == 0  # nor does it take anything


def test_memory_is_bounded_and_the_quietest_is_forgotten() -> None:
    clock = Clock()
    limits = ClientLimits({"browser": 1.0}, clock)
    while not limits.wait_s("browser", "flooding"):
        pass
    for number in range(MAX_CLIENTS - 1):
        limits.wait_s("browser", f"c{number}")
    assert limits.wait_s("browser", "flooding") > 0  # still known, and now the latest
    for number in range(MAX_CLIENTS + 10):
        limits.wait_s("browser", f"d{number}")
    assert len(limits._buckets["browser"]) == MAX_CLIENTS


def arrivals(rate: float, client: str, seed: int) -> Iterable[tuple[float, str]]:
    drawn, at_s = random.Random(seed), 0.0
    while (at_s := at_s + drawn.expovariate(rate)) < LASTS_S:
        yield at_s, client


def latencies(requests: Iterable[tuple[float, str]], rate: float) -> dict[str, list[float]]:
    """How long the answers of each client took, as Lambda serves them.

    A request goes to the free copy that was busy last, and where none of the account's copies is free it is refused
    at once, which counts as for ever. What the limit refuses is no answer, and left out.
    """
    clock = Clock()
    each = [ClientLimits({"browser": rate}, clock) for _ in range(COPIES)]
    free, busy = list(range(COPIES)), list[tuple[float, int]]()
    took: dict[str, list[float]] = {}
    for clock.now, client in sorted(requests):
        while busy and busy[0][0] <= clock.now:
            free.append(heapq.heappop(busy)[1])
        if not free:
            took.setdefault(client, []).append(math.inf)
            continue
        copy = free.pop()
        refused = each[copy].wait_s("browser", client) > 0
        heapq.heappush(busy, (clock.now + (REFUSAL_S if refused else SERVICE_S), copy))
        if not refused:
            took.setdefault(client, []).append(SERVICE_S)
    return took


def p99(times: list[float]) -> float:
    return sorted(times)[int(len(times) * 0.99)]


@pytest.mark.parametrize("flood", [20.0, 100.0, 300.0, 1000.0])
def test_a_flood_of_one_client_leaves_the_p99_of_others_within_twice(flood: float) -> None:
    usual = [a for n in range(50) for a in arrivals(0.2, f"shopper-{n}", n)]
    flooding = list(arrivals(flood, "flood", 99))
    calm, flooded = latencies(usual, RATE), latencies([*usual, *flooding], RATE)
    del flooded["flood"]
    assert {client: len(times) for client, times in flooded.items()} == {c: len(times) for c, times in calm.items()}
    assert p99([*chain(*flooded.values())]) <= 2 * p99([*chain(*calm.values())])


def test_without_the_limit_the_flood_drowns_them() -> None:
    usual = list(arrivals(2.0, "shopper", 0))
    assert p99(latencies([*usual, *arrivals(300.0, "flood", 99)], 0.0)["shopper"]) == math.inf


def test_the_rates_are_those_of_the_template() -> None:
    assert float(expand(TEMPLATE)[1]["Parameters"]["StorefrontClientRate"]["Default"]) == RATE
