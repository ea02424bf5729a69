"""Erasures that are finished in the background, as messages on the queue of events.

A message asks for the whole erasure, which may be done any number of times: it is sent before the profile is emptied,
so that nothing that breaks off in between is forgotten. It is told by an attribute of the message, on the stack's own
queue: nothing that a bus, another stream or a replay of quarantine puts there can look like one, whatever it says.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from endcap.profiles.identity import ProfileStore, delete_user

if TYPE_CHECKING:
    from endcap.profiles.ingest import Record

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


def erased(
    records: Sequence[Record], asking: Collection[str], store: ProfileStore
) -> tuple[list[Record], dict[str, Exception]]:
    """Carry out the erasures among `records`.

    Parameters
    ----------
    asking : ids of the records that are such messages by their attribute

    Returns
    -------
    the other records, and the ids of those that have to come again -> why
    """
    others: list[Record] = []
    failed: dict[str, Exception] = {}
    for record in records:
        asked = erasure_of(record.data) if record.record_id in asking else None
        if asked is None:
            others.append(record)
            continue
        try:
            delete_user(asked.key, asked.at_ms, store)
        except Exception as exc:  # whatever it is, the other records are not to suffer
            failed[record.record_id] = exc
    return others, failed
