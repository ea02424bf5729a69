"""Coordinate search: one weight at a time is moved over a fixed grid, 0 included, and stays where the gain is clearly
better. Reference: coordinate ascent on ranking metrics, Metzler & Croft, Information Retrieval 2007.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from endcap.arrays import F32, F64
from endcap.ranking.terms.registry import TERMS
from endcap_rebuild.metrics.ranking import gain_of
from endcap_rebuild.tuning.candidates import Pools

# Relative to the largest weight, which is 1 at the start of each round.
_GRID: Final = (0.0, 0.02, 0.05, 0.1, 0.15, 0.22, 0.32, 0.45, 0.6, 0.8, 1.0, 1.3, 1.8)
# A weight moves only for this relative gain: smaller ones are noise of the window.
_CLEARLY: Final = 0.002


def coordinate_search(
    pools: Pools, weights: F64, scales: F64, rounds: int, terms: Sequence[str], depth: int = 10
) -> F64:
    """Weights that rank the targets of the pools best by NDCG up to `depth`, found one at a time from `weights` on.

    Returns
    -------
    float64 (len(TERMS),), in proportion to each other only
    """
    found = weights / max(float(weights.max()), 1e-9)
    best = _gain(pools, pools.scores(found / scales), depth)
    for _ in range(rounds):
        start = best
        # Only proportions rank; without this they would all end at the upper end of the grid.
        found = found / max(float(found.max()), 1e-9)
        scores = pools.scores(found / scales)
        for term in terms:
            k = TERMS.index(term)
            row = pools.terms[k] / np.float32(scales[k])
            if not row.any():
                continue
            rest = scores - np.float32(found[k]) * row
            for weight in _GRID:
                trial = rest + np.float32(weight) * row
                gain = _gain(pools, trial, depth)
                if gain > best * (1 + _CLEARLY):
                    best, scores, found[k] = gain, trial, weight
        if best <= start:
            break
    return found


def _gain(pools: Pools, scores: F32, depth: int) -> float:
    return float(gain_of(pools.ranks(scores), depth).mean())
