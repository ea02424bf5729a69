"""What carried each ranked item: how much each past item, review and search speaks for it, term by term."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from endcap.arrays import F32, F64, I64
from endcap.ranking.terms.image import IMAGE_SIMILAR_NAME
from endcap.ranking.terms.inputs import Anchors
from endcap.ranking.terms.registry import REGISTRY, row_of
from endcap.ranking.terms.related import anchor_support
from endcap.ranking.terms.term import ScoringContext
from endcap.ranking.terms.text import words_support

MAX_EVIDENCE: Final = 2
ANCHOR: Final = "anchor"
"""What was done with an item that the request names as an anchor."""
Carrier = tuple[int, str]
"""Row of a past item, and what was done with it."""
_NOTHING: Final = 1e-6
_LIKENESS: Final = frozenset({"text", "described", "image", "tags"})
"""Terms by which an item loses for being unlike what is liked, too."""


def past_support(context: ScoringContext, positions: I64, shares: F64) -> dict[str, F64]:
    """Term -> float64 (h, k), how much each past item speaks for each ranked one, for the terms that have a share.

    In the lists and the text term the rows add up to the term; in the others they are in proportion.

    Parameters
    ----------
    shares : float64 (len(TERMS), k), what each term adds to each score
    """
    if not len(context.features.positions):
        return {}
    told = [(term.name, term.support) for term, share in zip(REGISTRY, shares, strict=True) if share.any()]
    return {name: support(context, positions) for name, support in told if support is not None}


def carriers(context: ScoringContext, positions: I64, shares: F64) -> dict[str, list[list[Carrier]]]:
    """Term -> for each ranked item the past items, or the anchors, that carried it, the strongest first."""
    features = context.features
    past = features.positions.tolist()
    support = past_support(context, positions, shares)
    for name in support.keys() & _LIKENESS:
        # What is unlike a liked thing loses by that too, but only what is disliked can be pointed at.
        pointing = (features.weights[:, None] < 0) | (shares[row_of(name)] >= 0)
        support[name] = np.where(pointing, support[name], 0.0)
    found: dict[str, list[list[Carrier]]] = {}
    if support:
        signs = np.where(shares[[row_of(name) for name in support]] >= 0, 1.0, -1.0)
        side_by_side = np.concatenate([matrix * sign for matrix, sign in zip(support.values(), signs, strict=True)], 1)
        told, k = _strongest(side_by_side, features.ranks, past, features.event_types), len(positions)
        found = {name: told[n * k : (n + 1) * k] for n, name in enumerate(support)}
    if context.anchors is not None:
        going_with = anchor_support(context.index, context.anchors, positions)
        found[context.anchors.term] = _anchors_behind(context.anchors, going_with)
        images = context.index.beside["image"]
        if images is not None and shares[row_of(IMAGE_SIMILAR_NAME)].any():
            past, ranked = (images.rows(rows) for rows in (context.anchors.rows, positions))
            alike = np.asarray(np.vecdot(past[:, None, :], ranked[None, :, :]), dtype=np.float64)
            found[IMAGE_SIMILAR_NAME] = _anchors_behind(context.anchors, alike)
    return found


def texts_behind(context: ScoringContext, positions: I64, shares: F64) -> list[list[int]]:
    """For each ranked item the reviews and searches that carried it, the strongest first; one for one reviewed item."""
    features, of_words = context.features, shares[row_of("words")]
    if not len(features.texts) or not of_words.any():
        return [[] for _ in range(len(positions))]
    signs = np.where(of_words >= 0, 1, -1)
    pointing = (features.text_weights[:, None] < 0) | (signs > 0)  # as for the text of items
    support = np.where(pointing, words_support(context, positions) * signs, 0.0)
    order = np.lexsort((features.text_ranks[:, None] + 0 * support, -np.round(support, 6)), axis=0)
    found = []
    for column in range(len(positions)):
        rows = [r for r in order[:, column].tolist() if support[r, column] > _NOTHING]
        best = {features.text_items[r]: r for r in reversed(rows)}
        found.append([r for r in rows if not features.text_items[r] or best[features.text_items[r]] == r])
    return found


def _anchors_behind(anchors: Anchors, support: F64) -> list[list[Carrier]]:
    """For each ranked item the anchors that it goes with best, by float64 (a, k)."""
    ranks = np.zeros(len(anchors.rows), dtype=np.float32)
    return _strongest(support, ranks, anchors.rows.tolist(), [ANCHOR] * len(anchors.rows))


def _strongest(
    support: NDArray[np.floating[Any]], ranks: F32, positions: Sequence[int], event_types: Sequence[str]
) -> list[list[Carrier]]:
    """For each column of `support` (r, k) the rows with the most support, newer ones first among equals."""
    by_newness = np.argsort(ranks, kind="stable")
    left = np.round(support[by_newness], 6)  # what differs by rounding only is equal
    columns = np.arange(support.shape[1])
    found: list[list[Carrier]] = [[] for _ in columns]
    for _ in range(min(MAX_EVIDENCE, len(left))):
        best = left.argmax(axis=0)  # of equal ones the first
        rows = by_newness[best]
        for column in np.flatnonzero(support[rows, columns] > _NOTHING).tolist():
            found[column].append((positions[rows[column]], event_types[rows[column]]))
        left[best, columns] = -np.inf
    return found
