"""What shoppers put together, as weighted lists of partners for each item; and steps of training drawn from lists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from endcap.arrays import F32, I64
from endcap.snapshot.parts import ItemList
from endcap_rebuild.behaviour.lists import ListSettings, basket_matrix, item_popularity, next_counts, next_matrix
from endcap_rebuild.behaviour.sparse import item_list, top_per_row
from endcap_rebuild.data.event_table import EventTable

_PARTNERS: Final = 50  # kept per item
_COSINES_AT_ONCE: Final = 20_000_000  # bounds memory at some 250 MB


def partner_lists(table: EventTable, hidden: NDArray[np.bool_], clock: bool, seed: int) -> ItemList:
    """Partners of each item with weights, from sessions, baskets and what followed within a few events.

    Parameters
    ----------
    table : the events before the validation window
    hidden : bool (n,), items whose interactions are left out, so that they stay new
    """
    known = table.rows(~hidden[table.item])
    settings, n_items = ListSettings(), len(hidden)
    if not len(known):
        return item_list(sparse.csr_array((n_items, n_items), dtype=np.float32))
    popularity = item_popularity(known, n_items)
    follows = next_matrix(next_counts(known, n_items, settings, seed), popularity, settings)
    together = basket_matrix(known, n_items, popularity, settings, clock)
    return item_list(top_per_row(_shares(follows) + _shares(together), _PARTNERS))


def _shares(matrix: Any) -> Any:
    """Each row divided by its sum: both kinds of pairs count alike."""
    totals = np.asarray(matrix.sum(axis=1)).ravel()
    return sparse.diags_array(np.divide(1, totals, out=np.zeros_like(totals), where=totals > 0)) @ matrix


@dataclass(frozen=True)
class Step:
    """Texts that are compared with one another in one step.

    rows : int64 (b,), distinct items
    wanted : float32 (b, b), the share of its attention that each row owes each other one; a row of zeros asks nothing
    competing : bool (b,), the rows among which attention is divided; None for all
    """

    rows: I64
    wanted: F32
    competing: NDArray[np.bool_] | None = None


def drawn(partners: ItemList, anchors: I64, n_texts: int, per_anchor: int, chance: np.random.Generator) -> I64:
    """int64 (<= n_texts,): distinct anchors and, beside each, partners drawn by weight."""
    n_anchors = max(1, n_texts // (1 + per_anchor))
    chosen = chance.choice(anchors, min(n_anchors, len(anchors)), replace=False)
    rows = [chosen]
    for anchor in chosen.tolist():
        items, weights = partners.row(anchor)
        if len(items):
            shares = np.asarray(weights, dtype=np.float64)
            # Square roots: the strongest partner of all would else be drawn every time.
            shares = np.sqrt(np.maximum(shares, 0)) + 1e-12
            size = min(per_anchor, len(items))
            rows.append(chance.choice(np.asarray(items), size, replace=False, p=shares / shares.sum()))
    return np.unique(np.concatenate(rows)).astype(np.int64)


def paired_step(pairs: Any, rows: I64) -> Step:
    """A step whose rows owe their attention to their partners among the others, by weight.

    Parameters
    ----------
    pairs : CSR float32 (n, n)
    """
    wanted = pairs[rows][:, rows].toarray().astype(np.float32)
    np.fill_diagonal(wanted, 0)
    totals = wanted.sum(axis=1, keepdims=True)
    return Step(rows, np.divide(wanted, totals, out=np.zeros_like(wanted), where=totals > 0))


def ranked_step(vectors: F32, rows: I64, temperature: float) -> Step:
    """A step whose rows owe each other what a teacher's cosines say, as a softmax.

    Parameters
    ----------
    vectors : float32 (n, d), the teacher's whitened unit vectors
    """
    return Step(rows, ranked_shares(vectors[rows], temperature))


def ranked_shares(vectors: F32, temperature: float) -> F32:
    """float32 (b, b): of each row the softmax of its cosines with the others."""
    logits = vectors @ vectors.T / temperature
    np.fill_diagonal(logits, -np.inf)
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True), dtype=np.float32)


def nearest_lists(vectors: F32, k: int = _PARTNERS, block: int | None = None) -> ItemList:
    """The k nearest items of each by cosine, weighted by 1 / rank."""
    n = len(vectors)
    k, block = min(k, n - 1), block or max(1, _COSINES_AT_ONCE // n)
    found = []
    for start in range(0, n, block):
        scores = vectors[start : start + block] @ vectors.T
        scores[np.arange(len(scores)), start + np.arange(len(scores))] = -np.inf
        best = np.argpartition(-scores, min(k, n - 2), axis=1)[:, :k] if n > 2 else np.argsort(-scores, axis=1)[:, :k]
        order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1, kind="stable")
        found.append(np.take_along_axis(best, order, axis=1))
    weights = np.tile(1 / np.arange(1, k + 1, dtype=np.float32), n)
    matrix = sparse.csr_array((weights, np.concatenate(found).ravel(), np.arange(n + 1) * k), shape=(n, n))
    return item_list(matrix)
