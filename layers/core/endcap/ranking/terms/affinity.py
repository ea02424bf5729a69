"""The terms of what a history has in common: categories, brands, prices, repeats."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from endcap.arrays import F32
from endcap.index.index import ItemIndex
from endcap.ranking.features import RankingSettings, UserFeatures, decayed
from endcap.ranking.terms.lists import edges


def affinity_weights(features: UserFeatures, settings: RankingSettings) -> F32:
    """Float32 (h,): what each history item weighs in categories, brands, prices and repeats."""
    return decayed(features.weights, features.ranks, settings.affinity_half_life_events, settings.history_floor)


def add_affinities(index: ItemIndex, features: UserFeatures, settings: RankingSettings, row: Mapping[str, F32]) -> None:
    weights = affinity_weights(features, settings)
    if not (weights.any() or features.categories or features.brands):
        return
    row["category"][:] = category_scores(index, features, weights)
    row["brand"][:] = _lookup(index.brand, brand_affinity(index, features, weights))
    row["price"][:] = _lookup(index.price_band, price_affinity(index, features, weights))
    row["again"][features.positions] = np.maximum(weights, 0)


def category_affinity(index: ItemIndex, features: UserFeatures, weights: F32) -> dict[int, float]:
    """Category -> affinity, -1 to 1 from history and up to 1 more where stated outright."""
    affinity = dict(features.categories)
    for position, weight in zip(features.positions.tolist(), weights.tolist(), strict=True):
        for category in index.categories_of(position):
            affinity[category] = affinity.get(category, 0.0) + weight
    return affinity


def category_scores(index: ItemIndex, features: UserFeatures, weights: F32) -> F32:
    """Mean affinity to an item's categories, rare ones counting more: float32 (n_items,)."""
    affinity = category_affinity(index, features, weights)
    tables = index.tables
    known = np.asarray(sorted(c for c in affinity if c < len(tables.snapshot.columns.categories)), dtype=np.int64)
    owner, places = edges(tables.by_category, known)
    strength = np.asarray([affinity[c] for c in known.tolist()])
    values = tables.by_category.weights[places] * strength[owner]
    scores = np.zeros(index.n_items, dtype=np.float32)
    items = tables.by_category.indices[places]
    scores[: tables.n_items] = np.bincount(items, weights=values, minlength=tables.n_items)
    if index.changes is not None:
        owner, categories, share = index.changed_categories
        changed = np.bincount(owner, weights=share * _lookup(categories, affinity), minlength=index.n_items)
        scores[index.changed] = changed[index.changed]
    return scores


def brand_affinity(index: ItemIndex, features: UserFeatures, weights: F32) -> dict[int, float]:
    """Brand -> affinity, likewise."""
    affinity = dict(features.brands)
    for brand, weight in zip(index.brand[features.positions].tolist(), weights.tolist(), strict=True):
        if brand >= 0:
            affinity[brand] = affinity.get(brand, 0.0) + weight
    return affinity


def price_affinity(index: ItemIndex, features: UserFeatures, weights: F32) -> dict[int, float]:
    """Price band -> affinity; half of it spills into the bands beside."""
    affinity: dict[int, float] = {}
    for band, weight in zip(index.price_band[features.positions].tolist(), weights.tolist(), strict=True):
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
