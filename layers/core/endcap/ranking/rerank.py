"""Re-ranking: changes to an order that scores alone can't express."""

from __future__ import annotations

from typing import Final

import numpy as np

from endcap.arrays import F32, F64, I64
from endcap.ranking.calibration import CategoryMix

# Shifts the middle of the knob: likeness within a list falls about evenly from 0 to 1 with it.
_STEEPNESS: Final = 1.4


def rerank_greedily(
    scores: F64, vectors: F32, k: int, diversity: float, calibration: float = 0.0, mix: CategoryMix | None = None
) -> I64:
    """Order of `k` candidates: good, unlike each other, and in the mix of the shopper's history.

    Place by place the candidate with the most of (1 - calibration) x maximal marginal relevance - calibration x the
    divergence of the list's categories from the history's.

    Parameters
    ----------
    scores : float64 (n,), best first; brought to 0..1 before they are weighed
    vectors : float32 (n, dim), unit or zero rows, row i belongs to scores[i]
    k : 0 <= k <= n
    diversity : 0 = relevance only, 1 = variety only
    calibration : 0 = whatever the mix, 1 = the mix only
    mix : of the same candidates; without one there is nothing to calibrate to

    Returns
    -------
    int64 (k,), indices of `scores`; ties keep the input order

    Raises
    ------
    ValueError : k, diversity or calibration out of range, or rows do not match

    References: Carbonell & Goldstein, SIGIR 1998; Steck, RecSys 2018.
    """
    n = len(scores)
    if not 0 <= k <= n or len(vectors) != n or not 0 <= diversity <= 1 or not 0 <= calibration <= 1:
        raise ValueError("rerank_greedily needs 0 <= k <= n, one vector per score, and knobs from 0 to 1")
    if mix is None:
        calibration = 0.0
    if (diversity == 0 and calibration == 0) or k == 0:
        return np.arange(k)
    span = float(scores.max() - scores.min())
    relevance = (scores - scores.min()) / span if span > 0 else np.ones(n)
    variety = diversity**_STEEPNESS
    likeness = np.zeros(n, dtype=np.float64)  # to the nearest item chosen so far
    shown = np.zeros(0 if mix is None else len(mix.target))
    chosen: list[int] = []
    open_ = np.ones(n, dtype=np.bool_)
    while len(chosen) < k:
        value = (1 - variety) * relevance - variety * likeness
        if mix is not None and calibration > 0:
            value = (1 - calibration) * value - calibration * mix.divergence_with_each(shown, len(chosen))
        best = int(np.argmax(np.where(open_, value, -np.inf)))
        chosen.append(best)
        open_[best] = False
        likeness = np.maximum(likeness, np.vecdot(vectors, vectors[best]))
        if mix is not None:
            shown = shown + mix.shares[best]
    return np.asarray(chosen, dtype=np.int64)
