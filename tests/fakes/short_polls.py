"""Polls that come round soon, for tests that wait until something published counts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final
from unittest.mock import patch

import endcap.cost.quantities  # noqa: F401 # keeps the interval that it goes by, which is the real one
from endcap.api import scenarios, synonyms
from endcap.experiments import config as experiments
from endcap.live import catalogue, counts, popular, snapshot

SHORT_S: Final = 0.5
_INTERVALS: Final = (
    *((module, "POLL_S") for module in (scenarios, synonyms, experiments, catalogue, popular, snapshot)),
    (counts, "LIVE_COUNTS_S"),
)


@contextmanager
def short_polls() -> Iterator[None]:
    """What functions of this process look at now and then, they look at twice a second."""
    with ExitStack() as patches:
        for module, name in _INTERVALS:
            patches.enter_context(patch.object(module, name, SHORT_S))
        yield
