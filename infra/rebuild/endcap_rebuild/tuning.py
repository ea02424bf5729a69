"""Weights of the score and half-lives of its features, chosen on the validation window.

Coordinate search: one weight at a time is moved over a fixed grid, 0 included, and stays where NDCG@50 is clearly
better. One search over the window learns its noise too, so several run on random halves of it and their weights are
averaged; what each gave on the half that it did not see is the evidence. Scales of the terms are fixed, so that a
weight means the same for every request. References: coordinate ascent on ranking metrics, Metzler & Croft,
Information Retrieval 2007; averaging over resamples, Breiman, Machine Learning 1996.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from endcap.assortment import Assortment
from endcap.features import RankingSettings
from endcap.profiles import UserProfile
from endcap.scoring import DEFAULT_WEIGHTS, QUERY_TERMS, TERMS
from endcap_rebuild.pools import Pools, build_pools, case_terms
from endcap_rebuild.settings import Progress
from endcap_rebuild.trials import MIN_CASES, gain_of, rank_of
from endcap_rebuild.validation import Cases, spread

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

_SETTINGS_CASES: Final = 600
# Relative to the largest weight, which is 1 at the start of each round.
_GRID: Final = (0.0, 0.02, 0.05, 0.1, 0.15, 0.22, 0.32, 0.45, 0.6, 0.8, 1.0, 1.3, 1.8)
_ROUNDS: Final = 3
_HALVES: Final = 6
# Deeper than what is judged: ten times as many cases have their target there, so there is less noise to learn.
_SEARCH_DEPTH: Final = 50
# A weight moves only for this relative gain: smaller ones are noise of the window.
_CLEARLY: Final = 0.002
# Half-lives are tried on fewer cases, so it takes more to believe one.
_CLEARLY_HALF_LIFE: Final = 0.01
_HALF_LIVES: Final[Mapping[str, tuple[float, ...]]] = {
    "history_half_life_events": (1.0, 1.7, 4.0, 7.0),
    "text_half_life_events": (0.6, 2.0, 4.0),
    "affinity_half_life_events": (3.0, 20.0),
}
# Repeats are excluded from most answers, so their weight is tuned apart, on cases that may repeat.
REPEAT_TERM: Final = "again"
TUNABLE: Final = tuple(term for term in TERMS if term not in QUERY_TERMS and term != REPEAT_TERM)


@dataclass(frozen=True)
class Tuned:
    """Weights (before scales) by term, settings, and the evidence for both."""

    weights: dict[str, float]
    settings: RankingSettings
    evidence: dict[str, Any]


def tune(
    assortment: Assortment,
    cases: Cases,
    profiles: Sequence[UserProfile],
    progress: Progress,
    default: RankingSettings | None = None,
    seed: int = 0,
) -> Tuned:
    """Choose weights and half-lives; never worse on the window than the defaults.

    Parameters
    ----------
    assortment : over a snapshot of the train part
    profiles : one per case
    default : settings to start from, and to stay with where nothing is clearly better
    """
    default = settings = default or RankingSettings()
    novel = np.flatnonzero(~cases.repeated)
    evidence: dict[str, Any] = {"cases": len(novel), "repeat_cases": int(cases.repeated.sum()), "tuned": False}
    if len(novel) < MIN_CASES:
        evidence["reason"] = f"fewer than {MIN_CASES} cases in the validation window: default weights"
        return Tuned(dict(DEFAULT_WEIGHTS), settings, evidence)
    scales = _scales(assortment)
    fresh = cases.chosen(novel)
    own = [profiles[k] for k in novel.tolist()]
    weights = np.array([DEFAULT_WEIGHTS[term] if term in TUNABLE else 0.0 for term in TERMS])

    some = spread(len(fresh), _SETTINGS_CASES)
    few, few_profiles = fresh.chosen(some), [own[k] for k in some.tolist()]
    pools = build_pools(assortment, few, few_profiles, settings, weights / scales)
    found = coordinate_search(pools, weights, scales, rounds=1)
    settings, tried = _choose_half_lives(assortment, few, few_profiles, settings, found / scales, progress)

    pools = build_pools(
        assortment, fresh, own, settings, found / scales, progress=lambda done, n: progress("weights", done, n)
    )
    found, held_out = averaged_search(pools, weights, scales, seed, progress)
    better = held_out["after"] > held_out["before"]
    before = measure(assortment, fresh, own, default, weights / scales)
    after = measure(assortment, fresh, own, settings, found / scales)
    if not better or after["ndcg_at_10"] < before["ndcg_at_10"]:
        found, settings, after, better = weights, default, before, False
    # The terms of a query are not tuned; they keep their place beside the others.
    found = found * (weights.sum() / max(found.sum(), 1e-9))
    evidence |= {"tuned": better, "before": before, "after": after, "held_out_ndcg_at_10": held_out}
    evidence["half_lives_tried"] = tried
    chosen = {term: round(float(found[k]), 6) for k, term in enumerate(TERMS) if term in TUNABLE}
    chosen[REPEAT_TERM] = _repeat_weight(assortment, cases, profiles, settings, found, scales, evidence)
    return Tuned({**DEFAULT_WEIGHTS, **chosen}, settings, evidence)


def averaged_search(
    pools: Pools, weights: F64, scales: F64, seed: int, progress: Progress
) -> tuple[F64, dict[str, float]]:
    """Mean of the weights found on random halves of the cases, each first scaled to add up to 1.

    Returns
    -------
    float64 (len(TERMS),), and NDCG@10 before and after on the halves that were not searched
    """
    chance = np.random.default_rng(seed)
    total, gains = np.zeros(len(TERMS)), {"before": 0.0, "after": 0.0}
    n = len(pools.targets)
    for number in range(_HALVES):
        order = chance.permutation(n)
        searched, unseen = pools.chosen(np.sort(order[: n // 2])), pools.chosen(np.sort(order[n // 2 :]))
        found = coordinate_search(searched, weights, scales, _ROUNDS)
        total += found / max(float(found.sum()), 1e-9)
        for name, factors in (("before", weights / scales), ("after", found / scales)):
            gains[name] += float(gain_of(unseen.ranks(unseen.scores(factors))).mean()) / _HALVES
        progress("search", number + 1, _HALVES)
    return total / _HALVES, {name: round(gain, 5) for name, gain in gains.items()}


def coordinate_search(pools: Pools, weights: F64, scales: F64, rounds: int, terms: Sequence[str] = TUNABLE) -> F64:
    """Weights that rank the targets of the pools best, found one at a time from `weights` on.

    Returns
    -------
    float64 (len(TERMS),), in proportion to each other only
    """
    found = weights / max(float(weights.max()), 1e-9)
    best = _gain(pools, pools.scores(found / scales))
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
                gain = _gain(pools, trial)
                if gain > best * (1 + _CLEARLY):
                    best, scores, found[k] = gain, trial, weight
        if best <= start:
            break
    return found


def measure(
    assortment: Assortment, cases: Cases, profiles: Sequence[UserProfile], settings: RankingSettings, factors: F64
) -> dict[str, float]:
    """NDCG@10, hit rate and MRR over the whole catalogue, without what each user had seen."""
    ranks = _ranks(assortment, cases, profiles, settings, factors)
    return {
        "ndcg_at_10": round(float(gain_of(ranks).mean()), 5),
        "hit_rate_at_10": round(float((ranks <= 10).mean()), 5),
        "mrr": round(float((1 / ranks).mean()), 5),
    }


def _ranks(
    assortment: Assortment, cases: Cases, profiles: Sequence[UserProfile], settings: RankingSettings, factors: F64
) -> F64:
    terms = case_terms(assortment, cases, profiles, settings)
    return np.array([rank_of(factors.astype(np.float32) @ rows, cases, case) for case, rows in enumerate(terms)])


def _choose_half_lives(
    assortment: Assortment,
    cases: Cases,
    profiles: Sequence[UserProfile],
    settings: RankingSettings,
    factors: F64,
    progress: Progress,
) -> tuple[RankingSettings, list[dict[str, float | str]]]:
    tried: list[dict[str, float | str]] = []
    best = float(gain_of(_ranks(assortment, cases, profiles, settings, factors), _SEARCH_DEPTH).mean())
    total, done = sum(map(len, _HALF_LIVES.values())), 0
    for name, values in _HALF_LIVES.items():
        for value in values:
            trial = replace(settings, **{name: value})
            gain = float(gain_of(_ranks(assortment, cases, profiles, trial, factors), _SEARCH_DEPTH).mean())
            tried.append({"setting": name, "value": value, "ndcg_at_50": round(gain, 5)})
            if gain > best * (1 + _CLEARLY_HALF_LIFE):
                best, settings = gain, trial
            done += 1
            progress("half-lives", done, total)
    return settings, tried


def _repeat_weight(
    assortment: Assortment,
    cases: Cases,
    profiles: Sequence[UserProfile],
    settings: RankingSettings,
    weights: F64,
    scales: F64,
    evidence: dict[str, Any],
) -> float:
    """Weight of having been chosen before, where seen items compete; the default where nobody repeats."""
    if int(cases.repeated.sum()) < MIN_CASES:
        return DEFAULT_WEIGHTS[REPEAT_TERM]
    some = spread(len(cases), 2 * _SETTINGS_CASES)
    few, own = cases.chosen(some), [profiles[k] for k in some.tolist()]
    pools = build_pools(assortment, few, own, settings, weights / scales, seen_too=True)
    found = coordinate_search(pools, weights, scales, rounds=_ROUNDS, terms=(REPEAT_TERM,))
    ranks = pools.ranks(pools.scores(found / scales))
    evidence["with_repeats_ndcg_at_10"] = round(float(gain_of(ranks).mean()), 5)
    largest = int(np.argmax(weights))  # `found` has the proportions of `weights`, not its size
    return round(float(found[TERMS.index(REPEAT_TERM)] * weights[largest] / found[largest]), 6)


def settings_of(settings: RankingSettings) -> dict[str, float]:
    """The settings as `weights.json` holds them."""
    return {name: float(value) for name, value in asdict(settings).items()}


def _scales(assortment: Assortment) -> F64:
    natural = assortment.tables.scales
    return np.array([natural.get(term, 1.0) for term in TERMS])


def _gain(pools: Pools, scores: F32) -> float:
    return float(gain_of(pools.ranks(scores), _SEARCH_DEPTH).mean())
