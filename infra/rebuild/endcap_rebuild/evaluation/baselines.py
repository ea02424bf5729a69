"""Models to be compared with that learn from behaviour: popularity, neighbours, linear models.

Each gets the same number of settings to try where it has any (`SETTINGS_EACH`), on the validation questions alone.
References: user-kNN with a threshold, source 003; item-kNN, Sarwar et al., WWW 2001; EASE, Steck, WWW 2019.
"""

from __future__ import annotations

from itertools import product
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from endcap.arrays import F32
from endcap_rebuild.behaviour.lists import (
    ListSettings,
    item_popularity,
    neighbour_matrix,
    next_counts,
    next_matrix,
    ridge_weights,
)
from endcap_rebuild.behaviour.popularity import decayed_demand
from endcap_rebuild.behaviour.sparse import top_per_row
from endcap_rebuild.data.row_weights import positive_strength
from endcap_rebuild.evaluation.models import Baseline, Known, Scorer, Setting
from endcap_rebuild.evaluation.questions import Questions

SETTINGS_EACH: Final = 12
# EASE inverts a dense item-by-item matrix: beyond this it takes more than a gigabyte and many minutes.
EASE_MOST_ITEMS: Final = 15_000
_LIST_WIDTH: Final = 200
_HALF_LIVES: Final = (1.0, 2.0, 4.0, 8.0)
_SHUFFLE_SEED: Final = 0


def settings(**choices: tuple[Any, ...]) -> tuple[Setting, ...]:
    """Every combination of the choices, those of the first name varying slowest."""
    return tuple(dict(zip(choices, values, strict=True)) for values in product(*choices.values()))


def history_matrix(questions: Questions, n_items: int, half_life: float | None = None) -> Any:
    """CSR float32 (q, n): what each item of a history weighs: its event's strength, halved every `half_life` events."""
    histories = questions.histories
    weights = histories.strength
    if half_life is not None:
        weights = weights * np.exp2(-histories.newness / np.float32(half_life))
    shape = (len(questions), n_items)
    # Summing moves entries in place, and the questions keep these arrays.
    matrix = sparse.csr_array((weights, histories.items, histories.starts), shape=shape, copy=True)
    matrix.sum_duplicates()
    return matrix


def user_matrix(known: Known) -> Any:
    """CSR float32 (users, n): 1 where a user's known interactions speak for an item."""
    table = known.table.rows(positive_strength(known.table) > 0)
    shape = (len(table.user_ids), known.n_items)
    matrix = sparse.csr_array((np.ones(len(table), np.float32), (table.user, table.item)), shape=shape)
    matrix.sum_duplicates()
    matrix.data[:] = 1
    return matrix


def unit_rows(matrix: Any) -> Any:
    """The matrix with rows of length 1; rows of zeros stay."""
    length = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    return sparse.csr_array(sparse.diags_array((1 / np.maximum(length, 1e-9)).astype(np.float32)) @ matrix)


def _same_for_all(scores: NDArray[Any]) -> Scorer:
    return lambda questions: np.broadcast_to(scores.astype(np.float32), (len(questions), len(scores)))


def _popularity(known: Known, _: Setting) -> Scorer:
    return _same_for_all(known.demand)


def _recent_popularity(known: Known, setting: Setting) -> Scorer:
    return _same_for_all(decayed_demand(known.table, known.n_items, known.cutoff_ms, setting["half_life_days"]))


def _list_scorer(matrix: Any, half_life: float) -> Scorer:
    rows = top_per_row(matrix, _LIST_WIDTH)
    return lambda questions: (history_matrix(questions, rows.shape[0], half_life) @ rows).toarray()


def _item_knn(known: Known, setting: Setting) -> Scorer:
    def make() -> Any:
        options = ListSettings(shrinkage=setting["shrinkage"])
        popularity = item_popularity(known.table, known.n_items)
        return neighbour_matrix(known.table, known.n_items, popularity, options)

    return _list_scorer(known.remember(("item_knn", setting["shrinkage"]), make), setting["half_life"])


def _co_occurrence(known: Known, setting: Setting) -> Scorer:
    options = ListSettings(
        window=setting["window"], source_power=setting["powers"][0], target_power=setting["powers"][1]
    )
    counts = known.remember(
        ("co_occurrence", setting["window"]),
        lambda: next_counts(known.table, known.n_items, options, _SHUFFLE_SEED),
    )
    matrix = next_matrix(counts, item_popularity(known.table, known.n_items), options)
    return _list_scorer(matrix, setting["half_life"])


def _ease(known: Known, setting: Setting) -> Scorer:
    weights = known.remember(
        ("ease", setting["penalty"]), lambda: ridge_weights(user_matrix(known), setting["penalty"])
    )
    return lambda questions: np.asarray(history_matrix(questions, len(weights), setting["half_life"]) @ weights)


def _ease_unfit(known: Known) -> str | None:
    if known.n_items > EASE_MOST_ITEMS:
        return f"{known.n_items:,} items; the dense inverse is limited to {EASE_MOST_ITEMS:,}"
    return None


def _no_clock(known: Known) -> str | None:
    return None if known.clock else "the timestamps are no usable clock"


def tf_idf(matrix: Any, idf: F32) -> Any:
    """Rows of a user-by-item matrix with rare items counting more, of length 1."""
    return unit_rows(matrix @ sparse.diags_array(idf))


def item_idf(users: Any) -> F32:
    """float32 (n,): log((1 + users) / (1 + users of the item)), an item as a term and a user as a document."""
    counts = np.bincount(users.indices, minlength=users.shape[1])
    return np.asarray(np.log((1 + users.shape[0]) / (1 + counts)), dtype=np.float32)


def _user_knn(known: Known, setting: Setting) -> Scorer:
    users = known.remember(("user_knn", 0), lambda: user_matrix(known))
    idf = item_idf(users)
    neighbours = sparse.csr_array(tf_idf(users, idf).T)

    def score(questions: Questions) -> F32:
        own = history_matrix(questions, known.n_items)
        own.data = (own.data > 0).astype(np.float32)
        alike = (tf_idf(own, idf) @ neighbours).toarray()  # (q, users)
        alike[np.arange(len(questions)), questions.users] = 0
        alike[alike <= setting["threshold"]] = 0
        if not setting["by_likeness"]:
            alike = (alike > 0).astype(np.float32)
        return np.asarray((sparse.csr_array(alike) @ users).toarray(), dtype=np.float32)

    return score


BEHAVIOUR_BASELINES: Final = (
    Baseline("popularity", "popularity", _popularity),
    Baseline(
        "recent_popularity",
        "fading popularity",
        _recent_popularity,
        settings(half_life_days=(30.0, 1.0, 2.0, 4.0, 7.0, 14.0, 60.0, 90.0, 180.0, 365.0, 730.0, 1460.0)),
        _no_clock,
    ),
    Baseline(
        "user_knn",
        "TF-IDF user-kNN (003)",
        _user_knn,
        settings(threshold=(0.1, 0.0, 0.05, 0.2, 0.3, 0.4), by_likeness=(True, False)),
    ),
    Baseline("item_knn", "fading item-kNN", _item_knn, settings(shrinkage=(10.0, 1.0, 50.0), half_life=_HALF_LIVES)),
    Baseline("ease", "fading EASE", _ease, settings(penalty=(100.0, 30.0, 400.0), half_life=_HALF_LIVES), _ease_unfit),
    Baseline(
        "co_occurrence",
        "co-occurrence, directed",
        _co_occurrence,
        settings(window=(10, 20), powers=((0.3, 0.1), (0.5, 0.3), (0.5, 0.5)), half_life=(1.5, 3.0)),
    ),
)
