"""From ranks to figures: one place for all models, so that none is measured kindlier than another.

Every figure is a mean over questions. Intervals come from drawing users, not questions, with replacement: choices of
one user are not independent. References: Efron & Tibshirani, An Introduction to the Bootstrap, 1993.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from endcap.metrics import coverage_at_k, mid_ranks, novelty_at_k

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I32 = NDArray[np.int32]
I64 = NDArray[np.int64]

K: Final = 10
DRAWS: Final = 1_000
HISTORY_LENGTHS: Final = ((1, 3), (4, 7), (8, 15), (16, 31), (32, None))
# A bin with fewer questions says nothing.
_FEWEST: Final = 20


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

    @property
    def owner(self) -> I64:
        """int64 (answers,): the question of each answer."""
        return np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))


@dataclass(frozen=True)
class Asked:
    """What the figures need to know about the questions.

    users : int (q,); lengths : int (q,), events of the history; cold : bool (answers,), nobody known chose the item
    """

    users: NDArray[np.integer[Any]]
    lengths: I64
    cold: NDArray[np.bool_]


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


def mid_rank(scores: F32, answer: int, rivals: NDArray[np.bool_]) -> float:
    """Rank of one item beside its rivals; equal scores share their mean rank (as `endcap.metrics.mid_ranks`)."""
    own = scores[answer]
    if np.isnan(own):
        return float(mid_ranks(scores, [answer], rivals)[0])
    return 1 + np.count_nonzero((scores > own) & rivals) + np.count_nonzero((scores == own) & rivals) / 2


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
    gain = np.bincount(owner, np.where(place <= K, 1 / np.log2(1 + place), 0.0), minlength=n_questions)
    ideals = np.cumsum(1 / np.log2(1 + np.arange(1, K + 1)))
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


def figures(ranked: Ranked, asked: Asked) -> dict[str, float]:
    """The means of `per_question`, and warm and cold answers apart.

    `*_warm` and `*_cold` are means over answers that somebody, or nobody, had chosen in what models know;
    `recall_among_left_out` ranks the items taken out of training among themselves.
    """
    found = {name: float(values.mean()) for name, values in per_question(ranked).items()}
    places = _places(ranked)
    gain = np.where(places <= K, 1 / np.log2(1 + places), 0.0)
    for name, chosen in (("warm", ~asked.cold), ("cold", asked.cold)):
        if chosen.any():
            found[f"ndcg_{name}"] = float(gain[chosen].mean())
            found[f"recall_{name}"] = float((places[chosen] <= K).mean())
    apart = ranked.among_left_out[~np.isnan(ranked.among_left_out)]
    if len(apart):
        found["recall_among_left_out"] = float((apart <= K).mean())
    return found


def list_figures(lists: I32, users_of_item: NDArray[np.integer[Any]], n_users: int, vectors: F32) -> dict[str, float]:
    """Coverage, novelty (bits) and intra-list similarity of the lists shown.

    Parameters
    ----------
    vectors : float32 (n, dim), unit or zero rows, by which two items are alike
    """
    rows = [row[row >= 0].tolist() for row in lists]
    return {
        "coverage_at_10": coverage_at_k(rows, len(vectors), K),
        "novelty_at_10": novelty_at_k(rows, users_of_item, n_users, K),
        "intra_list_similarity": intra_list_similarity(lists, vectors),
    }


def intra_list_similarity(lists: I32, vectors: F32) -> float:
    """Mean cosine between two items of one list, over lists of two or more."""
    likeness = []
    for row in lists:
        own = vectors[row[row >= 0]].astype(np.float64)
        if (n := len(own)) > 1:
            total = own.sum(axis=0)
            likeness.append((total @ total - np.vecdot(own, own).sum()) / (n * (n - 1)))
    return float(np.mean(likeness)) if likeness else 0.0


def by_history_length(values: F64, lengths: I64) -> list[dict[str, Any]]:
    """Mean of a figure by how many events a history has; thin bins are left out."""
    rows: list[dict[str, Any]] = []
    for low, high in HISTORY_LENGTHS:
        chosen = (lengths >= low) & (lengths <= (high or np.iinfo(np.int64).max))
        if np.count_nonzero(chosen) >= _FEWEST:
            name = f"{low}-{high}" if high else f"{low}+"
            rows.append({"events": name, "questions": int(chosen.sum()), "mean": float(values[chosen].mean())})
    return rows


def interval(values: F64, users: NDArray[np.integer[Any]], draws: int = DRAWS, seed: int = 0) -> tuple[float, float]:
    """95 % bootstrap interval of the mean of `values`, drawing users with all their questions."""
    _, group = np.unique(users, return_inverse=True)
    total = np.bincount(group, values)
    count = np.bincount(group)
    chance = np.random.default_rng([seed, 3])
    n = len(total)
    means = np.empty(draws)
    for draw in range(draws):
        times = np.bincount(chance.integers(n, size=n), minlength=n)
        means[draw] = (times @ total) / (times @ count)
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)


def compared(values: Mapping[str, F64], model: str, users: NDArray[np.integer[Any]]) -> dict[str, Any]:
    """A model against the best of the others: paired difference of means, with its 95 % interval.

    Parameters
    ----------
    values : model -> float64 (q,), the same questions in the same order
    """
    others: Sequence[str] = [name for name in values if name != model]
    if model not in values or not others:
        return {}
    best = max(others, key=lambda name: float(values[name].mean()))
    difference = values[model] - values[best]
    low, high = interval(difference, users)
    return {
        "model": model,
        "best_baseline": best,
        "difference": float(difference.mean()),
        "low": low,
        "high": high,
        "relative": float(difference.mean() / max(float(values[best].mean()), 1e-12)),
    }
