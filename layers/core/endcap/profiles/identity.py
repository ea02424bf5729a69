"""Applying a batch of events to the profiles it touches, and handing anonymous histories to known users.

An anonymous id has a profile of its own, under a key that no user id can form. An `identify` event (user, anonymous id,
time t) says that the anonymous id was this user up to t, back to that id's previous identify. The link stays in both
profiles: a late anonymous event of that interval then reaches the user too, and deleting the user drops the interval
from the anonymous profile. What happens after t stays anonymous, so that a shared device does not mix people. As only
anonymous ids hand over and only users are handed to, there are no chains: what one event or one deletion touches is
bounded by `MAX_LINKS`.

Identifies may come in any order. One that lies before another of its anonymous id takes out of that one's user what
turns out to be its own (see `links`). Two things alone are taken as they come: an identify that arrives after so many
later events of its anonymous id that a set of that profile overflowed hands over what is still there, and what a
deletion has erased as a user's stays erased when it turns out to have been another's.

Every step is a merge, and a profile is written only after those that depend on what it may let go of: a batch that
failed half-way can simply be applied again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from functools import cache, partial
from typing import Protocol

from endcap.errors import EndcapError
from endcap.events.interaction import Interaction
from endcap.events.types import IDENTIFY
from endcap.identifiers import anonymous_id_of, anonymous_key
from endcap.profiles.adoption import is_known_user
from endcap.profiles.consent import refusal, refuses
from endcap.profiles.links import Link, floor_ms, intervals
from endcap.profiles.profile import (
    EMPTY_PROFILE,
    Encode,
    UserProfile,
    deletion,
    handed_over,
    merge,
    new_events,
    profile_of,
    within,
)

MAX_ERASED_AT_ONCE = 4
"""Anonymous ids that a deletion reaches while somebody waits for it; what is more is done in the background."""


Took = Callable[[list[Interaction], UserProfile, UserProfile], None]
"""Told the new events of a user, and the profile before and after."""


class ProfileStore(Protocol):
    """Where profiles are kept; `update` is atomic per key."""

    def update(self, user_id: str, change: Callable[[UserProfile], UserProfile]) -> tuple[UserProfile, UserProfile]:
        """Replace the profile p under a key by change(p); (before, after). No write where they are equal.

        `change` is called again where another writer came first, and may itself update other profiles.
        """
        ...


def apply_events(
    events: Iterable[Interaction],
    store: ProfileStore,
    encode: Encode | None = None,
    took: Took | None = None,
    unwanted: Callable[[Interaction], None] | None = None,
) -> dict[str, EndcapError]:
    """Fold `events` into the profiles of everyone they concern: one read and one write per user.

    (A late anonymous event may cost its known user a second write, as that user's link is only seen on the read, and an
    anonymous id that is identified is read twice, as it says what its user gets.)

    Parameters
    ----------
    took : called with the events that are in their user's profile now and were not before, and with the profile before
        and after; neither a repeated event is among them, nor one too old for a full profile, nor one of a user whose
        profile could not be written
    unwanted : called for each event that is to be kept nowhere: of a user who refuses, or from before an erasure

    Returns
    -------
    profile key (see `Interaction`) -> why its events could not be applied; everybody else's were
    """
    batch = _Batch(events, store, encode, took, unwanted)
    failed: dict[str, EndcapError] = {}

    def each(step: Callable[[str], None], keys: Iterable[str]) -> None:
        for key in keys:
            if key not in failed:
                try:
                    step(key)
                except EndcapError as exc:
                    failed[key] = exc

    each(batch.hand_over, batch.identified())
    each(batch.settle, batch.users())
    each(batch.settle, batch.anonymous())
    return failed


def delete_user(
    key: str,
    at_ms: int,
    store: ProfileStore,
    later: Callable[[str, int], None] | None = None,
    record: Callable[[str, int], None] | None = None,
) -> tuple[UserProfile, UserProfile]:
    """Erase what is stored under `key` up to `at_ms`, in its profile and in those of its anonymous ids.

    Parameters
    ----------
    later : called where that reaches more than `MAX_ERASED_AT_ONCE` anonymous ids: has to see to it that the same is
        called again without it. The profile is emptied all the same, and `unerased_ids` of it are those still to reach.
    record : told each key that this reaches, and up to when, before anything is let go of under it

    Returns
    -------
    the profile before and after; a refusal is kept, or the next event would be stored again
    """
    if record is not None:
        record(key, at_ms)

    def change(stored: UserProfile) -> UserProfile:
        after = without_past(key, stored, at_ms, store, later, record)
        return merge(after, UserProfile(consent=refusal(at_ms + 1))) if refuses(stored) else after

    return store.update(key, change)


def erase_identified(user_id: str, anonymous_id: str, at_ms: int, store: ProfileStore) -> None:
    """Erase what an anonymous id did up to `at_ms`, which turns out to have been an erased user's."""
    _erase(user_id, anonymous_key(anonymous_id), {at_ms}, at_ms, store)


def _record(source: str, until_ms: int, store: ProfileStore, record: Callable[[str, int], None]) -> None:
    if anonymous_id_of(source) is not None:
        record(source, until_ms)
        return
    # A link of before anonymous ids had keys of their own: what lies under the plain id may be a user's.
    record(anonymous_key(source), until_ms)
    stored, _ = store.update(source, lambda profile: profile)
    if not is_known_user(stored):
        record(source, until_ms)


def without_past(
    key: str,
    stored: UserProfile,
    at_ms: int,
    store: ProfileStore,
    later: Callable[[str, int], None] | None,
    record: Callable[[str, int], None] | None = None,
) -> UserProfile:
    """The profile under `key` without anything up to `at_ms`, which is erased in those of its anonymous ids, too.

    Parameters
    ----------
    later, record : see `delete_user`
    """
    is_user = anonymous_id_of(key) is None
    reached: dict[str, int] = {}
    for link in stored.links:
        if link.anonymous_id and link.timestamp_ms <= at_ms:
            reached[link.anonymous_id] = max(link.timestamp_ms, reached.get(link.anonymous_id, 0))
    if record is not None:
        for source, until_ms in reached.items():
            _record(source, until_ms, store, record)
    if later is not None and len(reached) > MAX_ERASED_AT_ONCE:
        later(key, at_ms)  # first: once the profile is written nothing else knows of it
        return merge(stored, UserProfile(deleted_at_ms=at_ms, is_user=is_user))
    return _merged(key, stored, replace(deletion(at_ms), is_user=is_user), store)


class _Batch:
    """The events of a batch by profile, what else is to go into each, and what of that already went."""

    def __init__(
        self,
        events: Iterable[Interaction],
        store: ProfileStore,
        encode: Encode | None,
        took: Took | None,
        unwanted: Callable[[Interaction], None] | None,
    ) -> None:
        self._store, self._took, self._unwanted = store, took, unwanted
        self._refusing: set[str] = set()
        self._identifies: defaultdict[str, list[Interaction]] = defaultdict(list)
        self._encode = cache(encode) if encode else None
        self._own: defaultdict[str, list[Interaction]] = defaultdict(list)
        self._links: defaultdict[str, list[Link]] = defaultdict(list)
        self._handed: defaultdict[str, list[UserProfile]] = defaultdict(list)
        self._delivered: defaultdict[str, set[UserProfile]] = defaultdict(set)
        for event in events:
            if event.event_type != IDENTIFY:
                self._own[event.user_id].append(event)
            elif event.anonymous_id:
                source = anonymous_key(event.anonymous_id)
                self._identifies[event.user_id].append(event)
                self._links[event.user_id].append(Link(event.timestamp_ms, anonymous_id=source))
                self._links[source].append(Link(event.timestamp_ms, user_id=event.user_id))

    def identified(self) -> list[str]:
        """Keys of the anonymous ids of which the batch says who they were."""
        return [key for key in self.anonymous() if key in self._links]

    def users(self) -> list[str]:
        """Keys of the users that the batch concerns."""
        return sorted(key for key in {*self._own, *self._links, *self._handed} if anonymous_id_of(key) is None)

    def anonymous(self) -> list[str]:
        """Keys of the anonymous ids that the batch concerns."""
        return sorted(key for key in {*self._own, *self._links} if anonymous_id_of(key) is not None)

    def hand_over(self, key: str) -> None:
        """Find what users get from an anonymous id, so that it joins their own events."""
        stored, _ = self._store.update(key, lambda profile: profile)
        for user_id, part in self._handovers(key, stored):
            self._handed[user_id].append(part)

    def settle(self, key: str) -> None:
        """Write what this batch says about one user or anonymous id."""
        events, handed = self._own.get(key, []), self._handed.get(key, [])
        own = merge(profile_of(events, self._encode), *handed)
        # Links as they are said: merging lets go of those that are too many, and those are to be erased.
        delta = replace(own, links=(*own.links, *self._links.get(key, ())))
        is_user = anonymous_id_of(key) is None
        if is_user and delta != EMPTY_PROFILE:
            delta = replace(delta, is_user=True)

        def change(stored: UserProfile) -> UserProfile:
            if refuses(stored):
                return stored
            # The known users come first: should this stop in between, the anonymous profile still has all to hand over.
            parts = [] if is_user else list(self._handovers(key, stored))
            # What belongs to somebody who refuses is dropped here, as if they had been erased.
            gone = [Link(part.links[0].timestamp_ms) for user_id, part in parts if not self._delivers(user_id, part)]
            return _merged(key, stored, replace(delta, links=(*delta.links, *gone)), self._store)

        before, after = self._store.update(key, change)
        self._delivered[key].update(handed)
        if refuses(before):
            self._refusing.add(key)
        if self._took is not None and (new := new_events(events, before, after)):
            self._took(new, before, after)
        if self._unwanted is not None:
            floor = floor_ms(after.links, after.deleted_at_ms)
            for event in (*events, *self._identifies.get(key, ())):
                if key in self._refusing or event.timestamp_ms <= floor:
                    self._unwanted(event)

    def _delivers(self, user_id: str, part: UserProfile) -> bool:
        """Write to a user what an anonymous id hands over, unless that was done with the user's own events.

        Returns
        -------
        False where the user refuses, and gets nothing
        """
        if user_id not in self._refusing and part not in self._delivered[user_id]:

            def change(stored: UserProfile) -> UserProfile:
                return stored if refuses(stored) else _merged(user_id, stored, part, self._store)

            before, _ = self._store.update(user_id, change)
            if refuses(before):
                self._refusing.add(user_id)
            else:
                self._delivered[user_id].add(part)
        return user_id not in self._refusing

    def _handovers(self, key: str, stored: UserProfile) -> Iterator[tuple[str, UserProfile]]:
        own, new_links = self._own.get(key, ()), set(self._links.get(key, ()))
        told = _told(key, stored, new_links)
        for start_ms, since_ms, link in intervals(stored.links, stored.deleted_at_ms, new_links) if told or own else ():
            if link.user_id:
                # Not from the profile-to-be: events after this interval may have pushed its entries out.
                events = [e for e in own if since_ms < e.timestamp_ms <= link.timestamp_ms]
                part = profile_of(events, self._encode) if events else EMPTY_PROFILE
                if link in new_links:
                    part = merge(part, within(stored, since_ms, link.timestamp_ms))
                if part != EMPTY_PROFILE:
                    told[link] = _handed(key, link, start_ms, part)
        for link, part in told.items():
            yield link.user_id, part


def _handed(source: str, link: Link, start_ms: int, part: UserProfile = EMPTY_PROFILE) -> UserProfile:
    """A `part` of an anonymous profile as the user's gets it, with the link that says how much of it is theirs."""
    incoming = Link(link.timestamp_ms, anonymous_id=source, start_ms=start_ms)
    return replace(handed_over(part, source), links=(incoming,), is_user=True)


def _told(source: str, stored: UserProfile, new_links: Collection[Link]) -> dict[Link, UserProfile]:
    """What `new_links` of an anonymous id say to its users about where their intervals begin, by the link of each."""
    if not new_links:
        return {}
    before = {i.link: i.start_ms for i in intervals(stored.links, stored.deleted_at_ms)}
    after = intervals(stored.links, stored.deleted_at_ms, new_links)
    owners = {i.link.timestamp_ms: i.link.user_id for i in after}
    told = {
        link: _handed(source, link, start_ms)
        for start_ms, _, link in after
        if link.user_id and (link in new_links or start_ms > before.get(link, -1))
    }
    for link in {*before, *new_links}:
        # Two users at one moment: one is the owner, and the other has none of it.
        if link.user_id and owners.get(link.timestamp_ms, link.user_id) not in ("", link.user_id):
            told[link] = _handed(source, link, link.timestamp_ms)
    return told


def _merged(key: str, stored: UserProfile, delta: UserProfile, store: ProfileStore) -> UserProfile:
    """`stored` with `delta`; what it lets go of by that is first erased in the profiles of its anonymous ids."""
    merged = merge(stored, delta)
    floor, old_floor = floor_ms(merged.links, merged.erased_at_ms), floor_ms(stored.links, stored.erased_at_ms)
    kept = {link.anonymous_id for link in merged.links}
    ends: defaultdict[str, set[int]] = defaultdict(set)
    for link in (*stored.links, *delta.links):
        if link.anonymous_id:
            ends[link.anonymous_id].add(link.timestamp_ms)
    for source, of_one in sorted(ends.items()):
        # An anonymous id beyond the most that a profile keeps could not be found again when the user is deleted.
        if floor > old_floor or min(of_one) <= floor or source not in kept:
            until_ms = floor if source in kept else max(floor, *of_one)
            _erase(key, source, {end_ms for end_ms in of_one if end_ms <= until_ms}, until_ms, store)
    return merged


def _erase(user_id: str, source: str, ends: Iterable[int], until_ms: int, store: ProfileStore) -> None:
    """Drop the intervals of `user_id` that end by `until_ms` from the profile of an anonymous id."""

    def change(stored: UserProfile) -> UserProfile:
        if anonymous_id_of(source) is None and is_known_user(stored):
            return stored  # of before anonymous ids had keys of their own: here the id is a user's, with their own data
        others = {link.timestamp_ms for link in stored.links if link.user_id not in ("", user_id)}
        own = {link.timestamp_ms for link in stored.links if link.user_id == user_id and link.timestamp_ms <= until_ms}
        marks = [Link(end_ms) for end_ms in sorted({*ends, *own} - others)]
        for other, part in _told(source, stored, marks).items():
            store.update(other.user_id, partial(merge, part))
        return _merged(source, stored, UserProfile(links=tuple(marks)), store)

    store.update(source, change)
