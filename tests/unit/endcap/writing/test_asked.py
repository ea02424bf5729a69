"""A writer is waited for 300 ms at most, in virtual time; what comes late is there for the next."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from endcap.errors import DependencyError
from endcap.live.waiting import FAILURES, Waiting
from endcap.writing.asked import DEADLINE_S, PENDING, Asked
from tests.fakes.virtual_time import VirtualClock, VirtualWorkers


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def asked(clock: VirtualClock) -> Asked[str]:
    return Asked(Waiting(VirtualWorkers(clock), clock), most=3)


def taking(clock: VirtualClock, seconds: float, said: str | None = "said") -> Callable[[], str | None]:
    def call() -> str | None:
        clock.spend(seconds)
        return said

    return call


def never() -> str:
    raise AssertionError("asked again")


def failing() -> str:
    raise DependencyError("no")


def test_an_answer_in_time_is_kept(asked: Asked[str], clock: VirtualClock) -> None:
    asked.begin("q", taking(clock, 0.2))
    assert asked.answer("q") == "said"
    assert clock.now_s == pytest.approx(0.2)
    asked.begin("q", never)
    assert asked.answer("q") == "said"


def test_nobody_waits_longer_and_the_next_has_it(asked: Asked[str], clock: VirtualClock) -> None:
    asked.begin("q", taking(clock, 1.0))
    assert asked.answer("q") is None
    assert clock.now_s == pytest.approx(DEADLINE_S)
    clock.spend(1.0)
    asked.begin("q", never)
    assert asked.answer("q") == "said"


def test_a_request_that_has_no_time_left_does_not_wait(clock: VirtualClock) -> None:
    waiting = Waiting(VirtualWorkers(clock), clock)
    asked: Asked[str] = Asked(waiting)
    clock.spend(0.65)
    asked.begin("q", taking(clock, 0.2))
    assert asked.answer("q") is None
    assert clock.now_s == pytest.approx(0.7)


def test_what_can_not_be_used_is_not_asked_for_again(asked: Asked[str], clock: VirtualClock) -> None:
    asked.begin("q", taking(clock, 0.0, None))
    assert asked.answer("q") is None
    asked.begin("q", never)
    assert asked.answer("q") is None


def test_a_writer_that_fails_is_left_alone_for_a_while(asked: Asked[str], clock: VirtualClock) -> None:
    for k in range(FAILURES):
        asked.begin(str(k), failing)
        assert asked.answer(str(k)) is None
    asked.begin("q", never)
    assert asked.answer("q") is None
    clock.spend(60)
    asked.begin("q", taking(clock, 0.0))
    assert asked.answer("q") == "said"


def test_no_more_is_kept_than_may_be(asked: Asked[str], clock: VirtualClock) -> None:
    for k in range(5):
        asked.begin(str(k), taking(clock, 0.0))
        asked.answer(str(k))
    assert [asked.known(str(k)) for k in range(5)] == [False, False, True, True, True]


def test_no_more_is_under_way_than_may_be(asked: Asked[str], clock: VirtualClock) -> None:
    begun: list[int] = []

    def call() -> str:
        begun.append(1)
        clock.spend(9.0)
        return "said"

    for k in range(PENDING + 3):
        asked.begin(str(k), call)
    assert len(begun) == PENDING
