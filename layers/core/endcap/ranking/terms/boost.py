"""The `boost` term: what a shop, or a request, adds to the score of items that it names by a filter."""

from __future__ import annotations

from typing import Final

import numpy as np

from endcap.ranking.terms.term import ScoringContext, Term
from endcap.ranking.values import Column, Sparse, Values


def _values(context: ScoringContext) -> Values | None:
    if not context.boosts:
        return None
    scores = np.zeros(len(context.boosts[0].items), dtype=np.float32)
    for boost in context.boosts:
        scores[boost.items] += np.float32(boost.weight)
    return Column(scores) if context.among is None else Sparse(context.index.n_items, context.among, scores)


BOOST: Final = Term(name="boost", default_weight=1.0, source="shop", values=_values, asked=True)
