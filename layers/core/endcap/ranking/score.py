"""Terms of the score, each over the whole assortment at once, and their weights.

A score is a sum of terms times coefficients (weight / scale) and nothing else, so each answer can be taken apart
exactly. Terms that a snapshot's `weights.json` does not mention have default weights, and the
snapshot's natural scales.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from endcap.index.index import Assortment
from endcap.index.lexical import query_weights
from endcap.index.vectors import weighted_sum
from endcap.ranking.features import RankingSettings, Taste, decayed
from endcap.ranking.terms.similarity import similarities
from endcap.snapshot.parts import ItemList

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

LISTS: Final = ("next", "together", "neighbours", "wording")

DEFAULT_WEIGHTS: Final[Mapping[str, float]] = MappingProxyType(
    {
        "similarity": 0.0,  # user encoder; a snapshot that carries one brings its weight
        "next": 1.0,
        "together": 0.35,
        "neighbours": 0.4,
        "wording": 0.8,
        "text": 0.7,
        "words": 0.5,
        "query": 1.0,
        "lexical": 3.0,
        "popularity": 0.15,
        "trend": 0.1,
        "live_trend": 0.0,  # the live counts; a snapshot or a scenario may give it a weight
        "category": 0.25,
        "brand": 0.1,
        "price": 0.05,
        "again": 0.3,
        "new_item": 0.15,
        "similar": 2.0,
        "complement": 2.0,
        "boost": 1.0,
        "rotation": 1.0,
        "due": 2.0,
        "context": 0.15,
    }
)
"""Near the mean of what rebuilds chose on the validation windows of four real shops; small shops stay with them."""
TERMS: Final[tuple[str, ...]] = tuple(DEFAULT_WEIGHTS)
"""Rows of `term_scores`, in order."""

QUERIED: Final = frozenset({"query", "lexical"})
"""Terms of the words that a request searches for."""
QUERY_TERMS: Final = frozenset({"query", "lexical", "similar", "complement", "boost", "rotation", "due"})
"""Terms of what a request itself asks for; history does not fill them, and a rebuild does not tune them."""
LIVE_TERMS: Final = frozenset({"live_trend"})
"""Terms of what happens right now: off in answers as of a moment, so that a rebuild has nothing to tune them by."""
EVENED: Final = (*LISTS, "text")
"""Terms that spread the items wider for one history than for another, see `evening`."""
STATED_TERMS: Final = frozenset({"category", "brand"})
BASE_TERMS: Final = frozenset({"popularity", "trend", "context"})
CONTEXT_TERM: Final = "context"
"""Popularity where the shopper is; with the weight and scale of `popularity` the two add up to it."""
_LEAST_SPREAD: Final = 0.05  # of the usual one; less is chance
STATED_WEIGHT: Final = 2.0  # to someone unknown, the page they are on says more than what sells elsewhere


@dataclass(frozen=True)
class Query:
    """What a shopper searches for: the words, and their vector, float32 (d_text,), unit length, where there is one."""

    text: str
    vector: F32 | None = None


def term_scores(
    assortment: Assortment,
    taste: Taste,
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
    settings = settings or RankingSettings.of(assortment.snapshot.weights.settings)
    terms = np.zeros((len(TERMS), assortment.n_items), dtype=np.float32)
    row = dict(zip(TERMS, terms, strict=True))
    if user_vector is not None:
        row["similarity"][:] = similarities(assortment, user_vector)
    weights = list_weights(taste, settings)
    for name in LISTS:
        row[name][:] = sum_rows(assortment, name, taste.positions, weights)
        told = sum_rows(assortment, name, taste.positions, np.abs(weights)) if (weights < 0).any() else row[name]
        row[name] *= np.float32(evening(assortment, name, told))
    if taste.weights.any():
        past, weights = assortment.white_rows(taste.positions), text_weights(taste, settings)
        row["text"][:] = signed_dots(assortment.white_dots, past, weights)
        told = assortment.white_dots(weighted_sum(past, np.abs(weights))) if (weights < 0).any() else row["text"]
        row["text"] *= np.float32(evening(assortment, "text", told))
    if taste.text_weights.any():
        row["words"][:] = signed_dots(partial(_centred_dots, assortment), taste.texts, words_weights(taste, settings))
    if query is not None:
        if query.vector is not None:
            row["query"][:] = _centred_dots(assortment, query.vector)
        row["lexical"][:] = lexical_scores(assortment, query.text)
    row["popularity"][:] = assortment.popularity * np.float32(taste.demand)
    row["trend"][:] = assortment.trend * np.float32(taste.demand)
    row["new_item"][:] = assortment.unseen
    _affinities(assortment, taste, settings, row)
    return terms


def evening(assortment: Assortment, name: str, told: NDArray[np.floating[Any]]) -> float:
    """Factor of one term in one request: √(usual spread / spread in this request), at most √20.

    Histories of many items, or of items with few neighbours, spread the values of a list little; a term would hardly
    have a say then, whatever its weight. The root keeps half of that: little spread is also little known. Standard
    deviations are those over the snapshot's items, so that what is laid over it changes nothing for the others.

    Parameters
    ----------
    told : floating (n_items,), the term as if all of the history spoke for its items: a dislike takes from what a
        liking has given, and the little that remains must not be made larger for it
    """
    usual = assortment.tables.spreads.get(name, 0.0)
    if not (usual and told.any()):
        return 1.0
    spread = float(np.std(told[: assortment.tables.n_items], dtype=np.float64))
    return math.sqrt(usual / max(spread, usual * _LEAST_SPREAD))


def list_weights(taste: Taste, settings: RankingSettings) -> F32:
    """Float32 (h,): what each history item weighs in the item-to-item lists."""
    return decayed(taste.weights, taste.ranks, settings.history_half_life_events, settings.history_floor)


def text_weights(taste: Taste, settings: RankingSettings) -> F32:
    """Float32 (h,): what each history item weighs in the text term."""
    return decayed(taste.weights, taste.ranks, settings.text_half_life_events, settings.history_floor)


def affinity_weights(taste: Taste, settings: RankingSettings) -> F32:
    """Float32 (h,): what each history item weighs in categories, brands, prices and repeats."""
    return decayed(taste.weights, taste.ranks, settings.affinity_half_life_events, settings.history_floor)


def words_weights(taste: Taste, settings: RankingSettings) -> F32:
    """Float32 (t,): what each review or search weighs; bad reviews are negative."""
    return decayed(taste.text_weights, taste.text_ranks, settings.words_half_life_events, settings.history_floor)


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


def edges(neighbours: ItemList, rows: I64) -> tuple[I64, I64]:
    """Edges of several rows of a list: which of `rows` each belongs to, and its place in the list's arrays."""
    starts = neighbours.indptr[rows]
    lengths = neighbours.indptr[rows + 1] - starts
    owner = np.repeat(np.arange(len(rows)), lengths)
    before = np.cumsum(lengths) - lengths
    places = np.arange(int(lengths.sum())) + (starts - before)[owner]
    return owner, places


def list_sources(assortment: Assortment, positions: I64) -> tuple[I64, I64]:
    """History items that can have rows in the lists: their index within `positions`, and their row.

    A variant that nobody has bought yet borrows the list of its group's most bought sibling.
    """
    known = np.flatnonzero(positions < assortment.tables.n_items)
    rows = positions[known]
    return known, assortment.tables.list_row[rows] if len(rows) else rows


def sum_rows(assortment: Assortment, name: str, positions: I64, weights: F32) -> F64:
    """Weighted sum of the rows of one list: float64 (n_items,).

    An item newer than the snapshot gets the mean of what the items like it get, see `endcap.index.imputation`.
    """
    neighbours = assortment.tables.lists[name]
    known, rows = list_sources(assortment, positions)
    owner, places = edges(neighbours, rows)
    values = neighbours.weights[places].astype(np.float64) * weights[known][owner]
    n_known = assortment.tables.n_items
    sums = np.zeros(assortment.n_items)
    sums[:n_known] = np.bincount(neighbours.indices[places], weights=values, minlength=n_known)
    new, lenders, lent = assortment.borrowing
    sums[new] = (sums[lenders] * lent).sum(axis=1)
    return sums


def lexical_scores(assortment: Assortment, text: str) -> F32:
    """Float32 (n_items,): 0..1 for the share of the query's words that an item has; far more for its very id."""
    changes = assortment.changes
    base, fresh = assortment.tables.lexical, None if changes is None else changes.lexical
    weights = query_weights(text, [base] if fresh is None else [base, fresh])
    scores = np.zeros(assortment.n_items, dtype=np.float32)
    scores[: assortment.tables.n_items] = base.scores(text, weights)
    if fresh is not None:
        scores[assortment.changed] = fresh.scores(text, weights)
    return scores


def _centred_dots(assortment: Assortment, query: F32) -> F32:
    """Raw dot products less that of the mean item: encoders give any two texts a high cosine."""
    centre = np.float32(np.vecdot(assortment.snapshot.whitening_mean, query))
    values = assortment.raw_dots(query)
    # an item without text (zero vector, dot product exactly 0) is neither near nor far
    return np.asarray(np.where(values == 0, np.float32(0), values - centre), dtype=np.float32)


def _affinities(assortment: Assortment, taste: Taste, settings: RankingSettings, row: Mapping[str, F32]) -> None:
    weights = affinity_weights(taste, settings)
    if not (weights.any() or taste.categories or taste.brands):
        return
    row["category"][:] = category_scores(assortment, taste, weights)
    row["brand"][:] = _lookup(assortment.brand, brand_affinity(assortment, taste, weights))
    row["price"][:] = _lookup(assortment.price_band, price_affinity(assortment, taste, weights))
    row["again"][taste.positions] = np.maximum(weights, 0)


def category_affinity(assortment: Assortment, taste: Taste, weights: F32) -> dict[int, float]:
    """Category -> affinity, -1 to 1 from history and up to 1 more where stated outright."""
    affinity = dict(taste.categories)
    for position, weight in zip(taste.positions.tolist(), weights.tolist(), strict=True):
        for category in assortment.categories_of(position):
            affinity[category] = affinity.get(category, 0.0) + weight
    return affinity


def category_scores(assortment: Assortment, taste: Taste, weights: F32) -> F32:
    """Mean affinity to an item's categories, rare ones counting more: float32 (n_items,)."""
    affinity = category_affinity(assortment, taste, weights)
    tables = assortment.tables
    known = np.asarray(sorted(c for c in affinity if c < len(tables.snapshot.columns.categories)), dtype=np.int64)
    owner, places = edges(tables.by_category, known)
    strength = np.asarray([affinity[c] for c in known.tolist()])
    values = tables.by_category.weights[places] * strength[owner]
    scores = np.zeros(assortment.n_items, dtype=np.float32)
    items = tables.by_category.indices[places]
    scores[: tables.n_items] = np.bincount(items, weights=values, minlength=tables.n_items)
    if assortment.changes is not None:
        owner, categories, share = assortment.changed_categories
        changed = np.bincount(owner, weights=share * _lookup(categories, affinity), minlength=assortment.n_items)
        scores[assortment.changed] = changed[assortment.changed]
    return scores


def brand_affinity(assortment: Assortment, taste: Taste, weights: F32) -> dict[int, float]:
    """Brand -> affinity, likewise."""
    affinity = dict(taste.brands)
    for brand, weight in zip(assortment.brand[taste.positions].tolist(), weights.tolist(), strict=True):
        if brand >= 0:
            affinity[brand] = affinity.get(brand, 0.0) + weight
    return affinity


def price_affinity(assortment: Assortment, taste: Taste, weights: F32) -> dict[int, float]:
    """Price band -> affinity; half of it spills into the bands beside."""
    affinity: dict[int, float] = {}
    for band, weight in zip(assortment.price_band[taste.positions].tolist(), weights.tolist(), strict=True):
        if band >= 0:
            for other, share in ((band, 1.0), (band - 1, 0.5), (band + 1, 0.5)):
                affinity[other] = affinity.get(other, 0.0) + share * weight
    return affinity


def _lookup(ids: NDArray[Any], affinity: Mapping[int, float]) -> F32:
    """Affinity of each item's id, 0 for -1: float32 (n_items,)."""
    top = max(int(ids.max(initial=-1)), max(affinity, default=-1))
    table = np.zeros(top + 2, dtype=np.float32)
    for number, value in affinity.items():
        if number >= 0:
            table[number] = value
    table[-1] = 0.0  # where -1 points
    return np.asarray(table[ids], dtype=np.float32)


def coefficients(
    assortment: Assortment,
    settings: RankingSettings,
    taste: Taste,
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
    stored, natural = assortment.snapshot.weights.terms, assortment.tables.scales
    weights, scales = {}, {}
    asked = query is not None or related
    unknown = not asked and not (taste.weights.any() or taste.text_weights.any())
    only_dislikes = not asked and not ((taste.weights > 0).any() or (taste.text_weights > 0).any())
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
