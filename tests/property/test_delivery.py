"""Whatever a queue does to a stream (repeats, reorders, cuts, breaks off), everyone's profile ends the same.

The profiles are compared as bytes with those of a plain delivery, and their contents with a model that knows nothing of
merging: a list of what was said, and who may hold which of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from endcap.aws.profiles import ProfileTable
from endcap.events.interaction import Interaction
from endcap.identifiers import anonymous_id_of, anonymous_key, event_key
from endcap.profiles.codec import encode_profile
from endcap.profiles.identity import ProfileStore, apply_events, delete_user
from endcap.profiles.profile import EMPTY_PROFILE, MAX_TEXTS, UserProfile
from tests.fakes import moto_stack
from tests.fakes.effort import examples, proved, tried
from tests.fakes.profile_store import Crash, CrashingStore, MemoryProfiles

KNOWN, ANONYMOUS = ("alice", "bob"), ("cookie-1", "cookie-2")
COOKIES = tuple(anonymous_key(anonymous_id) for anonymous_id in ANONYMOUS)
EVERYONE = (*KNOWN, *COOKIES)
LATEST = 40
KINDS = ("view", "purchase", "impression", "review", "search")


def encode(text: str) -> tuple[bytes, bytes]:
    return b"tagg", text.encode().ljust(8)[:8]


@dataclass(frozen=True)
class Deletion:
    """Somebody asks to be forgotten."""

    user_id: str
    at_ms: int


Step = Interaction | Deletion


def event(number: int, user_id: str, kind: str, at_ms: int) -> Interaction:
    said = ("quality is great", "too small, and slow shipping", "words")[number % 3]
    text = f"{said} {number}" if kind in ("review", "search") else None
    return Interaction(f"e{number}", user_id, kind, at_ms, f"item-{number % 7}", text=text)


def identify(user_id: str, anonymous_id: str, at_ms: int) -> Interaction:
    return Interaction(f"i{at_ms}", user_id, "identify", at_ms, anonymous_id=anonymous_id)


def deliver(steps: Iterable[Step], store: ProfileStore) -> None:
    """Each deletion by itself, runs of events as one batch."""
    batch: list[Interaction] = []
    for step in steps:
        if isinstance(step, Interaction):
            batch.append(step)
            continue
        assert not apply_events(batch, store, encode)
        batch = []
        delete_user(step.user_id, step.at_ms, store)
    assert not apply_events(batch, store, encode)


def in_time_order(steps: Iterable[Step]) -> list[Step]:
    def at_ms(step: Step) -> tuple[int, bool]:
        return (step.timestamp_ms, False) if isinstance(step, Interaction) else (step.at_ms, True)

    return sorted(steps, key=at_ms)


def plainly_delivered(steps: Iterable[Step]) -> dict[str, bytes]:
    """The profiles after each step came once, in time order, alone."""
    store = MemoryProfiles()
    for step in in_time_order(steps):
        deliver([step], store)
    return store.rows()


@dataclass
class Model:
    """What was said, and what follows from it for each profile."""

    steps: Sequence[Step]

    def deleted_ms(self, user_id: str) -> int:
        return max([-1, *(s.at_ms for s in self.steps if isinstance(s, Deletion) and s.user_id == user_id)])

    def identifies(self, anonymous_id: str) -> list[Interaction]:
        found = {s for s in self.steps if isinstance(s, Interaction) and s.anonymous_id == anonymous_id}
        return sorted(found, key=lambda s: s.timestamp_ms)

    def events(self, user_id: str) -> list[Interaction]:
        found = (s for s in self.steps if isinstance(s, Interaction) and s.event_type != "identify")
        return [s for s in found if s.user_id == user_id]

    def held_by(self, user_id: str) -> set[bytes]:
        """Keys of the events that the profile's interactions show."""
        if (anonymous_id := anonymous_id_of(user_id)) is not None:
            links = self.identifies(anonymous_id)
            ends = [i.timestamp_ms for i in links if i.timestamp_ms <= self.deleted_ms(i.user_id)]
            floor, events = max([-1, *ends]), self.events(user_id)
        else:
            floor, events = self.deleted_ms(user_id), self.events(user_id) + self.handed_to(user_id)
        shown = [e for e in events if e.event_type not in ("impression", "search") and e.timestamp_ms > floor]
        return {event_key(e.event_id) for e in shown}

    def handed_to(self, user_id: str) -> list[Interaction]:
        handed = []
        for anonymous_id in ANONYMOUS:
            start_ms = -1
            for link in self.identifies(anonymous_id):
                if link.user_id == user_id:
                    events = self.events(anonymous_key(anonymous_id))
                    handed += [e for e in events if start_ms < e.timestamp_ms <= link.timestamp_ms]
                start_ms = link.timestamp_ms
        return handed


class Delivery(RuleBasedStateMachine):
    """A shop's day on a queue that keeps none of its promises but the last: that a message comes again."""

    def __init__(self, new_store: Callable[[], MemoryProfiles]) -> None:
        super().__init__()
        self.store = new_store()
        self.batches: list[list[Interaction]] = []
        self.deletions: list[Deletion] = []
        self.number = self.texts = self.identified_ms = 0

    def new_event(self, user_id: str, kind: str, at_ms: int) -> Interaction:
        # More texts than a profile holds would make a late identify miss some: see the test in time order.
        if kind in ("review", "search"):
            self.texts += 1
            kind = kind if self.texts <= MAX_TEXTS else "view"
        self.number += 1
        return event(self.number, user_id, kind, at_ms)

    @rule(
        drawn=st.lists(
            st.tuples(st.sampled_from(EVERYONE), st.sampled_from(KINDS), st.integers(0, LATEST)), min_size=1, max_size=4
        )
    )
    def batch(self, drawn: list[tuple[str, str, int]]) -> None:
        self.batches.append([self.new_event(*fields) for fields in drawn])
        deliver(self.batches[-1], self.store)

    @rule(
        user_id=st.sampled_from(KNOWN),
        anonymous_id=st.sampled_from(ANONYMOUS),
        later_ms=st.integers(1, 8),
        event_at_ms=st.none() | st.integers(0, LATEST),
        steps=st.integers(0, 8),
    )
    def identified(self, user_id: str, anonymous_id: str, later_ms: int, event_at_ms: int | None, steps: int) -> None:
        self.identified_ms += later_ms
        batch = [identify(user_id, anonymous_id, self.identified_ms)]
        if event_at_ms is not None:
            batch.append(self.new_event(anonymous_key(anonymous_id), "view", event_at_ms))
        self.batches.append(batch)
        self.deliver_breaking_off(batch, steps)

    @rule(user_id=st.sampled_from(KNOWN), at_ms=st.integers(1, LATEST), steps=st.integers(0, 8))
    def deletion(self, user_id: str, at_ms: int, steps: int) -> None:
        self.deletions.append(Deletion(user_id, at_ms))
        self.deliver_breaking_off(self.deletions[-1:], steps)

    @precondition(lambda self: self.batches)
    @rule(data=st.data(), steps=st.integers(0, 8))
    def replay(self, data: st.DataObject, steps: int) -> None:
        again = data.draw(st.lists(st.sampled_from(self.batches), min_size=1, max_size=3))
        self.deliver_breaking_off([e for batch in again for e in batch], steps)

    def deliver_breaking_off(self, steps: Sequence[Step], after: int) -> None:
        try:
            deliver(steps, CrashingStore(self.store, after))
        except Crash:
            deliver(steps, self.store)

    @invariant()
    def profiles_are_those_of_a_plain_delivery(self) -> None:
        model = Model([*(e for batch in self.batches for e in batch), *self.deletions])
        for user_id, data in plainly_delivered(model.steps).items():
            profile = self.store.get(user_id)
            assert encode_profile(profile) == data, user_id
            assert {e.key for e in profile.interactions} == model.held_by(user_id), user_id
        for user_id in KNOWN:
            self.nothing_older_is_left(user_id, model.deleted_ms(user_id))

    def nothing_older_is_left(self, user_id: str, deleted_ms: int) -> None:
        profile = self.store.get(user_id)
        sets = (profile.interactions, profile.strong, profile.texts, profile.impressions, profile.links)
        assert all(entry.timestamp_ms > deleted_ms for entries in sets for entry in entries)
        for cookie in COOKIES:
            links = self.store.get(cookie).links
            assert not any(link.user_id == user_id and link.timestamp_ms <= deleted_ms for link in links)


class TableOfOneRun(MemoryProfiles):
    """The DynamoDB table, with ids that no other run uses."""

    runs = 0

    def __init__(self, table: ProfileTable) -> None:
        super().__init__()
        TableOfOneRun.runs += 1
        self._table, self._suffix = table, f"#{TableOfOneRun.runs}"

    def get(self, user_id: str) -> UserProfile:
        return self._table.get(user_id + self._suffix, consistent=True).profile

    def update(self, user_id: str, change: Callable[[UserProfile], UserProfile]) -> tuple[UserProfile, UserProfile]:
        return self._table.update(user_id + self._suffix, change)


@proved
def test_a_faithless_queue_changes_no_profile_in_memory() -> None:
    run_state_machine_as_test(
        partial(Delivery, MemoryProfiles),
        settings=settings(max_examples=examples(60), stateful_step_count=15, deadline=None),
    )


@proved
def test_a_faithless_queue_changes_no_profile_in_dynamodb() -> None:
    with moto_stack.stack():
        table = ProfileTable(moto_stack.client("dynamodb"), moto_stack.PROFILES)
        run_state_machine_as_test(
            partial(Delivery, partial(TableOfOneRun, table)),
            settings=settings(max_examples=examples(5), stateful_step_count=10, deadline=None),
        )


@st.composite
def streams(draw: st.DrawFn, others: Sequence[str] = ("identify", "delete")) -> list[Step]:
    """Steps at different times, events of all kinds, at most as many texts as a profile holds."""
    steps: list[Step] = []
    texts = 0
    for at_ms in draw(st.lists(st.integers(1, 100), min_size=1, max_size=25, unique=True)):
        match draw(st.sampled_from(("event", "event", "event", *others))):
            case "identify":
                steps.append(identify(draw(st.sampled_from(KNOWN)), draw(st.sampled_from(ANONYMOUS)), at_ms))
            case "delete":
                steps.append(Deletion(draw(st.sampled_from(KNOWN)), at_ms))
            case _:
                kind = draw(st.sampled_from(KINDS))
                texts += kind in ("review", "search")
                kind = kind if texts <= MAX_TEXTS else "view"
                steps.append(event(at_ms, draw(st.sampled_from(EVERYONE)), kind, at_ms))
    return steps


@st.composite
def busy_streams(draw: st.DrawFn) -> list[Step]:
    """Steps in time order, most of them on devices that change hands, far more than small sets hold."""
    cookies, people = (ANONYMOUS[0], ANONYMOUS[0], ANONYMOUS[1]), ("alice", "alice", "bob")
    steps: list[Step] = []
    for at_ms in range(1, draw(st.integers(2, 50))):
        match draw(st.integers(0, 19)):
            case 0:
                steps.append(Deletion(draw(st.sampled_from(people)), at_ms))
            case 1 | 2 | 3 | 4:
                steps.append(identify(draw(st.sampled_from(people)), draw(st.sampled_from(cookies)), at_ms))
            case number:
                who = "alice" if number == 5 else anonymous_key(draw(st.sampled_from(cookies)))
                steps.append(event(at_ms, who, draw(st.sampled_from(KINDS)), at_ms))
    return steps


@st.composite
def deliveries(draw: st.DrawFn, steps: list[Step]) -> list[list[Step]]:
    """`steps` twice, shuffled and cut.

    With deletions, the first identifies of one anonymous id to different users stay in time order: what was erased as
    one user's can't become another's.
    """
    order = draw(st.permutations(steps))
    for anonymous_id in ANONYMOUS if any(isinstance(step, Deletion) for step in steps) else ():
        places = [n for n, s in enumerate(order) if isinstance(s, Interaction) and s.anonymous_id == anonymous_id]
        runs: list[list[Step]] = []
        for step in in_time_order(order[n] for n in places):
            if runs and runs[-1][0].user_id == step.user_id:
                runs[-1].append(step)
            else:
                runs.append([step])
        sorted_steps = [step for run in runs for step in draw(st.permutations(run))]
        for place, step in zip(places, sorted_steps, strict=True):
            order[place] = step
    twice = list(order)
    for step in draw(st.permutations(order)):
        twice.insert(draw(st.integers(twice.index(step) + 1, len(twice))), step)
    return draw(cuts(twice))


@st.composite
def cuts(draw: st.DrawFn, steps: list[Step]) -> list[list[Step]]:
    borders = sorted(draw(st.sets(st.integers(0, len(steps)), max_size=8)))
    return [steps[a:b] for a, b in zip([0, *borders], [*borders, len(steps)], strict=True)]


@pytest.mark.parametrize("others", [("identify", "delete"), ("identify", "identify")], ids=["deletions", "identifies"])
@tried(200, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_twice_shuffled_and_cut_anew_gives_the_same_bytes(others: Sequence[str], data: st.DataObject) -> None:
    steps = data.draw(streams(others))
    store = MemoryProfiles()
    for part in data.draw(deliveries(steps)):
        deliver(part, store)
    expected = plainly_delivered(steps)
    empty = encode_profile(EMPTY_PROFILE)
    assert {user_id: store.rows().get(user_id, empty) for user_id in expected} == expected
    assert set(store.rows()) <= set(EVERYONE)


@tried(150, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_in_time_order_full_sets_make_no_difference_either(data: st.DataObject) -> None:
    """However small the sets are: cut anywhere, broken off anywhere, and with any earlier part once more."""
    limits = {"MAX_INTERACTIONS": 3, "MAX_STRONG": 2, "MAX_TEXTS": 1, "MAX_IMPRESSIONS": 2}
    with ExitStack() as patches:
        for name, limit in limits.items():
            patches.enter_context(patch(f"endcap.profiles.profile.{name}", limit))
        patches.enter_context(patch("endcap.profiles.links.MAX_LINKS", 2))
        steps = data.draw(busy_streams())
        parts = data.draw(cuts(steps))
        store = MemoryProfiles()
        for number, part in enumerate(parts):
            try:
                deliver(part, CrashingStore(store, data.draw(st.integers(0, 12))))
            except Crash:
                deliver(part, store)
            if data.draw(st.booleans()):
                deliver(parts[data.draw(st.integers(0, number))], store)
        assert store.rows() == plainly_delivered(steps)


@pytest.mark.parametrize("user_id", ["alice", "anon:cookie-1"])
def test_one_read_and_one_write_per_user_and_batch(user_id: str) -> None:
    store = MemoryProfiles()
    deliver([event(1, "anon:cookie-1", "view", 1), event(2, "alice", "view", 2)], store)
    store.writes.clear()
    events = [event(n, who, "view", n) for n, who in enumerate(["alice", "anon:cookie-1"] * 2, start=3)]
    deliver([*events, identify("alice", "cookie-1", 5)], store)
    assert store.writes.count(user_id) == 1
