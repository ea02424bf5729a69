import json

import pytest

from endcap.errors import DependencyError, ThrottledError
from endcap.events.types import EVENT_TYPES
from endcap.profiles.consent import refusal
from endcap.profiles.ingest import ingest
from endcap.profiles.profile import UserProfile, deletion
from endcap.profiles.record import Record
from tests.fakes.profile_store import MemoryProfiles

NOW_MS = 1_768_471_200_000


class Archive:
    def __init__(self):
        self.documents, self.down = [], False

    def put(self, documents):
        if self.down:
            raise DependencyError("archive is down")
        self.documents += documents


class Quarantine:
    def __init__(self):
        self.kept, self.down = [], False

    def put(self, source, payload, errors, arrival_ms):
        if self.down:
            raise ThrottledError("slow down")
        self.kept.append((source, payload, errors))
        return "key"


class Plant:
    """Everything that records flow through."""

    def __init__(self):
        self.store, self.archive, self.quarantine = MemoryProfiles(), Archive(), Quarantine()

    def ingest(self, *payloads, encode=lambda text: (b"tagg", b"\1")):
        records = [
            Record(f"r{n}", p if isinstance(p, bytes) else json.dumps(p).encode(), NOW_MS)
            for n, p in enumerate(payloads)
        ]
        return ingest(records, "sqs", EVENT_TYPES, self.store, self.archive, self.quarantine, encode)


@pytest.fixture
def plant():
    return Plant()


def view(user_id, item_id="i", **fields):
    return {"event_id": f"{user_id} {item_id}", "user_id": user_id, "event_type": "view", "item_id": item_id, **fields}


def items(plant, user_id):
    return {entry.item_id for entry in plant.store.get(user_id).interactions}


def test_a_record_is_one_event_or_a_list_of_them(plant):
    outcome = plant.ingest(view("u", "a"), {"events": [view("u", "b"), view("v", "c")]}, {"events": []})
    assert (outcome.applied, outcome.quarantined, outcome.failed) == (3, 0, {})
    assert (items(plant, "u"), items(plant, "v")) == ({"a", "b"}, {"c"})


def test_archived_events_are_complete_and_applied_ones_are_archived(plant):
    plant.ingest(view("u", "a"), view("u", "b", timestamp=NOW_MS - 5))
    assert [(d["event_id"], d["timestamp"]) for d in plant.archive.documents] == [("u a", NOW_MS), ("u b", NOW_MS - 5)]


@pytest.mark.parametrize(
    "poison",
    [
        b"",
        b"not json",
        b"\xff\xfe\x00 no text",
        b'{"user_id": ',
        b"9" * 5000,
        b"[" * 2000 + b"]" * 2000,
        b'{"a":' * 400 + b"1" + b"}" * 400,
        b"[" * 100_000,
        b"null",
        b"[]",
        b'"text"',
        b"NaN",
        b'{"user_id": "u", "event_type": "view", "item_id": "\\ud800"}',
        b'{"user_id": "u", "event_type": "rating", "item_id": "i", "value": NaN}',
        b'{"user_id": "u", "event_type": "rating", "item_id": "i", "value": 1e400}',
        b'{"user_id": "u", "event_type": "view", "item_id": "i", "timestamp": ' + b"1" * 400 + b"}",
        b'{"user_id": "u", "event_type": "view", "item_id": "i", "timestamp": "9999-12-31T23:59:59Z"}',
        b'{"user_id": 17.5, "event_type": "view", "item_id": "i"}',
        b'{"user_id": "anon:u", "event_type": "view", "item_id": "i"}',
        b'{"user_id": "undefined", "event_type": "view", "item_id": "i"}',
        b'{"user_id": "u", "event_type": "identify", "anonymous_id": "u"}',
        b'{"erasure": {"key": "u", "at_ms": 1768471200000}}',
        b'{"events": "none"}',
        b'{"events": {}}',
    ],
    ids=lambda poison: poison[:30].decode("ascii", "replace"),
)
def test_poison_goes_to_quarantine_and_its_neighbours_are_applied(plant, poison):
    outcome = plant.ingest(view("u", "before"), poison, view("u", "after"))
    assert (outcome.applied, outcome.quarantined, outcome.failed) == (2, 1, {})
    assert items(plant, "u") == {"before", "after"}
    ((source, payload, errors),) = plant.quarantine.kept
    assert source == "sqs"
    assert errors
    json.dumps(payload).encode()  # can be stored


def test_one_invalid_event_of_a_record_does_not_take_the_others_with_it(plant):
    outcome = plant.ingest({"events": [view("u", "a"), {"user_id": "u"}, view("u", "b")]})
    assert (outcome.applied, outcome.quarantined) == (2, 1)
    assert items(plant, "u") == {"a", "b"}
    assert json.loads(plant.quarantine.kept[0][1]) == {"user_id": "u"}


def test_an_event_that_could_not_be_quarantined_comes_again_and_the_valid_ones_are_applied(plant):
    plant.quarantine.down = True
    outcome = plant.ingest({"events": [view("u", "a"), {}]}, view("u", "b"))
    assert set(outcome.failed) == {"r0"}
    assert outcome.quarantined == 0
    assert items(plant, "u") == {"a", "b"}


def test_nothing_is_acknowledged_that_is_not_in_the_archive(plant):
    plant.archive.down = True
    outcome = plant.ingest(view("u", "a"), b"poison", view("v", "b"))
    assert (set(outcome.failed), outcome.applied) == ({"r0", "r2"}, 0)


def test_what_nobody_wants_kept_is_in_neither_and_acknowledged(plant):
    plant.store.update("u", lambda _: UserProfile(consent=refusal(NOW_MS)))
    plant.store.update("v", lambda _: deletion(NOW_MS - 5))
    late = view("v", "b", timestamp=NOW_MS - 9)
    unusable = {"user_id": "u", "event_type": "no such"}
    outcome = plant.ingest(view("u", "a"), {"events": [late, view("v", "c")]}, unusable, view("w", "d"))
    assert (outcome.failed, outcome.applied, outcome.unwanted, outcome.quarantined) == ({}, 2, 3, 0)
    assert [document["item_id"] for document in plant.archive.documents] == ["c", "d"]
    assert plant.quarantine.kept == []


@pytest.mark.parametrize(
    "named",
    [
        {"user_id": "4711"},
        {"user_id": 4711},
        {"anonymous_id": 4711},
        {"user_id": None, "anonymous_id": "4711"},
        {"user_id": "undefined", "anonymous_id": "4711"},
    ],
)
def test_however_an_unusable_event_names_who_refuses_it_is_kept_nowhere(plant, named):
    for key in ("4711", "anon:4711"):
        plant.store.update(key, lambda _: UserProfile(consent=refusal(NOW_MS)))
    outcome = plant.ingest({**named, "event_type": "no such"}, {"user_id": "4712", "event_type": "no such"})
    assert (outcome.unwanted, outcome.quarantined, outcome.failed) == (1, 1, {})


def test_a_delivery_after_the_archive_failed_loses_nothing(plant):
    plant.archive.down = True
    plant.ingest(view("u", "a"))
    plant.archive.down = False
    assert plant.ingest(view("u", "a")).failed == {}
    assert items(plant, "u") == {"a"}
    assert len(plant.archive.documents) == 1


def test_a_user_whose_profile_can_not_be_written_fails_only_their_records(plant):
    update = plant.store.update

    def refuse(user_id, change):
        if user_id == "v":
            raise ThrottledError("slow down")
        return update(user_id, change)

    plant.store.update = refuse
    outcome = plant.ingest(view("u"), view("v"), {"events": [view("u", "j"), view("v", "j")]})
    assert set(outcome.failed) == {"r1", "r2"}
    assert outcome.applied == 2
    assert items(plant, "u") == {"i", "j"}


@pytest.mark.parametrize("down", ["alice", "anon:cookie"])
def test_an_identify_fails_with_either_side(plant, down):
    update = plant.store.update

    def refuse(user_id, change):
        if user_id == down:
            raise ThrottledError("slow down")
        return update(user_id, change)

    plant.store.update = refuse
    link = {"user_id": "alice", "event_type": "identify", "anonymous_id": "cookie"}
    seen = {"anonymous_id": "cookie", "event_type": "view", "item_id": "i"}
    outcome = plant.ingest(seen, link, view("bob"))
    assert set(outcome.failed) == {"r0", "r1"}


def test_words_are_encoded_and_only_their_record_fails_where_they_can_not_be(plant):
    def broken(text):
        raise DependencyError("no snapshot")

    search = {"user_id": "u", "event_type": "search", "text": "lamp"}
    assert set(plant.ingest(search, view("v"), encode=broken).failed) == {"r0"}
    assert plant.ingest(search).failed == {}
    assert plant.store.get("u").texts[0].vector == b"\1"


def test_no_records_are_no_trouble(plant):
    assert plant.ingest().applied == 0


class Erasures:
    """The ledger in memory, by plain keys."""

    def __init__(self, **until):
        self.until, self.down = until, False

    def until_ms(self, keys):
        if self.down:
            raise ThrottledError("slow down")
        return {key: self.until[key] for key in keys if key in self.until}

    def put(self, key, until_ms):
        self.until[key] = max(until_ms, self.until.get(key, -1))


class TestErased:
    def ingest(self, plant, erasures, *records):
        encode = lambda text: (b"tagg", b"\1")  # noqa: E731
        more = (plant.store, plant.archive, plant.quarantine, encode, None, erasures)
        return ingest(records, "sqs", EVENT_TYPES, *more)

    def record(self, *events, **more):
        return Record("r", json.dumps({"events": events}).encode(), NOW_MS, **more)

    def test_events_up_to_the_erasure_are_neither_archived_nor_applied(self, plant):
        erasures = Erasures(u=NOW_MS - 10)
        events = [
            view("u", "a", timestamp=NOW_MS - 10),
            view("u", "b", timestamp=NOW_MS - 9),
            view("v", "c", timestamp=1),
        ]
        outcome = self.ingest(plant, erasures, self.record(*events))
        assert (outcome.applied, outcome.erased, outcome.failed) == (2, 1, {})
        assert {d["item_id"] for d in plant.archive.documents} == {"b", "c"}
        assert items(plant, "u") == {"b"}

    def test_what_is_sent_again_counts_by_when_it_first_came(self, plant):
        erasures = Erasures(u=NOW_MS - 10)
        again = self.record(view("u", "a"), first_seen_ms=NOW_MS - 20)  # without a time it would be of now
        since = self.record(view("u", "b"), first_seen_ms=NOW_MS - 5)
        assert self.ingest(plant, erasures, again).erased == 1
        assert self.ingest(plant, erasures, since).applied == 1
        assert items(plant, "u") == {"b"}

    def test_nothing_is_let_through_while_the_ledger_can_not_be_read(self, plant):
        erasures = Erasures()
        erasures.down = True
        outcome = self.ingest(plant, erasures, self.record(view("u")), self.record({"nonsense": 1}))
        assert set(outcome.failed) == {"r"}
        assert (outcome.applied, outcome.quarantined, plant.archive.documents) == (0, 1, [])

    @pytest.mark.parametrize(
        ("event", "first_seen_ms", "erased"),
        [
            ({"user_id": "u", "timestamp": NOW_MS - 10}, None, True),
            ({"user_id": "u", "timestamp": NOW_MS - 9}, None, False),
            ({"user_id": "u"}, None, False),  # it came after the erasure
            ({"user_id": "u"}, NOW_MS - 10, True),
            ({"user_id": "u", "timestamp": NOW_MS}, NOW_MS - 10, True),
            ({"user_id": "u", "timestamp": NOW_MS - 9}, NOW_MS - 9, False),
            ({"user_id": "u", "timestamp": "once"}, None, True),  # no time that anybody can read is the oldest
            ({"user_id": "v", "timestamp": 1}, None, False),
            ({"anonymous_id": "u", "timestamp": 1}, None, False),
            ({"anonymous_id": "cookie", "timestamp": 1}, None, True),
            ({"nobody": "u", "timestamp": 1}, None, False),
        ],
    )
    def test_what_could_not_be_used_anyway_is_not_put_aside(self, plant, event, first_seen_ms, erased):
        erasures = Erasures(**{"u": NOW_MS - 10, "anon:cookie": NOW_MS - 10})
        plant.quarantine.put = lambda *told: plant.quarantine.kept.append(told)
        record = self.record({**event, "event_type": "no such"}, first_seen_ms=first_seen_ms)
        outcome = self.ingest(plant, erasures, record)
        assert (outcome.erased, outcome.quarantined, len(plant.quarantine.kept)) == (erased, not erased, not erased)

    def test_what_names_somebody_is_not_put_aside_while_the_ledger_can_not_be_read(self, plant):
        erasures = Erasures()
        erasures.down = True
        outcome = self.ingest(plant, erasures, self.record({"user_id": "u", "event_type": "no such"}))
        assert (set(outcome.failed), plant.quarantine.kept) == ({"r"}, [])

    def test_a_late_identify_of_somebody_erased_erases_what_their_device_did(self, plant):
        erasures = Erasures(u=NOW_MS - 10)
        device = [
            {"anonymous_id": "cookie", "event_type": "view", "item_id": item, "timestamp": NOW_MS - ago}
            for item, ago in (("a", 30), ("b", 15))
        ]
        self.ingest(plant, erasures, self.record(*device))
        identify = {"user_id": "u", "anonymous_id": "cookie", "event_type": "identify", "timestamp": NOW_MS - 20}
        outcome = self.ingest(plant, erasures, self.record(identify))
        assert (outcome.erased, outcome.applied) == (1, 0)
        assert erasures.until["anon:cookie"] == NOW_MS - 20
        assert items(plant, "anon:cookie") == {"b"}
        assert items(plant, "u") == set()

    def test_an_identify_that_could_not_be_followed_comes_again(self, plant):
        class Stuck(Erasures):
            def put(self, key, until_ms):
                raise ThrottledError("slow down")

        identify = {"user_id": "u", "anonymous_id": "cookie", "event_type": "identify", "timestamp": 5}
        outcome = self.ingest(plant, Stuck(u=NOW_MS), self.record(identify))
        assert (set(outcome.failed), outcome.erased) == ({"r"}, 0)

    def test_the_device_of_somebody_erased_gives_nobody_what_is_erased(self, plant):
        erasures = Erasures(**{"anon:cookie": NOW_MS - 20})
        late = {"anonymous_id": "cookie", "event_type": "view", "item_id": "a", "timestamp": NOW_MS - 25}
        after = {**late, "item_id": "b", "timestamp": NOW_MS - 15}
        identify = {"user_id": "v", "anonymous_id": "cookie", "event_type": "identify", "timestamp": NOW_MS}
        outcome = self.ingest(plant, erasures, self.record(late, after, identify))
        assert (outcome.erased, items(plant, "v")) == (1, {"b"})
