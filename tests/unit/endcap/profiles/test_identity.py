import pytest

from endcap.errors import DependencyError, EncoderError
from endcap.events.interaction import Interaction
from endcap.profiles.identity import apply_events, delete_user
from endcap.profiles.links import MAX_LINKS, Link
from endcap.profiles.profile import MAX_INTERACTIONS, is_forgotten
from tests.fakes.profile_store import MemoryProfiles


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
    batch = [view("cookie", 1), identify("alice", "cookie", 2), view("alice", 3)]
    store = stored(batch)
    store.writes.clear()
    apply_events(batch, store)
    assert store.writes == []


class TestIdentify:
    def test_hands_over_what_lies_before_and_leaves_what_comes_after(self):
        store = stored([view("cookie", 1), view("cookie", 5)], [identify("alice", "cookie", 3)])
        assert times(store, "alice") == [1]
        assert times(store, "cookie") == [5, 1]

    def test_includes_its_own_moment(self):
        store = stored([view("cookie", 3)], [identify("alice", "cookie", 3)])
        assert times(store, "alice") == [3]

    def test_late_events_of_the_interval_reach_the_user_too(self):
        store = stored([identify("alice", "cookie", 3)], [view("cookie", 2), view("cookie", 4)])
        assert times(store, "alice") == [2]
        assert times(store, "cookie") == [4, 2]

    def test_people_who_share_a_device_are_not_mixed(self):
        store = stored(
            [view("cookie", 1), identify("alice", "cookie", 2)],
            [view("cookie", 3), identify("bob", "cookie", 4)],
            [view("cookie", 5)],
        )
        assert (times(store, "alice"), times(store, "bob")) == ([1], [3])

    def test_all_in_one_batch_is_the_same_as_one_by_one(self):
        events = [view("cookie", 1), identify("alice", "cookie", 2), view("cookie", 3), identify("bob", "cookie", 4)]
        assert stored(events).rows() == stored(*([event] for event in events)).rows()

    def test_searches_reach_the_user_encoded_once(self):
        encoded = []

        def encode(text):
            encoded.append(text)
            return b"tagg", b"\1\2"

        store = MemoryProfiles()
        apply_events([search("cookie", 1, "lamp"), identify("alice", "cookie", 2)], store, encode)
        assert store.get("alice").texts == store.get("cookie").texts
        assert encoded == ["lamp"]

    def test_what_later_events_of_the_same_batch_push_out_is_handed_over_all_the_same(self):
        before = [view("cookie", at_ms) for at_ms in range(1, 11)]
        after = [view("cookie", 100 + n) for n in range(MAX_INTERACTIONS)]
        store = stored(before, [identify("alice", "cookie", 50), *after])
        assert times(store, "alice") == list(range(10, 0, -1))
        assert min(times(store, "cookie")) == 100

    def test_of_oneself_says_nothing(self):
        assert stored([identify("alice", "alice", 1)]).rows() == {}

    def test_passes_on_through_an_id_that_is_known_by_another(self):
        store = stored([view("cookie", 1), identify("device", "cookie", 2), identify("alice", "device", 3)])
        assert times(store, "alice") == times(store, "device") == [1]
        apply_events([Interaction("late", "cookie", "view", 0, "x")], store)
        assert times(store, "alice") == [1, 0]

    def test_of_two_ids_by_each_other_comes_to_an_end(self):
        store = stored([view("a", 1), view("b", 2), identify("a", "b", 3), identify("b", "a", 4)])
        assert times(store, "a") == times(store, "b") == [2, 1]
        delete_user("a", 10, store)
        assert times(store, "a") == times(store, "b") == []

    def test_beyond_the_most_links_old_borders_are_forgotten_and_so_are_the_entries_before(self):
        logins = [identify(f"user-{n}", "kiosk", 10 * n) for n in range(1, MAX_LINKS + 2)]
        store = stored([view("kiosk", 5), view("kiosk", 15), view("kiosk", 25)], *([login] for login in logins))
        assert [times(store, f"user-{n}") for n in (1, 2, 3)] == [[5], [15], [25]]
        assert times(store, "kiosk") == [25]
        before = store.rows()
        apply_events([view("kiosk", 1)], store)  # whose it was, nobody knows any more
        assert store.rows() == before


class TestDeletion:
    def test_reaches_the_intervals_of_the_anonymous_ids(self):
        store = stored(
            [view("cookie", 1), identify("alice", "cookie", 2), view("cookie", 3)],
            [view("phone", 4), identify("alice", "phone", 5)],
        )
        delete_user("alice", 10, store)
        assert is_forgotten(store.get("alice"))
        assert (times(store, "cookie"), times(store, "phone")) == ([3], [])
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
            [view("cookie", 1)],
            [identify("alice", "cookie", 2)],
            [view("cookie", 1), identify("alice", "cookie", 2), view("alice", 4)],
        ],
    )
    def test_nothing_from_before_comes_back(self, late):
        store = stored([view("cookie", 1), identify("alice", "cookie", 2), view("alice", 4)])
        delete_user("alice", 10, store)
        erased = store.rows()
        assert apply_events(late, store) == {}
        assert store.rows() == erased

    def test_an_identify_that_was_still_on_its_way_is_erased_as_well(self):
        store = stored([view("cookie", 1), view("cookie", 8)])
        delete_user("alice", 10, store)
        apply_events([identify("alice", "cookie", 2)], store)
        assert (times(store, "alice"), times(store, "cookie")) == ([], [8])

    def test_leaves_others_on_the_same_device_what_they_were_handed(self):
        store = stored(
            [view("cookie", 1), identify("alice", "cookie", 2)], [view("cookie", 3), identify("bob", "cookie", 4)]
        )
        delete_user("bob", 10, store)
        apply_events([Interaction("late", "cookie", "view", 0, "x"), view("cookie", 3)], store)
        assert (times(store, "alice"), times(store, "bob"), times(store, "cookie")) == ([1, 0], [], [])

    def test_gives_the_next_on_the_device_nothing_of_the_deleted(self):
        store = stored([view("cookie", 1), identify("alice", "cookie", 2)])
        delete_user("alice", 3, store)
        apply_events([identify("bob", "cookie", 5), view("cookie", 4), view("cookie", 1)], store)
        assert times(store, "bob") == [4]

    def test_spares_what_is_known_under_the_same_name_later(self):
        store = stored([view("cookie", 1), identify("alice", "cookie", 2)])
        delete_user("alice", 10, store)
        apply_events([view("cookie", 11), identify("alice", "cookie", 12), view("alice", 13)], store)
        assert times(store, "alice") == [13, 11]

    def test_of_an_anonymous_id_keeps_late_events_from_the_user(self):
        store = stored([view("cookie", 1), identify("alice", "cookie", 5)])
        delete_user("cookie", 10, store)
        apply_events([view("cookie", 2)], store)
        assert times(store, "alice") == [1]
        assert is_forgotten(store.get("cookie"))

    def test_follows_a_chain_of_ids(self):
        store = stored([view("cookie", 1), identify("device", "cookie", 2), identify("alice", "device", 3)])
        delete_user("alice", 10, store)
        assert [times(store, user_id) for user_id in ("alice", "device", "cookie")] == [[], [], []]

    def test_of_an_unknown_user_is_remembered(self):
        store = MemoryProfiles()
        delete_user("alice", 10, store)
        apply_events([view("alice", 9), view("alice", 11)], store)
        assert times(store, "alice") == [11]

    def test_finds_every_anonymous_id_or_has_erased_it_before(self):
        cookies = [f"cookie-{n}" for n in range(MAX_LINKS + 3)]
        store = MemoryProfiles()
        for n, cookie in enumerate(cookies):
            apply_events([view(cookie, 10 * n + 1), identify("alice", cookie, 10 * n + 2)], store)
        assert len(times(store, "alice")) == len(cookies)
        delete_user("alice", 10_000, store)
        assert [times(store, cookie) for cookie in cookies] == [[]] * len(cookies)


class TestFailures:
    def test_of_one_user_leave_the_others_alone(self):
        store = PartlyDown("bob")
        failed = apply_events([view("alice", 1), view("bob", 1), view("carol", 1)], store)
        assert set(failed) == {"bob"}
        assert times(store, "alice") == times(store, "carol") == [1]

    def test_of_the_known_user_keep_the_anonymous_events_for_the_next_delivery(self):
        store = PartlyDown("alice")
        batch = [view("cookie", 1), identify("alice", "cookie", 2), view("bob", 1)]
        failed = apply_events(batch, store)
        assert set(failed) == {"alice", "cookie"}
        store.down.clear()
        assert apply_events(batch, store) == {}
        assert store.rows() == stored(batch).rows()

    def test_of_a_far_user_in_a_chain_fail_all_who_hand_over_to_them(self):
        store = PartlyDown()
        apply_events([identify("device", "cookie", 2), identify("alice", "device", 3)], store)
        store.down.add("alice")
        assert set(apply_events([view("cookie", 1)], store)) == {"cookie"}
        store.down.clear()
        apply_events([view("cookie", 1)], store)
        assert times(store, "alice") == [1]

    def test_of_the_encoder_concern_those_who_wrote_something(self):
        def encode(text):
            raise EncoderError("broken")

        store = MemoryProfiles()
        failed = apply_events([search("alice", 1, "lamp"), view("bob", 1)], store, encode)
        assert set(failed) == {"alice"}
        assert times(store, "bob") == [1]


def test_a_link_names_the_other_side_in_each_profile():
    store = stored([identify("alice", "cookie", 2)])
    assert store.get("cookie").links == (Link(2, user_id="alice"),)
    assert store.get("alice").links == (Link(2, anonymous_id="cookie"),)
