"""Telling how far work has got."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Told (step, done, total) as work goes on."""


def no_progress(step: str, done: int, total: int) -> None:
    """Say nothing."""
