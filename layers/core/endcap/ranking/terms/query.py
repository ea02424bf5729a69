"""The terms of a search: what the query means, and the words that it has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from endcap.arrays import F32, I64, Mask
from endcap.index.index import ItemIndex
from endcap.ranking.terms.inputs import Query
from endcap.ranking.terms.term import ScoringContext, Term
from endcap.ranking.values import Centred, Column, Likeness, Values
from endcap.snapshot.lexical import query_weights
from endcap.text.terms import Synonyms
from endcap.text.tokens import has_cjk


def lexical_scores(index: ItemIndex, text: str, synonyms: Synonyms | None = None) -> F32:
    """Float32 (n_items,): 0..1 for the share of the query's words that an item has; more for its id and its beginning.

    Parameters
    ----------
    synonyms : what else may stand for the query's words
    """
    base = index.tables.lexical
    fresh = None if index.changes is None else index.changes.lexical
    alike = fresh is None or (base.codes is None) == (fresh.codes is None)
    scores = np.zeros(index.n_items, dtype=np.float32)
    weights = query_weights(text, [base, fresh] if fresh is not None and alike else [base], synonyms)
    scores[: index.tables.n_items] = base.scores(text, weights)
    if fresh is not None:
        scores[index.changed] = fresh.scores(text, weights if alike else query_weights(text, [fresh], synonyms))
    return scores


WORDS_FLOOR: Final = 0.5
"""The share of a query's words, by their rarity, from which on an item counts as having them."""
MEANING_FLOORS: Final[Mapping[tuple[str, bool], float]] = {
    ("multilingual", True): 0.28,
    ("multilingual", False): 0.45,
    ("", True): 0.48,
    ("", False): 0.48,
}
"""The cosine of query and item from which on the item has the query's meaning.

By the beginning of the encoder's name, and whether the query is in Chinese characters or the like: the multilingual
encoder brings words in letters nearer to each other, whatever they mean. Chosen on some searches, and judged on others,
by `python -m infra.checks.search_floor`: docs/explanations.md has the figures.
"""


def meant(index: ItemIndex, query: Query | None, positions: I64) -> Mask:
    """Bool (k,): whether the items at `positions` mean what a query does, not just the nearest there are."""
    if query is None or query.vector is None:
        return np.zeros(len(positions), dtype=np.bool_)
    return np.asarray(nearness(index, query.vector, positions) >= meaning_floor(index, query.text))


def meaning_floor(index: ItemIndex, text: str) -> float:
    """The floor of a query for the encoder of an index."""
    name, of_characters = str(index.snapshot.manifest.get("encoder") or ""), has_cjk(text)
    return next(
        floor for (start, asked), floor in MEANING_FLOORS.items() if name.startswith(start) and asked is of_characters
    )


def nearness(index: ItemIndex, vector: F32, positions: I64) -> F32:
    """Float32 (k,): the cosines of a text with those of the items at `positions`; 0 for an item without text."""
    return np.asarray(np.vecdot(index.raw.rows(positions), vector), dtype=np.float32)


def _query_values(context: ScoringContext) -> Values | None:
    if context.query is None or context.query.vector is None:
        return None
    return Likeness(Centred(context.index.raw, context.index.snapshot.whitening_mean), context.query.vector)


def _lexical_values(context: ScoringContext) -> Values | None:
    return (
        None
        if context.query is None
        else Column(lexical_scores(context.index, context.query.text, context.query.synonyms))
    )


QUERY: Final = Term(name="query", default_weight=1.0, source="query", values=_query_values, asked=True)
LEXICAL: Final = Term(name="lexical", default_weight=3.0, source="query", values=_lexical_values, asked=True)
