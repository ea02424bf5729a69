"""What a request asks for beside what is known of the shopper: a query, given items, what is due, boosts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from endcap.arrays import F32, I64, Mask
from endcap.text.terms import Synonyms

Relation = Literal["similar", "together", "buy_again"]
RELATIONS: Final = ("similar", "together", "buy_again")
ANCHORED: Final = frozenset({"similar", "together"})
"""Relations to given items; `buy_again` is one to the shopper's own purchases."""


@dataclass(frozen=True)
class Query:
    """What a shopper searches for.

    Attributes
    ----------
    vector : of the words, float32 (d_text,), unit length, where there is one
    synonyms : what else may stand for the words
    """

    text: str
    vector: F32 | None = None
    synonyms: Synonyms | None = None


@dataclass(frozen=True)
class BoostedItems:
    """What a shop adds to the score of some items: bool (n_items,) or, with `among`, one for each of those rows."""

    items: Mask
    weight: float


@dataclass(frozen=True)
class Anchors:
    """The items that a list is to go with; int64 (a,) rows of the index."""

    relation: Relation
    rows: I64

    @property
    def term(self) -> str:
        """The term of the score that they make."""
        return "similar" if self.relation == "similar" else "complement"


@dataclass(frozen=True, slots=True)
class Habit:
    """How a shopper stands to an item that they may buy again.

    Attributes
    ----------
    times : purchases at least a day apart, as far as the profile remembers
    days_since : since the last of them; None where times say nothing
    own_gap_days : median of the shopper's own gaps; None where there was one purchase
    usual_gap_days : median gap of everyone who buys it again; None where that is not known
    """

    times: int
    days_since: float | None = None
    own_gap_days: float | None = None
    usual_gap_days: float | None = None


@dataclass(frozen=True)
class Due:
    """What may be bought again: rows of the index, ascending.

    rows : int64 (d,); scores : float32 (d,), >= 0, rises with the probability of a purchase within a week
    habits : one per row
    """

    rows: I64
    scores: F32
    habits: tuple[Habit, ...]

    def habit(self, row: int) -> Habit | None:
        """The habit of a row, None for one that is not due."""
        at = int(np.searchsorted(self.rows, row))
        return self.habits[at] if at < len(self.rows) and self.rows[at] == row else None
