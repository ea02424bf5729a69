"""Whatever is raised over one event, at whatever step: it alone comes again or is put aside, and nothing is lost."""

import json
from unittest.mock import patch

import pytest

from endcap.batch import Deadline, retryable
from endcap.errors import DependencyError
from endcap.events.types import EVENT_TYPES
from endcap.profiles import apply, ingest
from tests.fakes.odd_errors import ALL
from tests.fakes.profile_store import MemoryProfiles

NOW_MS = 1_768_471_200_000
MALLORY = {"event_id": "m", "user_id": "mallory", "event_type": "search", "text": "doom", "timestamp": NOW_MS}
NEIGHBOURS = [
    {"event_id": f"n{n}", "user_id": f"u{n % 3}", "event_type": "view", "item_id": f"i{n}", "timestamp": NOW_MS}
    for n in range(6)
]
STEPS = ("read", "quarantine", "write down", "archive", "encode", "fold", "write")


class Plant:
    """Everything that records flow through; one step of it raises over what mallory says."""

    def __init__(self, step, exc):
        self.step, self.exc = step, exc
        self.store, self.archived, self.aside = MemoryProfiles(), [], []

    def over(self, step, what):
        if step == self.step and any(sign in str(what) for sign in ("mallory", "doom")):
            raise self.exc

    def ingest(self, records):
        read, written, fold = ingest.read_event, ingest.interaction_document, apply.apply_events

        def reading(raw, *rest):
            self.over("read", raw)
            return read(raw, *rest)

        def writing_down(event):
            self.over("write down", event)
            return written(event)

        def folding(events, *rest):
            self.over("fold", events)
            return fold(events, *rest)

        with (
            patch.object(ingest, "read_event", reading),
            patch.object(ingest, "interaction_document", writing_down),
            patch.object(apply, "apply_events", folding),
        ):
            return ingest.ingest(records, "sqs", EVENT_TYPES, self, Archive(self), Aside(self), self.encode)

    def update(self, user_id, change):
        self.over("write", user_id)
        return self.store.update(user_id, change)

    def encode(self, text):
        self.over("encode", text)
        return b"tagg", b"\1"


class Archive:
    def __init__(self, plant):
        self.plant = plant

    def put(self, documents):
        self.plant.over("archive", documents)
        self.plant.archived += documents


class Aside:
    def __init__(self, plant):
        self.plant = plant

    def put(self, source, payload, errors, arrival_ms):
        self.plant.over("quarantine", payload)
        assert errors
        self.plant.aside.append(payload)
        return "key"


def records(*bodies):
    return [ingest.Record(f"r{n}", json.dumps(body).encode(), NOW_MS) for n, body in enumerate(bodies)]


def stored(plant):
    return {e.item_id for n in range(3) for e in plant.store.get(f"u{n}").interactions}


@pytest.mark.parametrize("exc", ALL, ids=lambda exc: type(exc).__name__)
@pytest.mark.parametrize("step", STEPS)
class TestWhateverIsRaised:
    def test_costs_its_own_record_and_no_other(self, step, exc):
        mallory = {**MALLORY, "event_type": "no such"} if step == "quarantine" else MALLORY
        plant = Plant(step, exc)
        outcome = plant.ingest(records(*NEIGHBOURS[:3], mallory, *NEIGHBOURS[3:]))
        if step == "archive" and retryable(exc):
            # The archive takes a batch or does not; nothing says whose fault it is, so the whole batch comes again.
            assert set(outcome.failed) == {f"r{n}" for n in range(7)}
            assert plant.archived == []
            return
        assert set(outcome.failed) <= {"r3"}
        assert stored(plant) == {f"i{n}" for n in range(6)}
        assert {d["event_id"] for d in plant.archived} >= {f"n{n}" for n in range(6)}
        assert outcome.applied == 6
        # mallory's event comes again or lies in quarantine: one of the two, and never neither
        assert bool(outcome.failed) != any("mallory" in payload for payload in plant.aside)
        if step not in ("quarantine", "read", "write down"):
            assert bool(outcome.failed) == retryable(exc)

    def test_costs_its_own_event_of_a_message(self, step, exc):
        mallory = {**MALLORY, "event_type": "no such"} if step == "quarantine" else MALLORY
        plant = Plant(step, exc)
        outcome = plant.ingest(records({"events": [*NEIGHBOURS[:3], mallory]}, *NEIGHBOURS[3:]))
        if step == "archive" and retryable(exc):
            return
        assert set(outcome.failed) <= {"r0"}
        assert stored(plant) == {f"i{n}" for n in range(6)}
        assert bool(outcome.failed) != any("mallory" in payload for payload in plant.aside)

    def test_when_it_is_mended_the_next_delivery_completes_it(self, step, exc):
        mallory = {**MALLORY, "event_type": "no such"} if step == "quarantine" else MALLORY
        plant, batch = Plant(step, exc), records(*NEIGHBOURS[:3], mallory, *NEIGHBOURS[3:])
        failed = plant.ingest(batch).failed
        plant.step = "nothing"
        outcome = plant.ingest([record for record in batch if record.record_id in failed])
        assert outcome.failed == {}
        assert stored(plant) == {f"i{n}" for n in range(6)}
        in_profile, aside = bool(plant.store.get("mallory").texts), any("mallory" in payload for payload in plant.aside)
        assert in_profile or aside
        # Profiles are written first: what the archive alone will never take is in quarantine, too.
        assert not (in_profile and aside) or step == "archive"


def test_what_can_not_be_written_down_is_kept_as_it_came():
    plant = Plant("write down", KeyError("x"))
    plant.ingest(records({"events": [MALLORY, NEIGHBOURS[0]]}))
    assert [json.loads(payload) for payload in plant.aside] == [{"events": [MALLORY, NEIGHBOURS[0]]}]


def test_a_dead_quarantine_is_asked_a_few_times_only():
    asked = []

    class Dead:
        def put(self, *_):
            asked.append(1)
            raise DependencyError("no answer")

    plant = Plant("nothing", None)
    batch = records(*["poison"] * 50, *NEIGHBOURS)
    outcome = ingest.ingest(batch, "sqs", EVENT_TYPES, plant, Archive(plant), Dead(), plant.encode)
    assert len(asked) == 5
    assert set(outcome.failed) == {f"r{n}" for n in range(50)}
    assert stored(plant) == {f"i{n}" for n in range(6)}


@pytest.mark.parametrize("left_ms", [0, 10_000, 29_999])
def test_too_late_nothing_is_archived_and_nothing_acknowledged(left_ms):
    class Late:
        def __init__(self):
            self.told = iter([60_000])

        def get_remaining_time_in_millis(self):
            return next(self.told, left_ms)

    plant, deadline = Plant("nothing", None), Deadline()
    batch = records(*NEIGHBOURS, "poison")
    with deadline.within(Late()):
        outcome = ingest.ingest(batch, "sqs", EVENT_TYPES, plant, Archive(plant), Aside(plant), plant.encode, deadline)
    assert set(outcome.failed) == {record.record_id for record in batch}
    assert (plant.archived, plant.aside, plant.store.rows()) == ([], [], {})


@pytest.mark.parametrize("gone_ms", range(0, 60_000, 4_000))
def test_whenever_the_time_ends_what_is_acknowledged_is_archived_and_in_its_profile(gone_ms):
    class Time:
        left_ms = 60_000

        def get_remaining_time_in_millis(self):
            return self.left_ms

    plant, deadline, time = Plant("nothing", None), Deadline(), Time()
    update, calls = plant.store.update, []

    def at_some_time(user_id, change):
        calls.append(user_id)
        time.left_ms -= 3_000 if len(calls) * 3_000 >= gone_ms else 10
        return update(user_id, change)

    plant.store.update = at_some_time
    batch = records(
        *[{**NEIGHBOURS[0], "event_id": f"e{n}", "user_id": f"u{n}", "item_id": f"i{n}"} for n in range(40)]
    )
    with patch.object(apply, "WRITERS", 1), deadline.within(time):
        outcome = ingest.ingest(batch, "sqs", EVENT_TYPES, plant, Archive(plant), Aside(plant), plant.encode, deadline)
    archived = {d["user_id"] for d in plant.archived}
    for n in range(40):
        if f"r{n}" not in outcome.failed:
            assert f"u{n}" in archived
            assert plant.store.get(f"u{n}").interactions
    assert outcome.failed
