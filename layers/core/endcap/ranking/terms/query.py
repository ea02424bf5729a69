"""The terms of a search: what the query means, and the words that it has."""

from __future__ import annotations

from typing import Final

import numpy as np

from endcap.arrays import F32
from endcap.index.index import ItemIndex
from endcap.ranking.terms.term import ScoringContext, Term
from endcap.ranking.values import Centred, Column, Likeness, Values
from endcap.snapshot.lexical import query_weights


def lexical_scores(index: ItemIndex, text: str) -> F32:
    """Float32 (n_items,): 0..1 for the share of the query's words that an item has; far more for its very id."""
    changes = index.changes
    base, fresh = index.tables.lexical, None if changes is None else changes.lexical
    weights = query_weights(text, [base] if fresh is None else [base, fresh])
    scores = np.zeros(index.n_items, dtype=np.float32)
    scores[: index.tables.n_items] = base.scores(text, weights)
    if fresh is not None:
        scores[index.changed] = fresh.scores(text, weights)
    return scores


def _query_values(context: ScoringContext) -> Values | None:
    if context.query is None or context.query.vector is None:
        return None
    return Likeness(Centred(context.index), context.query.vector)


def _lexical_values(context: ScoringContext) -> Values | None:
    return None if context.query is None else Column(lexical_scores(context.index, context.query.text))


QUERY: Final = Term(name="query", default_weight=1.0, source="query", values=_query_values, asked=True)
LEXICAL: Final = Term(name="lexical", default_weight=3.0, source="query", values=_lexical_values, asked=True)
