"""Models to be compared with that read the catalogue: two schemes of the source documents, and the last item's text.

002: the user is the mean of the embeddings of their history, the score a dot product.
004: interest = 0.5 S + 0.3 B + 0.2 C, S likeness, B behaviour, C properties of the content, each brought to 0..1.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from scipy import sparse

from endcap.arrays import F32
from endcap_rebuild.data.columns import columns_of
from endcap_rebuild.evaluation.baselines import history_matrix, settings, unit_rows
from endcap_rebuild.evaluation.models import Baseline, Known, Scorer, Setting
from endcap_rebuild.evaluation.questions import Questions

FIXED_WEIGHTS: Final = (0.5, 0.3, 0.2)


def _mean_text(known: Known, _: Setting) -> Scorer:
    return lambda questions: _user_means(known, questions) @ known.texts.T


def _user_means(known: Known, questions: Questions) -> F32:
    """float32 (q, d_text): mean of the text vectors of each history, as it is, every event alike."""
    weights = history_matrix(questions, known.n_items)
    weights.data = (weights.data > 0).astype(np.float32)
    total = np.maximum(np.asarray(weights.sum(axis=1)), 1)
    return np.asarray((weights @ known.texts) / total[:, None], dtype=np.float32)


def _last_text(known: Known, setting: Setting) -> Scorer:
    vectors = known.white if setting["whitened"] else known.texts

    def score(questions: Questions) -> F32:
        return np.asarray((history_matrix(questions, known.n_items, setting["half_life"]) @ vectors) @ vectors.T)

    return score


def fixed_formula(similarity: F32, behaviour: F32, content: F32) -> F32:
    """float32 (q, n): 0.5 S + 0.3 B + 0.2 C, each term brought to 0..1 for each question."""
    parts = (similarity, behaviour, content)
    return sum(
        (np.float32(weight) * _to_unit(part) for weight, part in zip(FIXED_WEIGHTS, parts, strict=True)),
        np.zeros_like(similarity),
    )


def _to_unit(scores: F32) -> F32:
    low = scores.min(axis=1, keepdims=True)
    span = scores.max(axis=1, keepdims=True) - low
    return np.asarray((scores - low) / np.where(span > 0, span, 1), dtype=np.float32)


def _formula(known: Known, _: Setting) -> Scorer:
    properties = properties_of(known)
    lengths = np.maximum(np.linalg.norm(known.texts, axis=1), 1e-9)
    directions = known.texts / lengths[:, None]
    demand = np.log1p(known.demand).astype(np.float32)[None, :]

    def score(questions: Questions) -> F32:
        history = history_matrix(questions, known.n_items)
        content = (unit_rows(history @ properties) @ properties.T).toarray()
        similarity = _user_means(known, questions) @ directions.T
        return fixed_formula(similarity, np.repeat(demand, len(questions), axis=0), content)

    return score


def properties_of(known: Known) -> Any:
    """CSR float32 (n, properties), rows of length 1: an item's categories, brand and price band."""
    columns = columns_of(known.items)
    n, n_categories = known.n_items, len(columns.categories)
    branded, priced = np.flatnonzero(columns.brand >= 0), np.flatnonzero(columns.price_band >= 0)
    rows = np.concatenate([np.repeat(np.arange(n), np.diff(columns.category_indptr)), branded, priced])
    first_band = n_categories + len(columns.brands)
    cols = np.concatenate(
        [
            columns.category_indices,
            n_categories + columns.brand[branded],
            first_band + columns.price_band[priced].astype(np.int64),
        ]
    )
    width = first_band + len(columns.price_edges) + 1
    return unit_rows(sparse.csr_array((np.ones(len(rows), np.float32), (rows, cols)), shape=(n, width)))


TEXT_BASELINES: Final = (
    Baseline("mean_text", "mean of texts (002)", _mean_text),
    Baseline(
        "last_text",
        "texts of the last items",
        _last_text,
        settings(whitened=(True, False), half_life=(1.0, 0.3, 0.6, 2.0, 4.0, 8.0)),
    ),
    Baseline("formula", "0.5S+0.3B+0.2C (004)", _formula),
)
