"""New items beside known ones: the bonus for being new, by the share of the choices that new items had in the window.

A search by NDCG gives new items next to nothing where known ones are ranked well, and what it gives is thinned when the
blend is drawn towards a list that knows no new ones. So the bonus is set last, by one number: how many times their
share of the choices new items have of the first ten places. Half is the default, for the bonus is handed on to a model
of everything, in whose lists it has given up to twice as many places, and a place in vain costs more than one too few;
the window may say otherwise, where another number surely ranks better. Reference: calibration, Steck, RecSys 2018.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from endcap.arrays import F32, F64, I64, Mask
from endcap.ranking.terms.registry import TERMS
from endcap_rebuild.metrics.paired import SURELY, is_more
from endcap_rebuild.metrics.ranking import gain_of
from endcap_rebuild.tuning.candidates import Pools

NEW_TERM: Final = "new_item"
LEAST_NEW: Final = 5
"""Choices of new items below which next to nothing is known of their share; their bonus is the default one then."""
TIMES: Final = (0.25, 0.5, 1.0, 2.0, 4.0)
USUAL: Final = 0.5
_PLACES: Final = 10


def balanced(pools: Pools, weights: F64, default: F64, scales: F64, owners: I64) -> tuple[F64, dict[str, Any]]:
    """The weights with another one for being new, and the evidence for it.

    Parameters
    ----------
    pools : cases in which no seen item competes; those with a new item for a target are counted
    weights, default, scales : float64 (len(TERMS),)
    owners : int64 (cases,)
    """
    k = TERMS.index(NEW_TERM)
    new = pools.terms[k] > 0
    cold = new[pools.targets]
    evidence: dict[str, Any] = {"cases": int(cold.sum()), "share_of_choices": round(float(cold.mean()), 5)}
    alone = np.where(np.arange(len(TERMS)) == k, 0.0, weights)
    if evidence["cases"] < LEAST_NEW:
        usual = default[k] / max(float(default.sum() - default[k]), 1e-9)
        return np.where(np.arange(len(TERMS)) == k, usual * alone.sum(), weights), evidence
    rest = pools.scores(alone / scales)
    needed = bonuses_needed(pools, rest, new)
    most = float(needed[np.isfinite(needed)].max())

    def bonus_of(times: float) -> float:
        share = min(times * float(cold.mean()), 1.0)
        return min(max(0.0, float(np.quantile(needed, share, method="higher"))), most)

    def gains(bonus: float) -> tuple[F64, F64]:
        ranks = pools.ranks(rest + np.float32(bonus) * new)
        return gain_of(ranks), ranks

    bonuses = {times: bonus_of(times) for times in TIMES}
    found = {times: gains(bonus) for times, bonus in bonuses.items()}
    best = max(TIMES, key=lambda times: float(found[times][0].mean()))
    # From the usual one towards the best, as far as it takes to be not surely worse than that.
    way = [times for times in TIMES if min(USUAL, best) <= times <= max(USUAL, best)]
    way = way if best > USUAL else way[::-1]
    chosen = next(times for times in way if not is_more(found[best][0], found[times][0], owners, SURELY))

    def row(bonus: float, gain: F64, ranks: F64) -> dict[str, float]:
        return {
            "share_of_places": round(float((needed < bonus).mean()), 5),
            "ndcg_at_10": round(float(gain.mean()), 5),
            "recall_of_new_at_10": round(float((ranks[cold] <= _PLACES).mean()), 5),
        }

    searched = float(weights[k] / scales[k])
    evidence |= {
        "times": chosen,
        "searched": row(searched, *gains(searched)),
        "tried": [{"times": times, **row(bonuses[times], *found[times])} for times in TIMES],
    }
    return np.where(np.arange(len(TERMS)) == k, bonuses[chosen] * scales[k], weights), evidence


def bonuses_needed(pools: Pools, scores: F32, new: Mask) -> F64:
    """float64 (cases * 10,): the bonus above which a case shows one more new item in its first ten places.

    The k-th new item is among the first ten as soon as it passes the known one at place 11 - k; infinite where there is
    no k-th one.
    """
    needed = np.full((len(pools.targets), _PLACES), np.inf)
    for case, (start, end) in enumerate(zip(pools.starts[:-1].tolist(), pools.starts[1:].tolist(), strict=True)):
        own, is_new = scores[start:end], new[start:end]
        newest, known = _best_first(own[is_new]), _best_first(own[~is_new])
        passed = np.append(known, np.full(_PLACES - len(known), -np.inf))[::-1][: len(newest)]
        needed[case, : len(newest)] = passed - newest
    return needed.ravel()


def _best_first(scores: F32) -> F64:
    """The best ten, best first."""
    return np.sort(scores.astype(np.float64))[::-1][:_PLACES]
