"""How many examples a property tries: half of what it names in `make test`, ten times that in `make prove`, and few in
`make mutate`.

`make prove` loads hypothesis's profile "prove" and runs what is marked `prove`. Tests that are long in themselves carry
the mark always; those that only try more there carry it under that profile alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import pytest
from hypothesis import settings

DEEPER: Final = 10
EVERY_DAY: Final = 0.5
APART: Final = 3
FEW: Final = 20
Thing = TypeVar("Thing")
Test = Callable[..., Any]


def proving() -> bool:
    """Whether this is `make prove`."""
    return settings.get_current_profile_name() == "prove"


def examples(named: int) -> int:
    """The number of examples of this run; the test has to be `proved`."""
    if settings.get_current_profile_name() == "mutate":
        return min(named, FEW)
    return named * DEEPER if proving() else math.ceil(named * EVERY_DAY)


def shared_out(things: Sequence[Thing], turn: int) -> tuple[Thing, ...]:
    """Every third of `things`, from the first on in turn 0: of several turns each has others; the test is `proved`.

    All of them in `make prove`: for products of two lists, of which every day sees each thing with something.
    """
    return tuple(things) if proving() else tuple(things[turn % APART :: APART])


def proved(test: Test) -> Test:
    """Mark a test that goes deeper in `make prove`, so that it runs there as well as in `make test`."""
    marked: Test = pytest.mark.prove(test) if proving() else test
    return marked


def tried(named: int = 100, **others: Any) -> Callable[[Test], Test]:
    """`hypothesis.settings` with half so many examples in `make test`, many in `make prove`; goes above `given`."""
    # Without a deadline: on cores that others use, too, how long an example takes says nothing.
    chosen = settings(max_examples=examples(named), deadline=None, **others)
    return lambda test: proved(chosen(test))
