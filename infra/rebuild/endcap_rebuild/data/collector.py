"""Python's collector of reference cycles while a folder is read."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_ALLOCATIONS: Final = 500_000


@contextmanager
def rare_collections() -> Iterator[None]:
    """Within, the collector looks rarely: rows by the million are none of them part of a cycle.

    A look goes over all lists that are held, and by default there is one after every 700 new ones; of reading five
    million rows that was a quarter of the processor time.
    """
    before = gc.get_threshold()
    gc.set_threshold(_ALLOCATIONS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
