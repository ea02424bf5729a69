"""The terms of text: recent items, the shopper's own words, the query."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from endcap.arrays import F32
from endcap.index.index import ItemIndex
from endcap.index.lexical import query_weights
from endcap.index.vectors import weighted_sum
from endcap.ranking.features import RankingSettings, UserFeatures, decayed


@dataclass(frozen=True)
class Query:
    """What a shopper searches for: the words, and their vector, float32 (d_text,), unit length, where there is one."""

    text: str
    vector: F32 | None = None


def text_weights(features: UserFeatures, settings: RankingSettings) -> F32:
    """Float32 (h,): what each history item weighs in the text term."""
    return decayed(features.weights, features.ranks, settings.text_half_life_events, settings.history_floor)


def words_weights(features: UserFeatures, settings: RankingSettings) -> F32:
    """Float32 (t,): what each review or search weighs; bad reviews are negative."""
    return decayed(features.text_weights, features.text_ranks, settings.words_half_life_events, settings.history_floor)


def signed_dots(dots: Callable[[F32], F32], vectors: F32, weights: F32) -> F32:
    """Likeness of every item to weighted vectors: float32 (n_items,).

    What is like a disliked thing loses; what is unlike it gains nothing, as that says little about an item.

    Parameters
    ----------
    dots : float32 (dim,) -> float32 (n_items,)
    vectors : float32 (h, dim)
    weights : float32 (h,), signed
    """
    values = dots(weighted_sum(vectors, np.maximum(weights, 0)))
    if (weights < 0).any():
        values = values - np.maximum(dots(weighted_sum(vectors, np.maximum(-weights, 0))), 0)
    return values


def signed_support(likeness: F32, weights: F32) -> F32:
    """What each of h weighted vectors adds to k items of `likeness` (h, k), by the rule of `signed_dots`."""
    kept = np.where(weights[:, None] < 0, np.maximum(likeness, 0), likeness)
    return np.asarray(kept * weights[:, None], dtype=np.float32)


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


def centred_dots(index: ItemIndex, query: F32) -> F32:
    """Raw dot products less that of the mean item: encoders give any two texts a high cosine."""
    centre = np.float32(np.vecdot(index.snapshot.whitening_mean, query))
    values = index.raw_dots(query)
    # an item without text (zero vector, dot product exactly 0) is neither near nor far
    return np.asarray(np.where(values == 0, np.float32(0), values - centre), dtype=np.float32)
