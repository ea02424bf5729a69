"""The terms of what was written about the items: near to that of recent items, or to what a query means.

Their weights are those of the terms of text, times what a gate of the rebuild found best; 0 where nothing was written.
"""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np

from endcap.arrays import F64, I64
from endcap.index.derived import Beside
from endcap.index.vectors import without_mean
from endcap.ranking.terms.term import ScoringContext, Term
from endcap.ranking.terms.text import sides, signed_support
from endcap.ranking.values import Likeness, Values

DESCRIBED_NAME: Final = "described"
DESCRIBED_QUERY_NAME: Final = "described_query"


def history_values(context: ScoringContext, part: Beside) -> Values | None:
    """Likeness to the vectors of a part that recent items have."""
    vectors = context.index.beside[part]
    if vectors is None or not context.features.weights.any():
        return None
    past = vectors.rows(context.features.positions)
    return Likeness(vectors, *sides(past, context.weights.text)) if past.any() else None


def history_support(context: ScoringContext, positions: I64, part: Beside) -> F64:
    """Float64 (h, k): how much each recent item speaks for each ranked one by the vectors of a part."""
    vectors = context.index.beside[part]
    if vectors is None:
        return np.zeros((len(context.features.positions), len(positions)))
    past, ranked = (vectors.rows(rows) for rows in (context.features.positions, positions))
    alike = np.asarray(np.vecdot(past[:, None, :], ranked[None, :, :]), dtype=np.float32)  # (h, k)
    return signed_support(alike, context.weights.text).astype(np.float64)


def _query_values(context: ScoringContext) -> Values | None:
    query, vectors = context.query, context.index.beside["described"]
    if vectors is None or query is None or query.vector is None:
        return None
    return Likeness(vectors, without_mean(query.vector, context.index.snapshot.whitening_mean))


DESCRIBED: Final = Term(
    name=DESCRIBED_NAME,
    default_weight=0.0,
    source="content",
    values=partial(history_values, part="described"),
    support=partial(history_support, part="described"),
    by_text=True,
    gated=True,
)
DESCRIBED_QUERY: Final = Term(
    name=DESCRIBED_QUERY_NAME, default_weight=0.0, source="query", values=_query_values, asked=True, gated=True
)
