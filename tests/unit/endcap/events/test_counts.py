from collections import Counter
from dataclasses import replace

from endcap.events.counts import COARSE, FINE, HOUR_MS, WINDOWS, Change, increments, kinds_of
from endcap.events.interaction import Interaction
from endcap.events.types import event_types
from endcap.profiles.identity import apply_events
from endcap.profiles.profile import MAX_INTERACTIONS
from tests.fakes.profile_store import MemoryProfiles

NOW_MS = 1_768_471_200_000


def event(kind, item_id="a", at_ms=NOW_MS, event_id=None, user_id="u"):
    return Interaction(event_id or f"{kind} {item_id} {at_ms}", user_id, kind, at_ms, item_id)


def counts(*events, now_ms=NOW_MS, **kwargs):
    changes = [
        Change(kind + e.item_id, e.timestamp_ms, 1)
        for e in events
        for kind in kinds_of(e.event_type, **kwargs)
        if e.item_id
    ]
    return {(i.level, i.start_ms): dict(i.counts) for i in increments(changes, now_ms)}


def taken(store, *events):
    found = []
    apply_events(events, store, took=lambda new, *_: found.extend(new))
    return Counter(e.event_id for e in found)


class TestIncrements:
    def test_one_for_each_bucket_and_level(self):
        found = counts(event("view"), event("purchase"), event("view", "b"))
        assert found == {(level, level.start_of(NOW_MS)): {"da": 2, "db": 1} for level in (FINE, COARSE)}

    def test_by_the_time_of_the_event(self):
        found = counts(event("view"), event("view", at_ms=NOW_MS - HOUR_MS))
        assert sum(level is FINE for level, _ in found) == 2

    def test_not_for_what_is_too_old(self):
        assert [level for level, _ in counts(event("view", at_ms=NOW_MS - 24 * HOUR_MS))] == [COARSE]
        assert counts(event("view", at_ms=NOW_MS - 1000 * HOUR_MS)) == {}

    def test_of_clicks_and_impressions_are_apart_from_demand(self):
        found = counts(event("click"), event("impression"))
        assert set(map(str, found.values())) == {str({"da": 1, "ca": 1, "ia": 1})}

    def test_of_what_came_and_was_taken_back_there_is_none(self):
        changes = [Change("da", NOW_MS, 1), Change("da", NOW_MS, -1), Change("db", NOW_MS, -1)]
        assert [dict(i.counts) for i in increments(changes, NOW_MS)] == [{"db": -1}] * 2

    def test_leave_out_dislikes_and_what_names_no_item(self):
        search = Interaction("e", "u", "search", NOW_MS, text="lamp")
        assert counts(event("dislike"), event("return"), search, event("unheard-of")) == {}

    def test_of_kinds_of_the_storefront(self):
        kinds = event_types({"quiz": 0.5, "view": 0.0})
        assert set(map(str, counts(event("quiz"), event("view"), event_types=kinds).values())) == {str({"da": 1})}


def test_every_window_is_within_what_is_kept():
    for window in WINDOWS.values():
        assert window.span_ms + window.level.width_ms < window.level.kept_ms


class TestNewEvents:
    def test_are_told_once(self):
        store = MemoryProfiles()
        batch = [event("view"), event("click"), event("impression", "b")]
        assert set(taken(store, *batch, batch[0]).values()) == {1}
        assert taken(store, *batch) == {}

    def test_are_told_of_a_redelivered_batch_that_has_more(self):
        store = MemoryProfiles()
        taken(store, event("view"))
        assert taken(store, event("view"), event("view", "b")) == {f"view b {NOW_MS}": 1}

    def test_are_not_what_a_full_profile_has_no_room_for(self):
        store = MemoryProfiles()
        newer = [event("view", f"i{n}", NOW_MS + n) for n in range(MAX_INTERACTIONS)]
        assert len(taken(store, *newer)) == MAX_INTERACTIONS
        assert taken(store, event("view", "late", NOW_MS - 1)) == {}

    def test_of_an_anonymous_shopper_are_told_once_though_two_profiles_take_them(self):
        store = MemoryProfiles()
        identify = Interaction("i", "ann", "identify", NOW_MS + 1, anonymous_id="u")
        seen, late = (replace(event("view", *item), user_id="anon:u") for item in ((), ("late",)))
        assert taken(store, seen, identify) == {f"view a {NOW_MS}": 1}
        assert taken(store, late) == {f"view late {NOW_MS}": 1}
        assert {e.item_id for e in store.get("ann").interactions} == {"a", "late"}

    def test_include_a_later_impression_but_no_repeated_one(self):
        store = MemoryProfiles()
        assert taken(store, event("impression")) == {f"impression a {NOW_MS}": 1}
        assert taken(store, event("impression"), event("impression", at_ms=NOW_MS - 5)) == {}
        assert len(taken(store, event("impression", at_ms=NOW_MS + 5))) == 1
