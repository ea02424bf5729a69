"""The terms of the score, one row each, in the order in which a score adds them up.

Each lives in a file of this package: what it is worth by default, how it scores, what carried it. What it is called
in an answer stands in `endcap.messages`, one sentence for each language.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from endcap.ranking.terms.affinity import AGAIN, BRAND, CATEGORY, PRICE
from endcap.ranking.terms.boost import BOOST
from endcap.ranking.terms.context import CONTEXT
from endcap.ranking.terms.demand import NEW_ITEM, POPULARITY, TREND
from endcap.ranking.terms.described import DESCRIBED, DESCRIBED_QUERY, TAGS
from endcap.ranking.terms.image import IMAGE, IMAGE_SIMILAR
from endcap.ranking.terms.lists import NEIGHBOURS, NEXT, TOGETHER, WORDING
from endcap.ranking.terms.live_trend import LIVE_TREND
from endcap.ranking.terms.query import LEXICAL, QUERY
from endcap.ranking.terms.related import COMPLEMENT, SIMILAR
from endcap.ranking.terms.repurchase import DUE
from endcap.ranking.terms.rotation import ROTATION
from endcap.ranking.terms.similarity import SIMILARITY
from endcap.ranking.terms.term import Term
from endcap.ranking.terms.text import TEXT, WORDS

REGISTRY: Final[tuple[Term, ...]] = (
    SIMILARITY,
    NEXT,
    TOGETHER,
    NEIGHBOURS,
    WORDING,
    TEXT,
    WORDS,
    QUERY,
    LEXICAL,
    POPULARITY,
    TREND,
    LIVE_TREND,
    CATEGORY,
    BRAND,
    PRICE,
    AGAIN,
    NEW_ITEM,
    SIMILAR,
    COMPLEMENT,
    BOOST,
    ROTATION,
    DUE,
    CONTEXT,
    DESCRIBED,
    DESCRIBED_QUERY,
    IMAGE,
    IMAGE_SIMILAR,
    TAGS,
)
TERMS: Final[tuple[str, ...]] = tuple(term.name for term in REGISTRY)
"""The names, in order: rows of every array that has one for each term."""
DEFAULT_WEIGHTS: Final[Mapping[str, float]] = MappingProxyType({term.name: term.default_weight for term in REGISTRY})
"""Near the mean of what rebuilds chose on the validation windows of four real shops; small shops stay with them."""

ASKED: Final = frozenset(term.name for term in REGISTRY if term.asked)
"""Terms of what a request itself asks for; a rebuild does not tune them."""

STATED_WEIGHT: Final = 2.0  # to someone unknown, the page they are on says more than what sells elsewhere


def row_of(name: str) -> int:
    """Where a term stands among `TERMS`."""
    return TERMS.index(name)
