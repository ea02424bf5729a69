"""The terms of what a history has in common: categories, brands, prices, repeats."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from endcap.arrays import F32
from endcap.index.index import Assortment
from endcap.ranking.features import RankingSettings, Taste, decayed
from endcap.ranking.terms.lists import edges


def affinity_weights(taste: Taste, settings: RankingSettings) -> F32:
    """Float32 (h,): what each history item weighs in categories, brands, prices and repeats."""
    return decayed(taste.weights, taste.ranks, settings.affinity_half_life_events, settings.history_floor)


def add_affinities(assortment: Assortment, taste: Taste, settings: RankingSettings, row: Mapping[str, F32]) -> None:
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
