"""Profiles kept in memory; held to the same contract as the DynamoDB table by tests/contract/test_profile_store.py."""

from __future__ import annotations

import threading
from collections.abc import Callable

from endcap.profiles.codec import decode_profile, encode_profile
from endcap.profiles.profile import EMPTY_PROFILE, UserProfile


class MemoryProfiles:
    """A `ProfileStore` of bytes, as the table keeps them, with optimistic locking.

    Attributes
    ----------
    writes : user ids in the order of the writes
    """

    def __init__(self) -> None:
        self._rows: dict[str, tuple[int, bytes]] = {}
        self._lock = threading.Lock()
        self.writes: list[str] = []

    def get(self, user_id: str) -> UserProfile:
        """The user's profile, an empty one where there is none."""
        return self._read(user_id)[1]

    def rows(self) -> dict[str, bytes]:
        """Everything that is stored, as bytes."""
        return {user_id: data for user_id, (_, data) in sorted(self._rows.items())}

    def update(self, user_id: str, change: Callable[[UserProfile], UserProfile]) -> tuple[UserProfile, UserProfile]:
        """See `endcap.profiles.identity.ProfileStore`."""
        while True:
            version, stored = self._read(user_id)
            changed = change(stored)  # outside of the lock: it may update other profiles
            if changed == stored:
                return stored, stored
            with self._lock:
                if self._read(user_id)[0] == version:
                    self._rows[user_id] = (version + 1, encode_profile(changed))
                    self.writes.append(user_id)
                    return stored, changed

    def _read(self, user_id: str) -> tuple[int, UserProfile]:
        version, data = self._rows.get(user_id, (0, b""))
        return version, decode_profile(data) if data else EMPTY_PROFILE


class Crash(BaseException):
    """What a function's environment dies of: nothing may catch it."""


class CrashingStore:
    """Passes updates on to a store, and dies at one step; each read and each write is a step."""

    def __init__(self, store: MemoryProfiles, steps: int) -> None:
        self._store, self._left = store, steps

    def update(self, user_id: str, change: Callable[[UserProfile], UserProfile]) -> tuple[UserProfile, UserProfile]:
        """See `endcap.profiles.identity.ProfileStore`."""
        self._step()
        outcome = self._store.update(user_id, change)
        self._step()
        return outcome

    def _step(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise Crash
