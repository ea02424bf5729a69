"""The time that a request has, and what it does not spend it on."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from endcap.errors import DependencyError, NotFoundError, ThrottledError
from endcap.live.polling import LastGood
from endcap.live.waiting import (
    DEPENDENCIES_S,
    FAILURES,
    HURRIED_S,
    HURRIED_TIMES,
    HURRY_S,
    PRESUMED_S,
    READS_S,
    REMEMBERED,
    REST_S,
    WRITE_S,
    Breaker,
    Guarded,
    Waiting,
)
from tests.fakes.virtual_time import VirtualClock, VirtualWorkers


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def waiting(clock: VirtualClock) -> Waiting:
    return Waiting(VirtualWorkers(clock), clock)


class Service:
    """Something that is called: it takes its time, fails, or gives the number of the call."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock, self.takes_s, self.calls = clock, 0.0, 0
        self.error: Exception | None = None

    def __call__(self) -> int:
        self.calls += 1
        self.clock.spend(self.takes_s)
        if self.error is not None:
            raise self.error
        return self.calls


@pytest.fixture
def service(clock: VirtualClock) -> Service:
    return Service(clock)


class TestWaiting:
    def test_ends_for_all_reads_together(self, waiting: Waiting, service: Service, clock: VirtualClock) -> None:
        service.takes_s = 0.9 * READS_S
        first, second = Guarded("a", waiting).begin(service), Guarded("b", waiting).begin(service)
        assert [first.result(), second.result()] == [1, 2]
        assert clock.now_s == pytest.approx(service.takes_s)  # side by side
        third = Guarded("c", waiting).begin(service)
        with pytest.raises(DependencyError):
            third.result()
        assert clock.now_s == pytest.approx(READS_S)

    def test_patience_is_what_it_is_told(self, service: Service, clock: VirtualClock) -> None:
        waiting = Waiting(VirtualWorkers(clock), clock, patience_s=5.0)
        service.takes_s = 4.5
        assert Guarded("a", waiting).begin(service).result() == 1
        kept = LastGood(0, every_s=2.0, clock=clock, waiting=waiting)
        waiting.begin()
        assert kept.refreshed(service, lambda exc: None) == 2
        assert not waiting.hurried
        assert waiting.of_patience(READS_S / 2) == pytest.approx(2.5)
        service.takes_s = 6.0
        waiting.begin()
        with pytest.raises(DependencyError):
            Guarded("a", waiting).begin(service).result()
        assert clock.now_s == pytest.approx(4.5 + 4.5 + 5.0)

    def test_leaves_the_record_of_an_answer_a_little(
        self, waiting: Waiting, service: Service, clock: VirtualClock
    ) -> None:
        clock.spend(READS_S)
        service.takes_s = WRITE_S / 2
        assert Guarded("a", waiting).begin(service).result(WRITE_S) == 1
        service.takes_s = 60
        with pytest.raises(DependencyError):
            Guarded("a", waiting).begin(service).result(WRITE_S)
        assert clock.now_s <= DEPENDENCIES_S + WRITE_S

    def test_says_what_was_lost_once_and_in_order(self, waiting: Waiting) -> None:
        for name in ("b", "a", "b"):
            waiting.lose(name)
        assert waiting.lost == ("b", "a")
        waiting.begin()
        assert waiting.lost == ()


def served(guarded: Guarded, waiting: Waiting, service: Service, takes_s: float, requests: int = 1) -> None:
    """Requests that each read once."""
    for _ in range(requests):
        waiting.begin()
        service.takes_s = takes_s
        guarded.begin(service).result()


def wait_in_vain(guarded: Guarded, waiting: Waiting, service: Service) -> None:
    """A request for which the service does not answer in time."""
    waiting.begin()
    service.takes_s = 60.0
    with pytest.raises(DependencyError):
        guarded.begin(service).result()


class TestHurry:
    @pytest.fixture
    def guarded(self, waiting: Waiting, service: Service) -> Guarded:
        """A service that has answered quickly for long, and then let one request wait in vain."""
        guarded = Guarded("a", waiting)
        served(guarded, waiting, service, 0.001, REMEMBERED)
        wait_in_vain(guarded, waiting, service)
        service.calls = 1
        return guarded

    def test_after_one_that_has_waited_in_vain_others_wait_less_whatever_they_read(
        self, guarded: Guarded, waiting: Waiting, service: Service, clock: VirtualClock
    ) -> None:
        waiting.begin()
        assert waiting.left_s() == pytest.approx(HURRIED_S)
        kept, began_s = LastGood(0, 2.0, clock, waiting=waiting), clock.now_s
        assert (kept.refreshed(service, lambda _: None), kept.stale) == (0, True)
        assert clock.now_s - began_s == pytest.approx(HURRIED_S)

    def test_what_comes_in_a_hurry_counts(self, guarded: Guarded, waiting: Waiting, service: Service) -> None:
        service.takes_s = HURRIED_S / 2
        for number in range(5):
            waiting.begin()
            assert guarded.begin(service).result() == number + 2

    def test_it_is_over_after_some_seconds_and_the_hurried_do_not_prolong_it(
        self, guarded: Guarded, waiting: Waiting, service: Service, clock: VirtualClock
    ) -> None:
        ends_s = clock.now_s + HURRY_S
        for at_s in (clock.now_s, ends_s - 1, ends_s - 0.5):
            clock.set(at_s)
            waiting.begin()
            with pytest.raises(DependencyError):
                guarded.begin(service).result()
        clock.set(ends_s)
        waiting.begin()
        assert waiting.left_s() == pytest.approx(READS_S)

    def test_a_service_that_has_become_slow_and_no_more_is_found(
        self, guarded: Guarded, waiting: Waiting, service: Service, clock: VirtualClock
    ) -> None:
        found, service.takes_s = list[bool](), 2 * HURRIED_S
        for _ in range(60):
            clock.spend(0.5)
            waiting.begin()
            try:
                found.append(guarded.begin(service).result() > 0)
            except DependencyError:
                found.append(False)
        whole = found.index(True)
        assert (whole * 0.5) < HURRY_S + REST_S + 1
        assert all(found[whole:])

    def test_an_extended_wait_and_what_takes_long_anyway_hurry_nobody(
        self, waiting: Waiting, service: Service, clock: VirtualClock
    ) -> None:
        service.takes_s = 60.0
        LastGood(0, 2.0, clock, takes_long=True, waiting=waiting).refreshed(service, lambda _: None)
        waiting.extend(3.0)
        with pytest.raises(DependencyError):
            Guarded("a", waiting).begin(service).result()
        assert clock.now_s == pytest.approx(READS_S + 3.0)
        waiting.begin()
        assert waiting.left_s() == pytest.approx(READS_S)

    @pytest.mark.parametrize(
        ("error", "takes_s", "hurries"),
        [
            (DependencyError("down"), 0.9 * READS_S, True),
            (ThrottledError("too many"), 2 * HURRIED_S, True),
            (DependencyError("down"), 0.9 * HURRIED_S, False),
            (NotFoundError("not there"), 0.9 * READS_S, False),  # an answer like any other
        ],
    )
    def test_a_call_that_fails_late_hurries_others_like_one_that_never_ends(
        self, waiting: Waiting, service: Service, error: Exception, takes_s: float, hurries: bool
    ) -> None:
        service.takes_s, service.error = takes_s, error
        with pytest.raises(type(error)):
            Guarded("a", waiting).begin(service).result()
        waiting.begin()
        assert waiting.hurried == hurries
        assert (waiting.left_s() < 0.9 * READS_S) == hurries

    @pytest.mark.parametrize("takes_long", [False, True])
    def test_a_look_that_finds_a_part_late_hurries_others_unless_it_takes_long_anyway(
        self, waiting: Waiting, service: Service, clock: VirtualClock, takes_long: bool
    ) -> None:
        service.takes_s = 0.9 * READS_S
        kept = LastGood(0, 2.0, clock, takes_long=takes_long, whole=lambda _: False, waiting=waiting)
        assert kept.refreshed(service, lambda _: None) == 1
        waiting.begin()
        assert waiting.hurried != takes_long

    def test_what_has_time_of_its_own_hurries_nobody(
        self, waiting: Waiting, service: Service, clock: VirtualClock
    ) -> None:
        service.takes_s, service.error = 2 * HURRIED_S, DependencyError("down")
        with pytest.raises(DependencyError):
            Guarded("record", waiting).begin(service).result(WRITE_S)
        waiting.begin()
        assert not waiting.hurried

    def test_a_wait_that_was_short_by_itself_hurries_nobody(
        self, waiting: Waiting, service: Service, clock: VirtualClock
    ) -> None:
        service.takes_s = 60.0
        LastGood(0, 2.0, clock, waiting=waiting).refreshed(service, lambda _: None, 2 * HURRIED_S)
        clock.set(READS_S - 0.9 * HURRIED_S)
        with pytest.raises(DependencyError):
            Guarded("a", waiting).begin(service).result()
        waiting.begin()
        assert waiting.left_s() == pytest.approx(READS_S)


class TestHowLongTheHurriedWait:
    @pytest.fixture
    def guarded(self, waiting: Waiting) -> Guarded:
        return Guarded("a", waiting)

    def hurried_s(self, guarded: Guarded, waiting: Waiting, service: Service) -> float:
        wait_in_vain(guarded, waiting, service)
        waiting.begin()
        return waiting.left_s()

    @pytest.mark.parametrize(
        ("usual_s", "hurried_s"),
        [
            (0.001, HURRIED_S),
            (0.1, HURRIED_TIMES * 0.1),
            (0.2, HURRIED_TIMES * 0.2),
            (0.3, READS_S),
        ],
    )
    def test_goes_by_what_reads_take_where_all_is_well(
        self, guarded: Guarded, waiting: Waiting, service: Service, usual_s: float, hurried_s: float
    ) -> None:
        served(guarded, waiting, service, usual_s, len(PRESUMED_S) + 1)
        assert self.hurried_s(guarded, waiting, service) == pytest.approx(hurried_s)

    def test_is_moderate_before_anything_is_known_of_them(
        self, guarded: Guarded, waiting: Waiting, service: Service
    ) -> None:
        assert HURRIED_S < self.hurried_s(guarded, waiting, service) < READS_S / 2

    def test_goes_by_the_last_of_them(self, guarded: Guarded, waiting: Waiting, service: Service) -> None:
        served(guarded, waiting, service, 0.001, 10 * REMEMBERED)
        served(guarded, waiting, service, 0.2, REMEMBERED)
        assert self.hurried_s(guarded, waiting, service) == pytest.approx(HURRIED_TIMES * 0.2)

    def test_single_late_answers_do_not_change_it(self, guarded: Guarded, waiting: Waiting, service: Service) -> None:
        for _ in range(REMEMBERED):
            served(guarded, waiting, service, 0.001, 2)
            served(guarded, waiting, service, 0.6)
        assert self.hurried_s(guarded, waiting, service) == pytest.approx(HURRIED_S)

    def test_answers_to_the_hurried_do_not_change_it(
        self, guarded: Guarded, waiting: Waiting, service: Service, clock: VirtualClock
    ) -> None:
        served(guarded, waiting, service, 0.05, REMEMBERED)
        for _ in range(10):
            wait_in_vain(guarded, waiting, service)
            served(guarded, waiting, service, 0.14, 20)
            clock.spend(HURRY_S)
        assert self.hurried_s(guarded, waiting, service) == pytest.approx(HURRIED_S)

    def test_answers_beside_something_lost_do_not_change_it(
        self, guarded: Guarded, waiting: Waiting, service: Service
    ) -> None:
        served(guarded, waiting, service, 0.001, REMEMBERED)
        for _ in range(REMEMBERED):
            served(guarded, waiting, service, 0.3)
            waiting.lose("changes")
        assert self.hurried_s(guarded, waiting, service) == pytest.approx(HURRIED_S)

    def test_goes_by_when_the_last_of_a_request_was_there_and_not_by_when_it_was_asked_for(
        self, guarded: Guarded, waiting: Waiting, service: Service, clock: VirtualClock
    ) -> None:
        for _ in range(REMEMBERED):
            waiting.begin()
            service.takes_s = 0.01
            first = guarded.begin(service)
            service.takes_s = 0.1
            second = guarded.begin(service)
            first.result()
            second.result()
            service.takes_s = 0.01
            third = guarded.begin(service)
            clock.spend(0.5)  # something else is done meanwhile
            third.result()
        assert self.hurried_s(guarded, waiting, service) == pytest.approx(HURRIED_TIMES * 0.1)

    def test_records_are_no_reads(
        self, guarded: Guarded, waiting: Waiting, service: Service, clock: VirtualClock
    ) -> None:
        for _ in range(REMEMBERED):
            served(guarded, waiting, service, 0.001)
            clock.spend(0.2)
            guarded.begin(service).result(WRITE_S)
        assert self.hurried_s(guarded, waiting, service) == pytest.approx(HURRIED_S)


class TestBreaker:
    def test_opens_after_failures_in_a_row_and_lets_one_probe_through(self, clock: VirtualClock) -> None:
        breaker = Breaker(clock)
        for failed in (True, True, False, True, True):
            assert breaker.lets_through()
            breaker.note(failed=failed)
        assert breaker.lets_through()
        breaker.note(failed=True)
        assert not breaker.lets_through()
        clock.spend(REST_S)
        assert [breaker.lets_through() for _ in range(3)] == [True, False, False]
        breaker.note(failed=True)
        clock.spend(REST_S / 2)
        assert not breaker.lets_through()
        clock.spend(REST_S / 2)
        assert breaker.lets_through()
        breaker.note(failed=False)
        assert all(breaker.lets_through() for _ in range(5))

    def test_refuses_without_a_call(self, waiting: Waiting, service: Service) -> None:
        guarded, service.error = Guarded("a", waiting), DependencyError("down")
        for _ in range(FAILURES + 3):
            with pytest.raises(DependencyError):
                guarded.begin(service).result()
        assert service.calls == FAILURES

    def test_counts_no_answers_that_say_nothing_against_the_service(self, waiting: Waiting, service: Service) -> None:
        guarded, service.error = Guarded("a", waiting), NotFoundError("not there")
        for _ in range(FAILURES + 3):
            with pytest.raises(NotFoundError):
                guarded.begin(service).result()
        assert service.calls == FAILURES + 3


class TestLooksBesideRequests:
    def test_nobody_waits_for_what_comes_late_but_the_first(
        self, waiting: Waiting, service: Service, clock: VirtualClock
    ) -> None:
        kept, service.takes_s = LastGood(0, 2.0, clock, waiting=waiting), 10.0
        assert (kept.refreshed(service, lambda _: None), clock.now_s) == (0, pytest.approx(READS_S))
        assert kept.stale
        waiting.begin()
        assert (kept.refreshed(service, lambda _: None), clock.now_s) == (0, pytest.approx(READS_S))
        clock.spend(10.0)
        assert (kept.refreshed(service, lambda _: None), kept.stale, service.calls) == (1, False, 1)

    def test_nobody_waits_after_a_failure_until_a_look_has_succeeded(
        self, waiting: Waiting, service: Service, clock: VirtualClock
    ) -> None:
        kept, service.error = LastGood(0, 2.0, clock, waiting=waiting), DependencyError("down")
        service.takes_s = 0.5
        kept.refreshed(service, lambda _: None)
        clock.spend(2.0)
        waiting.begin()
        service.error, began_s = None, clock.now_s
        assert (kept.refreshed(service, lambda _: None), clock.now_s) == (0, began_s)
        clock.spend(0.5)
        assert (kept.refreshed(service, lambda _: None), kept.stale) == (2, False)

    def test_there_is_one_at_a_time(self, waiting: Waiting, service: Service, clock: VirtualClock) -> None:
        kept, service.takes_s = LastGood(0, 2.0, clock, waiting=waiting, from_start=True), 30.0
        for _ in range(10):
            waiting.begin()
            kept.refreshed(service, lambda _: None)
            clock.spend(2.5)
        assert service.calls == 1

    def test_one_that_was_frozen_is_begun_anew_by_who_asks_next(
        self, waiting: Waiting, service: Service, clock: VirtualClock
    ) -> None:
        kept = LastGood(0, 2.0, clock, waiting=waiting)
        assert kept.refreshed(service, lambda _: None) == 1
        clock.spend(2.0)
        service.takes_s = 3600.0
        assert kept.refreshed(service, lambda _: None) == 1
        clock.spend(600.0)  # nobody asks
        service.takes_s = 0.01
        waiting.begin()
        assert (kept.refreshed(service, lambda _: None), kept.stale) == (3, False)

    @pytest.mark.parametrize("takes_long", [False, True])
    def test_a_first_one_and_one_that_takes_long_go_on_where_they_stood(
        self, waiting: Waiting, service: Service, clock: VirtualClock, takes_long: bool
    ) -> None:
        kept, service.takes_s = LastGood(0, 2.0, clock, takes_long=takes_long, waiting=waiting), 600.0 + 2 * READS_S
        kept.refreshed(service, lambda _: None, at_most_s=READS_S if takes_long else 0)
        clock.spend(600.0 + (0 if takes_long else READS_S))
        waiting.begin()
        kept.refreshed(service, lambda _: None, patient=takes_long)
        clock.spend(READS_S)
        waiting.begin()
        assert (kept.refreshed(service, lambda _: None), service.calls) == (1, 1)

    def test_on_threads_an_answer_goes_out_while_a_look_goes_on(self) -> None:
        held, began = threading.Event(), threading.Event()

        def look() -> str:
            began.set()
            held.wait()
            return "new"

        with ThreadPoolExecutor(1) as workers:
            waiting = Waiting(workers)
            kept = LastGood("old", 2.0, waiting=waiting)
            assert kept.refreshed(look, lambda _: None, at_most_s=0) == "old"
            began.wait()
            held.set()
            waiting.extend(60)
            assert kept.refreshed(look, lambda _: None, at_most_s=60, patient=True) == "new"
