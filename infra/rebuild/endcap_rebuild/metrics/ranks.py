"""Where answers stand: ranks beside everything that competes, the lists shown, and the figures of each question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from endcap.arrays import F32, F64, I32, I64
from endcap_rebuild.metrics.ranking import gain_of, mid_rank

K: Final = 10


@dataclass(frozen=True)
class Ranked:
    """What one model made of all questions.

    Attributes
    ----------
    starts : int64 (q + 1,): the answers of question i are `starts[i]:starts[i + 1]`
    ranks : float64 (answers,), mid-rank of each answer among what competes; the other answers of its question do not
    among_left_out : float64 (answers,), rank among the items that were taken out of training, NaN for other answers
    competing : int64 (q,), how many items competed, answers included
    lists : int32 (q, K), the first places, -1 beyond the end of a short list
    """

    starts: I64
    ranks: F64
    among_left_out: F64
    competing: I64
    lists: I32

    @classmethod
    def of_questions(
        cls, starts: I64, ranks: Sequence[F64], among: Sequence[F64], competing: Sequence[int], lists: Sequence[I32]
    ) -> Ranked:
        """What came of one question after the other."""
        return cls(
            starts,
            np.concatenate(ranks),
            np.concatenate(among),
            np.array(competing, dtype=np.int64),
            np.stack(lists),
        )

    @property
    def owner(self) -> I64:
        """int64 (answers,): the question of each answer."""
        return np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))


def rank_answers(scores: F32, answers: I32, seen: I32, left_out: NDArray[np.bool_]) -> tuple[F64, F64, int]:
    """Ranks of one question's answers among all items, and among those left out; and how many items competed.

    Parameters
    ----------
    scores : float (n,), NaN ranks last
    seen : items that do not compete (unless they are answers)
    """
    competing = np.ones(len(scores), dtype=np.bool_)
    competing[seen] = False
    competing[answers] = False
    ranks = np.array([mid_rank(scores, int(answer), competing) for answer in answers])
    among = np.full(len(answers), np.nan)
    if left_out.any():
        rivals = competing & left_out
        for k in np.flatnonzero(left_out[answers]).tolist():
            among[k] = mid_rank(scores, int(answers[k]), rivals)
    return ranks, among, int(np.count_nonzero(competing)) + len(answers)


def best_list(scores: F32, barred: I32, precedence: I64, k: int = K) -> I32:
    """The k best items, equal scores in the order of `precedence`: int32 (k,), -1 where there are fewer.

    Parameters
    ----------
    barred : items that may not be shown
    precedence : int64 (n,), place of each item among equals
    """
    values = np.nan_to_num(scores.astype(np.float64), nan=-np.inf)
    values[barred] = -np.inf
    wanted = min(k, len(values))
    least = np.partition(values, len(values) - wanted)[len(values) - wanted]
    pool = np.flatnonzero((values >= least) & (values > -np.inf))
    chosen = pool[np.lexsort((precedence[pool], -values[pool]))][:k]
    return np.append(chosen, np.full(k - len(chosen), -1)).astype(np.int32)


def per_question(ranked: Ranked) -> dict[str, F64]:
    """NDCG@10, recall, precision, F1, MRR and AUC of each question: float64 (q,) by name."""
    n_questions = len(ranked.starts) - 1
    owner = ranked.owner
    answers = np.diff(ranked.starts)
    # Answers of one question do not compete with each other: in the list they stand one after the other.
    place = _places(ranked)
    hits = np.bincount(owner, place <= K, minlength=n_questions)
    gain = np.bincount(owner, gain_of(place, K), minlength=n_questions)
    ideals = np.cumsum(gain_of(np.arange(1, K + 1), K))
    best = np.full(n_questions, np.inf)
    np.minimum.at(best, owner, place)
    rivals = np.maximum(ranked.competing - answers, 1)
    below = 1 - (ranked.ranks - 1) / rivals[owner]
    return {
        "ndcg_at_10": np.minimum(gain / ideals[np.minimum(answers, K) - 1], 1.0),
        "recall_at_10": hits / answers,
        "precision_at_10": hits / K,
        "f1_at_10": 2 * hits / (K + answers),
        "mrr": 1 / best,
        "auc": np.bincount(owner, below, minlength=n_questions) / answers,
    }


def _places(ranked: Ranked) -> F64:
    """Place of each answer in the full list: its rank beside other items, plus the answers that stand before it."""
    order = np.lexsort((ranked.ranks, ranked.owner))
    before = np.arange(len(order)) - np.repeat(ranked.starts[:-1], np.diff(ranked.starts))
    places = np.empty(len(order))
    places[order] = ranked.ranks[order] + before
    return places
