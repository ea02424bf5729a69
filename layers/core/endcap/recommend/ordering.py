"""What fits a query in another order than by score: by price, age or popularity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from endcap.arrays import F64, I64, Mask
from endcap.index.index import ItemIndex
from endcap.ranking.candidates import best_first
from endcap.ranking.score import Scores
from endcap.ranking.terms.query import WORDS_FLOOR, meant
from endcap.ranking.terms.registry import row_of
from endcap.understanding.wish import Sorting
from endcap.validation import timestamp_ms

SORTED: Final = 300
"""Best items by score that are put in order; one number, so that pages fit together."""


def in_order(scores: Scores, mask: Mask, sort: Sorting, wanted: int) -> I64:
    """The `wanted` first rows: what fits the query in the order asked for, then the rest by score.

    What fits has most of the query's words; where nothing has, its meaning; without a query everything fits.
    Items that lack what they are ordered by come last of those that fit.
    """
    positions, _ = best_first(scores, mask, max(wanted, SORTED))
    first, later = positions[:SORTED], positions[SORTED:]
    fits = _fits(scores, first)
    fitting = first[fits]
    order = np.argsort(_keys(scores.index, fitting, sort), kind="stable")
    return np.concatenate([fitting[order], first[~fits], later])[:wanted]


def _fits(scores: Scores, positions: I64) -> Mask:
    query = scores.context.query
    if query is None or not len(positions):
        return np.ones(len(positions), dtype=np.bool_)
    row = row_of("lexical")
    factor = scores.factors[row]
    if factor:
        words = np.asarray(scores.contributions(positions)[row] / factor >= WORDS_FLOOR)
        if words.any():
            return words
    return meant(scores.index, query, positions)


def _keys(index: ItemIndex, positions: I64, sort: Sorting) -> F64:
    """What orders the rows, the least first; infinite where it is not known."""
    if sort == "popular":
        return -np.asarray(index.popularity[positions], dtype=np.float64)
    return np.asarray([_key(index.document(row), sort) for row in positions.tolist()], dtype=np.float64)


def _key(document: Mapping[str, Any], sort: Sorting) -> float:
    if sort == "new":
        created = document.get("created_at")
        return np.inf if created is None else -float(timestamp_ms(created))
    price = document.get("price")
    if price is None:
        return np.inf
    return float(price) if sort == "price_asc" else -float(price)
