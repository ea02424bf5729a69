"""The keys of pseudonyms beside the requests: nobody waits longer for them than for anything else."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from endcap.errors import DependencyError
from endcap.live.pseudonyms import POLL_S, RETRY_S, Pseudonyms
from endcap.live.waiting import Waiting
from endcap.pseudonyms import PseudonymKeys

OLD, NEW = PseudonymKeys({1: b"k" * 32}), PseudonymKeys({1: b"k" * 32, 2: b"l" * 32})


class World:
    """A secret that answers, fails or hangs, on a clock of its own."""

    def __init__(self) -> None:
        self.now_s, self.asked = 0.0, 0
        self.said: PseudonymKeys | Exception | None = OLD
        self.waiting = Waiting(self, lambda: self.now_s)
        self.pseudonyms = Pseudonyms(lambda: OLD, lambda: self.now_s, self.waiting)

    def submit(self, work: Callable[[], Any], /) -> Future[Any]:
        self.asked += 1
        future: Future[Any] = Future()
        if isinstance(self.said, Exception):
            future.set_exception(self.said)
        elif self.said is not None:
            future.set_result(self.said)
        return future

    def keys(self) -> PseudonymKeys | None:
        self.waiting.begin()
        self.pseudonyms.begin()
        self.now_s += 0.8 if self.said is None else 0.0  # so that no test waits for what never comes
        return self.pseudonyms.keys()


def test_they_are_read_once_and_kept() -> None:
    world = World()
    assert [world.keys() for _ in range(3)] == [OLD] * 3
    assert world.asked == 1


def test_what_can_not_be_read_is_none_and_tried_again() -> None:
    world = World()
    world.said = DependencyError("away")
    assert [world.keys() for _ in range(3)] == [None] * 3
    assert world.asked == 1
    world.said, world.now_s = OLD, RETRY_S
    assert world.keys() == OLD


def test_a_request_has_no_time_left_for_what_hangs() -> None:
    world = World()
    world.said = None
    assert world.keys() is None
    assert world.waiting.left_s() == 0


def test_a_key_that_was_added_is_used_within_the_hour_and_one_that_can_not_be_read_changes_nothing() -> None:
    world = World()
    world.keys()
    world.said, world.now_s = DependencyError("away"), POLL_S
    assert [world.keys(), world.keys()] == [OLD, OLD]
    world.said, world.now_s = NEW, 2 * POLL_S
    assert [world.keys(), world.keys()][1] == NEW
