"""Whose a stored record is, and from when: the one rule for archive, exposures, quarantine and files of events.

A record names people by `user_id`, by `anonymous_id` where there is no user, or by pseudonyms in the place of either.
What does not say its time counts as the oldest there is, as nobody can say any more that it came later.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from endcap.erasure.ledger import NEVER, Ledger
from endcap.events.interaction import Interaction
from endcap.events.types import IDENTIFY
from endcap.identifiers import MAX_ID_BYTES, anonymous_id_of, anonymous_key
from endcap.pseudonyms import ANONYMOUS_PSEUDONYM, NUMBER, PSEUDONYM, name_of
from endcap.validation import timestamp_ms

_TIMES: Final = ("timestamp", "at_ms")
_MAX_DEPTH: Final = 32


def event_keys(event: Interaction) -> tuple[str, ...]:
    """The profile keys that an event is about."""
    if event.event_type == IDENTIFY and event.anonymous_id:
        return event.user_id, anonymous_key(event.anonymous_id)
    return (event.user_id,)


def record_keys(record: Mapping[str, Any]) -> list[str]:
    """The profile keys that a record of the archive or of exposures names, and the names of pseudonyms."""
    user_id, anonymous_id = _id(record.get("user_id")), _id(record.get("anonymous_id"))
    keys = [user_id] if user_id else []
    if anonymous_id and (not user_id or record.get("event_type") == IDENTIFY):
        keys.append(anonymous_key(anonymous_id))
    return keys + _pseudonyms(record)


def _pseudonyms(record: Mapping[str, Any]) -> list[str]:
    """The names of those whom a record names by pseudonyms."""
    user, anonymous = record.get(PSEUDONYM), record.get(ANONYMOUS_PSEUDONYM)
    both = record.get("event_type") == IDENTIFY or not isinstance(user, str)
    said = [text for text in (user, anonymous if both else None) if isinstance(text, str)]
    number = record.get(NUMBER)
    return [name_of(number, text) for text in said] if isinstance(number, int) else []


def record_time_ms(record: Mapping[str, Any]) -> int:
    """When what a record tells of happened; 0 where it does not say."""
    for name in _TIMES:
        if record.get(name) is not None:
            try:
                return timestamp_ms(record[name])
            except (TypeError, ValueError, OverflowError):
                return 0
    return 0


def happened_ms(record: Any, seen_ms: int) -> int:
    """When what could not be read as an event happened, at the latest: by its own time, or when it was seen."""
    told = isinstance(record, Mapping) and any(record.get(name) is not None for name in _TIMES)
    return min(record_time_ms(record), seen_ms) if told else seen_ms


def erased_subjects(record: Mapping[str, Any], ledger: Ledger) -> list[str]:
    """The subjects of a ledger whose erasure takes in a record; none where it is to stay."""
    at_ms = record_time_ms(record)
    named = [subject for key in record_keys(record) for subject in ledger.subjects(key)]
    return [subject for subject in named if at_ms <= ledger.entries.get(subject, NEVER)]


def erased_within(value: Any, seen_ms: int, ledger: Ledger) -> list[str]:
    """The subjects that anything in `value` names and that were erased at or after the time when it was seen.

    For what could not be read as an event: whatever stands in it, be it a key, a text or a number, may be an id.
    """
    found = {
        subject for text in _texts(value, 0) for key in (text, anonymous_key(text)) for subject in _named(key, ledger)
    }
    return sorted(subject for subject in found if seen_ms <= ledger.entries[subject])


def _named(key: str, ledger: Ledger) -> list[str]:
    return [subject for subject in (*ledger.subjects(key), key) if subject in ledger.entries]


def _texts(value: Any, depth: int) -> Iterator[str]:
    if depth > _MAX_DEPTH:
        return
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield str(name)
            yield from _texts(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner, depth + 1)
    elif isinstance(value, str):
        text = value.strip()
        if len(text.encode("utf-8", "replace")) <= MAX_ID_BYTES + len("anon:"):
            yield text
            plain = anonymous_id_of(text)
            if plain:
                yield plain
        if text[:1] in ("{", "["):  # what was sent as a text within the event
            try:
                yield from _texts(json.loads(text), depth + 1)
            except (ValueError, RecursionError):
                return
    elif isinstance(value, int) and not isinstance(value, bool):
        yield str(value)


def _id(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) else ""
