"""How many examples a property tries: so many in `make test`, ten times as many in `make prove`, few in `make mutate`.

`make prove` loads hypothesis's profile "prove" and runs what is marked `prove`. Tests that are long in themselves carry
the mark always; those that only try more there carry it under that profile alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest
from hypothesis import settings

DEEPER: Final = 10
FEW: Final = 20
Test = Callable[..., Any]


def proving() -> bool:
    """Whether this is `make prove`."""
    return settings.get_current_profile_name() == "prove"


def examples(daily: int) -> int:
    """The number of examples of this run; the test has to be `proved`."""
    if settings.get_current_profile_name() == "mutate":
        return min(daily, FEW)
    return daily * DEEPER if proving() else daily


def proved(test: Test) -> Test:
    """Mark a test that goes deeper in `make prove`, so that it runs there as well as in `make test`."""
    marked: Test = pytest.mark.prove(test) if proving() else test
    return marked


def tried(daily: int = 100, **others: Any) -> Callable[[Test], Test]:
    """`hypothesis.settings` with so many examples in `make test` and more in `make prove`; goes above `given`."""
    # Without a deadline: on cores that others use, too, how long an example takes says nothing.
    chosen = settings(max_examples=examples(daily), deadline=None, **others)
    return lambda test: proved(chosen(test))
