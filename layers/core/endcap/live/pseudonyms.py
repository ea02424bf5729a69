"""The keys of pseudonyms where requests are served: read beside the first of them, and kept."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Final

from endcap.live.polling import LastGood
from endcap.live.waiting import Clock, Waiting
from endcap.observability import logger
from endcap.pseudonyms import PseudonymKeys

POLL_S: Final = 3600.0
"""How long a key that was added may take to be used; nothing is lost meanwhile, as the one before stays valid."""
RETRY_S: Final = 5.0


class Pseudonyms:
    """The keys of one execution environment.

    Parameters
    ----------
    read : gets them, raises where it can't
    """

    def __init__(
        self, read: Callable[[], PseudonymKeys], clock: Clock = time.monotonic, waiting: Waiting | None = None
    ) -> None:
        self._read = read
        self._kept = LastGood[PseudonymKeys | None](None, POLL_S, clock, waiting=waiting)

    def begin(self) -> None:
        """Begin to read the keys, if that is due."""
        self._kept.begin(self._read, self._failed)

    def keys(self) -> PseudonymKeys | None:
        """The keys; where none are here yet they are waited for, no longer than the request may. None without any."""
        return self._kept.refreshed(self._read, self._failed, math.inf if self._kept.content is None else 0.0)

    def _failed(self, exc: Exception) -> float:
        logger.warning("keys of pseudonyms not readable", extra={"error": type(exc).__name__})
        return RETRY_S
