"""When a batch begins no more, whom it asks no more, and how one bad thing of many is found."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcap.batch import MOST_CALLS_S, Breaker, Deadline, each_alone, retryable
from endcap.errors import ConflictError, DeadlineError, DependencyError, RefusedError, ThrottledError
from tests.fakes.odd_errors import FOR_GOOD, FOR_NOW


class Invocation:
    def __init__(self, left_ms=60_000):
        self.left_ms = left_ms

    def get_remaining_time_in_millis(self):
        return self.left_ms


class TestDeadline:
    def test_work_is_begun_in_the_first_half_and_calls_are_sent_until_a_quarter_is_left(self):
        invocation, deadline = Invocation(), Deadline()
        with deadline.within(invocation):
            found = {}
            for left_ms in (60_000, 30_000, 29_999, 15_000, 14_999, 0):
                invocation.left_ms = left_ms
                found[left_ms] = (deadline.ends_work, deadline.ends_calls)
        assert found == {
            60_000: (False, False),
            30_000: (False, False),
            29_999: (True, False),
            15_000: (True, False),
            14_999: (True, True),
            0: (True, True),
        }

    def test_half_is_of_what_is_left_when_the_invocation_begins(self):
        invocation, deadline = Invocation(8_000), Deadline()
        with deadline.within(invocation):
            invocation.left_ms = 3_999
            with pytest.raises(DeadlineError):
                deadline.check()

    def test_a_long_invocation_keeps_a_call_s_time_and_no_more(self):
        invocation, deadline = Invocation(900_000), Deadline()
        with deadline.within(invocation):
            invocation.left_ms = MOST_CALLS_S * 1000
            assert not deadline.ends_calls
            invocation.left_ms -= 1
            assert deadline.ends_calls

    def test_what_was_not_done_can_still_be_said(self):
        invocation, deadline = Invocation(10_000), Deadline()
        with deadline.within(invocation):
            invocation.left_ms = 1_500
            assert deadline.ends_calls
            with deadline.saying_so():
                assert not deadline.ends_calls
                invocation.left_ms = 1_499
                assert deadline.ends_calls
            invocation.left_ms = 2_499
            assert deadline.ends_calls

    def test_an_invocation_of_a_second_says_nothing_longer_than_it_works(self):
        invocation, deadline = Invocation(1_000), Deadline()
        with deadline.within(invocation), deadline.saying_so():
            invocation.left_ms = 249
            assert deadline.ends_calls

    def test_between_invocations_there_is_none(self):
        invocation, deadline = Invocation(), Deadline()
        with deadline.within(invocation):
            invocation.left_ms = 0
        deadline.check()
        assert not deadline.ends_calls


class TestBreaker:
    @staticmethod
    def ask(breaker, *outcomes):
        """How often each got through to what is asked."""
        asked = []
        for outcome in outcomes:
            try:
                with breaker.watch():
                    asked.append(outcome)
                    if outcome is not None:
                        raise outcome
            except Exception:
                pass
        return len(asked)

    def test_after_some_failures_running_it_asks_no_more(self):
        assert self.ask(Breaker("table", 3), *[DependencyError("no answer")] * 10) == 3

    def test_one_answer_between_them_is_a_sign_of_life(self):
        down = DependencyError("no answer")
        assert self.ask(Breaker("table", 3), down, down, None, down, down, None, down, down, down, None) == 9

    @pytest.mark.parametrize(
        "exc", [ConflictError("lost"), DeadlineError("late"), RefusedError("wrong"), KeyError("odd")], ids=repr
    )
    def test_what_says_nothing_about_it_does_not_count(self, exc):
        assert self.ask(Breaker("table", 1), exc, exc, exc) == 3

    def test_says_that_it_was_not_asked(self):
        breaker = Breaker("table", 1)
        self.ask(breaker, ThrottledError("slow down"))
        with pytest.raises(DependencyError, match="table: not asked"), breaker.watch():
            pass


@pytest.mark.parametrize("exc", FOR_NOW, ids=lambda exc: type(exc).__name__)
def test_what_time_mends_is_tried_again(exc):
    assert retryable(exc)


@pytest.mark.parametrize("exc", FOR_GOOD, ids=lambda exc: type(exc).__name__)
def test_what_nobody_foresaw_belongs_to_the_thing_itself(exc):
    assert not retryable(exc)


@given(st.lists(st.sampled_from(["fine", "odd", "busy"]), max_size=40), st.booleans())
def test_only_what_is_odd_fails_for_good(things, raises):
    done = set()

    def act(part):
        if raises and any(things[i] == "odd" for i in part):
            raise KeyError("odd")
        done.update(i for i in part if things[i] == "fine")
        kinds = {"fine": None, "odd": KeyError("odd"), "busy": ThrottledError("busy")}
        return [kinds[things[i]] for i in part]

    verdicts = each_alone(range(len(things)), act)
    assert done == {i for i, kind in enumerate(things) if kind == "fine"}
    assert [type(v) for v in verdicts] == [
        {"fine": type(None), "odd": KeyError, "busy": ThrottledError}[kind] for kind in things
    ]


def test_one_odd_thing_of_many_is_found_in_few_steps():
    calls = SimpleNamespace(n=0)

    def act(part):
        calls.n += 1
        if 77 in part:
            raise RecursionError
        return [None] * len(part)

    assert sum(verdict is not None for verdict in each_alone(range(512), act)) == 1
    assert calls.n == 2 * 9 + 1
