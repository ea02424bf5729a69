"""What an erasure reaches and writes down, and what happens at the very moment of an erasure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from endcap.errors import DependencyError
from endcap.events.interaction import Interaction
from endcap.profiles.consent import refusal, refuses
from endcap.profiles.entries import register
from endcap.profiles.identity import apply_events, delete_user, erase_identified
from endcap.profiles.links import Link, floor_ms, intervals
from endcap.profiles.profile import UserProfile, handed_over, merge, profile_of
from tests.fakes.profile_store import MemoryProfiles


def view(key: str, at_ms: int) -> Interaction:
    return Interaction(f"{key}@{at_ms}", key, "view", at_ms, f"item-{at_ms}")


def identify(user_id: str, anonymous_id: str, at_ms: int) -> Interaction:
    return Interaction(f"i@{at_ms}", user_id, "identify", at_ms, anonymous_id=anonymous_id)


def stored(*events: Interaction) -> MemoryProfiles:
    store = MemoryProfiles()
    for event in events:
        assert apply_events([event], store) == {}
    return store


def put(store: MemoryProfiles, key: str, *links: Link, events: tuple[int, ...] = (), **more: object) -> None:
    """A row as it may have been left, whatever the row of the other side says."""
    kept = replace(profile_of([view(key, at_ms) for at_ms in events]), links=links, **more)  # type: ignore[arg-type]
    store.update(key, lambda before: merge(before, kept))


def times(store: MemoryProfiles, key: str) -> list[int]:
    return [entry.timestamp_ms for entry in store.get(key).interactions]


class TestWhatAnErasureWritesDown:
    def recorded(self, store: MemoryProfiles, key: str, at_ms: int) -> list[tuple[str, int]]:
        found: list[tuple[str, int]] = []

        def record(reached: str, until_ms: int) -> None:
            assert times(store, "anon:a") == before  # nothing is let go of yet
            found.append((reached, until_ms))

        before = times(store, "anon:a")
        delete_user(key, at_ms, store, record=record)
        return found

    def test_is_the_user_and_every_device_up_to_when_it_was_theirs(self) -> None:
        store = stored(
            view("anon:a", 1), identify("u", "a", 2), view("anon:a", 3), identify("u", "a", 4), identify("u", "b", 3)
        )
        assert self.recorded(store, "u", 5) == [("u", 5), ("anon:a", 4), ("anon:b", 3)]

    def test_is_no_device_that_became_theirs_later(self) -> None:
        store = stored(view("anon:a", 1), identify("u", "a", 2), identify("u", "b", 6), identify("u", "c", 5))
        assert self.recorded(store, "u", 5) == [("u", 5), ("anon:c", 5), ("anon:a", 2)]

    def test_is_a_device_of_the_first_moment(self) -> None:
        store = stored(identify("u", "b", 0))
        assert self.recorded(store, "u", 5) == [("u", 5), ("anon:b", 0)]

    @pytest.mark.parametrize("is_user", [True, False])
    def test_of_before_devices_had_keys_of_their_own_is_the_plain_id_unless_it_is_a_users(self, is_user: bool) -> None:
        store = MemoryProfiles()
        put(store, "u", Link(4, anonymous_id="cookie"), is_user=True)
        put(store, "cookie", events=(1,), is_user=is_user)
        plain = [] if is_user else [("cookie", 4)]
        assert self.recorded(store, "u", 5) == [("u", 5), ("anon:cookie", 4), *plain]
        assert times(store, "cookie") == ([1] if is_user else [])


class TestWhatAnErasureReaches:
    def test_is_every_interval_that_the_device_says_was_theirs(self) -> None:
        # The user's own row knows of none of these: it may have expired.
        store = MemoryProfiles()
        put(store, "anon:a", Link(3, user_id="u"), Link(5, user_id="other"), events=(2, 4, 7, 9))
        erase_identified("u", "a", 8, store)
        assert times(store, "anon:a") == [9]
        put(store, "anon:b", Link(3, user_id="u"), Link(5, user_id="other"), events=(2, 4, 7, 9))
        erase_identified("u", "b", 3, store)
        assert times(store, "anon:b") == [9, 7, 4]

    def test_includes_those_that_end_with_it(self) -> None:
        store = MemoryProfiles()
        put(store, "anon:a", *(Link(at_ms, user_id="u") for at_ms in (5, 8, 12)), events=(2, 7, 11))
        put(store, "u", *(Link(at_ms, anonymous_id="anon:a") for at_ms in (5, 12)), is_user=True)
        delete_user("u", 8, store)
        assert times(store, "anon:a") == [11]

    def test_an_identify_of_the_same_moment_that_comes_late_is_reached_too(self) -> None:
        store = stored(view("u", 9), view("anon:a", 3), view("anon:a", 6))
        delete_user("u", 5, store)
        assert apply_events([identify("u", "a", 5)], store) == {}
        assert (times(store, "anon:a"), times(store, "u")) == ([6], [9])

    def test_is_what_a_device_did_before_though_a_later_identify_keeps_it_theirs(self) -> None:
        store = stored(view("anon:a", 3), view("anon:a", 6))
        delete_user("u", 5, store)
        for at_ms in (7, 5):
            assert apply_events([identify("u", "a", at_ms)], store) == {}
        assert (times(store, "anon:a"), times(store, "u")) == ([6], [6])

    @pytest.mark.parametrize(("n_devices", "is_later"), [(4, False), (5, True)])
    def test_is_four_devices_while_somebody_waits(self, n_devices: int, is_later: bool) -> None:
        store = stored(*(identify("u", f"d{n}", n) for n in range(1, n_devices + 1)))
        asked: list[tuple[str, int]] = []
        delete_user("u", 9, store, later=lambda *told: asked.append(told))
        assert asked == ([("u", 9)] if is_later else [])


@pytest.mark.parametrize(("at_ms", "is_wanted"), [(4, False), (5, False), (6, True)])
@pytest.mark.parametrize("make", [view, lambda key, at_ms: identify(key, "a", at_ms)])
def test_nothing_up_to_the_moment_of_an_erasure_is_wanted(
    at_ms: int, is_wanted: bool, make: Callable[[str, int], Interaction]
) -> None:
    store = stored(view("u", 1))
    delete_user("u", 5, store)
    unwanted: list[Interaction] = []
    event = make("u", at_ms)
    apply_events([event], store, unwanted=unwanted.append)
    assert unwanted == ([] if is_wanted else [event])


@pytest.mark.parametrize("n_links", [15, 16, 17])
def test_a_profile_keeps_sixteen_links_each_way(n_links: int) -> None:
    kept = min(n_links, 16)
    store = stored(*(identify("u", f"d{n}", n) for n in range(1, n_links + 1)))
    assert len(store.get("u").links) == kept
    store = stored(*(identify(f"u{n}", "a", n) for n in range(1, n_links + 1)))
    assert len(store.get("anon:a").links) == kept


def test_what_is_done_at_the_first_moment_is_handed_over() -> None:
    store = stored(view("anon:a", 0), identify("u", "a", 2))
    assert times(store, "u") == [0]
    store = stored(view("anon:a", 0), identify("u", "a", 0))
    assert (times(store, "u"), store.get("u").links) == ([0], (Link(0, anonymous_id="anon:a"),))


@pytest.mark.parametrize(("n_links", "floor"), [(15, -1), (16, 0)])
def test_as_many_links_as_there_may_be_forget_what_is_as_old_as_the_oldest(n_links: int, floor: int) -> None:
    links = [Link(at_ms, user_id=f"u{at_ms}") for at_ms in range(n_links)]
    assert floor_ms(links, 0) == floor
    incoming = [Link(at_ms, anonymous_id=f"anon:{at_ms}") for at_ms in range(n_links)]
    assert floor_ms(incoming, 0) == -1


@pytest.mark.parametrize("n_spans", [7, 8, 9])
def test_a_users_profile_keeps_eight_spans_of_one_device(n_spans: int) -> None:
    store = stored(*(identify("u", "a", n) for n in range(1, n_spans + 1)))
    assert len(store.get("u").links) == min(n_spans, 8)


def test_a_consent_given_right_after_an_erasure_counts() -> None:
    store = MemoryProfiles()
    store.update("u", lambda before: merge(before, UserProfile(consent=refusal(3))))
    delete_user("u", 5, store)
    assert refuses(store.get("u"))
    agreed = UserProfile(consent=register({"personalization": True}, 6))
    store.update("u", lambda before: merge(before, agreed))
    assert not refuses(store.get("u"))


class TestWhoseAProfileIs:
    def test_is_said_by_the_profile_itself(self) -> None:
        store = stored(view("ann", 1), view("anon:a", 2))
        assert (store.get("ann").is_user, store.get("anon:a").is_user) == (True, False)

    def test_is_said_too_where_nothing_came_but_what_a_device_hands_over(self) -> None:
        store = MemoryProfiles()
        put(store, "anon:a", Link(10, user_id="ann"))
        assert apply_events([view("anon:a", 7)], store) == {}  # late; the user's own row may have expired
        assert (times(store, "ann"), store.get("ann").is_user) == ([7], True)

    def test_is_said_where_a_link_alone_is_known_of_them(self) -> None:
        class AwayOnce(MemoryProfiles):
            def update(
                self, user_id: str, change: Callable[[UserProfile], UserProfile]
            ) -> tuple[UserProfile, UserProfile]:
                if user_id == "anon:a":
                    raise DependencyError("no answer")
                return super().update(user_id, change)

        store = AwayOnce()
        assert list(apply_events([identify("ann", "a", 5)], store)) == ["anon:a"]
        assert (store.get("ann").links, store.get("ann").is_user) == ((Link(5, anonymous_id="anon:a"),), True)

    def test_leaves_no_row_of_who_did_nothing_that_is_kept(self) -> None:
        assert stored(Interaction("e", "ann", "impression", 1)).rows() == {}

    @pytest.mark.parametrize(("key", "is_user"), [("ann", True), ("anon:a", False)])
    def test_outlives_an_erasure_of_whom_nothing_is_stored(self, key: str, is_user: bool) -> None:
        store = MemoryProfiles()
        delete_user(key, 5, store)
        assert store.get(key).is_user == is_user

    @pytest.mark.parametrize(("key", "is_user"), [("ann", True), ("anon:a", False)])
    def test_outlives_an_erasure_that_is_finished_later(self, key: str, is_user: bool) -> None:
        store = MemoryProfiles()
        put(store, key, *(Link(at_ms, anonymous_id=f"anon:{at_ms}") for at_ms in range(1, 12)), events=(3,))
        store.update(key, lambda profile: replace(profile, is_user=False))  # a row of before it was said
        delete_user(key, 20, store, later=lambda *_: None)
        assert store.get(key).is_user == is_user


def test_an_erasure_reaches_what_a_device_alone_knows_to_be_theirs() -> None:
    store = MemoryProfiles()
    put(store, "anon:a", Link(50, user_id="ann"), Link(100, user_id="ann"), events=(40, 80))
    put(store, "ann", Link(100, anonymous_id="anon:a"), is_user=True)  # what their own row has lost
    delete_user("ann", 60, store)
    assert times(store, "anon:a") == [80]


def test_an_erasure_tells_other_users_where_their_share_of_a_device_begins() -> None:
    store = MemoryProfiles()
    put(store, "anon:a", Link(10, user_id="bob"), events=(3, 7))
    handed = handed_over(profile_of([view("anon:a", at_ms) for at_ms in (3, 7)]), "anon:a")
    link = UserProfile(links=(Link(10, anonymous_id="anon:a"),), is_user=True)
    store.update("bob", lambda _: merge(handed, link))
    put(store, "ann", Link(5, anonymous_id="anon:a"), is_user=True)  # what the device's own row has lost
    assert times(store, "bob") == [7, 3]
    delete_user("ann", 20, store)
    assert times(store, "bob") == [7]


@pytest.mark.parametrize(("deleted_at_ms", "owners"), [(9, ["ann"]), (10, []), (11, [])])
def test_who_was_identified_at_the_moment_of_a_deletion_or_before_owns_nothing(
    deleted_at_ms: int, owners: list[str]
) -> None:
    assert [one.link.user_id for one in intervals([Link(10, user_id="ann")], deleted_at_ms)] == owners


def test_what_a_device_did_up_to_its_deletion_is_nobodys() -> None:
    store = MemoryProfiles()
    put(store, "anon:a", Link(20, user_id="ann"), deleted_at_ms=10, erased_at_ms=10)
    assert apply_events([view("anon:a", 9), view("anon:a", 10), view("anon:a", 11)], store) == {}
    assert times(store, "ann") == [11]
