"""The fields of a snapshot's items as columns: what it keeps as arrays already, and what its documents say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from endcap.index.columns import Column, ItemFields
from endcap.snapshot.snapshot import Snapshot


def fields_of(snapshot: Snapshot) -> ItemFields:
    """The items' fields as columns, for filters; what the snapshot keeps as arrays is not read again."""
    s, columns = snapshot, snapshot.columns
    sizes = np.asarray(columns.category_indptr[1:]) - np.asarray(columns.category_indptr[:-1])

    def numbers(values: NDArray[Any], known: NDArray[np.bool_]) -> Column:
        rows = np.flatnonzero(known).astype(np.int32)
        codes = np.arange(len(rows), dtype=np.int32)
        return Column(s.n_items, rows, codes, numbers=values[rows].astype(np.float64))

    def one_of(names: Sequence[str], codes: NDArray[Any]) -> Column:
        rows = np.flatnonzero(codes >= 0).astype(np.int32)
        return Column(s.n_items, rows, codes[rows], texts=names, exact=names is s.item_ids)

    def categories() -> Column:
        rows = np.repeat(np.arange(s.n_items, dtype=np.int32), sizes)
        listed = np.ones(len(columns.categories), dtype=np.bool_)
        return Column(s.n_items, rows, np.asarray(columns.category_indices), texts=columns.categories, listed=listed)

    def available() -> Column:
        rows = np.arange(s.n_items, dtype=np.int32)
        return Column(s.n_items, rows, rows, flags=np.asarray(columns.available).astype(np.int8))

    ready = {
        "item_id": lambda: one_of(s.item_ids, np.arange(s.n_items)),
        "brand": lambda: one_of(columns.brands, np.asarray(columns.brand)),
        "categories": categories,
        "price": lambda: numbers(np.asarray(columns.price), ~np.isnan(columns.price)),
        "available": available,
        "created_at": lambda: numbers(np.asarray(columns.created_at_ms), columns.created_at_ms > 0),
        "expires_at": lambda: numbers(np.asarray(columns.expires_at_ms), columns.expires_at_ms > 0),
    }
    return ItemFields(s.n_items, s.document, ready, lambda: s.rows_naming(b'"attributes":'))
