"""The terms of what a history has in common: categories, brands, prices, repeats."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from endcap.arrays import F32, F64, I64
from endcap.index.index import ItemIndex
from endcap.ranking.features import UserFeatures
from endcap.ranking.terms.term import ScoringContext, Term
from endcap.ranking.values import Lookup, Sparse, Values, found_at

_MANY: Final = 300_000  # items: fewer are looked up sooner than named
_PRICE_BANDS: Final = 128  # what int8 can count


@dataclass(frozen=True)
class CategoryMean:
    """Mean affinity to an item's categories, rare ones counting more.

    affinity : float64 (categories,), 0 for those that say nothing
    """

    index: ItemIndex
    affinity: F64

    def add_to(self, total: F32, factor: np.float32) -> float:
        changed, n_known = self.index.changed, self.index.tables.n_items
        values = np.take(factor * self._of_sets, self.index.tables.category_sets.of_item)
        values[changed[changed < n_known]] = 0
        total[:n_known] += values
        total[changed] += factor * self._of_changed()
        return 0.0

    def at(self, positions: I64) -> F32:
        scores = np.zeros(len(positions), dtype=np.float32)
        old = positions < self.index.tables.n_items
        scores[old] = self._of_sets[self.index.tables.category_sets.of_item[positions[old]]]
        changed = self.index.changed
        if len(changed):
            numbers = np.arange(1, len(changed) + 1)
            row = found_at(self.index.n_items, changed, numbers, positions)
            scores[row > 0] = self._of_changed()[row[row > 0] - 1]
        return scores

    @cached_property
    def _of_sets(self) -> F32:
        sets = self.index.tables.category_sets
        strengths = sets.shares * self.affinity[sets.categories]
        return np.bincount(sets.owner, weights=strengths, minlength=sets.count).astype(np.float32)

    def everywhere(self) -> F32:
        return self.at(np.arange(self.index.n_items))

    def _of_changed(self) -> F32:
        owner, categories, share = self.index.changed_categories
        strengths = share * self.affinity[categories].astype(np.float32)
        return np.bincount(owner, weights=strengths, minlength=len(self.index.changed)).astype(np.float32)


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


def _table(size: int, affinity: Mapping[int, float]) -> F32:
    """Affinity by number, float32 (size + 1,); the last is for -1, items that have no number."""
    table = np.zeros(size + 1, dtype=np.float32)
    for number, value in affinity.items():
        if 0 <= number < size:
            table[number] = value
    return table


def _weights(context: ScoringContext) -> F32 | None:
    """The weights of the history; None where neither it nor what is stated says anything."""
    features, weights = context.features, context.weights.affinity
    return weights if weights.any() or features.categories or features.brands else None


def _category_values(context: ScoringContext) -> Values | None:
    if _weights(context) is None:
        return None
    return CategoryMean(context.index, context.category_affinity)


def _brand_values(context: ScoringContext) -> Values | None:
    weights, index = _weights(context), context.index
    if weights is None:
        return None
    affinity = brand_affinity(index, context.features, weights)
    n_brands = max(index.tables.names.n_brands, max(affinity, default=-1) + 1)
    few = index.n_items > _MANY and len(affinity) * 8 < n_brands
    return Lookup(index.brand, _table(n_brands, affinity), index.branded if few else None)


def _price_values(context: ScoringContext) -> Values | None:
    weights = _weights(context)
    if weights is None:
        return None
    affinity = price_affinity(context.index, context.features, weights)
    return Lookup(context.index.price_band, _table(_PRICE_BANDS, affinity))


def _again_values(context: ScoringContext) -> Values | None:
    weights = _weights(context)
    if weights is None:
        return None
    index, features = context.index, context.features
    chosen = (weights > 0) & ~features.just_bought
    demand = index.popularity[features.positions] * np.float32(context.settings.repeat_demand * features.demand)
    return Sparse(index.n_items, features.positions, np.where(chosen, weights + demand, np.float32(0)))


def _sharing(numbers: NDArray[Any], context: ScoringContext, positions: I64) -> F64:
    past = context.features.positions
    same = (numbers[past][:, None] == numbers[positions]) & (numbers[positions] >= 0)
    return np.asarray(context.weights.affinity[:, None] * same, dtype=np.float64)


def _category_support(context: ScoringContext, positions: I64) -> F64:
    weights = context.weights.affinity[:, None]
    return (weights * _shared_categories(context.index, context.features.positions, positions)).astype(np.float64)


def _shared_categories(index: ItemIndex, past: I64, positions: I64) -> F64:
    """Summed rarity of the categories that a past and a ranked item share: float64 (h, k)."""
    (owner, categories), (other, theirs) = index.categories_at(past), index.categories_at(positions)
    known, column = np.unique(categories, return_inverse=True)
    if not len(known):
        return np.zeros((len(past), len(positions)))
    ours, shown = np.zeros((len(past), len(known))), np.zeros((len(positions), len(known)))
    ours[owner, column] = index.tables.idf_at(known)[column]
    at = np.minimum(np.searchsorted(known, theirs), len(known) - 1)
    hit = known[at] == theirs
    shown[other[hit], at[hit]] = 1
    return np.asarray(ours @ shown.T)


def _again_support(context: ScoringContext, positions: I64) -> F64:
    features = context.features
    same = (features.positions[:, None] == positions) & ~features.just_bought[:, None]
    return np.asarray(context.weights.affinity[:, None] * same, dtype=np.float64)


CATEGORY: Final = Term(
    name="category",
    default_weight=0.25,
    source="content",
    values=_category_values,
    support=_category_support,
    stated=True,
)
BRAND: Final = Term(
    name="brand",
    default_weight=0.1,
    source="content",
    values=_brand_values,
    support=lambda context, positions: _sharing(context.index.brand, context, positions),
    stated=True,
)
PRICE: Final = Term(
    name="price",
    default_weight=0.05,
    source="content",
    values=_price_values,
    support=lambda context, positions: _sharing(context.index.price_band, context, positions),
)
AGAIN: Final = Term(name="again", default_weight=0.3, source="behaviour", values=_again_values, support=_again_support)
