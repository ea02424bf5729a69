"""The terms of text: that of recent items, and what the shopper wrote or searched for."""

from __future__ import annotations

from typing import Final

import numpy as np

from endcap.arrays import F32, F64, I64
from endcap.index.vectors import weighted_sum
from endcap.ranking.terms.lists import spread_correction
from endcap.ranking.terms.term import ScoringContext, Term
from endcap.ranking.values import Centred, Likeness, Values


def sides(vectors: F32, weights: F32) -> tuple[F32, F32 | None]:
    """What weighted vectors (h, dim) point to and, where some weigh less than nothing, what they point away from."""
    toward = weighted_sum(vectors, np.maximum(weights, 0))
    return toward, weighted_sum(vectors, np.maximum(-weights, 0)) if (weights < 0).any() else None


def signed_support(likeness: F32, weights: F32) -> F32:
    """What each of h weighted vectors adds to k items of `likeness` (h, k), by the rule of `Likeness`."""
    kept = np.where(weights[:, None] < 0, np.maximum(likeness, 0), likeness)
    return np.asarray(kept * weights[:, None], dtype=np.float32)


def _text_values(context: ScoringContext) -> Values | None:
    features, index = context.features, context.index
    if not features.weights.any():
        return None
    past, weights = context.past_texts, context.weights.text
    spread = index.tables.white.spread_of(weighted_sum(past, np.abs(weights))) or None
    return Likeness(index.white, *sides(past, weights), np.float32(spread_correction(index, "text", spread)))


def _text_support(context: ScoringContext, positions: I64) -> F64:
    alike = np.vecdot(context.past_texts[:, None, :], context.index.white.rows(positions)[None, :, :])  # (h, k)
    return signed_support(alike, context.weights.text).astype(np.float64)


def _words_values(context: ScoringContext) -> Values | None:
    features, index = context.features, context.index
    if not features.text_weights.any():
        return None
    centred = Centred(index.raw, index.snapshot.whitening_mean)
    return Likeness(centred, *sides(features.texts, context.weights.words))


def words_support(context: ScoringContext, positions: I64) -> F64:
    """Float64 (t, k): how much each review or search speaks for each ranked item."""
    features, index = context.features, context.index
    near = np.vecdot(features.texts[:, None, :], index.raw.rows(positions) - index.snapshot.whitening_mean)
    return signed_support(near, context.weights.words).astype(np.float64)


TEXT: Final = Term(
    name="text", default_weight=0.7, source="content", values=_text_values, support=_text_support, by_text=True
)
WORDS: Final = Term(name="words", default_weight=0.5, source="content", values=_words_values)
