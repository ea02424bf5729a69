"""The borders of whose a record is: odd ids, odd times, and how deep a look goes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from endcap.erasure.ledger import Ledger, ledger_key
from endcap.erasure.records import (
    erased_subjects,
    erased_within,
    event_keys,
    happened_ms,
    record_keys,
    record_time_ms,
)
from endcap.events.interaction import Interaction

SECRET, OTHER = b"secret", b"other"


def erased(*keys: str, until_ms: int = 10, secret: bytes = SECRET) -> Ledger:
    return Ledger({1: SECRET, 2: OTHER}, {ledger_key(key, secret): until_ms for key in keys})


def within(value: Any, *keys: str) -> bool:
    return bool(erased_within(value, 1, erased(*keys)))


@pytest.mark.parametrize(
    ("record", "keys"),
    [
        ({"user_id": True}, []),
        ({"user_id": 1.5}, []),
        ({"user_id": ["ann"]}, []),
        ({"user_id": 0}, ["0"]),
        ({"user_id": ""}, []),
        ({"user_id": "", "anonymous_id": 7}, ["anon:7"]),
        ({"user_id": None, "anonymous_id": False}, []),
        ({"anonymous_id": "cookie", "event_type": "identify"}, ["anon:cookie"]),
        ({"user_id": "ann", "anonymous_id": "", "event_type": "identify"}, ["ann"]),
        ({"user_id": "ann", "pseudonym": "P", "pseudonym_key": 3}, ["ann", "pseudonym:3:P"]),
        ({"pseudonym": 7, "anonymous_pseudonym": "A", "pseudonym_key": 3}, ["pseudonym:3:A"]),
        ({"pseudonym": "P", "anonymous_pseudonym": 7, "pseudonym_key": 3, "event_type": "identify"}, ["pseudonym:3:P"]),
        ({"pseudonym": "P", "pseudonym_key": "3"}, []),
        ({"pseudonym": "P", "pseudonym_key": None}, []),
    ],
)
def test_only_texts_and_whole_numbers_are_ids(record: dict[str, Any], keys: list[str]) -> None:
    assert record_keys(record) == keys


def test_an_identify_is_about_both_and_nothing_else_is() -> None:
    def event(event_type: str, anonymous_id: str | None) -> Interaction:
        return Interaction("e", "ann", event_type, 1, anonymous_id=anonymous_id)

    assert event_keys(event("identify", "cookie")) == ("ann", "anon:cookie")
    assert event_keys(event("view", "cookie")) == event_keys(event("identify", None)) == ("ann",)


@pytest.mark.parametrize(
    ("record", "at_ms"),
    [
        ({"timestamp": None, "at_ms": 1_700_000_000_123}, 1_700_000_000_123),
        ({"timestamp": 1_700_000_000_123, "at_ms": 5}, 1_700_000_000_123),
        ({"timestamp": "odd", "at_ms": 1_700_000_000_123}, 0),
        ({"timestamp": 0}, 0),
        ({"timestamp": -5}, 0),
        ({"timestamp": [1]}, 0),
        ({"timestamp": {}}, 0),
        ({"timestamp": float("inf")}, 0),
        ({"timestamp": float("nan")}, 0),
        ({"timestamp": 10**400}, 0),
        ({"at_ms": None}, 0),
    ],
)
def test_a_time_that_is_none_is_the_oldest(record: dict[str, Any], at_ms: int) -> None:
    assert record_time_ms(record) == at_ms


@pytest.mark.parametrize(
    ("value", "at_ms"),
    [
        ({"timestamp": 1_700_000_000_000}, 1_700_000_000_000),
        ({"at_ms": 1_700_000_000_000}, 1_700_000_000_000),
        ({"timestamp": 1_900_000_000_000}, 1_800_000_000_000),
        ({"timestamp": "odd"}, 0),
        ({"timestamp": None, "at_ms": None}, 1_800_000_000_000),
        ({"user_id": "ann"}, 1_800_000_000_000),
        ([{"timestamp": 5}], 1_800_000_000_000),
        ("text", 1_800_000_000_000),
        (None, 1_800_000_000_000),
    ],
)
def test_what_could_not_be_read_happened_no_later_than_it_was_seen(value: Any, at_ms: int) -> None:
    assert happened_ms(value, 1_800_000_000_000) == at_ms


def test_an_erasure_up_to_the_first_moment_takes_in_what_has_no_time() -> None:
    assert erased_subjects({"user_id": "ann"}, erased("ann", until_ms=0)) == [ledger_key("ann", SECRET)]
    assert erased_subjects({"user_id": "bob"}, erased("ann", until_ms=0)) == []
    assert erased_subjects({"user_id": "ann", "timestamp": 0.001}, erased("ann", until_ms=0)) == []


def test_every_key_of_a_ledger_is_tried() -> None:
    assert erased_subjects({"user_id": "ann"}, erased("ann", secret=OTHER)) == [ledger_key("ann", OTHER)]
    assert erased_within("ann", 1, erased("ann", secret=OTHER)) == [ledger_key("ann", OTHER)]


def test_subjects_are_told_once_each_in_their_order() -> None:
    ledger = erased("ann", "bob", "anon:ann")
    found = erased_within(["ann", {"bob": ["ann", "bob"]}, "anon:ann"], 10, ledger)
    assert found == sorted(ledger.entries)
    assert erased_within(["ann", "bob"], 11, ledger) == []


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (" ann\n", True),
        ({" ann": 1}, False),  # a key is taken as it is
        ({"ann": None}, True),
        ({7: "x"}, False),
        ("anna", False),
        ("anon:ann", True),
        (json.dumps(["ann"]), True),
        (json.dumps({"ann": 1}), True),
        (f"  {json.dumps(['ann'])}  ", True),
        (json.dumps(json.dumps(["ann"])), False),  # a text within a text that is neither object nor list
        ('{"user": "ann"', False),
        ("[" * 100_000, False),
        (None, False),
        (1.5, False),
    ],
)
def test_where_an_id_may_stand(value: Any, found: bool) -> None:
    assert within(value, "ann") is found


def test_numbers_are_ids_and_truths_are_not() -> None:
    assert within([4711], "4711")
    assert within({"n": 0}, "0")
    assert not within([True, False, {"a": True}], "True", "False", "1", "0")


def test_what_is_longer_than_any_id_is_none() -> None:
    longest, longer = "用" * 42 + "xx", "x" * 129
    assert len(longest.encode()) == 128
    assert within(longest, longest)
    assert within(longest, f"anon:{longest}")
    assert within(f"anon:{longest}", f"anon:{longest}")
    assert within(f"anon:{longest}", longest)
    assert not within("x" * 134, "x" * 134)
    assert within({longer: 1}, longer)  # a key is taken whatever its length


def test_a_look_goes_thirty_two_deep() -> None:
    def nested(depth: int) -> Any:
        value: Any = "ann"
        for n in range(depth):
            value = [value] if n % 2 else {"k": value}
        return value

    assert within(nested(32), "ann")
    assert not within(nested(33), "ann")
    assert within(json.dumps(nested(31)), "ann")
    assert not within(json.dumps(nested(32)), "ann")
