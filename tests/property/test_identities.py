"""What no event, in no order and through no door, does to who somebody is: variants made from a seed, none succeeds."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from endcap.api.personalize import put_events
from endcap.aws.profiles import ProfileTable
from endcap.errors import InvalidInputError
from endcap.events.formats import read_event, sent_events
from endcap.events.interaction import Interaction, interaction_document, parse_interaction
from endcap.events.types import EVENT_TYPES
from endcap.identifiers import event_key
from endcap.profiles.codec import decode_profile, encode_profile
from endcap.profiles.entries import register
from endcap.profiles.identity import apply_events, delete_user
from endcap.profiles.links import MAX_LINKS, Link
from endcap.profiles.profile import UserProfile, merge, profile_of
from tests.fakes.effort import examples, proved
from tests.fakes.profile_store import MemoryProfiles

SEED = 9
NOW_MS = 1_768_471_200_000
MINUTE_MS = 60_000


def variants(named: int = 200) -> Iterator[random.Random]:
    """A source of chance for each variant."""
    for number in range(examples(named)):
        yield random.Random(f"{SEED}.{number}")


# V1: an identify reads and erases nobody


def by_own_event(user_id: str, other: str, at_ms: int) -> Any:
    return {"user_id": user_id, "event_type": "identify", "anonymous_id": other, "timestamp": at_ms}


def by_ga4_login(user_id: str, other: str, at_ms: int) -> Any:
    event = {"name": "login", "params": {}, "timestamp_micros": at_ms * 1000}
    return {"client_id": other, "user_id": user_id, "events": [event]}


def by_ga4_app(user_id: str, other: str, at_ms: int) -> Any:
    event = {"name": "sign_up", "params": {}, "timestamp_micros": at_ms * 1000}
    return {"app_instance_id": other, "user_id": user_id, "events": [event]}


def by_segment_identify(user_id: str, other: str, at_ms: int) -> Any:
    return {"type": "identify", "userId": user_id, "anonymousId": other, "messageId": f"m{at_ms}", "timestamp": at_ms}


def by_segment_alias(user_id: str, other: str, at_ms: int) -> Any:
    return {"type": "alias", "userId": user_id, "previousId": other, "messageId": f"m{at_ms}", "timestamp": at_ms}


def by_cloud_event(user_id: str, other: str, at_ms: int) -> Any:
    return {
        "specversion": "1.0",
        "id": "c",
        "source": "shop",
        "type": "t",
        "data": by_own_event(user_id, other, at_ms),
    }


def by_personalize(user_id: str, other: str, at_ms: int) -> Any:
    event = {"eventType": "view", "itemId": "bait", "sentAt": at_ms}
    return {"trackingId": "t", "userId": user_id, "sessionId": other, "eventList": [event]}


DOORS: tuple[Callable[[str, str, int], Any], ...] = (
    by_own_event,
    by_ga4_login,
    by_ga4_app,
    by_segment_identify,
    by_segment_alias,
    by_cloud_event,
    by_personalize,
)


def sent(body: Any) -> list[Interaction]:
    """What comes out of the queue of what is sent through a door; nothing where that refuses it."""
    try:
        if "trackingId" in body:
            found = put_events(body, NOW_MS, EVENT_TYPES)
        else:
            parts = sent_events(body)
            found = [i for e in ([body] if parts is None else parts) for i in read_event(e, NOW_MS, EVENT_TYPES)]
    except InvalidInputError:
        return []
    return [parse_interaction(interaction_document(event), NOW_MS) for event in found]


class Rows:
    """DynamoDB, as far as one writer at a time needs it."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Any]] = {}

    def get_item(self, Key: dict[str, Any], **_: Any) -> dict[str, Any]:
        row = self.rows.get(Key["user_id"]["S"])
        return {} if row is None else {"Item": row}

    def put_item(self, Item: dict[str, Any], **_: Any) -> None:
        self.rows[Item["user_id"]["S"]] = Item


def done(user_id: str, number: int, kind: str = "purchase") -> Interaction:
    return Interaction(f"{user_id} {number}", user_id, kind, NOW_MS - number * MINUTE_MS, f"secret-{number}", text="x")


def victims(chance: random.Random, victim: str) -> tuple[ProfileTable, Rows]:
    """A table with somebody in it: of today's format or the one before, with or without a login of theirs.

    In some a version before has let somebody else say already to be them.
    """
    rows = Rows()
    table = ProfileTable(rows, "profiles", clock=lambda: NOW_MS / 1000, adopt_days=30)
    if chance.random() < 0.3:
        rows.rows["mallory"] = table.row("mallory", UserProfile(links=(Link(NOW_MS, anonymous_id=victim),)), 1)
    kinds = ("purchase", "review", "search", "impression")
    did = [done(victim, number, chance.choice(kinds)) for number in range(1, chance.randint(2, 6))]
    if chance.random() < 0.5:
        cookie = [done("anon:cookie", 9), Interaction("l", victim, "identify", NOW_MS, anonymous_id="cookie")]
        apply_events([*did, *(cookie if chance.random() < 0.5 else [])], table)
        return table, rows
    old = profile_of(did)
    old = UserProfile(old.interactions, old.strong, old.texts, old.impressions)
    known = chance.choice(["login", "preferences", "consent", "attributes"])
    if known == "login":
        old = merge(old, UserProfile(links=(Link(NOW_MS, anonymous_id="old-cookie"),)))
    else:
        old = merge(old, UserProfile(**{known: register({"a": True}, NOW_MS)}))
    rows.rows[victim] = table.row(victim, old, 1)
    assert encode_profile(old)[0] < 3
    return table, rows


@proved
@pytest.mark.parametrize("door", DOORS)
def test_who_somebody_says_to_be_reads_and_erases_nobody_else(door: Callable[[str, str, int], Any]) -> None:
    accepted = 0
    for chance in variants():
        victim = chance.choice(["alice", "Zoë", "u-1001", "a" * 100, "alice@example.com", "42"])
        table, rows = victims(chance, victim)
        before = dict(rows.rows[victim])
        for _ in range(chance.randint(1, 3)):
            spelled = chance.choice([victim, victim, f"anon:{victim}", victim.upper(), f" {victim}", f"{victim} "])
            attacker = chance.choice(["mallory", "mallory", "anon:" + victim, "anon:", "undefined"])
            events = sent(door(attacker, spelled, NOW_MS - chance.randint(-4, 20) * MINUTE_MS))
            accepted += bool(events)
            apply_events(events, table)
        for attacker in ("mallory", f"anon:{victim.upper()}", f"anon:{victim}"):
            profile = table.get(attacker).profile
            entries = (*profile.interactions, *profile.strong, *profile.texts)
            assert not any(e.item_id.startswith("secret") for e in entries)
            assert len(profile.impressions) == 0
            delete_user(attacker, NOW_MS + MINUTE_MS, table)
        assert rows.rows[victim] == before
    assert accepted > examples(200) / 2


# V3: links lead to no chains


@proved
def test_links_of_any_shape_cost_what_they_are() -> None:
    for chance in variants():
        n_ids, n_events = chance.randint(1, 40), chance.randint(1, 120)
        names = [f"id-{n}" for n in range(n_ids)]
        events: list[Interaction] = []
        for number in range(n_events):
            shape = chance.choice(["chain", "star", "tree", "any"])
            user = {"chain": number + 1, "star": 0, "tree": number // 16}.get(shape, chance.randrange(n_ids)) % n_ids
            anonymous = chance.randrange(n_ids) if shape == "any" else number % n_ids
            at_ms = chance.randint(1, 500)
            events.append(Interaction(f"i{number}", names[user], "identify", at_ms, anonymous_id=names[anonymous]))
            events.append(Interaction(f"e{number}", f"anon:{names[anonymous]}", "view", at_ms, f"item-{number}"))
        store = MemoryProfiles()
        began_s = time.process_time()
        assert apply_events(events, store) == {}
        assert time.process_time() - began_s < 10
        assert len(store.writes) <= 4 * len(events)
        store.writes.clear()
        delete_user(chance.choice(names), 1000, store)
        # Each device of the user, and on each of these whoever was next.
        assert len(store.writes) <= 1 + MAX_LINKS * (1 + MAX_LINKS)


# V11 and V12: the order in which things come


def shuffled(events: list[Interaction], chance: random.Random) -> list[list[Interaction]]:
    """`events`, some of them twice, in any order and in batches."""
    order = [*events, *chance.sample(events, len(events) // 3)]
    chance.shuffle(order)
    batches: list[list[Interaction]] = []
    while order:
        size = chance.randint(1, len(order))
        batches.append(order[:size])
        order = order[size:]
    return batches


def rows_of(batches: list[list[Interaction]]) -> dict[str, bytes]:
    store = MemoryProfiles()
    for batch in batches:
        assert apply_events(batch, store, lambda text: (b"tagg", text.encode()[:4])) == {}
    return store.rows()


@proved
def test_people_who_share_devices_get_in_any_order_what_is_theirs() -> None:
    for chance in variants():
        people, devices = ["alice", "bob", "carol"][: chance.randint(2, 3)], ["kiosk", "phone"]
        events, owner = [], dict[str, str]()
        times = iter(chance.sample(range(1, 10_000), 40))
        for at_ms in sorted(next(times) for _ in range(chance.randint(4, 40))):
            device = chance.choice(devices)
            if chance.random() < 0.3:
                person = chance.choice(people)
                events.append(Interaction(f"i{at_ms}", person, "identify", at_ms, anonymous_id=device))
            else:
                kind = chance.choice(["view", "purchase", "impression", "add_to_cart"])
                events.append(Interaction(f"e{at_ms}", f"anon:{device}", kind, at_ms, f"item-{at_ms % 5}"))
        expected = rows_of([[event] for event in events])
        assert rows_of(shuffled(events, chance)) == expected
        for event in reversed(events):  # AND nobody has what was another's
            if event.event_type == "identify":
                owner[str(event.anonymous_id)] = event.user_id
            elif event.event_type != "impression":
                device = event.user_id.removeprefix("anon:")
                holders = {p for p in people if p in expected and event.event_id in held(expected[p], events)}
                assert holders == ({owner[device]} if device in owner else set())


def held(row: bytes, events: list[Interaction]) -> set[str]:
    keys = {e.key for e in decode_profile(row).interactions}
    return {event.event_id for event in events if event_key(event.event_id) in keys}


@proved
@pytest.mark.parametrize("identified", ["never", "last", "between"])
def test_impressions_depend_on_no_order(identified: str) -> None:
    for chance in variants():
        n_shown = chance.randint(1, 25 if identified == "between" else 90)
        whose = "ann" if identified == "never" else "anon:phone"
        events = [
            Interaction(f"e{n}", chance.choice([whose, "ann"]), "impression", chance.randint(1, 400), f"item-{n % 40}")
            for n in range(n_shown)
        ]
        if identified != "never":
            at_ms = 500 if identified == "last" else chance.randint(1, 400)
            events.append(Interaction("i", "ann", "identify", at_ms, anonymous_id="phone"))
            events.append(Interaction("j", "bob", "identify", at_ms + chance.randint(1, 50), anonymous_id="phone"))
        in_time_order = sorted(events, key=lambda event: event.timestamp_ms)
        assert rows_of(shuffled(events, chance)) == rows_of([[event] for event in in_time_order])
