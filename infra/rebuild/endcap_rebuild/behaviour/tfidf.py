"""The list "wording": items whose texts share rare words (TF-IDF cosine).

Encoders know what words mean; words themselves know what a product line is called. Measured on validation windows
the two complement each other, and the words alone are the stronger of the two for what a shopper picks next.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from scipy import sparse

from endcap.catalog.item import DESCRIPTION_CHARS, Item
from endcap.text.tokens import tokens_of
from endcap_rebuild.behaviour.sparse import top_per_row

# A word that more items than this have tells them apart too little for what its pairs cost.
_MOST_COMMON: Final = 2_000
_BLOCK: Final = 512
_FIELD_WEIGHTS: Final = {"title": 2.0, "brand": 1.0, "categories": 1.0, "description": 1.0}


def word_vectors(items: Sequence[Item]) -> Any:
    """CSR float32 (n, words): TF-IDF rows of length 1 (zero for an item without words)."""
    columns: dict[str, int] = {}
    rows, cols, values = [], [], []
    for row, item in enumerate(items):
        fields = {
            "title": item.title,
            "brand": item.brand,
            "categories": " ".join(item.categories),
            "description": item.description[:DESCRIPTION_CHARS],
        }
        counts: dict[str, float] = {}
        for name, text in fields.items():
            for token in tokens_of(text):
                counts[token] = counts.get(token, 0.0) + _FIELD_WEIGHTS[name]
        for token, count in counts.items():
            rows.append(row)
            cols.append(columns.setdefault(token, len(columns)))
            values.append(1 + math.log(count))
    shape = (len(items), max(1, len(columns)))
    counted = sparse.csr_array((np.array(values, dtype=np.float32), (rows, cols)), shape=shape)
    frequency = np.bincount(np.array(cols, dtype=np.int64), minlength=shape[1])
    usable = frequency <= max(_MOST_COMMON, 1)
    rarity = np.where(usable, np.log1p(len(items) / np.maximum(frequency, 1)), 0).astype(np.float32)
    weighted = sparse.csr_array(counted @ sparse.diags_array(rarity))
    weighted.eliminate_zeros()
    length = np.sqrt(np.asarray(weighted.multiply(weighted).sum(axis=1)).ravel())
    return sparse.csr_array(sparse.diags_array((1 / np.maximum(length, 1e-9)).astype(np.float32)) @ weighted)


def wording_matrix(items: Sequence[Item], k: int) -> Any:
    """CSR float32 (n, n): the cosines of the `k` items nearest in words; the diagonal is left out."""
    vectors = word_vectors(items)
    transposed = sparse.csr_array(vectors.T)
    blocks = []
    for start in range(0, len(items), _BLOCK):
        cosines = sparse.csr_array(vectors[start : start + _BLOCK] @ transposed)
        own = np.repeat(np.arange(start, start + cosines.shape[0]), np.diff(cosines.indptr))
        cosines.data[cosines.indices == own] = 0
        blocks.append(top_per_row(cosines, k))
    return sparse.csr_array(sparse.vstack(blocks)) if blocks else sparse.csr_array((0, 0), dtype=np.float32)
