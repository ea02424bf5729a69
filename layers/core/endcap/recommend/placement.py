"""What an item owes its place to beside what is known of it: a pin, a promotion or a boost of the list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from endcap.ranking.score import Scores
from endcap.ranking.slots import Slot
from endcap.ranking.terms.registry import row_of
from endcap.recommend.prepared import Prepared
from endcap.recommend.request import MAX_LIMIT
from endcap.recommend.selection import slots_of

Means = Literal["pinned", "promoted", "boosted", "lowered", "pinned_in_vain"]
"""The last is a pin that something else overrules: it brings nothing back that is kept out."""


@dataclass(frozen=True, slots=True)
class Placed:
    """One thing by which a shop places an item.

    Attributes
    ----------
    position : that a pin asks for, from 1
    promotion : its name
    weight : what a boost adds to the score
    rank_without : place in the longest list there is without this one thing, from 1; None for nowhere in it
    """

    by: Means
    position: int | None = None
    promotion: str | None = None
    weight: float | None = None
    rank_without: int | None = None


def longest_list(made: Prepared) -> list[Slot]:
    """The slots of the longest list that may be asked for."""
    return slots_of(made.scores, made.request, made.items, made.about, MAX_LIMIT)


def rank_in(slots: Sequence[Slot], row: int) -> int | None:
    """The place of a row, from 1; None for nowhere."""
    return next((k for k, slot in enumerate(slots, 1) if slot.row == row), None)


def placed_by(made: Prepared, row: int, slots: Sequence[Slot], *, kept_out: bool) -> Iterator[Placed]:
    """What places an item; the boost last, as a pin or a promotion places it whatever it scores.

    Parameters
    ----------
    slots : the longest list
    kept_out : whether something keeps the item out of it
    """
    position = next((place + 1 for place, pinned in sorted(made.items.pinned.items()) if pinned == row), None)
    slot = next((slot for slot in slots if slot.row == row), None)
    if slot is None:
        if position is not None and kept_out:
            yield Placed("pinned_in_vain", position=position)
        return
    if slot.pinned:
        yield Placed("pinned", position=position, rank_without=_rank(_without_pin(made, row), row))
    elif slot.promotion is not None:
        without = _rank(_without_promotion(made, slot.promotion), row)
        yield Placed("promoted", promotion=slot.promotion, rank_without=without)
    rows = np.asarray([row], dtype=np.int64)
    if weight := float(made.scores.contributions(rows)[row_of("boost"), 0]):
        without = _rank(_without_boosts(made), row)
        yield Placed("boosted" if weight > 0 else "lowered", weight=weight, rank_without=without)


def _rank(made: Prepared, row: int) -> int | None:
    return rank_in(longest_list(made), row)


def _without_pin(made: Prepared, row: int) -> Prepared:
    others = {place: pinned for place, pinned in made.items.pinned.items() if pinned != row}
    return replace(made, items=replace(made.items, pinned=others))


def _without_promotion(made: Prepared, name: str) -> Prepared:
    others = tuple(one for one in made.request.promotions if one.name != name)
    return replace(made, request=replace(made.request, promotions=others))


def _without_boosts(made: Prepared) -> Prepared:
    return replace(made, scores=Scores(replace(made.scores.context, boosts=()), made.scores.factors))
