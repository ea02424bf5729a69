"""What was understood of a query, in the form that the pipeline works with and that answers show."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

Sorting = Literal["price_asc", "price_desc", "new", "popular"]
SORTINGS: Final = ("price_asc", "price_desc", "new", "popular")


class Reading(NamedTuple):
    """Words of the query, and what they were taken for."""

    text: str
    meaning: str


class Condition(NamedTuple):
    """One condition of a filter.

    Attributes
    ----------
    about : what it limits: "price_from", "price_to", or a kind of facet
    text : the words that said it
    """

    about: str
    filter: str
    text: str


@dataclass(frozen=True, slots=True)
class Understood:
    """A query taken apart.

    Attributes
    ----------
    search : the words that are still searched for; "" where nothing but conditions was asked for
    filter : the conditions, as a filter expression; None for none
    exclude : words that no shown item may mention
    sort : how what fits is ordered; None for by score
    words : what of the query was taken for what
    conditions : what `filter` is made of, where the grammar has read it
    """

    search: str
    filter: str | None = None
    exclude: tuple[str, ...] = ()
    sort: Sorting | None = None
    words: tuple[Reading, ...] = ()
    conditions: tuple[Condition, ...] = field(default=(), compare=False)
