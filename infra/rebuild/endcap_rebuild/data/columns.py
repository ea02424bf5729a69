"""Attribute columns of a snapshot: what filters and affinities read instead of the items' documents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from endcap.catalog.item import Item
from endcap.snapshot.parts import ItemColumns

PRICE_BANDS: Final = 8
# Fewer priced items than this say nothing about bands.
_MIN_PRICED: Final = 16


def columns_of(items: Sequence[Item]) -> ItemColumns:
    """Columns for a catalogue, rows in its order.

    Price bands are quantiles of this catalogue's own prices, so that "cheap" means cheap in this shop; a catalogue
    with few or equal prices has a single band.
    """
    price = np.array([np.nan if item.price is None else item.price for item in items], dtype=np.float32)
    edges = price_edges(price)
    brand_rows: dict[str, int] = {}
    category_rows: dict[str, int] = {}
    brand = [brand_rows.setdefault(item.brand, len(brand_rows)) if item.brand else -1 for item in items]
    categories = [
        [category_rows.setdefault(name, len(category_rows)) for name in dict.fromkeys(item.categories)]
        for item in items
    ]
    bands = np.where(np.isnan(price), -1, np.searchsorted(edges, price, side="right"))
    return ItemColumns(
        price=price,
        price_band=bands.astype(np.int8),
        price_edges=edges,
        brand=np.array(brand, dtype=np.int32),
        brands=tuple(brand_rows),
        category_indptr=np.cumsum([0, *map(len, categories)], dtype=np.int64),
        category_indices=np.array([row for rows in categories for row in rows], dtype=np.int32),
        categories=tuple(category_rows),
        available=np.array([item.available for item in items], dtype=np.bool_),
        expires_at_ms=np.array([item.expires_at_ms or 0 for item in items], dtype=np.int64),
        created_at_ms=np.array([item.created_at_ms or 0 for item in items], dtype=np.int64),
    )


def price_edges(prices: np.ndarray[tuple[int], np.dtype[np.float32]]) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """Lower edges of the price bands above the cheapest; float32 (bands - 1,), strictly rising, maybe empty."""
    known = prices[~np.isnan(prices)]
    if len(known) < _MIN_PRICED:
        return np.empty(0, dtype=np.float32)
    cuts = np.quantile(known, np.arange(1, PRICE_BANDS) / PRICE_BANDS)
    return np.unique(cuts[cuts > known.min()]).astype(np.float32)
