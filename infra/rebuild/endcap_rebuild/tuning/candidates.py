"""Terms of the score for each validation case, cut to the items that can reach its first places.

All terms for all items of thousands of cases would not fit into memory. A case keeps its target, the best items by
each term and the best by the whole score; tuning that moves the score builds new pools around the new weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from endcap.arrays import F32, F64, I64, Mask
from endcap.index.index import ItemIndex
from endcap.profiles.profile import UserProfile
from endcap.ranking.features import RankingSettings, UserFeatures, features_of
from endcap.ranking.score import term_scores
from endcap.ranking.terms.similarity import user_vector_of
from endcap_rebuild.metrics.ranking import mid_place
from endcap_rebuild.tuning.split import Cases

Kept = dict[tuple[int, RankingSettings], tuple[UserFeatures, F32 | None]]
"""Case and settings of features -> the features, and the vector of the user encoder."""
_BEST_BY_TERM: Final = 50
_BEST_BY_SCORE: Final = 150


@dataclass(frozen=True)
class Pools:
    """Candidates of all cases, one after the other.

    terms : float32 (len(TERMS), candidates); starts : int64 (cases + 1,); targets : int64 (cases,), the candidate
    that is the case's next item
    """

    terms: F32
    starts: I64
    targets: I64

    def scores(self, factors: F64) -> F32:
        """float32 (candidates,): the score under `factors` (weight / scale of each term)."""
        return np.asarray(factors.astype(np.float32) @ self.terms, dtype=np.float32)

    def ranks(self, scores: F32) -> F64:
        """float64 (cases,): the mid-rank of each target within its pool."""
        own = np.repeat(scores[self.targets], np.diff(self.starts))
        above = np.add.reduceat((scores > own).astype(np.int64), self.starts[:-1])
        equal = np.add.reduceat((scores == own).astype(np.int64), self.starts[:-1])
        return mid_place(above.astype(np.float64), equal.astype(np.float64))

    def chosen(self, cases: I64) -> Pools:
        """The pools of some cases."""
        sizes = np.diff(self.starts)[cases]
        starts = np.concatenate([[0], np.cumsum(sizes)])
        candidates = np.arange(starts[-1]) + np.repeat(self.starts[cases] - starts[:-1], sizes)
        targets = self.targets[cases] - self.starts[cases] + starts[:-1]
        return Pools(np.ascontiguousarray(self.terms[:, candidates]), starts, targets)


def build_pools(
    index: ItemIndex,
    cases: Cases,
    profiles: Sequence[UserProfile],
    settings: RankingSettings,
    factors: F64,
    *,
    seen_too: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Pools:
    """Pools of the cases under the weights `factors`.

    Parameters
    ----------
    profiles : one per case, folded from its history
    seen_too : whether items that the user has seen compete, as where repeats are wanted
    """
    parts, targets, starts = [], [], [0]
    for case, terms in enumerate(case_terms(index, cases, profiles, settings)):
        allowed = np.ones(index.n_items, dtype=np.bool_)
        allowed[cases.absent] = False
        if not seen_too:
            allowed[cases.seen(case)] = False
        target = int(cases.items[case])
        allowed[target] = True
        positions = _candidates(terms, factors, allowed, target, index.unseen)
        parts.append(terms[:, positions])
        targets.append(starts[-1] + int(np.searchsorted(positions, target)))
        starts.append(starts[-1] + len(positions))
        if progress is not None:
            progress(case + 1, len(cases))
    return Pools(np.concatenate(parts, axis=1), np.array(starts, dtype=np.int64), np.array(targets, dtype=np.int64))


def case_terms(
    index: ItemIndex,
    cases: Cases,
    profiles: Sequence[UserProfile],
    settings: RankingSettings,
    factors: F64 | None = None,
    kept: Kept | None = None,
) -> Iterable[F32]:
    """float32 (len(TERMS), n) for each case: the terms just as they are served, at the moment of the next item.

    Parameters
    ----------
    factors : what they count for; those that count for nothing are 0
    kept : what other settings of the same cases have left here, where it is the same for these
    """
    wanted, of_features = None if factors is None else factors != 0, settings.of_features
    for case, (profile, at_ms) in enumerate(zip(profiles, cases.times_ms.tolist(), strict=True)):
        key = case, of_features
        known = None if kept is None else kept.get(key)
        if known is None:
            known = features_of(profile, index, at_ms, settings), user_vector_of(profile, index, at_ms)
        if kept is not None:
            kept[key] = known
        yield term_scores(index, known[0], settings, user_vector=known[1], wanted=wanted)


def _candidates(terms: F32, factors: F64, allowed: Mask, target: int, unseen: Mask) -> I64:
    choices = [np.array([target])]
    among = np.flatnonzero(allowed)
    for row in terms:
        if row.any():
            choices.append(_best(row, among, _BEST_BY_TERM))
    scores = factors.astype(np.float32) @ terms
    choices.append(_best(scores, among, _BEST_BY_SCORE))
    # All new items have the same bonus, so that whatever it is, the best of them are these.
    choices.append(_best(scores, among[unseen[among]], _BEST_BY_TERM))
    return np.unique(np.concatenate(choices))


def _best(values: F32, among: I64, k: int) -> I64:
    if len(among) <= k:
        return among
    return among[np.argpartition(-values[among], k)[:k]]
