"""How far the download of a snapshot has come, and whether it will be over in time."""

from __future__ import annotations

import time
from threading import Lock
from typing import Final

from endcap.live.waiting import Clock

MEASURED_S: Final = 0.5
"""For how long bytes have to come before their rate says something."""
STILL_S: Final = 3.0
"""After so long without a byte, none are waited for any more."""


class Transfer:
    """The bytes of one download after another, noted by the threads that fetch them.

    Parameters
    ----------
    clock : seconds, ascending
    """

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock, self._lock = clock, Lock()
        self.begin()

    def begin(self) -> None:
        """Another download begins, of nobody knows how much yet."""
        with self._lock:
            self._began_s = self._moved_s = self._clock()
            self._came = self._all = 0

    def note(self, came: int, of_all: int) -> None:
        """So many bytes more have come, of so many in all."""
        with self._lock:
            self._came, self._all = self._came + came, of_all
            self._moved_s = self._clock()

    def left_s(self) -> float:
        """Seconds until it is over at the rate measured so far; 0 where nothing can be said yet."""
        with self._lock:
            spent_s, left = self._clock() - self._began_s, max(0, self._all - self._came)
            return left * spent_s / self._came if self._came and spent_s >= MEASURED_S else 0.0

    @property
    def stands_still(self) -> bool:
        """Whether bytes are missing, and none has come for some seconds."""
        with self._lock:
            return not 0 < self._all <= self._came and self._clock() - self._moved_s >= STILL_S
