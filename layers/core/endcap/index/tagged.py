"""Tags that a writer has given to items of thin catalogues, as vectors: items are near by the tags that they share.

An item with two categories or more is described well enough by those, and has no such vector. Less the mean of the
catalogue a tag that many items have says little, as a rare category says more than a common one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from endcap.arrays import F16, F32
from endcap.catalog.item import MOST_CATEGORIES, Item
from endcap.catalog.row import Generated, generated_tags
from endcap.index.vectors import without_mean
from endcap.snapshot.snapshot import Snapshot

_MEASURED: Final = 4_096


def tag_rows(items: Sequence[Item], tags: Sequence[Sequence[str]], names: Sequence[str]) -> F32:
    """float32 (m, d_tag): unit rows with the tags of each item, zero for none, and for items with enough categories.

    Parameters
    ----------
    tags : of each item; those that are not among `names` are passed over
    """
    column = {name: k for k, name in enumerate(names)}
    rows = np.zeros((len(items), len(names)), dtype=np.float32)
    for row, (item, own) in enumerate(zip(items, tags, strict=True)):
        if len(item.categories) <= MOST_CATEGORIES:
            rows[row, [column[name] for name in own if name in column]] = 1
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1), dtype=np.float32)


def tags_since(items: Sequence[Item], generated: Sequence[Generated | None], snapshot: Snapshot) -> F32:
    """float32 (m, d_tag): tags of changed items, as the snapshot has them; width 0 where it has none."""
    by, mean = snapshot.described_by, snapshot.tag_mean
    if by is None or mean is None or len(by.tags) != len(mean):
        return np.zeros((len(items), 0), dtype=np.float32)
    return without_mean(tag_rows(items, [generated_tags(one) for one in generated], by.tags), mean)


def tag_spread(vectors: F16 | F32) -> float:
    """The standard deviation of the cosines between items.

    Of all pairs of some thousands of evenly spread items: few items may have tags, so that a handful tells too little.
    """
    rows = np.asarray(vectors[:: max(1, len(vectors) // _MEASURED)], dtype=np.float64)
    if not len(rows):
        return 1.0
    mean, squares = rows.mean(axis=0), rows.T @ rows / len(rows)
    return max(float(np.sqrt(max(0.0, np.square(squares).sum() - float(mean @ mean) ** 2))), 0.01)
