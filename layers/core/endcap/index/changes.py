"""The items that changed since a snapshot, as columns."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from endcap.arrays import F32, I32, I64
from endcap.catalog.item import Item, shown_document
from endcap.index.columns import ItemFields
from endcap.snapshot.lexical import LexicalIndex


@dataclass(frozen=True)
class Changes:
    """Changed items as columns, one row each (m rows).

    Attributes
    ----------
    items : what each is now, None for a deleted one
    has_vector : bool (m,), whether `raw` (float32 (m, d_text)) and `white` (float32 (m, d_item)) hold the text
    price_band int8, brand int32, groups int32, available bool, expires_at_ms int64 : as in a snapshot's columns
    categories : vocabulary ids of each item
    donors, donor_shares : int64 and float32 (m, 10), the snapshot's rows that speak for a new item, and their shares
    settled : bool (m,), whether donors were looked for, or need not be
    images : float32 (m, d_image), of the items' pictures, less the snapshot's mean; width 0 where it has none
    tags : float32 (m, d_tag), of the tags that a writer has given them, likewise
    described : float32 (m, d_text), of what was written about the items, likewise
    described_shares : float32 (m, 2), what that counts of the weights of both terms
    """

    item_ids: tuple[str, ...]
    items: tuple[Item | None, ...]
    has_vector: NDArray[np.bool_]
    raw: F32
    white: F32
    price_band: NDArray[np.int8]
    brand: I32
    groups: I32
    available: NDArray[np.bool_]
    expires_at_ms: I64
    categories: tuple[tuple[int, ...], ...]
    donors: I64
    donor_shares: F32
    settled: NDArray[np.bool_]
    images: F32
    tags: F32
    described: F32
    described_shares: F32

    @cached_property
    def lexical(self) -> LexicalIndex:
        """The words of the changed items."""
        return LexicalIndex.of([None if item is None else shown_document(item) for item in self.items])

    @cached_property
    def fields(self) -> ItemFields:
        """The fields of the changed items as columns, for filters; a deleted item has none."""
        documents = [{} if item is None else shown_document(item) for item in self.items]
        return ItemFields(len(documents), documents.__getitem__)
