"""How long a request waits for what people have configured."""

from __future__ import annotations

import pytest

from endcap.errors import NotFoundError
from endcap.live.document import CONFIGURATION_S, Configured
from endcap.live.waiting import HURRIED_S, READS_S, Guarded, Waiting
from tests.fakes.virtual_time import VirtualClock, VirtualWorkers

POLL_S = 10.0


class File:
    """A document, each reading of which takes some time."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock, self.takes_s, self.content = clock, 0.01, b"1"

    def read(self, known_etag: str | None) -> tuple[bytes, str] | None:
        """See `endcap.live.document.Document`."""
        self.clock.spend(self.takes_s)
        if not self.content:
            raise NotFoundError("no file")
        return None if known_etag == str(self.content) else (self.content, str(self.content))


class World:
    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.waiting = Waiting(VirtualWorkers(self.clock), self.clock)
        self.file = File(self.clock)
        self.configured = Configured(self.file, "numbers", int, 0, POLL_S, self.clock, self.waiting)

    def ask(self, at_s: float) -> tuple[int | None, float]:
        """What is configured at that time, and how long it was waited for."""
        self.clock.set(at_s)
        self.waiting.begin()
        return self.configured.current(), self.clock.now_s - at_s

    def hurry(self) -> None:
        """Let a request wait in vain for something else."""
        self.waiting.begin()
        reading = Guarded("something else", self.waiting).begin(lambda: self.clock.spend(60.0))
        try:
            reading.result()
        except Exception:
            assert self.waiting.hurried


def test_a_document_that_takes_long_is_waited_for_only_so_long() -> None:
    world = World()
    assert world.ask(0.0)[0] == 1
    world.file.takes_s, world.file.content = 5.0, b"2"
    found, took_s = world.ask(20.0)
    assert (found, round(took_s, 6)) == (1, CONFIGURATION_S)
    assert world.ask(26.0)[0] == 2


def test_a_stack_that_is_more_patient_waits_longer_for_it() -> None:
    world = World()
    world.waiting.patience_s = 10 * READS_S
    assert world.ask(0.0)[0] == 1
    world.file.takes_s, world.file.content = 9 * CONFIGURATION_S, b"2"
    assert world.ask(20.0) == (2, pytest.approx(9 * CONFIGURATION_S))


def test_where_a_request_is_hurried_what_is_known_will_do() -> None:
    world = World()
    assert world.ask(0.0)[0] == 1
    world.clock.set(20.0)
    world.hurry()
    world.file.content = b"2"
    assert world.ask(21.0) == (1, 0.0)
    assert world.ask(21.1) == (2, 0.0)  # it was read beside the one before


def test_where_nothing_is_known_yet_the_hurried_wait_too() -> None:
    world = World()
    world.hurry()
    found, took_s = world.ask(READS_S)
    assert (found, took_s < HURRIED_S) == (1, True)
