"""What was understood of a query, in the form that the pipeline works with and that answers show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

Sorting = Literal["price_asc", "price_desc", "new", "popular"]
SORTINGS: Final = ("price_asc", "price_desc", "new", "popular")


class Reading(NamedTuple):
    """Words of the query, and what they were taken for."""

    text: str
    meaning: str


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
    """

    search: str
    filter: str | None = None
    exclude: tuple[str, ...] = ()
    sort: Sorting | None = None
    words: tuple[Reading, ...] = ()
