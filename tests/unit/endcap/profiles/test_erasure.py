import json
from dataclasses import replace

import pytest

from endcap.errors import StoredDataError
from endcap.profiles.entries import register
from endcap.profiles.erasure import Erasure, erase, erased, erased_until_ms, erasure_of, may_go
from endcap.profiles.links import Link
from endcap.profiles.profile import EMPTY_PROFILE, deletion
from endcap.profiles.record import Record
from tests.fakes.profile_store import MemoryProfiles

ASKED = Erasure("ann", 5)


def known(key: str, at_ms: int) -> None:
    """A ledger that nothing here asks for anything."""


def record(record_id, document):
    return Record(record_id, json.dumps(document).encode(), 9)


def test_a_message_says_what_was_asked_for():
    assert erasure_of(json.dumps(ASKED.document()).encode()) == ASKED


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b'{"erasure"',
        b'{"erasure": null}',
        b'{"erasure": {"key": "ann"}}',
        b'{"erasure": {"key": 3, "at_ms": 5}}',
        b'{"erasure": {"key": "ann", "at_ms": -5}}',
        b'{"erasure": {"key": "ann", "at_ms": "5"}}',
        b'{"erasure": {"key": "ann", "at_ms": 5}, "events": []}',
        b'{"erasure": ' + b"[" * 100_000,
        b'{"events": [{"erasure": {"key": "ann", "at_ms": 5}}]}',
    ],
)
def test_anything_else_is_none(data):
    assert erasure_of(data) is None


def test_only_those_that_are_such_messages_are_heard():
    store, record_of = MemoryProfiles(), record("r", ASKED.document())
    assert erased([record_of], set(), store, known) == ([record_of], {})
    assert store.rows() == {}
    assert erased([record_of], {"r"}, store, known) == ([], {})
    assert store.get("ann").deleted_at_ms == store.get("ann").erased_at_ms == ASKED.at_ms


def test_what_stands_before_one_holds_it_up_no_more_than_what_stands_behind():
    store, event = MemoryProfiles(), record("e", {"events": []})
    records = [event, record("a", ASKED.document()), event, record("b", Erasure("bob", 7).document())]
    assert erased(records, {"a", "b"}, store, known) == ([event, event], {})
    assert (store.get("ann").erased_at_ms, store.get("bob").erased_at_ms) == (5, 7)


@pytest.mark.parametrize(("at_ms", "is_one"), [(1, True), (0, False)])
def test_it_is_of_a_moment_after_the_first(at_ms, is_one):
    data = json.dumps(Erasure("ann", at_ms).document()).encode()
    assert erasure_of(data) == (Erasure("ann", at_ms) if is_one else None)


@pytest.mark.parametrize(("key", "is_user"), [("ann", True), ("anon:ann", False)])
def test_a_row_that_nobody_can_read_is_replaced_and_told_of(key, is_user):
    class Damaged(MemoryProfiles):
        def update(self, user_id, change):
            raise StoredDataError("damaged")

        def replace_unreadable(self, user_id, profile):
            self.replaced = user_id, profile

    store, noted = Damaged(), []
    done = erase(key, 5, store, lambda *told: noted.append(told))
    assert (done.unreadable, done.before, noted) == (True, EMPTY_PROFILE, [(key, 5)])
    assert store.replaced == (key, done.after)
    assert (done.after.deleted_at_ms, done.after.erased_at_ms, done.after.is_user) == (5, 5, is_user)
    assert not erase(key, 5, MemoryProfiles(), known).unreadable


@pytest.mark.parametrize(
    ("changes", "until_ms"),
    [
        ({}, -1),
        ({"deleted_at_ms": 7}, 7),
        ({"links": (Link(9, user_id="u"),)}, -1),
        ({"links": (Link(9),)}, 9),
        ({"deleted_at_ms": 7, "links": (Link(6), Link(5))}, 7),
        ({"deleted_at_ms": 3, "links": (Link(6), Link(5))}, 6),
        ({"links": (Link(0),)}, 0),
    ],
)
def test_a_profile_says_up_to_when_it_was_erased(changes, until_ms):
    assert erased_until_ms(replace(EMPTY_PROFILE, **changes)) == until_ms


def test_a_row_may_go_once_the_erasure_that_it_remembers_has_come_to_its_end():
    row = deletion(5)
    assert [may_go(row, until_ms) for until_ms in (4, 5, 6)] == [False, True, True]
    ahead = replace(row, links=(Link(4, anonymous_id="anon:a"),), erased_at_ms=0)  # a device is still to be reached
    assert not may_go(ahead, 5)
    assert not may_go(replace(row, consent=register({"personalization": False}, 6)), 5)


def test_one_that_fails_comes_again_and_its_neighbours_are_carried_out():
    class Broken(MemoryProfiles):
        def update(self, user_id, change):
            if user_id == "bob":
                raise RecursionError
            return super().update(user_id, change)

    store, event = Broken(), record("e", {"events": []})
    records = [record("a", ASKED.document()), record("b", Erasure("bob", 5).document()), event]
    others, failed = erased(records, {"a", "b", "e"}, store, known)
    assert (others, set(failed)) == ([event], {"b"})
    assert store.get("ann").erased_at_ms == ASKED.at_ms
