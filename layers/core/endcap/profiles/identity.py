"""Applying a batch of events to the profiles it touches, and handing anonymous histories to known users.

An `identify` event (user, anonymous id, time t) says that the anonymous id was this user up to t, back to that id's
previous identify. The link stays in both profiles: a late anonymous event of that interval then reaches the user too,
and deleting the user drops the interval from the anonymous profile. What happens after t stays anonymous, so that a
shared device does not mix people.

Every step is a merge, and a profile is written only after those that depend on what it may let go of: a batch that
failed half-way can simply be applied again.

Two things need time order. Identifies of one anonymous id to different users: apply them out of order and the later
interval may already have been handed on. And an identify that arrives after so many later events of its anonymous id
that a set of that profile overflowed: it hands over what is still there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import cache, partial
from typing import Protocol

from endcap.errors import EndcapError
from endcap.events.interaction import Interaction
from endcap.events.types import IDENTIFY
from endcap.profiles.links import Link, floor_ms, intervals
from endcap.profiles.profile import EMPTY_PROFILE, Encode, UserProfile, merge, new_events, profile_of, within


class ProfileStore(Protocol):
    """Where profiles are kept; `update` is atomic per user."""

    def update(self, user_id: str, change: Callable[[UserProfile], UserProfile]) -> tuple[UserProfile, UserProfile]:
        """Replace the user's profile p by change(p); (before, after). No write where they are equal.

        `change` is called again where another writer came first, and may itself update other profiles.
        """
        ...


def apply_events(
    events: Iterable[Interaction],
    store: ProfileStore,
    encode: Encode | None = None,
    took: Callable[[Interaction], None] | None = None,
) -> dict[str, EndcapError]:
    """Fold `events` into the profiles of everyone they concern: one read and one write per user.

    (A late anonymous event may cost its known user a second write, as that user's link is only seen on the read.)

    Parameters
    ----------
    took : called once for each event that is in its user's profile now and was not before; neither a repeated event
        is, nor one too old for a full profile, nor one of a user whose profile could not be written

    Returns
    -------
    user id -> why that user's events could not be applied; everybody else's were
    """
    batch = _Batch(events, store, encode, took)
    failed: dict[str, EndcapError] = {}
    for user_id in batch.users():
        try:
            batch.settle(user_id)
        except EndcapError as exc:
            failed[user_id] = exc
    return failed


def delete_user(user_id: str, at_ms: int, store: ProfileStore) -> tuple[UserProfile, UserProfile]:
    """Erase what is stored about `user_id` up to `at_ms`, in its profile and in those of its anonymous ids.

    Returns
    -------
    the user's profile before and after
    """
    deletion = UserProfile(deleted_at_ms=at_ms)
    return store.update(user_id, lambda stored: _merged(user_id, stored, deletion, (), store, frozenset()))


class _Batch:
    """The events of a batch by user, what else is to go into each profile, and what already went."""

    def __init__(
        self,
        events: Iterable[Interaction],
        store: ProfileStore,
        encode: Encode | None,
        took: Callable[[Interaction], None] | None,
    ) -> None:
        self._store, self._took = store, took
        self._encode = cache(encode) if encode else None
        self._own: defaultdict[str, list[Interaction]] = defaultdict(list)
        self._links: defaultdict[str, list[Link]] = defaultdict(list)
        self._handed: defaultdict[str, UserProfile] = defaultdict(lambda: EMPTY_PROFILE)
        self._settled: dict[str, UserProfile] = {}
        for event in events:
            if event.event_type != IDENTIFY:
                self._own[event.user_id].append(event)
            elif event.anonymous_id and event.anonymous_id != event.user_id:
                self._links[event.user_id].append(Link(event.timestamp_ms, anonymous_id=event.anonymous_id))
                self._links[event.anonymous_id].append(Link(event.timestamp_ms, user_id=event.user_id))

    def users(self) -> list[str]:
        """Everyone the events name; anonymous ids first, so that what they hand over joins the users' own events."""
        anonymous = {user_id for user_id, links in self._links.items() if any(link.user_id for link in links)}
        return sorted({*self._own, *self._links}, key=lambda user_id: (user_id not in anonymous, user_id))

    def settle(self, user_id: str) -> None:
        """Write what this batch says about one user, unless that was done already."""
        handed = self._handed[user_id]
        if self._settled.get(user_id) == handed:
            return
        self._settled[user_id] = handed
        try:
            own = profile_of(self._own.get(user_id, ()), self._encode)
            links = self._links.get(user_id, ())
            delta = merge(merge(own, handed), UserProfile(links=tuple(links)))
            before, after = self._store.update(user_id, partial(self._grown, user_id, delta))
        except BaseException:
            del self._settled[user_id]
            raise
        if self._took is not None:
            for event in new_events(self._own.get(user_id, ()), before, after):
                self._took(event)

    def _grown(self, user_id: str, delta: UserProfile, stored: UserProfile) -> UserProfile:
        # The known users come first: should this stop in between, the anonymous profile still has all to hand over.
        for known_id, part in self._handovers(user_id, stored):
            self._handed[known_id] = merge(self._handed[known_id], part)
            self.settle(known_id)
        return _merged(user_id, stored, delta, self._links.get(user_id, ()), self._store, frozenset())

    def _handovers(self, user_id: str, stored: UserProfile) -> Iterator[tuple[str, UserProfile]]:
        own, new_links = self._own.get(user_id, ()), self._links.get(user_id, ())
        for start_ms, link in intervals(stored.links, stored.deleted_at_ms, new_links):
            if link.user_id:
                # Not from the profile-to-be: events after this interval may have pushed its entries out.
                part = profile_of([e for e in own if start_ms < e.timestamp_ms <= link.timestamp_ms], self._encode)
                part = merge(part, within(self._handed[user_id], start_ms, link.timestamp_ms))
                if link in new_links:
                    part = merge(part, within(stored, start_ms, link.timestamp_ms))
                if part != EMPTY_PROFILE:
                    yield link.user_id, part


def _merged(
    user_id: str,
    stored: UserProfile,
    delta: UserProfile,
    new_links: Iterable[Link],
    store: ProfileStore,
    path: frozenset[str],
) -> UserProfile:
    """`stored` with `delta`; what it lets go of by that is first erased in the profiles of its anonymous ids."""
    merged = merge(stored, delta)
    floor, old_floor = floor_ms(merged.links, merged.deleted_at_ms), floor_ms(stored.links, stored.deleted_at_ms)
    kept = {link.anonymous_id for link in merged.links}
    for link in {*stored.links, *new_links}:
        # An anonymous id beyond the most that a profile keeps could not be found again when the user is deleted.
        let_go = link.timestamp_ms <= floor or link.anonymous_id not in kept
        if link.anonymous_id and link.anonymous_id not in path and (let_go or floor > old_floor):
            until_ms = floor if link.anonymous_id in kept else max(floor, link.timestamp_ms)
            _erase(user_id, link, until_ms, store, path | {user_id})
    return merged


def _erase(user_id: str, link: Link, until_ms: int, store: ProfileStore, path: frozenset[str]) -> None:
    """Drop the intervals of `user_id` that end by `until_ms` from the profile of an anonymous id."""

    def change(stored: UserProfile) -> UserProfile:
        ends = {other.timestamp_ms for other in stored.links if other.user_id == user_id} | {link.timestamp_ms}
        marks = UserProfile(links=tuple(Link(end_ms) for end_ms in ends if end_ms <= until_ms))
        return _merged(link.anonymous_id, stored, marks, (), store, path)

    store.update(link.anonymous_id, change)
