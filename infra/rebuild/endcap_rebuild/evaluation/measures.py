"""From ranks to figures: one place for all models, so that none is measured kindlier than another.

Every figure is a mean over questions. Intervals come from drawing users, not questions, with replacement: choices of
one user are not independent. References: Efron & Tibshirani, An Introduction to the Bootstrap, 1993.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from endcap.arrays import F32, F64, I32, I64
from endcap_rebuild.metrics.bootstrap import interval
from endcap_rebuild.metrics.ranking import coverage_at_k, novelty_at_k
from endcap_rebuild.metrics.ranks import K, Ranked, per_question

HISTORY_LENGTHS: Final = ((1, 3), (4, 7), (8, 15), (16, 31), (32, None))
# A bin with fewer questions says nothing.
_FEWEST: Final = 20


@dataclass(frozen=True)
class Asked:
    """What the figures need to know about the questions.

    users : int (q,); lengths : int (q,), events of the history; cold : bool (answers,), nobody known chose the item
    """

    users: NDArray[np.integer[Any]]
    lengths: I64
    cold: NDArray[np.bool_]


def figures(ranked: Ranked, asked: Asked) -> dict[str, float]:
    """The means of `per_question`, and those of warm and of cold answers apart.

    `*_warm` and `*_cold` are figures of the questions when only answers that somebody, or nobody, had chosen in what
    models know are looked for; `recall_among_left_out` ranks the items taken out of training among themselves.
    """
    found = {name: float(values.mean()) for name, values in per_question(ranked).items()}
    for name, chosen in (("warm", ~asked.cold), ("cold", asked.cold)):
        if chosen.any():
            part = per_question(only(ranked, chosen))
            found[f"ndcg_{name}"] = float(part["ndcg_at_10"].mean())
            found[f"recall_{name}"] = float(part["recall_at_10"].mean())
    apart = ~np.isnan(ranked.among_left_out)
    if apart.any():
        alone = only(replace(ranked, ranks=ranked.among_left_out), apart)
        found["recall_among_left_out"] = float(per_question(alone)["recall_at_10"].mean())
    return found


def only(ranked: Ranked, chosen: NDArray[np.bool_]) -> Ranked:
    """Some of the answers (mask), and the questions that still have one."""
    left = np.bincount(ranked.owner, chosen, minlength=len(ranked.competing)).astype(np.int64)
    kept = left > 0
    return Ranked(
        np.append(0, np.cumsum(left[kept])).astype(np.int64),
        ranked.ranks[chosen],
        ranked.among_left_out[chosen],
        (ranked.competing - np.diff(ranked.starts) + left)[kept],
        ranked.lists[kept],
    )


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
