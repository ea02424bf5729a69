import json

import pytest

from endcap.erasure.ledger import Ledger, ledger_key
from endcap.erasure.records import erased_subjects, erased_within, event_keys, record_keys, record_time_ms
from endcap.events.interaction import interaction_document, parse_interaction

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


def test_a_pseudonym_is_a_name_of_the_ledgers_own():
    kept = ledger(ann=5_000)
    assert erased_subjects({"pseudonym": ledger_key("ann", SECRET), "timestamp": 5}, kept)
    assert not erased_subjects({"pseudonym": ledger_key("ann", SECRET), "timestamp": 6}, kept)
    assert not erased_subjects({"pseudonym": ledger_key("bob", SECRET), "timestamp": 5}, kept)


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
