"""What every loaded snapshot is checked for: whatever ranking looks up in it is there, and is a number it can use.

These are the checks that cost next to nothing beside the hashes of the files, so that each function makes them; what
takes longer, a promotion does (`endcap.snapshot.verify`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from endcap.arrays import I32, I64
from endcap.errors import SnapshotIntegrityError
from endcap.snapshot.lexical import LexicalIndex
from endcap.snapshot.parts import ContextDemand, ItemColumns, ItemList, Repurchase

_TEXT: Final = {str}
_TEXT_OR_NONE: Final = {str, type(None)}
_OBJECT_OR_NONE: Final = {dict, type(None)}


def require(holds: bool, problem: str) -> None:
    """Raise SnapshotIntegrityError unless something holds."""
    if not holds:
        raise SnapshotIntegrityError(problem)


def check_finite(arrays: Mapping[str, NDArray[Any]]) -> None:
    """Raise SnapshotIntegrityError where a value is not finite."""
    for name, values in arrays.items():
        require(bool(np.isfinite(values).all()), f"{name} holds a value that is not finite")


def check_lists(lists: Mapping[str, ItemList], n_items: int) -> None:
    """Raise SnapshotIntegrityError where a neighbour is no item, or has no usable weight."""
    for name, neighbours in lists.items():
        check_csr(f"list {name}", neighbours.indptr, neighbours.indices, n_items)
        check_weights(f"list {name}", np.asarray(neighbours.weights))


def check_columns(columns: ItemColumns, groups: I32, interaction_counts: I32) -> None:
    """Raise SnapshotIntegrityError where an attribute is out of its range."""
    check_csr("categories", columns.category_indptr, columns.category_indices, len(columns.categories))
    require(bool(((columns.brand >= -1) & (columns.brand < len(columns.brands))).all()), "a brand is out of range")
    require(not np.isinf(columns.price).any(), "a price is not finite")
    require(bool(np.isfinite(columns.price_edges).all()), "an edge of price bands is not finite")
    bands = len(columns.price_edges)
    require(bool(((columns.price_band >= -1) & (columns.price_band <= bands)).all()), "a price band is out of range")
    require(bool((groups >= 0).all() and (interaction_counts >= 0).all()), "a count is negative")
    require(bool((groups < max(1, 2 * len(groups))).all()), "a group is out of range")


def check_repurchase(repurchase: Repurchase | None) -> None:
    """Raise SnapshotIntegrityError where a share or a gap is out of its range."""
    if repurchase is None:
        return
    share, gaps = np.asarray(repurchase.share), (repurchase.gap_days, repurchase.gap_spread)
    require(bool(((share >= 0) & (share <= 1)).all()), "a share of repurchases is not between 0 and 1")
    require(all(bool((np.isfinite(g) & (g > 0)).all()) for g in map(np.asarray, gaps)), "a repurchase gap is unusable")


def check_contexts(contexts: ContextDemand | None, n_items: int) -> None:
    """Raise SnapshotIntegrityError where the rows of contexts are not theirs, or a share is out of its range."""
    if contexts is None:
        return
    rows, share, n_contexts = contexts.items, np.asarray(contexts.share), len(contexts.contexts)
    require(len(rows.indptr) == n_contexts + 1 == len(share) + 1, "the contexts' rows are not theirs")
    require(bool(((share >= 0) & (share <= 1)).all()), "a context's share is not between 0 and 1")
    check_csr("contexts", rows.indptr, rows.indices, n_items)
    check_weights("a context", np.asarray(rows.weights))


def check_words(lexical: LexicalIndex | None) -> None:
    """Raise SnapshotIntegrityError where a word leads to no item."""
    if lexical is not None:
        for name, postings in (("words", lexical.words), ("numbers", lexical.numbers)):
            require(len(postings.indptr) == len(postings.hashes) + 1, f"{name}: bad rows")
            check_csr(name, postings.indptr, postings.items, lexical.n_items)
        if (codes := lexical.codes) is not None:
            check_csr("codes", codes.offsets, codes.text, 256)
            require(len(codes.offsets) == len(codes.items) + 1, "codes: bad rows")
            require(
                bool(((codes.items >= 0) & (codes.items < lexical.n_items)).all()), "codes: an item is out of range"
            )


def checked_id(document: Any) -> str:
    """The id of an item's document.

    Raises
    ------
    SnapshotIntegrityError : a field is of a kind that items can't have
    """
    # Over a large catalogue every microsecond is a tenth of a second of a cold start, so the usual case comes first.
    if type(document) is dict:
        field = document.get
        item_id, categories = field("item_id"), field("categories")
        if (
            type(item_id) is str
            and {type(field("title")), type(field("brand")), type(field("description"))} <= _TEXT_OR_NONE
            and (categories is None or (type(categories) is list and set(map(type, categories)) <= _TEXT))
            and type(field("group_id")) in _TEXT_OR_NONE
            and type(field("attributes")) in _OBJECT_OR_NONE
        ):
            return item_id
    raise SnapshotIntegrityError("the document of an item is none")


def check_csr(name: str, indptr: I64, indices: I32 | NDArray[np.uint8], limit: int) -> None:
    """Raise SnapshotIntegrityError where rows are not in order, or an index is out of range."""
    require(
        bool(len(indptr) and indptr[0] == 0 and indptr[-1] == len(indices) and (np.diff(indptr) >= 0).all()),
        f"{name}: bad rows",
    )
    require(bool(((indices >= 0) & (indices < limit)).all()), f"{name}: a neighbour is out of range")


def check_weights(name: str, weights: NDArray[Any]) -> None:
    """Raise SnapshotIntegrityError where a weight is negative or not finite."""
    require(bool(np.isfinite(weights).all() and (weights >= 0).all()), f"{name} has an unusable weight")
