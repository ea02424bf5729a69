"""The terms of the score and their default weights."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

LISTS: Final = ("next", "together", "neighbours", "wording")

DEFAULT_WEIGHTS: Final[Mapping[str, float]] = MappingProxyType(
    {
        "similarity": 0.0,  # user encoder; a snapshot that carries one brings its weight
        "next": 1.0,
        "together": 0.35,
        "neighbours": 0.4,
        "wording": 0.8,
        "text": 0.7,
        "words": 0.5,
        "query": 1.0,
        "lexical": 3.0,
        "popularity": 0.15,
        "trend": 0.1,
        "live_trend": 0.0,  # the live counts; a snapshot or a scenario may give it a weight
        "category": 0.25,
        "brand": 0.1,
        "price": 0.05,
        "again": 0.3,
        "new_item": 0.15,
        "similar": 2.0,
        "complement": 2.0,
        "boost": 1.0,
        "rotation": 1.0,
        "due": 2.0,
        "context": 0.15,
    }
)
"""Near the mean of what rebuilds chose on the validation windows of four real shops; small shops stay with them."""

TERMS: Final[tuple[str, ...]] = tuple(DEFAULT_WEIGHTS)
"""Rows of `term_scores`, in order."""

QUERIED: Final = frozenset({"query", "lexical"})
"""Terms of the words that a request searches for."""

QUERY_TERMS: Final = frozenset({"query", "lexical", "similar", "complement", "boost", "rotation", "due"})
"""Terms of what a request itself asks for; history does not fill them, and a rebuild does not tune them."""

LIVE_TERMS: Final = frozenset({"live_trend"})
"""Terms of what happens right now: off in answers as of a moment, so that a rebuild has nothing to tune them by."""

EVENED: Final = (*LISTS, "text")
"""Terms that spread the items wider for one history than for another, see `spread_correction`."""

STATED_TERMS: Final = frozenset({"category", "brand"})

BASE_TERMS: Final = frozenset({"popularity", "trend", "context"})

CONTEXT_TERM: Final = "context"
"""Popularity where the shopper is; with the weight and scale of `popularity` the two add up to it."""

STATED_WEIGHT: Final = 2.0  # to someone unknown, the page they are on says more than what sells elsewhere
