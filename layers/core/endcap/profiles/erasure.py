"""Erasures that are finished in the background, as messages on the queue of events.

A message asks for the whole erasure, which may be done any number of times: it is sent before the profile is emptied,
so that nothing that breaks off in between is forgotten. No event can be read as one, and only the stack's own queue,
which takes from `collect` nothing but checked events, is heard.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from endcap.profiles.identity import ProfileStore, delete_user

if TYPE_CHECKING:
    from endcap.profiles.ingest import Record

_FIELD = "erasure"


@dataclass(frozen=True, slots=True)
class Erasure:
    """What is to be erased: all up to `at_ms` under a profile key, and what that hands over."""

    key: str
    at_ms: int

    def document(self) -> dict[str, Any]:
        """As a message says it."""
        return {_FIELD: {"key": self.key, "at_ms": self.at_ms}}


def erasure_of(data: bytes) -> Erasure | None:
    """The erasure that a message asks for; None where it is none."""
    if not data.startswith(b'{"%s"' % _FIELD.encode()):
        return None
    try:
        said = json.loads(data)
    except (ValueError, RecursionError):
        return None
    asked = said.get(_FIELD) if isinstance(said, Mapping) and len(said) == 1 else None
    if not isinstance(asked, Mapping) or not isinstance(asked.get("key"), str):
        return None
    at_ms = asked.get("at_ms")
    return Erasure(asked["key"], at_ms) if isinstance(at_ms, int) and at_ms > 0 else None


def erased(
    records: Sequence[Record], own_ids: Collection[str], store: ProfileStore
) -> tuple[list[Record], dict[str, Exception]]:
    """Carry out the erasures among `records`.

    Parameters
    ----------
    own_ids : of the records from the stack's own queue; nobody else may ask

    Returns
    -------
    the other records, and the ids of those that have to come again -> why
    """
    others: list[Record] = []
    failed: dict[str, Exception] = {}
    for record in records:
        asked = erasure_of(record.data) if record.record_id in own_ids else None
        if asked is None:
            others.append(record)
            continue
        try:
            delete_user(asked.key, asked.at_ms, store)
        except Exception as exc:  # whatever it is, the other records are not to suffer
            failed[record.record_id] = exc
    return others, failed
