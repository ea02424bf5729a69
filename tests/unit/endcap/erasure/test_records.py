import json

import pytest

from endcap.erasure.ledger import Ledger, ledger_key
from endcap.erasure.records import erased_subjects, erased_within, event_keys, record_keys, record_time_ms
from endcap.events.interaction import interaction_document, parse_interaction
from endcap.pseudonyms import PseudonymKeys, names_of, pseudonymous

SECRET = b"secret"


def ledger(**until):
    return Ledger({1: SECRET}, {ledger_key(key.replace("__", ":"), SECRET): at for key, at in until.items()})


@pytest.mark.parametrize(
    ("record", "keys"),
    [
        ({"user_id": "ann", "event_type": "view"}, ["ann"]),
        ({"user_id": "ann", "anonymous_id": "cookie", "event_type": "view"}, ["ann"]),
        ({"anonymous_id": "cookie", "event_type": "view"}, ["anon:cookie"]),
        ({"user_id": "ann", "anonymous_id": "cookie", "event_type": "identify"}, ["ann", "anon:cookie"]),
        ({"user_id": 42, "event_type": "view"}, ["42"]),
        ({"user_id": "anon:cookie", "items": []}, ["anon:cookie"]),
        ({"user_id": None, "items": []}, []),
        ({}, []),
        ({"pseudonym": "P", "pseudonym_key": 2, "event_type": "view"}, ["pseudonym:2:P"]),
        ({"pseudonym": "P", "anonymous_pseudonym": "A", "pseudonym_key": 2, "event_type": "view"}, ["pseudonym:2:P"]),
        ({"anonymous_pseudonym": "A", "pseudonym_key": 1, "event_type": "view"}, ["pseudonym:1:A"]),
        (
            {"pseudonym": "P", "anonymous_pseudonym": "A", "pseudonym_key": 1, "event_type": "identify"},
            ["pseudonym:1:P", "pseudonym:1:A"],
        ),
        ({"pseudonym": "P", "event_type": "view"}, []),
    ],
)
def test_whose_a_record_is(record, keys):
    assert record_keys(record) == keys


def test_an_event_and_its_archived_line_are_the_same_peoples():
    for raw in (
        {"user_id": "ann", "event_type": "view", "item_id": "i", "anonymous_id": "x"},
        {"anonymous_id": "cookie", "event_type": "view", "item_id": "i"},
        {"user_id": "ann", "anonymous_id": "cookie", "event_type": "identify"},
    ):
        event = parse_interaction(raw, 1_700_000_000_000)
        assert list(event_keys(event)) == record_keys(interaction_document(event))


@pytest.mark.parametrize(
    ("record", "at_ms"),
    [
        ({"timestamp": 1_700_000_000}, 1_700_000_000_000),
        ({"timestamp": 1_700_000_000_123}, 1_700_000_000_123),
        ({"at_ms": 1_700_000_000_123}, 1_700_000_000_123),
        ({"timestamp": "long ago"}, 0),
        ({}, 0),
    ],
)
def test_what_does_not_say_its_time_counts_as_the_oldest(record, at_ms):
    assert record_time_ms(record) == at_ms


def test_a_record_is_erased_up_to_the_time_and_not_beyond():
    kept = ledger(ann=1_700_000_000_000)
    assert erased_subjects({"user_id": "ann", "timestamp": 1_700_000_000}, kept) == [ledger_key("ann", SECRET)]
    assert erased_subjects({"user_id": "ann", "timestamp": 1_700_000_000.001}, kept) == []
    assert erased_subjects({"user_id": "bob", "timestamp": 1}, kept) == []


def test_whoever_has_a_pseudonym_is_found_under_it_by_every_key():
    keys = PseudonymKeys({1: b"one" * 11, 2: b"two" * 11})
    for key, record in (
        ("ann", {"user_id": "ann", "event_type": "view"}),
        ("anon:cookie", {"anonymous_id": "cookie", "event_type": "view"}),
        ("anon:cookie", {"user_id": "anon:cookie", "items": []}),  # as exposures have it
    ):
        kept = Ledger({1: SECRET}, {ledger_key(name, SECRET): 5_000 for name in names_of(key, keys)})
        for number in keys.by_number:
            said = pseudonymous(record, PseudonymKeys({number: keys.by_number[number]}))
            assert erased_subjects({**said, "timestamp": 5}, kept)
            assert not erased_subjects({**said, "timestamp": 6}, kept)
        assert not erased_subjects({**pseudonymous({"user_id": "bob"}, keys), "timestamp": 5}, kept)


@pytest.mark.parametrize(
    "value",
    [
        {"user_id": "ann"},
        {"detail": {"who": ["x", " ann "]}},
        {"ann": 1},
        [{"userId": "ann"}],
        {"properties": json.dumps({"deep": {"user": "ann"}})},
        {"anonymous_id": "cookie"},
        {"client": "anon:cookie"},
        {"user_id": 4711},
    ],
)
def test_wherever_an_id_stands_in_what_could_not_be_read_it_is_found(value):
    kept = ledger(ann=10, anon__cookie=10, **{"4711": 10})
    assert erased_within(value, 10, kept)
    assert not erased_within(value, 11, kept)


def test_others_are_not_found():
    assert not erased_within({"user_id": "anna", "text": "ann said", "value": 1.5, "known": True}, 1, ledger(ann=10))
