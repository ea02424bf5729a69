import json

import pytest

from endcap.profiles.erasure import Erasure, erased, erasure_of
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
