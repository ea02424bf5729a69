"""How much an item is in demand, and whether demand is rising, both as of the training cut-off."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from endcap.arrays import F32
from endcap.events.types import DAY_S
from endcap_rebuild.data.event_table import EventTable
from endcap_rebuild.data.shares import capped

DAY_MS: Final = DAY_S * 1000
# Trend compares the demand of about this many days ...
_RECENT_DAYS: Final = 7.0
# ... with that of about this many.
_USUAL_DAYS: Final = 45.0


def decayed_demand(
    table: EventTable, n_items: int, cutoff_ms: int, half_life_days: float | None, most: float | None = None
) -> NDArray[np.float64]:
    """float64 (n,): summed positive strength, each event halved per half-life of its age at the cut-off.

    No shopper counts for more than their share, see `shares`.

    Parameters
    ----------
    most : what one shopper may say for one item in all; what is usual in the table when None
    """
    most, table = table.largest_share if most is None else most, table.rows(table.counted)
    strength = table.strength.astype(np.float64)
    if half_life_days is not None:
        age_days = np.maximum(cutoff_ms - table.time_ms, 0) / DAY_MS
        strength *= np.exp2(-age_days / half_life_days)
    strength = capped(table.pair, strength, most)
    return np.asarray(np.bincount(table.item, strength, minlength=n_items), dtype=np.float64)


def log_popularity(table: EventTable, n_items: int, cutoff_ms: int, half_life_days: float | None) -> F32:
    """float32 (n,): log(1 + decayed demand); without a half-life every event counts in full."""
    return np.log1p(decayed_demand(table, n_items, cutoff_ms, half_life_days)).astype(np.float32)


def log_trend(table: EventTable, n_items: int, cutoff_ms: int, clock: bool) -> F32:
    """float32 (n,): log of recent demand over usual demand, drawn to 0 where there is little of either.

    All zero where the timestamps are no usable clock.
    """
    if not clock or not len(table):
        return np.zeros(n_items, dtype=np.float32)
    recent = decayed_demand(table, n_items, cutoff_ms, _RECENT_DAYS) / _RECENT_DAYS
    usual = decayed_demand(table, n_items, cutoff_ms, _USUAL_DAYS) / _USUAL_DAYS
    # One event per half-life of the long window is what a trend has to beat.
    prior = 1 / _USUAL_DAYS
    overall = (recent.sum() + prior) / (usual.sum() + prior)
    return np.asarray(np.log((recent / overall + prior) / (usual + prior)), dtype=np.float32)
