"""Refusals: what they let go of, what is not taken in after them, and what returns with a consent."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from endcap.events.interaction import Interaction
from endcap.profiles.attributes import stated
from endcap.profiles.consent import refuses
from endcap.profiles.identity import apply_events, delete_user
from endcap.profiles.profile import UserProfile
from tests.fakes.profile_store import MemoryProfiles

NOW_MS = 1_768_471_200_000
REFUSED, AGREED = ({"consent": {"personalization": said}} for said in (False, True))


def view(user_id: str, at_ms: int, item_id: str = "i") -> Interaction:
    return Interaction(f"{user_id} {at_ms} {item_id}", user_id, "view", at_ms, item_id)


def login(user_id: str, anonymous_id: str, at_ms: int) -> Interaction:
    return Interaction(f"login {at_ms}", user_id, "identify", at_ms, anonymous_id=anonymous_id)


class Shop:
    """Profiles in memory, and what was neither taken nor wanted."""

    def __init__(self) -> None:
        self.store, self.took, self.unwanted = MemoryProfiles(), list[str](), list[str]()

    def happens(self, *events: Interaction) -> None:
        def took(new: list[Interaction], before: UserProfile, after: UserProfile) -> None:
            self.took += [e.event_id for e in new]

        def unwanted(event: Interaction) -> None:
            self.unwanted.append(event.event_id)

        assert apply_events(events, self.store, took=took, unwanted=unwanted) == {}

    def says(self, key: str, body: Any, at_ms: int) -> tuple[str, ...]:
        return stated(body, at_ms).state(key, self.store)[1]

    def items(self, key: str) -> set[int]:
        return {entry.timestamp_ms for entry in self.store.get(key).interactions}


def test_a_refusal_lets_go_of_everything_but_itself() -> None:
    shop = Shop()
    shop.happens(view("ann", NOW_MS - 5), view("ann", NOW_MS))
    shop.says("ann", {"attributes": {"age": 31}, "preferences": {"size": "M"}}, NOW_MS - 3)
    shop.says("ann", REFUSED, NOW_MS)
    kept = shop.store.get("ann")
    assert refuses(kept)
    told = UserProfile(
        consent=kept.consent, is_user=True, deleted_at_ms=kept.deleted_at_ms, erased_at_ms=kept.erased_at_ms
    )
    assert kept == told


def test_what_follows_is_neither_taken_nor_wanted() -> None:
    shop = Shop()
    shop.says("ann", REFUSED, NOW_MS)
    shop.happens(view("ann", NOW_MS + 5), view("bob", NOW_MS + 5), view("ann", NOW_MS - 9))
    assert shop.took == ["bob 1768471200005 i"]
    assert shop.unwanted == ["ann 1768471200005 i", "ann 1768471199991 i"]
    assert shop.items("ann") == set()
    assert shop.says("ann", {"attributes": {"age": 31}}, NOW_MS + 9) == ("attributes",)
    assert shop.store.get("ann").attributes.value is None


def test_what_an_anonymous_id_did_goes_with_the_user_who_refuses() -> None:
    for late in (False, True):
        shop = Shop()
        before = [view("anon:cookie", NOW_MS - 9), login("ann", "cookie", NOW_MS - 5)]
        if not late:
            shop.happens(*before)
        shop.says("ann", REFUSED, NOW_MS)
        if late:
            shop.happens(*before)
        shop.happens(view("anon:cookie", NOW_MS - 7), view("anon:cookie", NOW_MS - 2))
        assert shop.items("ann") == set()
        assert shop.items("anon:cookie") == {NOW_MS - 2}  # after the login it is nobody's
        assert "anon:cookie 1768471199993 i" in shop.unwanted


def test_a_visitor_may_refuse_too() -> None:
    shop = Shop()
    shop.says("anon:cookie", REFUSED, NOW_MS)
    shop.happens(view("anon:cookie", NOW_MS + 1), view("ann", NOW_MS + 1), login("ann", "cookie", NOW_MS + 2))
    assert shop.items("anon:cookie") == set()
    assert shop.items("ann") == {NOW_MS + 1}


def test_an_older_refusal_does_not_undo_a_consent() -> None:
    shop = Shop()
    shop.happens(view("ann", NOW_MS - 5))
    shop.says("ann", AGREED, NOW_MS)
    shop.says("ann", {**REFUSED, "timestamp": NOW_MS - 60_000}, NOW_MS)
    assert shop.items("ann") == {NOW_MS - 5}


def test_an_erasure_keeps_the_refusal_and_nothing_else_that_was_consented_to() -> None:
    shop = Shop()
    shop.says("ann", {"consent": {"personalization": False, "mail": True}}, NOW_MS)
    for _ in range(2):  # as a message on the queue may come twice
        delete_user("ann", NOW_MS + 5, shop.store)
    assert shop.store.get("ann").consent.value == {"personalization": False}


@given(st.lists(st.tuples(st.integers(0, 40), st.sampled_from(["view", "no", "yes", "repeat"])), max_size=14))
def test_nothing_done_while_somebody_refuses_is_ever_kept(story: list[tuple[int, str]]) -> None:
    """Whatever comes late, twice or after the next consent: nothing of a time of refusal is in the profile."""
    shop, events, refused_since = Shop(), list[Interaction](), None
    never: set[int] = set()
    now = NOW_MS
    for late, what in story:
        now += 50
        if what in ("no", "yes"):
            shop.says("ann", REFUSED if what == "no" else AGREED, now)
            if what == "no":
                never |= set(range(NOW_MS, now))
            refused_since = now if what == "no" else None
        elif what == "view":
            events.append(view("ann", now - late))
            shop.happens(events[-1])
        elif events:
            shop.happens(events[late % len(events)])
        if refused_since is not None:
            never |= set(range(refused_since, now + 1))
            assert shop.items("ann") == set()
    assert not shop.items("ann") & never
