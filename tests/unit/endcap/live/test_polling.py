"""What is looked at now and then: when, and what stays where a look fails."""

from __future__ import annotations

import pytest

from endcap.errors import DependencyError
from endcap.live.polling import LastGood, Timer


class World:
    """A clock, and something that is looked at: it answers, takes its time, or fails."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.answer = "first"
        self.takes_s = 0.0
        self.error: Exception | None = None
        self.looks: list[float] = []

    def clock(self) -> float:
        return self.now_s

    def look(self) -> str:
        self.looks.append(self.now_s)
        self.now_s += self.takes_s
        if self.error:
            raise self.error
        return self.answer

    def ask(self, kept: LastGood[str], wait_s: float | None = None, at_s: float | None = None) -> str:
        self.now_s = self.now_s if at_s is None else at_s
        return kept.refreshed(self.look, lambda exc: wait_s)


@pytest.fixture
def world() -> World:
    return World()


def test_a_timer_is_due_at_once_and_then_when_its_time_has_come(world: World) -> None:
    timer = Timer(world.clock)
    assert timer.is_due()
    timer.wait(2)
    world.now_s = 1.9
    assert not timer.is_due()
    world.now_s = 2
    assert timer.is_due()


def test_content_is_looked_at_no_more_often_than_asked(world: World) -> None:
    kept = LastGood("nothing", 2, world.clock)
    assert [world.ask(kept, at_s=at_s) for at_s in (0, 1.9)] == ["first", "first"]
    world.answer = "second"
    assert world.ask(kept, at_s=2) == "second"
    assert world.looks == [0, 2]


def test_one_good_look_is_enough_where_the_wait_is_endless(world: World) -> None:
    kept = LastGood("nothing", float("inf"), world.clock)
    assert [world.ask(kept, at_s=at_s) for at_s in (0, 1e9)] == ["first", "first"]
    assert world.looks == [0]


@pytest.mark.parametrize(("wait_s", "next_s"), [(None, 2), (30, 30)])
def test_a_failed_look_leaves_the_last_good_content(world: World, wait_s: float | None, next_s: float) -> None:
    kept = LastGood("nothing", 2, world.clock)
    world.error = DependencyError("down")
    assert world.ask(kept, wait_s) == "nothing"
    world.error = None
    assert world.ask(kept, at_s=next_s - 0.1) == "nothing"
    assert world.ask(kept, at_s=next_s) == "first"


def fail(exc: Exception) -> float:
    raise exc


def test_a_failure_that_is_raised_is_looked_at_again_each_time(world: World) -> None:
    kept = LastGood("nothing", 2, world.clock)
    world.error = DependencyError("down")
    for _ in range(2):
        with pytest.raises(DependencyError):
            kept.refreshed(world.look, fail)
    assert world.looks == [0, 0]


@pytest.mark.parametrize(
    "error", [ValueError("odd"), RecursionError(), OverflowError(), SyntaxError(), TypeError(), MemoryError()], ids=repr
)
def test_whatever_a_look_raises_the_last_good_content_stays(world: World, error: Exception) -> None:
    kept = LastGood("nothing", 2, world.clock)
    world.ask(kept)
    world.error = error
    assert world.ask(kept, at_s=2) == "first"
    assert kept.stale
    world.error, world.answer = None, "second"
    assert world.ask(kept, at_s=4) == "second"
    assert not kept.stale


@pytest.mark.parametrize(("from_start", "looks"), [(False, [0, 7]), (True, [0, 2])])
def test_a_wait_begins_with_the_end_of_a_look_or_with_its_start(
    world: World, from_start: bool, looks: list[float]
) -> None:
    kept = LastGood("nothing", 2, world.clock, from_start=from_start)
    world.takes_s = 5
    world.ask(kept)
    world.takes_s = 0
    for at_s in (2, 6.9, 7):
        if len(world.looks) < 2:
            world.ask(kept, at_s=at_s)
    assert world.looks == looks
