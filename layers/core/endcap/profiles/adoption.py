"""Profiles of anonymous ids from before these had keys of their own.

They lie under the id itself, where a user of that name would have theirs. For some time an anonymous id without a
profile therefore begins with what lies there, unless that is, or may well be, a user's.
"""

from __future__ import annotations

from dataclasses import replace

from endcap.profiles.entries import NEVER_SET, Entry, Impression, TextSignal
from endcap.profiles.links import Link
from endcap.profiles.profile import UserProfile

DAY_MS = 86_400_000


def is_known_user(profile: UserProfile) -> bool:
    """Whether a profile under a user's key is a user's for certain.

    One that said who somebody was, or of which something was stated, is no anonymous id's, nor is one that something
    was said of as a user's since those have keys of their own.
    """
    stated = {profile.attributes, profile.preferences, profile.consent} != {NEVER_SET}
    return profile.is_user or stated or any(link.anonymous_id for link in profile.links)


def adopted(profile: UserProfile, user_id: str, now_ms: int, days: int) -> UserProfile | None:
    """What an anonymous id takes over from the `profile` that lies under the same id as a user's.

    The age is that of the newest entry: what lies there is not written any more as an anonymous id's, so `days` after
    the change all of it is too old, whenever a stack changed. The link back says what a deletion has to reach, too.

    Returns
    -------
    None where it is known to be a user's, or nothing newer than `days` is in it
    """
    entries: tuple[Entry | TextSignal | Impression, ...] = (
        *profile.interactions,
        *profile.strong,
        *profile.texts,
        *profile.impressions,
    )
    newest_ms = max((e.timestamp_ms for e in entries), default=None)
    if is_known_user(profile) or newest_ms is None or newest_ms < now_ms - days * DAY_MS:
        return None
    links = sorted([*profile.links, Link(newest_ms, anonymous_id=user_id)], reverse=True)
    return replace(profile, links=tuple(links))
