"""What an item gains by having been chosen before, where seen items may compete.

That term says nothing where they do not, and the other terms say little of what is bought again: whichever brings back
what lies in the history looks like a good list then. So the others are searched by next items that are new to their
shoppers, and this one is set afterwards by the repeats, beside them.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from endcap.arrays import F64, I64
from endcap.ranking.terms.registry import TERMS
from endcap_rebuild.metrics.paired import CLEARLY, is_more
from endcap_rebuild.metrics.ranking import gain_of
from endcap_rebuild.tuning.candidates import Pools

REPEAT_TERM: Final = "again"
# Shares of what all other terms weigh together.
_GRID: Final = (0.0, 0.02, 0.05, 0.1, 0.15, 0.22, 0.32, 0.45, 0.6, 0.8, 1.0, 1.3, 1.8, 2.5, 3.5, 5.0, 8.0)


def with_repeats(pools: Pools, weights: F64, scales: F64, owners: I64) -> tuple[F64, dict[str, Any]]:
    """The weights with another one for having been chosen before, and the evidence for it.

    It is the smallest that is not clearly worse than the best: beyond some size all seen items stand before all others,
    and nothing is left to the other terms.

    Parameters
    ----------
    pools : cases in which seen items compete
    weights, scales : float64 (len(TERMS),)
    owners : int64 (cases,)
    """
    k = TERMS.index(REPEAT_TERM)
    others = np.where(np.arange(len(TERMS)) == k, 0.0, weights)
    rest, row = pools.scores(others / scales), pools.terms[k] / np.float32(scales[k])
    whole = float(others.sum())
    found = {share: gain_of(pools.ranks(rest + np.float32(share * whole) * row)) for share in _GRID}
    best = max(found.values(), key=lambda gains: float(gains.mean()))
    chosen = next(share for share, gains in found.items() if not is_more(best, gains, owners, CLEARLY))
    tried = [{"share": share, "ndcg_at_10": round(float(gains.mean()), 5)} for share, gains in found.items()]
    return np.where(np.arange(len(TERMS)) == k, chosen * whole, weights), {"share": chosen, "tried": tried}
