"""Workers that have done their work before anybody waits for it, so that no answer depends on how busy a machine is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any, TypeVar
from unittest.mock import patch

Found = TypeVar("Found")


class InlineWorkers:
    """In place of a ThreadPoolExecutor for the reads of a request."""

    def __init__(self, *_arguments: Any, **_options: Any) -> None:
        pass

    def submit(self, work: Callable[[], Found], /) -> Future[Found]:
        """Do some work."""
        future = Future[Found]()
        try:
            future.set_result(work())
        except Exception as exc:  # as an executor does
            future.set_exception(exc)
        return future


def reading_inline() -> Iterator[None]:
    """Body of a fixture under which functions read on the thread that serves."""
    with patch("endcap.live.waiting.ThreadPoolExecutor", InlineWorkers):
        yield
