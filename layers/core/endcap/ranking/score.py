"""Terms of the score, each over the whole assortment at once, and their weights.

A score is a sum of terms times coefficients (weight / scale) and nothing else, so each answer can be taken apart
exactly. Terms that a snapshot's `weights.json` does not mention have default weights, and the
snapshot's natural scales.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np

from endcap.arrays import F32, F64, I64
from endcap.index.index import ItemIndex
from endcap.index.vectors import weighted_sum
from endcap.ranking.features import RankingSettings, UserFeatures
from endcap.ranking.terms.affinity import add_affinities
from endcap.ranking.terms.lists import list_weights, spread_correction, sum_rows
from endcap.ranking.terms.registry import (
    BASE_TERMS,
    DEFAULT_WEIGHTS,
    LISTS,
    LIVE_TERMS,
    QUERY_TERMS,
    STATED_TERMS,
    STATED_WEIGHT,
    TERMS,
)
from endcap.ranking.terms.similarity import similarities
from endcap.ranking.terms.text import Query, centred_dots, lexical_scores, signed_dots, text_weights, words_weights


def term_scores(
    index: ItemIndex,
    features: UserFeatures,
    settings: RankingSettings | None = None,
    query: Query | None = None,
    user_vector: F32 | None = None,
) -> F32:
    """Every term for every item, before weights and scales.

    Parameters
    ----------
    settings : the snapshot's own when None
    user_vector : float32 (d_item,), of `endcap.ranking.terms.similarity.user_vector_of`

    Returns
    -------
    float32 (len(TERMS), n_items)
    """
    settings = settings or RankingSettings.of(index.snapshot.weights.settings)
    terms = np.zeros((len(TERMS), index.n_items), dtype=np.float32)
    row = dict(zip(TERMS, terms, strict=True))
    if user_vector is not None:
        row["similarity"][:] = similarities(index, user_vector)
    weights = list_weights(features, settings)
    for name in LISTS:
        row[name][:] = sum_rows(index, name, features.positions, weights)
        told = sum_rows(index, name, features.positions, np.abs(weights)) if (weights < 0).any() else row[name]
        row[name] *= np.float32(spread_correction(index, name, told))
    if features.weights.any():
        past, weights = index.white_rows(features.positions), text_weights(features, settings)
        row["text"][:] = signed_dots(index.white_dots, past, weights)
        told = index.white_dots(weighted_sum(past, np.abs(weights))) if (weights < 0).any() else row["text"]
        row["text"] *= np.float32(spread_correction(index, "text", told))
    if features.text_weights.any():
        row["words"][:] = signed_dots(partial(centred_dots, index), features.texts, words_weights(features, settings))
    if query is not None:
        if query.vector is not None:
            row["query"][:] = centred_dots(index, query.vector)
        row["lexical"][:] = lexical_scores(index, query.text)
    row["popularity"][:] = index.popularity * np.float32(features.demand)
    row["trend"][:] = index.trend * np.float32(features.demand)
    row["new_item"][:] = index.unseen
    add_affinities(index, features, settings, row)
    return terms


def coefficients(
    index: ItemIndex,
    settings: RankingSettings,
    features: UserFeatures,
    query: Query | None = None,
    overrides: Mapping[str, float] | None = None,
    related: bool = False,
) -> F64:
    """What each term counts for in this request: float64 (len(TERMS),), weight / scale.

    With a query or given items, relevance comes first: the other terms keep `settings.query_share`. A shopper of whom
    nothing is known gets what is popular, in the context stated, whatever the weights for known shoppers are.

    Parameters
    ----------
    overrides : weights of a scenario, term -> weight; they come last
    related : whether the list is to go with given items
    """
    stored, natural = index.snapshot.weights.terms, index.tables.scales
    weights, scales = {}, {}
    asked = query is not None or related
    unknown = not asked and not (features.weights.any() or features.text_weights.any())
    only_dislikes = not asked and not ((features.weights > 0).any() or (features.text_weights > 0).any())
    for term in TERMS:
        entry = stored.get(term)
        weights[term] = DEFAULT_WEIGHTS[term] if entry is None else entry.weight
        scales[term] = natural.get(term, 1.0) if entry is None else entry.scale
        if only_dislikes and term in BASE_TERMS:
            weights[term] = max(weights[term], DEFAULT_WEIGHTS[term])
        elif unknown and term != "rotation":  # what they were shown is known
            weights[term] = STATED_WEIGHT if term in STATED_TERMS else 0.0
        elif asked and term not in QUERY_TERMS:
            weights[term] *= settings.query_share
        if unknown and term in LIVE_TERMS and entry is not None:
            weights[term] = entry.weight  # what sells right now concerns everyone
        if overrides and term in overrides:
            weights[term] = overrides[term]
    return np.asarray([weights[term] / scales[term] for term in TERMS])


def exact_scores(terms: F32, coefficients: F64, positions: I64) -> F64:
    """Float64 (k,): the score of each position, the terms added up in their order."""
    return np.asarray(contributions(terms, coefficients, positions).sum(axis=0), dtype=np.float64)


def contributions(terms: F32, coefficients: F64, positions: I64) -> F64:
    """Float64 (n_terms, k): what each term adds to the score of each position."""
    return np.asarray(terms[:, positions].astype(np.float64) * coefficients[:, None], dtype=np.float64)
