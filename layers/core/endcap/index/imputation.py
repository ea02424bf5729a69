"""What behaviour says about items newer than the snapshot, borrowed from the items nearest by text.

The rule is the rebuild's own (`endcap_rebuild.behaviour.imputation`): of the items that someone has touched, the ten
nearest lend, by their cosine cubed. So an item ranks within seconds of being added about as it will after the next
rebuild.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from endcap.arrays import F32, I64
from endcap.index.derived import SnapshotTables

NEAREST: Final = 10
SHARPNESS: Final = 3
"""Cosine to this power: the nearest few decide, as measured in the project's quality study."""
PRODUCTS_PER_FOLD: Final = 32_000_000
"""Within about 15 ms: 10 new items over 12,000 items of 256 dimensions."""
FIRST_FOLD: Final = 10
"""How many times more the first fold may do: it belongs to a cold start."""


def items_per_fold(tables: SnapshotTables, *, first: bool) -> int:
    """How many new items look for their donors within one fold."""
    products = PRODUCTS_PER_FOLD * (FIRST_FOLD if first else 1)
    return max(1, products // max(1, tables.n_items * int(tables.white.dim)))


def donors_of(tables: SnapshotTables, white: F32) -> tuple[I64, F32]:
    """The items that lend to each new one, and how much.

    Parameters
    ----------
    white : float32 (m, d_item), whitened text vectors, unit or zero rows

    Returns
    -------
    int64 (m, NEAREST), rows of the snapshot, and float32 (m, NEAREST), shares that add up to 1; to 0 where no touched
    item is like the new one at all
    """
    rows = np.zeros((len(white), NEAREST), dtype=np.int64)
    shares = np.zeros((len(white), NEAREST), dtype=np.float32)
    seen = tables.seen
    k = min(NEAREST, len(seen))
    for row, vector in enumerate(white if k else ()):
        cosines = tables.white.dots(vector)[seen]
        best = np.argpartition(-cosines, k - 1)[:k]
        best = best[np.lexsort((best, -cosines[best]))]
        strength = np.maximum(cosines[best], 0).astype(np.float64) ** SHARPNESS
        rows[row, :k] = seen[best]
        shares[row, :k] = strength / (strength.sum() + 1e-9)
    return rows, shares
