"""Models of another library on the same questions, so that nobody has to believe our own baselines (`--peers`).

implicit's ALS, BM25 and item-kNN get what our own baselines get: the known interactions that speak for an item, and
what the histories of the questions speak for. Their settings are chosen on the validation questions, as everywhere;
ranks, ties and figures are ours. The library (MIT, with the extra `peers`) is imported when a model is fitted.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from scipy import sparse

from endcap.arrays import F32
from endcap_rebuild.evaluation.baselines import history_matrix, settings, user_matrix
from endcap_rebuild.evaluation.models import Baseline, Known, Scorer, Setting
from endcap_rebuild.evaluation.questions import Questions

_SEED: Final = 0
_ITERATIONS: Final = 15


def _lacking(_: Known) -> str | None:
    if importlib.util.find_spec("implicit") is None:
        return "implicit is not installed (pip install 'endcap[peers]')"
    return None


def _spoken_for(questions: Questions, n_items: int) -> Any:
    """CSR float32 (q, n): 1 for each item that a history speaks for."""
    own = history_matrix(questions, n_items)
    own.data = (own.data > 0).astype(np.float32)
    own.eliminate_zeros()
    return sparse.csr_matrix(own)


def _als(known: Known, setting: Setting) -> Scorer:
    from implicit.cpu.als import AlternatingLeastSquares

    model = AlternatingLeastSquares(
        factors=setting["factors"],
        regularization=setting["regularization"],
        iterations=_ITERATIONS,
        num_threads=1,
        random_state=_SEED,
    )
    model.fit(sparse.csr_matrix(user_matrix(known)), show_progress=False)

    def score(questions: Questions) -> F32:
        folded = model.recalculate_user(np.arange(len(questions)), _spoken_for(questions, known.n_items))
        return np.asarray(folded @ model.item_factors.T, dtype=np.float32)

    return score


def _neighbours(kind: str) -> Callable[[Known, Setting], Scorer]:
    def fit(known: Known, setting: Setting) -> Scorer:
        from implicit import nearest_neighbours

        model = getattr(nearest_neighbours, kind)(K=setting["k"], num_threads=1)
        model.fit(sparse.csr_matrix(user_matrix(known)), show_progress=False)
        alike = sparse.csr_array(model.similarity)
        alike.setdiag(0)  # an item is its own best neighbour there
        return lambda questions: np.asarray((_spoken_for(questions, known.n_items) @ alike).toarray(), dtype=np.float32)

    return fit


_SIZES: Final = settings(k=(100, 20, 50, 200))
PEERS: Final = (
    Baseline(
        "implicit_als",
        "implicit: ALS",
        _als,
        settings(factors=(64, 32, 128), regularization=(0.01, 0.1, 1.0, 10.0)),
        _lacking,
    ),
    Baseline("implicit_bm25", "implicit: BM25", _neighbours("BM25Recommender"), _SIZES, _lacking),
    Baseline("implicit_item_knn", "implicit: item-kNN", _neighbours("CosineRecommender"), _SIZES, _lacking),
)
