"""The terms of what was written about the items: near to that of recent items, or to what a query means.

Their weights are those of the terms of text, times what a gate of the rebuild found best; 0 where nothing was written.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from endcap.arrays import F32, F64, I64
from endcap.ranking.terms.term import ScoringContext, Term
from endcap.ranking.terms.text import sides, signed_support
from endcap.ranking.values import Likeness, Values

DESCRIBED_NAME: Final = "described"
DESCRIBED_QUERY_NAME: Final = "described_query"


def without_mean(vectors: F32, mean: F32) -> F32:
    """Rows less a mean, of length 1 again; a zero row stays one."""
    rest = np.where(vectors.any(axis=-1, keepdims=True), vectors - mean, np.float32(0))
    lengths = np.linalg.norm(rest, axis=-1, keepdims=True)
    return np.asarray(rest / np.maximum(lengths, 1e-9), dtype=np.float32)


def _values(context: ScoringContext) -> Values | None:
    described = context.index.described
    if described is None or not context.features.weights.any():
        return None
    past = described.rows(context.features.positions)
    return Likeness(described, *sides(past, context.weights.text)) if past.any() else None


def _support(context: ScoringContext, positions: I64) -> F64:
    described = context.index.described
    if described is None:
        return np.zeros((len(context.features.positions), len(positions)))
    past, ranked = (described.rows(rows) for rows in (context.features.positions, positions))
    alike = np.asarray(np.vecdot(past[:, None, :], ranked[None, :, :]), dtype=np.float32)  # (h, k)
    return signed_support(alike, context.weights.text).astype(np.float64)


def _query_values(context: ScoringContext) -> Values | None:
    query, described = context.query, context.index.described
    if described is None or query is None or query.vector is None:
        return None
    return Likeness(described, without_mean(query.vector, context.index.snapshot.whitening_mean))


DESCRIBED: Final = Term(
    name=DESCRIBED_NAME,
    default_weight=0.0,
    source="content",
    values=_values,
    support=_support,
    by_text=True,
    gated=True,
)
DESCRIBED_QUERY: Final = Term(
    name=DESCRIBED_QUERY_NAME, default_weight=0.0, source="query", values=_query_values, asked=True, gated=True
)
