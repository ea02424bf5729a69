"""What rows of a table of events say for an item: how much, and which of them are bought, strong, or looked for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from endcap.arrays import F32
from endcap.errors import InvalidInputError
from endcap.events.types import BOUGHT, STRONG
from endcap_rebuild.data.event_table import EventTable

TARGETS: Final = ("next", "liked")
"""What a rebuild learns to find and an evaluation asks for, see `is_target`."""
NEXT_TARGET: Final = TARGETS[0]
_LIKED_WEIGHT: Final = 0.5
"""Of types of events that say more than a look does."""
_LIKED_FACTOR: Final = 0.5
"""Of a grade at the user's own mean, see `around_mean`."""


def is_graded(table: EventTable) -> NDArray[np.bool_]:
    """bool (rows,): the rows whose grade, or whose words, say how much was liked."""
    return ~(np.isnan(table.grade) & np.isnan(table.tone))


def with_grades(table: EventTable, strength: float) -> EventTable:
    """The table with grades counting so much: 1 as they are, 0 = whoever graded an item chose it, well or badly."""
    if strength == 1:
        return table
    mixed = np.where(is_graded(table), table.weight + strength * (table.strength - table.weight), table.strength)
    return replace(table, strength=mixed.astype(np.float32))


def with_even_grades(table: EventTable) -> EventTable:
    """The table with grades that say whether an item was liked, but not how much: what was, counts in full."""
    liked = is_graded(table) & (table.strength > 0)
    return replace(table, strength=np.where(liked, table.weight, table.strength).astype(np.float32))


def with_type_weights(table: EventTable, factors: Mapping[str, float]) -> EventTable:
    """The table with events of some types counting so many times as much."""
    if not factors:
        return table
    by_code = np.array([factors.get(name, 1.0) for name in table.event_types], dtype=np.float32)[table.event_type]
    return replace(table, strength=table.strength * by_code, weight=table.weight * by_code)


def positive_strength(table: EventTable) -> F32:
    """float32 (rows,): strength of the rows that speak for an item, 0 for returns, dislikes and bad ratings."""
    return np.maximum(table.strength, 0.0).astype(np.float32)


def is_target(table: EventTable, target: str) -> NDArray[np.bool_]:
    """bool (rows,): the rows that are what is looked for.

    Parameters
    ----------
    target : "next", whatever was chosen next, however it was graded afterwards; "liked", of that only what turned out
        well: grades at or above the user's own mean, and without a grade purchases and what else says more than a look

    Raises
    ------
    InvalidInputError : no such target
    """
    if target not in TARGETS:
        raise InvalidInputError(f"no such target: {target!r}; there are {', '.join(TARGETS)}")
    chosen = table.weight > 0
    if target == NEXT_TARGET:
        return chosen
    good = table.strength >= np.float32(_LIKED_FACTOR - 1e-4) * table.weight
    return chosen & np.where(is_graded(table), good, table.weight >= _LIKED_WEIGHT)


def is_strong(table: EventTable) -> NDArray[np.bool_]:
    """bool (rows,): purchases, ratings and reviews that speak for an item."""
    return is_of(table, STRONG) & (table.strength > 0)


def is_bought(table: EventTable) -> NDArray[np.bool_]:
    """bool (rows,): purchases."""
    return is_of(table, BOUGHT)


def is_of(table: EventTable, event_types: Collection[str]) -> NDArray[np.bool_]:
    """bool (rows,): the rows of some types of events."""
    return np.isin(table.event_type, [code for code, name in enumerate(table.event_types) if name in event_types])
