"""Weights searched on halves of the window, and what each way of ranking gives on halves that it did not see.

One search over the window learns its noise too, so several run on halves of it and their weights are averaged. Each
half is searched and so is its rest; so every case is judged by as many searches that never saw it, and different ways
of ranking are compared case by case. Which of them is best is noise as well where few shoppers are asked; so each
counts by how often it is best when shoppers are drawn anew. References: averaging over resamples, Breiman, Machine
Learning 1996; models by their share of bootstrap draws, Buckland, Burnham & Augustin, Biometrics 1997.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np

from endcap.arrays import F64, I64, Mask
from endcap.ranking.terms.registry import TERMS
from endcap_rebuild.metrics.bootstrap import drawn_times
from endcap_rebuild.metrics.paired import CLEARLY, error_of_mean, is_more
from endcap_rebuild.metrics.ranking import gain_of
from endcap_rebuild.settings import Progress
from endcap_rebuild.tuning.candidates import Pools
from endcap_rebuild.tuning.coordinate_search import coordinate_search

SPLITS: Final = 3
_ROUNDS: Final = 3
# More cases have their target among the first 50 than among the 10 that are judged, so there is less noise to learn;
# but what lifts a target to place 30, as popularity does, may push others out of the first ten.
DEEP: Final = 50
SEARCH_DEPTHS: Final = (DEEP, 10)
SINGLES: Final = ("next", "together", "neighbours", "wording", "text")
"""Terms that are a model by themselves: each knows which items go with a history."""
# Shares of the first term of a pair.
_PAIR_SHARES: Final = (0.15, 0.3, 0.5, 0.7, 0.85)
# Shares of the blend; what is left is the simple model's. Never the blend alone: a window is one period, whose demand
# and whose lengths of history the search takes for lasting, so that halves of the same period can't warn of it.
BLEND_SHARES: Final = (0.25, 0.5, 0.75)
_DRAWS: Final = 200


@dataclass(frozen=True)
class Way:
    """One way of ranking.

    weights : float64 (len(TERMS),), adding up to 1, before scales, of the whole window
    by_half : the same as it was found on each half
    gains : float64 (cases,), NDCG@10 of each case, by the halves that had not seen it
    """

    name: str
    weights: F64
    by_half: tuple[F64, ...]
    gains: F64


@dataclass(frozen=True)
class Halves:
    """The cases of a window with the halves that searches may see.

    scales : float64 (len(TERMS),); owners : int64 (cases,), cases of one owner always lie in one half
    searched : bool (cases,) of each half
    """

    pools: Pools
    scales: F64
    owners: I64
    searched: tuple[Mask, ...]

    @classmethod
    def of(cls, pools: Pools, scales: F64, owners: I64, seed: int) -> Halves:
        """Random halves, each followed by its rest."""
        chance = np.random.default_rng(seed)
        distinct, owner = np.unique(owners, return_inverse=True)
        drawn = [(chance.permutation(len(distinct)) < len(distinct) // 2)[owner] for _ in range(SPLITS)]
        return cls(pools, scales, owners, tuple(half for each in drawn for half in (each, ~each)))

    def gains_of(self, weights: F64) -> F64:
        """float64 (cases,): NDCG@10 of each case under some weights."""
        return gain_of(self.pools.ranks(self.pools.scores(weights / self.scales)))

    def way(self, name: str, found: Sequence[F64], weights: F64 | None = None) -> Way:
        """A way of ranking that each half finds for itself.

        Parameters
        ----------
        found : the weights of each half
        weights : of the whole window; the mean over the halves when None
        """
        by_half = tuple(_whole(own) for own in found)
        gains = np.zeros(len(self.owners))
        for half, own in zip(self.searched, by_half, strict=True):
            gains[~half] += self.gains_of(own)[~half]
        whole = np.mean(by_half, axis=0) if weights is None else _whole(weights)
        return Way(name, whole, by_half, gains / SPLITS)

    def fixed(self, name: str, weights: F64) -> Way:
        """A way of ranking that is the same whatever a half says."""
        return self.way(name, [weights] * len(self.searched), weights)

    def blend(self, start: F64, terms: Sequence[str], progress: Progress) -> Way:
        """All terms, searched by both depths: the mean of what they find, or one where that is clearly better."""
        parts = [self.pools.chosen(np.flatnonzero(half)) for half in self.searched]

        def searched(depth: int) -> list[F64]:
            found = []
            for number, part in enumerate(parts):
                found.append(_whole(coordinate_search(part, start, self.scales, _ROUNDS, terms, depth)))
                progress("search", number + 1, len(parts))
            return found

        by_depth = {depth: searched(depth) for depth in SEARCH_DEPTHS}
        both = [np.mean(pair, axis=0) for pair in zip(*by_depth.values(), strict=True)]
        blend = self.way("blend", both)
        for depth, found in by_depth.items():
            alone = self.way(f"blend to place {depth}", found)
            if is_more(alone.gains, blend.gains, self.owners, CLEARLY):
                blend = alone
        return blend

    def simple(self) -> list[Way]:
        """Each single term, and the best pair of them as each half finds it; simplest first."""
        known = [term for term in SINGLES if self.pools.terms[TERMS.index(term)].any()]
        alone = {term: _only({term: 1.0}) for term in known}
        ways = [self.fixed(term, own) for term, own in alone.items()]
        pairs = [
            _only({first: share, second: 1 - share})
            for first, second in combinations(known, 2)
            for share in _PAIR_SHARES
        ]
        if pairs:
            gains = [self.gains_of(pair) for pair in pairs]
            best = [max(range(len(pairs)), key=lambda k: float(gains[k][half].mean())) for half in self.searched]
            whole = pairs[max(range(len(pairs)), key=lambda k: float(gains[k].mean()))]
            ways.append(self.way("pair", [pairs[k] for k in best], whole))
        return ways

    def mixed(self, name: str, parts: Sequence[tuple[float, Way]]) -> Way:
        """Ways in shares that add up to 1."""
        found = [
            np.sum([share * way.by_half[half] for share, way in parts], axis=0) for half in range(len(self.searched))
        ]
        return self.way(name, found, np.sum([share * way.weights for share, way in parts], axis=0))

    def mixtures(self, simple: Way | None, blend: Way, default: Way) -> list[Way]:
        """What may ship, simplest first: a simple way with a part of the blend, and the default ones beside either."""
        if simple is None:
            return [default, self._evenly(blend, default), blend]
        drawn = [
            self.mixed(f"{simple.name} + {share:g} {blend.name}", [(1 - share, simple), (share, blend)])
            for share in BLEND_SHARES
        ]
        evenly = [self._evenly(simple, default), self._evenly(blend, default), self._evenly(simple, blend, default)]
        return [simple, *drawn, *evenly, default]

    def averaged(self, ways: Sequence[Way], seed: int) -> tuple[Way, dict[str, float]]:
        """The mean of the ways by how often each is best when owners are drawn anew, and these shares by name.

        Shares are chosen by all cases, so that the gains of the mean are those of unseen halves but for these shares.
        """
        shares = how_often_best([way.gains for way in ways], self.owners, seed)
        counting = [(share, way) for share, way in zip(shares.tolist(), ways, strict=True) if share]
        return self.mixed("mean of these", counting), {way.name: share for share, way in counting}

    def _evenly(self, *ways: Way) -> Way:
        return self.mixed(" = ".join(way.name for way in ways), [(1 / len(ways), way) for way in ways])


def how_often_best(gains: Sequence[F64], owners: I64, seed: int) -> F64:
    """float64 (ways,): the share of draws of the owners in which each way of ranking is the best; the first of equals.

    Parameters
    ----------
    gains : float64 (cases,) of each way
    """
    _, owner = np.unique(owners, return_inverse=True)
    sums = np.stack([np.bincount(owner, each) for each in gains], axis=1)
    times = drawn_times(len(sums), _DRAWS, seed)
    best = np.argmax(times @ sums, axis=1)  # all are divided by the same number of cases
    return np.bincount(best, minlength=len(gains)) / _DRAWS


def simple_of(ways: Sequence[Way], owners: I64) -> Way:
    """The best single term, or the pair where that is clearly better."""
    singles = [way for way in ways if way.name in SINGLES]
    best = max(singles, key=lambda way: float(way.gains.mean()))
    pair = ways[-1]
    return pair if is_more(pair.gains, best.gains, owners, CLEARLY) else best


def row_of(way: Way, chosen: Way, owners: I64) -> dict[str, float | str]:
    """A way as the evidence has it: its gain, and the 95 % interval of what the chosen one has more."""
    more = chosen.gains - way.gains
    error = error_of_mean(more, owners) if more.any() else 0.0
    return {
        "way": way.name,
        "ndcg_at_10": round(float(way.gains.mean()), 5),
        "chosen_less_this": round(float(more.mean()), 5),
        "low": round(float(more.mean()) - 1.96 * error, 5),
        "high": round(float(more.mean()) + 1.96 * error, 5),
    }


def _only(weights: dict[str, float]) -> F64:
    return np.array([weights.get(term, 0.0) for term in TERMS])


def _whole(weights: F64) -> F64:
    return np.asarray(weights / max(float(weights.sum()), 1e-9))
