"""Re-ranking: changes to an order that scores alone can't express."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I64 = NDArray[np.int64]


def first_of_each_group(groups: NDArray[np.int32]) -> I64:
    """Indices of the first row of each group, in input order: int64 (distinct groups,)."""
    _, first = np.unique(groups, return_index=True)
    return np.sort(first)


def rerank_mmr(scores: F64, vectors: F32, k: int, diversity: float) -> I64:
    """Order of `k` candidates, good and unlike each other (maximal marginal relevance).

    Parameters
    ----------
    scores : float64 (n,), best first; brought to 0..1 before they are weighed against likeness
    vectors : float32 (n, dim), unit or zero rows, row i belongs to scores[i]
    k : 0 <= k <= n
    diversity : 0 = the order of the scores, 1 = variety only

    Returns
    -------
    int64 (k,), indices of `scores`; the best candidate stays first, ties keep the input order

    Raises
    ------
    ValueError : k or diversity out of range, or rows do not match

    References: Carbonell & Goldstein, SIGIR 1998.
    """
    n = len(scores)
    if not 0 <= k <= n or len(vectors) != n or not 0 <= diversity <= 1:
        raise ValueError("rerank_mmr needs 0 <= k <= n, one vector per score, and 0 <= diversity <= 1")
    if diversity == 0 or k == 0:
        return np.arange(k)
    span = float(scores.max() - scores.min())
    relevance = (scores - scores.min()) / span if span > 0 else np.ones(n)
    likeness = np.zeros(n, dtype=np.float64)  # to the nearest item chosen so far
    chosen = [int(np.argmax(relevance))]
    open_ = np.ones(n, dtype=np.bool_)
    while len(chosen) < k:
        open_[chosen[-1]] = False
        likeness = np.maximum(likeness, np.vecdot(vectors, vectors[chosen[-1]]))
        value = np.where(open_, (1 - diversity) * relevance - diversity * likeness, -np.inf)
        chosen.append(int(np.argmax(value)))
    return np.asarray(chosen, dtype=np.int64)
