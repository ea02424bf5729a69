"""What a profile keeps at the very moment of an erasure, of what was shown again, and of what it takes over."""

from __future__ import annotations

import pytest

from endcap.events.interaction import Interaction
from endcap.profiles.adoption import adopted
from endcap.profiles.codec import decode_profile, encode_profile
from endcap.profiles.entries import NEVER_SET, register
from endcap.profiles.links import Link
from endcap.profiles.profile import (
    MAX_INTERACTIONS,
    UserProfile,
    deleted,
    handed_over,
    is_forgotten,
    merge,
    new_events,
    profile_of,
    remembers_erasure,
    unerased_ids,
    within,
)

STATED = ("attributes", "preferences", "consent")


@pytest.mark.parametrize("name", STATED)
def test_what_was_stated_at_the_moment_of_an_erasure_is_gone_and_what_came_after_stays(name: str) -> None:
    profiles = [UserProfile(**{name: register({"colour": "red"}, at_ms)}) for at_ms in (9, 10, 11)]  # type: ignore[arg-type]
    found = [getattr(deleted(profile, 10), name).value for profile in profiles]
    assert found == [None, None, {"colour": "red"}]
    assert all(getattr(deleted(profiles[2], 10), other) == NEVER_SET for other in STATED if other != name)


def shown(user_id: str, *times_ms: int) -> UserProfile:
    return profile_of([Interaction(f"e{at_ms}", user_id, "impression", at_ms, "lamp") for at_ms in times_ms])


def test_of_an_item_shown_again_a_user_keeps_the_latest_and_an_anonymous_id_each() -> None:
    assert [i.timestamp_ms for i in shown("ann", 5, 9, 7).impressions] == [9]
    assert [i.timestamp_ms for i in shown("anon:a", 5, 9, 7).impressions] == [9, 7, 5]


def test_what_a_device_was_shown_stays_beside_what_its_user_was_shown() -> None:
    handed = handed_over(shown("anon:a", 5, 9, 7), "anon:a")
    link = UserProfile(links=(Link(20, anonymous_id="anon:a"),), is_user=True)
    found = merge(shown("ann", 6, 8), handed, link).impressions
    assert [(i.timestamp_ms, i.source) for i in found] == [
        (9, "anon:a"),
        (8, ""),
        (7, "anon:a"),
        (5, "anon:a"),
    ]


def test_what_an_anonymous_id_takes_over_is_in_the_order_of_any_profile() -> None:
    did = profile_of([Interaction("e", "anon:a", "view", 30, "lamp")])
    of_before = merge(did, UserProfile(links=(Link(10, user_id="ann"), Link(20, user_id="bob"))))
    found = adopted(of_before, "a", 40, 1)
    assert found is not None
    assert found == merge(found) == decode_profile(encode_profile(found))
    assert [link.timestamp_ms for link in found.links] == [30, 20, 10]


@pytest.mark.parametrize("profile", [UserProfile(deleted_at_ms=5), UserProfile(links=(Link(5),))])
def test_whatever_of_an_erasure_is_known_outlives_the_profile(profile: UserProfile) -> None:
    assert remembers_erasure(profile)
    assert not remembers_erasure(UserProfile(links=(Link(5, user_id="ann"),)))


@pytest.mark.parametrize(("at_ms", "is_new"), [(4, False), (5, False), (6, True)])
def test_what_is_shown_again_is_new_where_it_is_later(at_ms: int, is_new: bool) -> None:
    event, before = Interaction("again", "ann", "impression", at_ms, "lamp"), shown("ann", 5)
    assert new_events([event], before, merge(before, profile_of([event]))) == [event] * is_new


def did(event_id: str, at_ms: int = 5, event_type: str = "view") -> Interaction:
    return Interaction(event_id, "ann", event_type, at_ms, "lamp")


@pytest.mark.parametrize("event", [did("old"), did("old", event_type="impression")])
def test_what_was_there_is_not_new_beside_what_is(event: Interaction) -> None:
    before, other = profile_of([event]), did("other", 6)
    assert new_events([event, other], before, merge(before, profile_of([other]))) == [other]


def test_what_a_full_profile_does_not_keep_is_not_new() -> None:
    full = profile_of([did(f"e{n}", 100 + n) for n in range(MAX_INTERACTIONS)])
    late, other = did("late", 5), did("other", 500)
    assert new_events([late, other], full, merge(full, profile_of([late, other]))) == [other]


@pytest.mark.parametrize(
    ("event_type", "order_id", "kept"),
    [("return", "o1", 1), ("return", None, 0), ("purchase", "o1", 0), ("purchase", None, 0)],
)
def test_of_what_names_no_item_the_return_of_an_order_is_kept(event_type: str, order_id: str | None, kept: int) -> None:
    event = Interaction("e", "ann", event_type, 5, order_id=order_id)
    assert len(profile_of([event]).interactions) == kept


def test_of_a_device_a_user_owns_what_came_after_the_one_before_and_up_to_their_own() -> None:
    did = profile_of([Interaction(f"e{n}", "anon:a", "view", n, f"item-{n}") for n in (9, 10, 11, 20, 21)])
    link = UserProfile(links=(Link(20, anonymous_id="anon:a", start_ms=10),), is_user=True)
    assert [e.timestamp_ms for e in merge(handed_over(did, "anon:a"), link).interactions] == [20, 11]


def test_of_one_event_at_one_moment_the_own_entry_stays_in_any_order() -> None:
    own = profile_of([Interaction("e", "ann", "view", 30, "lamp")])
    handed = handed_over(profile_of([Interaction("e", "anon:a", "view", 30, "lamp")]), "anon:a")
    link = UserProfile(links=(Link(40, anonymous_id="anon:a"),), is_user=True)
    for parts in ((own, handed, link), (handed, own, link)):
        assert [entry.source for entry in merge(*parts).interactions] == [""]


@pytest.mark.parametrize(("at_ms", "left"), [(9, {"anon:a"}), (10, {"anon:a"}), (11, set())])
def test_a_deletion_has_to_reach_whoever_was_taken_over_up_to_its_moment(at_ms: int, left: set[str]) -> None:
    profile = UserProfile(links=(Link(at_ms, anonymous_id="anon:a"),), deleted_at_ms=10, is_user=True)
    assert unerased_ids(profile) == left
    assert is_forgotten(profile) == bool(left)


@pytest.mark.parametrize(("link", "forgotten"), [(Link(5), True), (Link(5, user_id="ann"), False)])
def test_of_links_the_border_that_an_erasure_leaves_says_nothing_of_anybody(link: Link, forgotten: bool) -> None:
    assert is_forgotten(UserProfile(links=(link,))) == forgotten


def test_an_interval_begins_after_its_start_and_has_its_end() -> None:
    did = profile_of([Interaction(f"e{at_ms}", "anon:a", "view", at_ms, "lamp") for at_ms in (5, 6, 10, 11)])
    assert [entry.timestamp_ms for entry in within(did, 5, 10).interactions] == [10, 6]
