"""Putting aside what can never be applied, but for what names somebody of whom nothing is to be kept."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Protocol

from endcap.batch import Breaker, Deadline, retryable
from endcap.erasure.ledger import NEVER, Erasures
from endcap.erasure.records import happened_ms
from endcap.errors import FieldError
from endcap.events.formats.fields import text
from endcap.identifiers import anonymous_key, clean_id, clean_user_id, is_placeholder
from endcap.profiles.consent import refuses
from endcap.profiles.identity import ProfileStore
from endcap.profiles.record import Record


class Quarantine(Protocol):
    """Keeps what can never be applied."""

    def put(
        self,
        source: str,
        payload: str,
        errors: Sequence[FieldError],
        arrival_ms: int,
        first_seen_ms: int | None = None,
    ) -> str: ...


class Aside:
    """Puts what can't be used into quarantine; where that fails, its record comes again.

    Attributes
    ----------
    quarantined, unwanted, erased : how many were kept there, and how many nowhere, as whom they name refuses or was
        erased since
    failed : ids of the records to deliver again -> why
    """

    def __init__(
        self,
        source: str,
        quarantine: Quarantine,
        store: ProfileStore,
        erasures: Erasures | None,
        deadline: Deadline,
    ) -> None:
        self._source, self._quarantine, self._store, self._erasures = source, quarantine, store, erasures
        self._deadline, self._breaker = deadline, Breaker("quarantine")
        self.quarantined = self.unwanted = self.erased = 0
        self.failed: dict[str, Exception] = {}

    def put(self, record: Record, payload: str, errors: Sequence[FieldError]) -> None:
        try:
            self._deadline.check()
            keys = _named_in(payload)
            if any(map(self._refuses, keys)):
                self.unwanted += 1
                return
            if self._erased(keys, payload, record.seen_ms):
                self.erased += 1
                return
            with self._breaker.watch():
                seen = () if record.first_seen_ms is None else (record.first_seen_ms,)
                self._quarantine.put(self._source, payload, errors, record.arrival_ms, *seen)
        except Exception as exc:
            self.failed[record.record_id] = exc
        else:
            self.quarantined += 1

    def _erased(self, keys: Sequence[str], payload: str, seen_ms: int) -> bool:
        """Whether one of those whom an unusable event names was erased since it happened."""
        if self._erasures is None or not keys:
            return False
        until = self._erasures.until_ms(set(keys))
        at_ms = happened_ms(json.loads(payload), seen_ms)
        return any(at_ms <= until.get(key, NEVER) for key in keys)

    def _refuses(self, key: str) -> bool:
        try:
            return refuses(self._store.update(key, lambda stored: stored)[0])
        except Exception as exc:
            if retryable(exc):
                raise
            return False  # a profile that nobody can read says nothing about anybody


def _named_in(payload: str) -> list[str]:
    """Keys of the profiles that an unusable event names in Endcap's own fields, where they can be read."""
    try:
        said = json.loads(payload)
        user_id, anonymous_id = (text(said.get(name)) for name in ("user_id", "anonymous_id"))
        keys = [clean_user_id(user_id)] if user_id is not None and not is_placeholder(user_id) else []
        return keys or ([anonymous_key(clean_id(anonymous_id))] if anonymous_id is not None else [])
    except (ValueError, RecursionError, AttributeError):
        return []
