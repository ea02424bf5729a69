"""Calibrated lists: the mix of categories that a list shows follows the mix of the shopper's history.

p(c) is what share of the history a category has, q(c) what share of the list; how far they are apart is the
Kullback-Leibler divergence KL(p || (1 - a) q + a p), which a small a keeps finite. Reference: Steck, RecSys 2018.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from endcap.arrays import F64, I64
from endcap.index.index import ItemIndex
from endcap.ranking.features import UserFeatures

SMOOTHING: Final = 0.01
MAX_CATEGORIES: Final = 30
"""Of a history, the heaviest ones: what else is in it says little about a list of ten."""


@dataclass(frozen=True)
class CategoryMix:
    """What a list should show, and what each candidate would add to it.

    target : float64 (c,), > 0, adds up to 1
    shares : float64 (n, c), how far each candidate belongs to each category; a row adds up to 1 at most
    """

    target: F64
    shares: F64

    def divergence(self, shown: F64) -> F64:
        """KL of the target from lists with these mean shares, float64 (..., c): float64 (...), >= 0."""
        mixed = (1 - SMOOTHING) * shown + SMOOTHING * self.target
        return np.asarray((self.target * np.log(self.target / mixed)).sum(axis=-1), dtype=np.float64)

    def divergence_with_each(self, total: F64, n_shown: int) -> F64:
        """The divergence if each candidate came next in a list of `n_shown` items with summed shares `total`."""
        return self.divergence((total + self.shares) / (n_shown + 1))


def mix_of(index: ItemIndex, features: UserFeatures, positions: I64) -> CategoryMix | None:
    """The mix of a history and the candidates at `positions`, int64 (n,); None where the history has no category.

    Of an item's categories the rarer count more (inverse document frequency): one that every item has says nothing.
    What the shopper disliked or gave back does not count.
    """
    weights: dict[int, float] = {}
    for row, weight in zip(features.positions.tolist(), features.weights.tolist(), strict=True):
        if weight > 0:
            for category, share in category_shares(index, row).items():
                weights[category] = weights.get(category, 0.0) + weight * share
    if not weights:
        return None
    heaviest = sorted(weights, key=lambda category: (-weights[category], category))[:MAX_CATEGORIES]
    column = {category: k for k, category in enumerate(heaviest)}
    target = np.asarray([weights[category] for category in heaviest])
    shares = np.zeros((len(positions), len(heaviest)))
    for k, row in enumerate(positions.tolist()):
        for category, share in category_shares(index, row).items():
            if category in column:
                shares[k, column[category]] = share
    return CategoryMix(target / target.sum(), shares)


def category_shares(index: ItemIndex, row: int) -> Mapping[int, float]:
    """Category -> how far the item belongs to it; adds up to 1 for an item with categories."""
    rarity = {category: index.tables.idf_of(category) for category in index.categories_of(row)}
    total = sum(rarity.values())
    return {category: value / total for category, value in rarity.items()}
