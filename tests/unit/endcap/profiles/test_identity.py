import time
from contextlib import suppress
from dataclasses import replace
from itertools import permutations

import pytest

from endcap.errors import DependencyError, EncoderError
from endcap.events.interaction import Interaction
from endcap.profiles.identity import MAX_ERASED_AT_ONCE, apply_events, delete_user
from endcap.profiles.links import MAX_LINKS, Link
from endcap.profiles.profile import MAX_INTERACTIONS, is_forgotten, profile_of, unerased_ids
from tests.fakes.effort import proved, proving
from tests.fakes.profile_store import Crash, CrashingStore, MemoryProfiles


class PartlyDown(MemoryProfiles):
    """Profiles of which some can't be reached."""

    def __init__(self, *down):
        super().__init__()
        self.down = set(down)

    def update(self, user_id, change):
        if user_id in self.down:
            raise DependencyError("no answer")
        return super().update(user_id, change)


def view(user_id, at_ms, item_id=None):
    return Interaction(f"{user_id}@{at_ms}", user_id, "view", at_ms, item_id or f"item-{at_ms}")


def search(user_id, at_ms, text):
    return Interaction(f"{user_id}@{at_ms}", user_id, "search", at_ms, text=text)


def shown(user_id, at_ms, item_id):
    return Interaction(f"{user_id}@{at_ms}", user_id, "impression", at_ms, item_id)


def identify(user_id, anonymous_id, at_ms):
    return Interaction(f"i@{at_ms}", user_id, "identify", at_ms, anonymous_id=anonymous_id)


def times(store, user_id):
    return [entry.timestamp_ms for entry in store.get(user_id).interactions]


def stored(*batches):
    store = MemoryProfiles()
    for batch in batches:
        assert apply_events(batch, store) == {}
    return store


def test_each_user_gets_their_own_events():
    store = stored([view("alice", 1), view("bob", 2), view("alice", 3)])
    assert (times(store, "alice"), times(store, "bob")) == ([3, 1], [2])


def test_repeated_batch_writes_nothing():
    batch = [view("anon:cookie", 1), identify("alice", "cookie", 2), view("alice", 3)]
    store = stored(batch)
    store.writes.clear()
    apply_events(batch, store)
    assert store.writes == []


class TestIdentify:
    def test_hands_over_what_lies_before_and_leaves_what_comes_after(self):
        store = stored([view("anon:cookie", 1), view("anon:cookie", 5)], [identify("alice", "cookie", 3)])
        assert times(store, "alice") == [1]
        assert times(store, "anon:cookie") == [5, 1]

    def test_includes_its_own_moment(self):
        store = stored([view("anon:cookie", 3)], [identify("alice", "cookie", 3)])
        assert times(store, "alice") == [3]

    def test_late_events_of_the_interval_reach_the_user_too(self):
        store = stored([identify("alice", "cookie", 3)], [view("anon:cookie", 2), view("anon:cookie", 4)])
        assert times(store, "alice") == [2]
        assert times(store, "anon:cookie") == [4, 2]

    def test_people_who_share_a_device_are_not_mixed(self):
        store = stored(
            [view("anon:cookie", 1), identify("alice", "cookie", 2)],
            [view("anon:cookie", 3), identify("bob", "cookie", 4)],
            [view("anon:cookie", 5)],
        )
        assert (times(store, "alice"), times(store, "bob")) == ([1], [3])

    def test_all_in_one_batch_is_the_same_as_one_by_one(self):
        events = [
            view("anon:cookie", 1),
            identify("alice", "cookie", 2),
            view("anon:cookie", 3),
            identify("bob", "cookie", 4),
        ]
        assert stored(events).rows() == stored(*([event] for event in events)).rows()

    def test_searches_reach_the_user_encoded_once(self):
        encoded = []

        def encode(text):
            encoded.append(text)
            return b"tagg", b"\1\2"

        store = MemoryProfiles()
        apply_events([search("anon:cookie", 1, "lamp"), identify("alice", "cookie", 2)], store, encode)
        assert [t.vector for t in store.get("alice").texts] == [t.vector for t in store.get("anon:cookie").texts]
        assert encoded == ["lamp"]

    def test_what_later_events_of_the_same_batch_push_out_is_handed_over_all_the_same(self):
        before = [view("anon:cookie", at_ms) for at_ms in range(1, 11)]
        after = [view("anon:cookie", 100 + n) for n in range(MAX_INTERACTIONS)]
        store = stored(before, [identify("alice", "cookie", 50), *after])
        assert times(store, "alice") == list(range(10, 0, -1))
        assert min(times(store, "anon:cookie")) == 100

    @pytest.mark.parametrize("order", list(permutations(range(6))))
    def test_in_any_order_people_who_share_a_device_get_what_is_theirs(self, order):
        steps = [
            [view("anon:kiosk", 1), view("anon:kiosk", 5)],
            [identify("alice", "kiosk", 2)],
            [identify("bob", "kiosk", 4), view("anon:kiosk", 3)],
            [identify("alice", "kiosk", 6), search("anon:kiosk", 7, "lamp")],
            [identify("bob", "kiosk", 8)],
            [view("alice", 9), view("bob", 9)],
        ]
        store = stored(*(steps[n] for n in order))
        assert (times(store, "alice"), times(store, "bob")) == ([9, 5, 1], [9, 3])
        assert store.rows() == stored(*steps).rows()

    def test_of_two_users_at_one_moment_one_is_who_it_was(self):
        events = [view("anon:cookie", 1), identify("alice", "cookie", 2), identify("bob", "cookie", 2)]
        for order in permutations(events):
            store = stored(*([event] for event in order))
            assert (times(store, "alice"), times(store, "bob")) == ([1], [])
            assert store.rows() == stored(events).rows()

    def test_takes_an_impression_from_before_a_later_one_of_the_same_item(self):
        events = [shown("anon:cookie", 1, "a"), shown("anon:cookie", 5, "a"), shown("bob", 4, "a")]
        links = [identify("alice", "cookie", 2), identify("bob", "cookie", 6)]
        for order in permutations([*events, *links]):
            store = stored(*([event] for event in order))
            assert [i.timestamp_ms for i in store.get("alice").impressions] == [1]
            assert [i.timestamp_ms for i in store.get("bob").impressions] == [5, 4]
            assert store.rows() == stored(events, links).rows()

    def test_of_a_users_id_touches_nothing_of_that_user(self):
        store = stored([view("alice", 1), search("alice", 2, "lamp")])
        alice = store.rows()["alice"]
        apply_events([identify("mallory", "alice", 3)], store)
        delete_user("mallory", 10, store)
        assert times(store, "mallory") == []
        assert store.rows()["alice"] == alice

    def test_of_an_id_that_is_a_user_too_hands_on_what_is_the_anonymous_ones(self):
        store = stored([view("anon:cookie", 1), identify("device", "cookie", 2), identify("alice", "device", 3)])
        assert (times(store, "device"), times(store, "alice")) == ([1], [])

    def test_beyond_the_most_links_old_borders_are_forgotten_and_so_are_the_entries_before(self):
        logins = [identify(f"user-{n}", "kiosk", 10 * n) for n in range(1, MAX_LINKS + 2)]
        store = stored(
            [view("anon:kiosk", 5), view("anon:kiosk", 15), view("anon:kiosk", 25)], *([login] for login in logins)
        )
        assert [times(store, f"user-{n}") for n in (1, 2, 3)] == [[5], [15], [25]]
        assert times(store, "anon:kiosk") == [25]
        before = store.rows()
        apply_events([view("anon:kiosk", 1)], store)  # whose it was, nobody knows any more
        assert store.rows() == before


class TestDeletion:
    def test_reaches_the_intervals_of_the_anonymous_ids(self):
        store = stored(
            [view("anon:cookie", 1), identify("alice", "cookie", 2), view("anon:cookie", 3)],
            [view("anon:phone", 4), identify("alice", "phone", 5)],
        )
        delete_user("alice", 10, store)
        assert is_forgotten(store.get("alice"))
        assert (times(store, "anon:cookie"), times(store, "anon:phone")) == ([3], [])
        assert b"alice" not in b"".join(store.rows().values())

    def test_answers_what_was_there_and_what_is_left(self):
        store = stored([view("alice", 1), view("alice", 9)])
        before, after = delete_user("alice", 5, store)
        assert ([e.timestamp_ms for e in before.interactions], [e.timestamp_ms for e in after.interactions]) == (
            [9, 1],
            [9],
        )

    @pytest.mark.parametrize(
        "late",
        [
            [view("alice", 1)],
            [view("anon:cookie", 1)],
            [identify("alice", "cookie", 2)],
            [view("anon:cookie", 1), identify("alice", "cookie", 2), view("alice", 4)],
        ],
    )
    def test_nothing_from_before_comes_back(self, late):
        store = stored([view("anon:cookie", 1), identify("alice", "cookie", 2), view("alice", 4)])
        delete_user("alice", 10, store)
        erased = store.rows()
        assert apply_events(late, store) == {}
        assert store.rows() == erased

    def test_an_identify_that_was_still_on_its_way_is_erased_as_well(self):
        store = stored([view("anon:cookie", 1), view("anon:cookie", 8)])
        delete_user("alice", 10, store)
        apply_events([identify("alice", "cookie", 2)], store)
        assert (times(store, "alice"), times(store, "anon:cookie")) == ([], [8])

    def test_leaves_others_on_the_same_device_what_they_were_handed(self):
        store = stored(
            [view("anon:cookie", 1), identify("alice", "cookie", 2)],
            [view("anon:cookie", 3), identify("bob", "cookie", 4)],
        )
        delete_user("bob", 10, store)
        apply_events([Interaction("late", "anon:cookie", "view", 0, "x"), view("anon:cookie", 3)], store)
        assert (times(store, "alice"), times(store, "bob"), times(store, "anon:cookie")) == ([1, 0], [], [])

    def test_gives_the_next_on_the_device_nothing_of_the_deleted(self):
        store = stored([view("anon:cookie", 1), identify("alice", "cookie", 2)])
        delete_user("alice", 3, store)
        apply_events([identify("bob", "cookie", 5), view("anon:cookie", 4), view("anon:cookie", 1)], store)
        assert times(store, "bob") == [4]

    def test_spares_what_is_known_under_the_same_name_later(self):
        store = stored([view("anon:cookie", 1), identify("alice", "cookie", 2)])
        delete_user("alice", 10, store)
        apply_events([view("anon:cookie", 11), identify("alice", "cookie", 12), view("alice", 13)], store)
        assert times(store, "alice") == [13, 11]

    def test_of_an_anonymous_id_keeps_late_events_from_the_user(self):
        store = stored([view("anon:cookie", 1), identify("alice", "cookie", 5)])
        delete_user("anon:cookie", 10, store)
        apply_events([view("anon:cookie", 2)], store)
        assert times(store, "alice") == [1]
        assert is_forgotten(store.get("anon:cookie"))

    def test_of_a_user_at_one_moment_with_another_leaves_the_other_theirs(self):
        store = stored([view("anon:cookie", 1), identify("alice", "cookie", 2), identify("bob", "cookie", 2)])
        delete_user("bob", 10, store)
        assert (times(store, "alice"), times(store, "anon:cookie")) == ([1], [1])

    def test_that_finds_an_earlier_identify_late_takes_its_share_from_the_next(self):
        store = stored([view("anon:cookie", 1), view("anon:cookie", 3)], [identify("bob", "cookie", 4)])
        delete_user("alice", 10, store)
        assert times(store, "bob") == [3, 1]
        apply_events([identify("alice", "cookie", 2)], store)
        assert (times(store, "bob"), times(store, "anon:cookie")) == ([3], [3])

    def test_of_an_unknown_user_is_remembered(self):
        store = MemoryProfiles()
        delete_user("alice", 10, store)
        apply_events([view("alice", 9), view("alice", 11)], store)
        assert times(store, "alice") == [11]

    def test_finds_every_anonymous_id_or_has_erased_it_before(self):
        cookies = [f"cookie-{n}" for n in range(MAX_LINKS + 3)]
        store = MemoryProfiles()
        for n, cookie in enumerate(cookies):
            apply_events([view(f"anon:{cookie}", 10 * n + 1), identify("alice", cookie, 10 * n + 2)], store)
        assert len(times(store, "alice")) == len(cookies)
        delete_user("alice", 10_000, store)
        assert [times(store, f"anon:{cookie}") for cookie in cookies] == [[]] * len(cookies)


class TestFailures:
    def test_of_one_user_leave_the_others_alone(self):
        store = PartlyDown("bob")
        failed = apply_events([view("alice", 1), view("bob", 1), view("carol", 1)], store)
        assert set(failed) == {"bob"}
        assert times(store, "alice") == times(store, "carol") == [1]

    def test_of_the_known_user_keep_the_anonymous_events_for_the_next_delivery(self):
        store = PartlyDown("alice")
        batch = [view("anon:cookie", 1), identify("alice", "cookie", 2), view("bob", 1)]
        failed = apply_events(batch, store)
        assert set(failed) == {"alice", "anon:cookie"}
        store.down.clear()
        assert apply_events(batch, store) == {}
        assert store.rows() == stored(batch).rows()

    def test_of_a_user_who_owns_a_late_event_keep_it_for_the_next_delivery(self):
        store = PartlyDown()
        apply_events([identify("alice", "cookie", 3)], store)
        store.down.add("alice")
        assert set(apply_events([view("anon:cookie", 1)], store)) == {"anon:cookie"}
        store.down.clear()
        apply_events([view("anon:cookie", 1)], store)
        assert times(store, "alice") == [1]

    def test_of_the_encoder_concern_those_who_wrote_something(self):
        def encode(text):
            raise EncoderError("broken")

        store = MemoryProfiles()
        failed = apply_events([search("alice", 1, "lamp"), view("bob", 1)], store, encode)
        assert set(failed) == {"alice"}
        assert times(store, "bob") == [1]


def test_a_link_names_the_other_side_in_each_profile():
    store = stored([identify("alice", "cookie", 2), identify("alice", "cookie", 5)])
    assert store.get("anon:cookie").links == (Link(5, user_id="alice"), Link(2, user_id="alice"))
    assert store.get("alice").links == (Link(5, "", "anon:cookie", start_ms=2), Link(2, "", "anon:cookie"))


class TestManyLinks:
    """However events are linked, what one of them or one deletion touches is bounded."""

    CHAIN = 10_000 if proving() else 2_000
    TREE = 4_369 if proving() else 1_000

    @proved
    def test_a_chain_of_identifies_is_no_chain(self):
        chain = [identify(f"id-{n + 1}", f"id-{n}", n) for n in range(self.CHAIN)]
        store = MemoryProfiles()
        began_s = time.process_time()
        assert apply_events([view("anon:id-0", 0), *chain], store) == {}
        assert time.process_time() - began_s < 10
        assert (times(store, "id-1"), times(store, "id-2")) == ([0], [])
        store.writes.clear()
        delete_user(f"id-{self.CHAIN}", self.CHAIN, store)
        assert len(store.writes) <= 2

    @proved
    def test_a_tree_of_identifies_is_no_tree(self):
        tree = [identify(f"id-{(n - 1) // 16}", f"id-{n}", n) for n in range(1, self.TREE)]
        store = MemoryProfiles()
        began_s = time.process_time()
        assert apply_events([view(f"anon:id-{n}", 0) for n in range(self.TREE)] + tree, store) == {}
        assert time.process_time() - began_s < 10
        store.writes.clear()
        delete_user("id-0", 5000, store)
        assert len(store.writes) <= 1 + MAX_LINKS

    @proved
    def test_thousands_of_ids_of_one_user_are_each_reached_or_erased(self):
        store = MemoryProfiles()
        links = [identify("alice", f"id-{n}", n) for n in range(self.CHAIN)]
        began_s = time.process_time()
        assert apply_events([*(view(f"anon:id-{n}", n) for n in range(self.CHAIN)), *links], store) == {}
        assert time.process_time() - began_s < 10
        store.writes.clear()
        delete_user("alice", self.CHAIN, store)
        assert len(store.writes) <= 1 + MAX_LINKS
        assert not any(times(store, f"anon:id-{n}") for n in range(self.CHAIN))

    @proved
    @pytest.mark.parametrize(("n_ids", "fan"), [(CHAIN, 1), (TREE, 16)])
    def test_rows_of_before_that_form_a_chain_or_a_tree_are_not_followed(self, n_ids, fan):
        """Then a user's id could be an anonymous one too, and every row could name a next one."""
        store = MemoryProfiles()
        for n in range(n_ids):
            children = range(n * fan + 1, min(n * fan + 1 + fan, n_ids))
            links = [Link(5, anonymous_id=f"id-{child}") for child in children]
            links += [Link(5, user_id=f"id-{(n - 1) // fan}")] if n else []
            old = replace(profile_of([view(f"id-{n}", 1)]), is_user=False, links=tuple(sorted(links, reverse=True)))
            store.update(f"id-{n}", lambda _, old=old: old)
        store.writes.clear()
        apply_events([view(f"id-{n_ids - 1}", 2)], store)
        assert store.writes == [f"id-{n_ids - 1}"]
        store.writes.clear()
        delete_user("id-0", 10, store)
        assert len(store.writes) <= 1 + MAX_LINKS


class TestDeletionInTheBackground:
    def test_begins_with_the_profile_and_says_what_is_left(self):
        store, asked = MemoryProfiles(), []
        many = [event for n in range(MAX_ERASED_AT_ONCE + 1) for event in of_alice(n)]
        apply_events(many, store)
        _, after = delete_user("alice", 100, store, later=lambda key, at_ms: asked.append((key, at_ms)))
        assert asked == [("alice", 100)]
        assert is_forgotten(after)
        assert unerased_ids(after) == {f"anon:cookie-{n}" for n in range(MAX_ERASED_AT_ONCE + 1)}
        _, after = delete_user("alice", 100, store)
        assert unerased_ids(after) == set()
        assert not any(times(store, f"anon:cookie-{n}") for n in range(MAX_ERASED_AT_ONCE + 1))
        assert b"alice" not in b"".join(store.rows().values())

    def test_is_not_needed_for_few(self):
        store = MemoryProfiles()
        apply_events([event for n in range(MAX_ERASED_AT_ONCE) for event in of_alice(n)], store)
        _, after = delete_user("alice", 100, store, later=lambda key, at_ms: pytest.fail("asked for"))
        assert unerased_ids(after) == set()

    def test_that_never_began_is_asked_for_again(self):
        store = MemoryProfiles()
        apply_events([event for n in range(MAX_LINKS) for event in of_alice(n)], store)

        def unreachable(key, at_ms):
            raise DependencyError("no answer")

        with pytest.raises(DependencyError):
            delete_user("alice", 100, store, later=unreachable)
        assert len(times(store, "alice")) == MAX_LINKS

    @pytest.mark.parametrize("steps", range(0, 40, 3))
    def test_broken_off_anywhere_it_is_finished_by_the_next(self, steps):
        store = MemoryProfiles()
        apply_events([event for n in range(MAX_LINKS) for event in of_alice(n)], store)
        delete_user("alice", 100, store, later=lambda key, at_ms: None)
        apply_events([view("alice", 101), *of_alice(30, 200)], store)
        with suppress(Crash):
            delete_user("alice", 100, CrashingStore(store, steps))
        delete_user("alice", 100, store)
        assert times(store, "alice") == [200, 101]
        assert unerased_ids(store.get("alice")) == set()
        assert not any(times(store, f"anon:cookie-{n}") for n in range(MAX_LINKS))


def of_alice(n, at_ms=None):
    at_ms = at_ms or n + 1
    return [view(f"anon:cookie-{n}", at_ms), identify("alice", f"cookie-{n}", at_ms)]
