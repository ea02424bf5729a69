"""Where the item-to-item lists of a history begin."""

from __future__ import annotations

import numpy as np

from endcap.arrays import I64
from endcap.index.index import ItemIndex

ListSources = tuple[I64, I64]
"""Items of a history that can have rows in the lists: their index within it, and their row."""


def list_sources(index: ItemIndex, positions: I64) -> ListSources:
    """The sources among some rows of the index, in their order.

    A variant that nobody has bought yet borrows the list of its group's most bought sibling.
    """
    known = np.flatnonzero(positions < index.tables.n_items)
    rows = positions[known]
    return known, index.tables.list_row[rows].astype(np.int64) if len(rows) else rows
