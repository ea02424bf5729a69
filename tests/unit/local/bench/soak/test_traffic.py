from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import count, islice

from endcap.events.interaction import parse_interaction
from endcap.profiles.profile import merge, profile_of
from endcap.profiles.summary.describe import export
from endcap_local.bench.soak.traffic import (
    _MIX,
    LISTS,
    TABLE_WRITES,
    Call,
    SentEvent,
    Shopper,
    Traffic,
    accepted_events,
    is_in_profile,
)

ITEMS = [f"item-{k}" for k in range(40)]
NOW_MS = 1_800_000_000_000


def calls(seed: int = 0) -> Iterator[Call]:
    moments = count(NOW_MS, 7)
    traffic = Traffic(ITEMS, ["red", "green", "mug"], lambda: next(moments), seed)
    while True:
        yield traffic.next()


def first(n: int, seed: int = 0) -> list[Call]:
    return list(islice(calls(seed), n))


def test_the_same_seed_gives_the_same_requests_and_every_kind_comes() -> None:
    assert first(500) == first(500) != first(500, seed=1)
    kinds = Counter(call.kind for call in first(5_000))
    assert set(kinds) == set(_MIX) >= LISTS | TABLE_WRITES
    assert kinds["erasure"] < 0.01 * 5_000 < kinds["item"]


def test_every_event_is_valid_and_told_apart_by_id_and_by_time() -> None:
    documents = [event.document for call in first(5_000) for event in call.events]
    for document in documents:
        assert parse_interaction(document, NOW_MS + 1_000_000).event_id == document["event_id"]
    assert len({d["event_id"] for d in documents}) == len({d["timestamp"] for d in documents}) == len(documents)
    assert {"identify", "purchase", "review"} <= {d["event_type"] for d in documents}


def test_no_event_is_from_ahead_of_the_moment_at_which_it_is_sent() -> None:
    moments = count(NOW_MS, 45)  # some 22 requests a second
    now = [NOW_MS]
    traffic = Traffic(ITEMS, ["red", "green", "mug"], lambda: now[0])
    for moment in islice(moments, 5_000):
        now[0] = moment
        assert all(event.document["timestamp"] < moment for event in traffic.next().events)


def test_a_profile_has_room_for_all_that_one_shopper_sends_and_they_say_once_who_they_are() -> None:
    events = [event for call in first(20_000) for event in call.events]
    per_shopper = Counter(event.shopper for event in events)
    assert max(per_shopper.values()) < 30
    identified = Counter(e.shopper for e in events if e.document["event_type"] == "identify")
    assert set(identified.values()) == {1}
    assert len(identified) > 100


def test_whoever_is_erased_has_been_here_and_sends_nothing_more() -> None:
    seen, erased = set[Shopper](), set[Shopper]()
    for call in first(20_000):
        assert not erased & {event.shopper for event in call.events}
        seen |= {event.shopper for event in call.events}
        if call.erases:
            assert call.erases in seen
            assert call.path == f"/users/{call.erases.user_id}"
            erased.add(call.erases)
    assert len(erased) > 10


def test_events_that_an_answer_refuses_are_not_accepted() -> None:
    shopper = Shopper("s", "v")
    events = [SentEvent(shopper, {"event_id": f"e{k}"}) for k in range(3)]
    call = Call("events", "POST", "/events", events=events)
    answer = {"accepted": 2, "rejected": [{"index": 1, "reason": "why"}]}
    assert [event.event_id for event in accepted_events(call, answer)] == ["e0", "e2"]
    assert accepted_events(call, {"accepted": 3}) == events


def test_a_profile_shows_what_went_into_it_and_nothing_else() -> None:
    sent: dict[str, list[SentEvent]] = defaultdict(list)
    for call in first(3_000):
        for event in call.events:
            if event.document["event_type"] != "identify":
                sent[event.document.get("user_id") or event.document["anonymous_id"]].append(event)
    for events in sent.values():
        known, dropped = events[:-1], events[-1]
        interactions = [parse_interaction(event.document, NOW_MS + 1_000_000) for event in known]
        halves = [profile_of(part, None) for part in (interactions[::2], interactions[1::2])]
        exports = [export(merge(*halves))]
        assert all(is_in_profile(event, exports) for event in known)
        assert not is_in_profile(dropped, exports)
        assert not is_in_profile(dropped, [])


def test_who_turned_out_to_be_whom_is_found_in_the_links() -> None:
    event = SentEvent(Shopper("s", "v"), {"event_type": "identify", "user_id": "s", "anonymous_id": "v"})
    empty = {"interactions": [], "strong_interactions": [], "links": []}
    assert not is_in_profile(event, [empty, {**empty, "links": [{"user_id": "s", "anonymous_id": "w"}]}])
    assert is_in_profile(event, [empty, {**empty, "links": [{"user_id": "s", "anonymous_id": "v"}]}])
