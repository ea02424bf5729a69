"""Erasures of profiles, and those that are finished in the background, as messages on the queue of events.

A message asks for the whole erasure, which may be done any number of times: it is sent before the profile is emptied,
so that nothing that breaks off in between is forgotten. It is told by an attribute of the message, on the stack's own
queue: nothing that a bus, another stream or a replay of quarantine puts there can look like one, whatever it says.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from endcap.errors import StoredDataError
from endcap.identifiers import anonymous_id_of
from endcap.profiles.identity import ProfileStore, delete_user
from endcap.profiles.profile import EMPTY_PROFILE, UserProfile, deletion, is_forgotten, unerased_ids
from endcap.profiles.record import Record

ERASURE = "erasure"
"""What the attribute of such a message says, and the field that it has."""


@dataclass(frozen=True, slots=True)
class Erasure:
    """What is to be erased: all up to `at_ms` under a profile key, and what that hands over."""

    key: str
    at_ms: int

    def document(self) -> dict[str, Any]:
        """As a message says it."""
        return {ERASURE: {"key": self.key, "at_ms": self.at_ms}}


def erasure_of(data: bytes) -> Erasure | None:
    """The erasure that a message asks for; None where it is none."""
    try:
        said = json.loads(data)
    except (ValueError, RecursionError):
        return None
    asked = said.get(ERASURE) if isinstance(said, Mapping) and len(said) == 1 else None
    if not isinstance(asked, Mapping) or not isinstance(asked.get("key"), str):
        return None
    at_ms = asked.get("at_ms")
    return Erasure(asked["key"], at_ms) if isinstance(at_ms, int) and at_ms > 0 else None


class Rows(ProfileStore, Protocol):
    """Where profiles are kept, some of which nobody can read."""

    def replace_unreadable(self, user_id: str, profile: UserProfile) -> None:
        """Put a profile in the place of a row that can't be read; nothing where it can."""
        ...


def erased(
    records: Sequence[Record],
    asking: Collection[str],
    rows: Rows,
    record: Callable[[str, int], None],
) -> tuple[list[Record], dict[str, Exception]]:
    """Carry out the erasures among `records`.

    Parameters
    ----------
    asking : ids of the records that are such messages by their attribute
    record : see `delete_user`

    Returns
    -------
    the other records, and the ids of those that have to come again -> why
    """
    others: list[Record] = []
    failed: dict[str, Exception] = {}
    for one in records:
        asked = erasure_of(one.data) if one.record_id in asking else None
        if asked is None:
            others.append(one)
            continue
        try:
            erase(asked.key, asked.at_ms, rows, record)
        except Exception as exc:  # whatever it is, the other records are not to suffer
            failed[one.record_id] = exc
    return others, failed


@dataclass(frozen=True, slots=True)
class Erased:
    """A profile before and after its erasure; `unreadable` where nobody could tell what it was before."""

    before: UserProfile
    after: UserProfile
    unreadable: bool = False


def erase(
    key: str,
    at_ms: int,
    rows: Rows,
    record: Callable[[str, int], None],
    later: Callable[[str, int], None] | None = None,
) -> Erased:
    """Erase a profile as `delete_user` does, also one that is damaged or of a later format.

    What such a row linked to can't be told, so the histories of its anonymous ids are not reached.
    """
    try:
        return Erased(*delete_user(key, at_ms, rows, later, record))
    except StoredDataError:
        after = replace(deletion(at_ms), is_user=anonymous_id_of(key) is None)
        rows.replace_unreadable(key, after)
        return Erased(EMPTY_PROFILE, after, unreadable=True)


def erased_until_ms(profile: UserProfile) -> int:
    """The time up to which a profile says that it was erased, -1 for never.

    For an anonymous id that is the end of the last interval that belonged to a user who was erased.
    """
    marks = (link.timestamp_ms for link in profile.links if link.erased)
    return max(profile.deleted_at_ms or -1, *marks, -1)


def may_go(profile: UserProfile, until_ms: int) -> bool:
    """Whether a profile holds nothing but the memory of an erasure up to `until_ms`, which has come to its end."""
    return erased_until_ms(profile) <= until_ms and is_forgotten(profile) and not unerased_ids(profile)
