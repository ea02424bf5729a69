"""What goes with given items: substitutes of an item, and complements to what lies in a cart."""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np

from endcap.arrays import F32, F64, I64
from endcap.errors import NotFoundError
from endcap.index.index import ItemIndex
from endcap.ranking.terms.inputs import Anchors, Relation
from endcap.ranking.terms.lists import list_support, sum_rows
from endcap.ranking.terms.sources import list_sources
from endcap.ranking.terms.term import ScoringContext, Term
from endcap.ranking.values import Likeness, Sparse, Sum, Values

NEIGHBOUR_SHARE: Final = 0.5  # of "chosen by the same shoppers" beside likeness of text
BORROWED: Final = 10  # items alike whose co-purchases speak for one that has none
BORROWED_SHARE: Final = 0.5


def anchors_of(index: ItemIndex, relation: Relation, item_ids: tuple[str, ...]) -> Anchors:
    """The known ones among `item_ids`; deleted items are not known.

    Raises
    ------
    NotFoundError : none is known
    """
    rows = [row for row in index.positions(item_ids).tolist() if not index.is_deleted(row)]
    if not rows:
        raise NotFoundError(f"there is no item {item_ids[0]}" if len(item_ids) == 1 else "none of the items is known")
    return Anchors(relation, np.asarray(rows, dtype=np.int64))


def relation_values(index: ItemIndex, anchors: Anchors) -> Values:
    """How well each item goes with the anchors, on average over them.

    `similar`: likeness of whitened text, and being chosen by the same shoppers. `together`: being bought together;
    an anchor that was never bought with anything borrows from the items that are most like it in wording.
    """
    each = np.full(len(anchors.rows), 1 / len(anchors.rows), dtype=np.float32)
    if anchors.relation == "similar":
        toward = index.white.rows(anchors.rows).mean(axis=0)
        return Sum(
            [Likeness(index.white, toward), _list_values(index, "neighbours", anchors.rows, NEIGHBOUR_SHARE * each)]
        )
    parts = [_list_values(index, "together", anchors.rows, each)]
    for row in anchors.rows[_rows_in_list(index, "together", anchors.rows) == 0]:
        alike = _most_alike(index, int(row))
        likeness = index.white.everywhere(index.white.rows(np.asarray([row]))[0])[alike]
        weights = np.maximum(likeness, 0) * np.float32(BORROWED_SHARE / max(float(np.maximum(likeness, 0).sum()), 1e-6))
        parts.append(_list_values(index, "together", alike, weights * each[0]))
    return Sum(parts)


def _list_values(index: ItemIndex, name: str, rows: I64, weights: F32) -> Sparse:
    """The rows of a list; 1 is what the best neighbour of a usual item has, or of this one where that is more."""
    usual = np.float32(index.tables.scales.get(name, 1.0))
    neighbours = index.tables.lists[name]
    sources = list_sources(index, rows)
    peaks = np.full(len(rows), usual, dtype=np.float32)
    for k, row in zip(sources.known.tolist(), sources.rows.tolist(), strict=True):
        peaks[k] = max(usual, np.float32(neighbours.row(row)[1].max(initial=0)))
    named, (sums,) = sum_rows(index, name, sources, [weights / peaks])
    return Sparse(index.n_items, named, sums.astype(np.float32))


def _rows_in_list(index: ItemIndex, name: str, rows: I64) -> I64:
    """How many neighbours each row has in a list: int64, 0 for items that the snapshot has never seen."""
    lengths = np.diff(index.tables.lists[name].indptr)
    sources = list_sources(index, rows)
    counts = np.zeros(len(rows), dtype=np.int64)
    counts[sources.known] = lengths[sources.rows]
    return counts


def _most_alike(index: ItemIndex, row: int) -> I64:
    """The items most like one in text that were bought together with something: int64 (<= BORROWED,)."""
    n = index.tables.n_items
    likeness = index.white.everywhere(index.white.rows(np.asarray([row]))[0])[:n]
    lengths = np.diff(index.tables.lists["together"].indptr)
    usable = np.flatnonzero((lengths > 0) & (likeness > 0))
    order = np.lexsort((usable, -likeness[usable]))[:BORROWED]
    return usable[order]


def anchor_support(index: ItemIndex, anchors: Anchors, positions: I64) -> F64:
    """float64 (a, k): how well each ranked item goes with each anchor."""
    if anchors.relation == "similar":
        white, past = index.white.rows(positions), index.white.rows(anchors.rows)
        return np.asarray(np.vecdot(past[:, None, :], white[None, :, :]), dtype=np.float64)
    ones = np.ones(len(anchors.rows), dtype=np.float32)
    return list_support(index, "together", list_sources(index, anchors.rows), ones, positions)


def _values(context: ScoringContext, relation: Relation) -> Values | None:
    if context.anchors is None or context.anchors.relation != relation:
        return None
    return relation_values(context.index, context.anchors)


SIMILAR: Final = Term(
    name="similar",
    default_weight=2.0,
    source="related",
    values=partial(_values, relation="similar"),
    asked=True,
    by_text=True,
)
COMPLEMENT: Final = Term(
    name="complement", default_weight=2.0, source="related", values=partial(_values, relation="together"), asked=True
)
