"""Events of a batch: side by side, each to its own fate, and within their time."""

import threading

import pytest

from endcap.batch import MOST_FAILURES, Deadline
from endcap.errors import DeadlineError, DependencyError
from endcap.events.interaction import Interaction
from endcap.profiles import apply
from endcap.profiles.apply import apply_apart, concerned
from tests.fakes.profile_store import MemoryProfiles

NOW_MS = 1_768_471_200_000


def view(user_id, number=0, **fields):
    return Interaction(f"{user_id}-{number}", user_id, "view", NOW_MS + number, f"item-{number}", **fields)


def search(user_id, text):
    return Interaction(f"{user_id}-{text}", user_id, "search", NOW_MS, text=text)


def identify(user_id, anonymous_id):
    return Interaction(f"{user_id}={anonymous_id}", user_id, "identify", NOW_MS, anonymous_id=anonymous_id)


def applied(events, store=None, encode=lambda text: (b"tagg", b"\1"), deadline=None):
    took = []
    verdicts = apply_apart(
        events, store or MemoryProfiles(), encode, lambda new, *_: took.extend(new), deadline or Deadline()
    )
    return verdicts, took


class Time:
    """An invocation's context, whose time goes by as the test says."""

    def __init__(self, left_ms=60_000):
        self.left_ms = left_ms

    def get_remaining_time_in_millis(self):
        return self.left_ms


def test_each_event_reaches_its_profile_and_is_taken_once():
    store = MemoryProfiles()
    events = [view(f"u{n % 50}", n) for n in range(200)]
    verdicts, took = applied(events, store)
    assert verdicts == [None] * 200
    assert sorted(e.event_id for e in took) == sorted(e.event_id for e in events)
    assert all(len(store.get(f"u{n}").interactions) == 4 for n in range(50))


def test_one_write_for_each_user_of_a_batch():
    store = MemoryProfiles()
    applied([view(f"u{n % 5}", n) for n in range(50)], store)
    assert sorted(store.writes) == [f"u{n}" for n in range(5)]


def test_several_users_are_written_at_a_time(monkeypatch):
    monkeypatch.setattr(apply, "WRITERS", 8)
    store, meeting = MemoryProfiles(), threading.Barrier(8, timeout=20)
    update = store.update

    def together(user_id, change):
        meeting.wait()  # passes only when eight are here at once
        return update(user_id, change)

    store.update = together
    assert applied([view(f"u{n}") for n in range(16)], store)[0] == [None] * 16


@pytest.mark.parametrize(("n_users", "n_writers"), [(1, 0), (2, 2)])
def test_one_user_needs_no_writer_of_its_own_and_two_have_one_each(n_users, n_writers, monkeypatch):
    monkeypatch.setattr(apply, "WRITERS", 2)
    store, writers, meeting = MemoryProfiles(), set(), threading.Barrier(n_users, timeout=20)
    update = store.update

    def noted(user_id, change):
        writers.add(threading.get_ident())
        meeting.wait()
        return update(user_id, change)

    store.update = noted
    assert applied([view(f"u{n}") for n in range(n_users)], store)[0] == [None] * n_users
    assert len(writers - {threading.get_ident()}) == n_writers


def test_users_whom_an_event_ties_together_are_settled_by_one_writer():
    store, writers = MemoryProfiles(), {}
    update = store.update

    def noted(user_id, change):
        writers.setdefault(user_id, set()).add(threading.get_ident())
        return update(user_id, change)

    store.update = noted
    alice, anonymous = concerned(identify("alice", "cookie"))
    events = [view(anonymous), view("bob"), identify(alice, "cookie"), view(alice, 1), identify("bob", "cookie-2")]
    assert applied(events, store)[0] == [None] * 5
    assert writers["alice"] == writers[anonymous]
    assert len(writers["alice"]) == 1
    assert {e.item_id for e in store.get("alice").interactions} == {"item-0", "item-1"}


def test_an_event_concerns_the_device_that_it_identifies_and_no_other():
    assert concerned(identify("alice", "cookie")) == ("alice", "anon:cookie")
    assert concerned(view("alice", anonymous_id="cookie")) == ("alice",)
    assert concerned(Interaction("e", "alice", "identify", NOW_MS)) == ("alice",)


class TestWithoutTime:
    def test_nothing_is_begun(self):
        store, time, deadline = MemoryProfiles(), Time(), Deadline()
        with deadline.within(time):
            time.left_ms = 29_000
            verdicts, _ = applied([view("u"), view("v")], store, deadline=deadline)
        assert [type(v) for v in verdicts] == [DeadlineError, DeadlineError]
        assert store.rows() == {}

    def test_what_was_begun_is_ended_and_the_rest_is_sent_back(self, monkeypatch):
        # GIVEN 5,000 users, and a table at which a read and a write take 40 ms together
        monkeypatch.setattr(apply, "WRITERS", 1)
        store, time, deadline = MemoryProfiles(), Time(), Deadline()
        update = store.update

        def slow(user_id, change):
            time.left_ms -= 40
            return update(user_id, change)

        store.update = slow
        events = [view(f"u{n}") for n in range(5_000)]
        # WHEN one writer works on them for half of the minute
        with deadline.within(time):
            verdicts, _ = applied(events, store, deadline=deadline)
        # THEN what has no failure is stored, whole, and nothing else is
        done = [event.user_id for event, verdict in zip(events, verdicts, strict=True) if verdict is None]
        assert len(done) == 30_000 // 40 + 1
        assert set(store.rows()) == set(done)
        assert {type(v) for v in verdicts} == {type(None), DeadlineError}
        assert time.left_ms >= 29_000

    def test_texts_are_not_encoded_either(self):
        time, deadline, encoded = Time(), Deadline(), []

        def encode(text):
            encoded.append(text)
            time.left_ms = 1_000
            return b"tagg", b"\1"

        with deadline.within(time):
            verdicts, _ = applied([search("u", "lamp"), search("v", "mug")], encode=encode, deadline=deadline)
        assert len(encoded) == 1
        assert any(isinstance(v, DeadlineError) for v in verdicts)


def test_a_dead_table_is_asked_a_few_times_only(monkeypatch):
    monkeypatch.setattr(apply, "WRITERS", 1)
    asked = []

    class Dead:
        def update(self, user_id, change):
            asked.append(user_id)
            raise DependencyError("no answer")

    verdicts, _ = applied([view(f"u{n}") for n in range(500)], Dead())
    assert len(asked) == MOST_FAILURES
    assert all(isinstance(v, DependencyError) for v in verdicts)


def test_a_dead_encoder_is_asked_once_and_costs_only_what_has_text():
    asked = []

    def dead(text):
        asked.append(text)
        raise DependencyError("no snapshot")

    verdicts, _ = applied([search(f"u{n}", f"lamp {n}") for n in range(20)] + [view("v")], encode=dead)
    assert len(asked) == 1
    assert [v is None for v in verdicts] == [False] * 20 + [True]


@pytest.mark.parametrize("poisoned", range(8))
def test_an_event_that_no_profile_takes_leaves_the_others_of_its_user(poisoned, monkeypatch):
    fold = apply.apply_events

    def failing(events, *rest):
        if any(e.item_id == f"item-{poisoned}" for e in events):
            raise RecursionError
        return fold(events, *rest)

    monkeypatch.setattr(apply, "apply_events", failing)
    store = MemoryProfiles()
    verdicts, took = applied([view("u", n) for n in range(8)], store)
    assert [type(v) for v in verdicts] == [RecursionError if n == poisoned else type(None) for n in range(8)]
    assert {e.item_id for e in store.get("u").interactions} == {f"item-{n}" for n in range(8) if n != poisoned}
    assert len(took) == 7
