"""Which items may be shown: one boolean per item of the index, or per row of those that are asked about."""

from __future__ import annotations

from typing import Final, Literal

import numpy as np

from endcap.arrays import I64, Mask
from endcap.events.types import BOUGHT
from endcap.index.index import ItemIndex
from endcap.profiles.profile import UserProfile

ExcludeSeen = Literal["interacted", "purchased", "none"]
EXCLUDE_SEEN: Final = ("interacted", "purchased", "none")


def sellable(index: ItemIndex, now_ms: int, among: I64 | None = None) -> Mask:
    """Items that are available and not expired at `now_ms`: bool (n_items,), or one for each row of `among`."""
    if among is not None:
        expires = index.expires_at_ms[among]
        return np.asarray(index.available[among] & ((expires == 0) | (expires > now_ms)), dtype=np.bool_)
    mask = index.sellable_always.copy()
    mask[index.expiring] = index.expires_at_ms[index.expiring] > now_ms
    return mask


def seen_items(profile: UserProfile, exclude_seen: ExcludeSeen) -> set[str]:
    """Ids of the items that `exclude_seen` keeps from a shopper: any entry, purchases only, or none."""
    if exclude_seen == "none":
        return set()
    entries = (*profile.interactions, *profile.strong)
    return {e.item_id for e in entries if exclude_seen == "interacted" or e.event_type in BOUGHT}


def variants_of(index: ItemIndex, rows: I64, among: I64 | None = None) -> Mask:
    """Items that are a variant of any of `rows`, these among them: bool (n_items,), or one for each row of `among`."""
    groups = np.unique(index.groups[rows])
    if among is not None:
        return np.isin(index.groups[among], groups)
    mask = np.zeros(index.n_items, dtype=np.bool_)
    mask[index.members(groups.tolist())] = True
    return mask


def not_among(index: ItemIndex, seen: I64, excluded: I64, among: I64 | None = None) -> Mask:
    """Items that a request does not leave out by name.

    Parameters
    ----------
    seen : int64, rows that are left out with every variant of their groups
    excluded : int64, rows that are left out themselves
    among : int64 (k,), ascending: nothing but these rows is asked about; None for the whole index

    Returns
    -------
    bool (n_items,), or bool (k,), one for each of `among`
    """
    mask = ~variants_of(index, seen, among)
    if among is None:
        mask[excluded] = False
        return mask
    return mask & np.isin(among, excluded, invert=True)
