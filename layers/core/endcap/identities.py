"""Applying a batch of events to the profiles it touches, and handing anonymous histories to known users.

An `identify` event (user, anonymous id, time t) says that the anonymous id was this user up to t, back to that id's
previous identify. The link stays in both profiles: a late anonymous event of that interval then reaches the user too,
and deleting the user drops the interval from the anonymous profile. What happens after t stays anonymous, so that a
shared device does not mix people.

Every step is a merge, so a batch that failed half-way can simply be applied again. Identifies of one anonymous id to
different users are taken in time order: apply them out of order and the later interval may already have been handed on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Protocol

from endcap.errors import EndcapError
from endcap.interactions import Interaction
from endcap.profiles import EMPTY_PROFILE, Encode, Link, UserProfile, deleted, intervals, merge, profile_of, within


class ProfileStore(Protocol):
    """Where profiles are kept; `update` is atomic per user."""

    def update(self, user_id: str, change: Callable[[UserProfile], UserProfile]) -> tuple[UserProfile, UserProfile]:
        """Replace the user's profile p by change(p); (before, after). No write where they are equal."""
        ...


def apply_events(
    events: Iterable[Interaction], store: ProfileStore, encode: Encode | None = None
) -> dict[str, EndcapError]:
    """Fold `events` into the profiles of everyone they concern: one read and one write per user.

    (A late anonymous event may cost its known user a second write, as that user's link is only seen on the read.)

    Returns
    -------
    user id -> why that user's events could not be applied; everybody else's were
    """
    pending = _deltas(events, encode)
    failed: dict[str, EndcapError] = {}
    handed_by: dict[str, set[str]] = {}
    # Anonymous ids first, so that what they hand over joins the known user's own events in one write.
    queue = sorted(pending, key=lambda user_id: (not any(link.user_id for link in pending[user_id].links), user_id))
    while queue:
        user_id = queue.pop(0)
        delta = pending[user_id]
        try:
            _, after = store.update(user_id, partial(merge, delta))
            _erase_late_links(delta, after, store)
        except EndcapError as exc:
            failed |= dict.fromkeys({user_id, *handed_by.get(user_id, ())}, exc)
            continue
        for known_id, handover in _handovers(delta, after):
            handed_by.setdefault(known_id, set()).add(user_id)
            grown = merge(pending.get(known_id, EMPTY_PROFILE), handover)
            if grown != pending.get(known_id):
                pending[known_id] = grown
                if known_id not in queue:
                    queue.append(known_id)
    return failed


def delete_user(user_id: str, at_ms: int, store: ProfileStore) -> tuple[UserProfile, UserProfile]:
    """Erase what is stored about `user_id` up to `at_ms`, in its profile and in those of its anonymous ids.

    Returns
    -------
    the user's profile before and after
    """

    def erase(profile: UserProfile) -> UserProfile:
        for link in profile.links:
            if link.anonymous_id and link.timestamp_ms <= at_ms:
                store.update(link.anonymous_id, partial(merge, _erased(link)))
        return deleted(profile, at_ms)

    return store.update(user_id, erase)


def _deltas(events: Iterable[Interaction], encode: Encode | None) -> dict[str, UserProfile]:
    by_user: dict[str, list[Interaction]] = {}
    links: dict[str, list[Link]] = {}
    for event in events:
        by_user.setdefault(event.user_id, [])
        if event.event_type != "identify":
            by_user[event.user_id].append(event)
        elif event.anonymous_id and event.anonymous_id != event.user_id:
            at_ms, anonymous_id = event.timestamp_ms, event.anonymous_id
            links.setdefault(event.user_id, []).append(Link(at_ms, anonymous_id=anonymous_id))
            links.setdefault(anonymous_id, []).append(Link(at_ms, user_id=event.user_id))
            by_user.setdefault(anonymous_id, [])
    return {
        user_id: merge(profile_of(own, encode), UserProfile(links=tuple(links.get(user_id, ()))))
        for user_id, own in by_user.items()
    }


def _handovers(delta: UserProfile, after: UserProfile) -> list[tuple[str, UserProfile]]:
    fresh = {link for link in delta.links if link.user_id}
    handed = []
    for start_ms, link in intervals(after.links):
        if link.user_id:
            part = within(delta, start_ms, link.timestamp_ms)
            if link in fresh:
                # A new link hands over all that is stored of its interval; a known one only what has just arrived.
                part = merge(part, within(after, start_ms, link.timestamp_ms))
            if part != EMPTY_PROFILE:
                handed.append((link.user_id, part))
    return handed


def _erase_late_links(delta: UserProfile, after: UserProfile, store: ProfileStore) -> None:
    """An identify that arrives after the user was deleted, from before that: its interval goes the same way."""
    for link in delta.links:
        if link.anonymous_id and link.timestamp_ms <= after.deleted_at_ms:
            store.update(link.anonymous_id, partial(merge, _erased(link)))


def _erased(link: Link) -> UserProfile:
    return UserProfile(links=(Link(link.timestamp_ms),))
