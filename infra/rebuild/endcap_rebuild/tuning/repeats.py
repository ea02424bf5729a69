"""What an item gains by having been chosen before, where seen items may compete.

That term says nothing where they do not, and the other terms say little of what is bought again: whichever brings back
what lies in the history looks like a good list then. So the others are searched by next items that are new to their
shoppers, and this one is set afterwards by the repeats, beside them. So is how much demand counts in it: what sells now
says a lot of which of their things shoppers buy again, where it may say nothing of what else goes with these.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from endcap.arrays import F64, I64
from endcap.ranking.terms.registry import TERMS
from endcap_rebuild.metrics.paired import CLEARLY, is_more
from endcap_rebuild.metrics.ranking import gain_of
from endcap_rebuild.tuning.candidates import Pools
from endcap_rebuild.tuning.halves import how_often_best

REPEAT_TERM: Final = "again"
_DEMAND_TERM: Final = "popularity"
# Shares of what all other terms weigh together; of a long history each item says little, so the last ones are large.
_GRID: Final = (0.0, 0.02, 0.05, 0.1, 0.15, 0.22, 0.32, 0.45, 0.6, 0.8, 1.0, 1.3, 1.8, 2.5, 3.5, 5.0, 8.0, 20.0, 60.0)
_SOME: Final = (0.3, 1.0, 3.5, 8.0, 20.0, 60.0)
# `RankingSettings.repeat_demand`: beside the few hundredths that one item of a long history weighs.
_DEMANDS: Final = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)


def with_repeats(
    pools: Pools, weights: F64, scales: F64, owners: I64, seed: int = 0
) -> tuple[F64, float, dict[str, Any]]:
    """The weights with another one for having been chosen before, how much demand counts in it, and the evidence.

    Demand counts by how often each of its values is best when owners are drawn anew. The weight is the smallest then
    that is not clearly worse than the best: beyond some size all seen items stand before all others, and nothing is
    left to the other terms.

    Parameters
    ----------
    pools : cases in which seen items compete, made while demand did not count in that term
    weights, scales : float64 (len(TERMS),)
    owners : int64 (cases,)
    """
    k = TERMS.index(REPEAT_TERM)
    others = np.where(np.arange(len(TERMS)) == k, 0.0, weights)
    rest, whole = pools.scores(others / scales), float(others.sum())
    chosen, demand = pools.terms[k] / np.float32(scales[k]), pools.terms[TERMS.index(_DEMAND_TERM)]
    demand = np.where(chosen > 0, demand, 0) / np.float32(scales[k])

    def gains(share: float, counts: float) -> F64:
        return gain_of(pools.ranks(rest + np.float32(share * whole) * (chosen + np.float32(counts) * demand)))

    by_demand = {counts: max((gains(s, counts) for s in _SOME), key=_mean) for counts in _DEMANDS}
    counts = round(float(np.dot(_DEMANDS, how_often_best(list(by_demand.values()), owners, seed))), 6)
    found = {share: gains(share, counts) for share in _GRID}
    best = max(found.values(), key=_mean)
    share = next(share for share, each in found.items() if not is_more(best, each, owners, CLEARLY))
    evidence = {
        "share": share,
        "demand": counts,
        "tried": [{"share": each, "ndcg_at_10": round(_mean(gain), 5)} for each, gain in found.items()],
        "demands_tried": [{"demand": each, "ndcg_at_10": round(_mean(gain), 5)} for each, gain in by_demand.items()],
    }
    return np.where(np.arange(len(TERMS)) == k, share * whole, weights), counts, evidence


def _mean(gains: F64) -> float:
    return float(gains.mean())
