"""The terms of what was written about the items: near to that of recent items, or to what a query means; tags.

Their weights are those of the terms of text, times what a gate of the rebuild found best; 0 where nothing was written.
"""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np

from endcap.arrays import F32, F64, I64
from endcap.index.derived import Beside
from endcap.index.index import ItemIndex
from endcap.index.laid_over import LaidOver
from endcap.index.vectors import without_mean
from endcap.ranking.terms.term import ScoringContext, Term
from endcap.ranking.terms.text import sides, signed_support
from endcap.ranking.values import Likeness, Shared, Space, Values

DESCRIBED_NAME: Final = "described"
DESCRIBED_QUERY_NAME: Final = "described_query"
TAGS_NAME: Final = "tags"
"""Of items with no category or one: as near as the tags that a writer has given them."""


def history_values(context: ScoringContext, part: Beside) -> Values | None:
    """Likeness to the vectors of a part that recent items have."""
    vectors = context.index.beside[part]
    if vectors is None or not context.features.weights.any():
        return None
    past = _past(context, vectors, part)
    space = _counting(vectors, context.index, 0) if part == "described" else vectors
    return Likeness(space, *sides(past, context.weights.text)) if past.any() else None


def _past(context: ScoringContext, vectors: LaidOver, part: Beside) -> F32:
    """float32 (h, dim): of recent items, but for those in a language whose descriptions say nothing."""
    positions = context.features.positions
    past, shares = vectors.rows(positions), context.index.described_shares
    return past if shares is None or part != "described" else past * (shares[positions, 0] > 0)[:, None]


def history_support(context: ScoringContext, positions: I64, part: Beside) -> F64:
    """Float64 (h, k): how much each recent item speaks for each ranked one by the vectors of a part."""
    vectors = context.index.beside[part]
    if vectors is None:
        return np.zeros((len(context.features.positions), len(positions)))
    past, ranked = _past(context, vectors, part), vectors.rows(positions)
    alike = np.asarray(np.vecdot(past[:, None, :], ranked[None, :, :]), dtype=np.float32)  # (h, k)
    if part == "described" and (shares := context.index.described_shares) is not None:
        alike *= shares[positions, 0]
    return signed_support(alike, context.weights.text).astype(np.float64)


def _query_values(context: ScoringContext) -> Values | None:
    query, vectors = context.query, context.index.beside["described"]
    if vectors is None or query is None or query.vector is None:
        return None
    space = _counting(vectors, context.index, 1)
    return Likeness(space, without_mean(query.vector, context.index.snapshot.whitening_mean))


def _counting(vectors: LaidOver, index: ItemIndex, term: int) -> Space:
    """The vectors with what they count in one of both terms, by the language of each item."""
    shares = index.described_shares
    return vectors if shares is None else Shared(vectors, shares[:, term])


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
TAGS: Final = Term(
    name=TAGS_NAME,
    default_weight=0.0,
    source="content",
    values=partial(history_values, part="tag"),
    support=partial(history_support, part="tag"),
    gated=True,
)
