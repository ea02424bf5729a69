"""Which items may be shown: one boolean per item of the assortment."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

import numpy as np

from endcap.arrays import Mask
from endcap.index.index import ItemIndex
from endcap.profiles.profile import UserProfile

ExcludeSeen = Literal["interacted", "purchased", "none"]
EXCLUDE_SEEN: Final = ("interacted", "purchased", "none")


def sellable(index: ItemIndex, now_ms: int) -> Mask:
    """Items that are available and not expired at `now_ms`: bool (n_items,)."""
    expires = index.expires_at_ms
    return np.asarray(index.available & ((expires == 0) | (expires > now_ms)), dtype=np.bool_)


def seen_items(profile: UserProfile, exclude_seen: ExcludeSeen) -> set[str]:
    """Ids of the items that `exclude_seen` keeps from a shopper: any entry, purchases only, or none."""
    if exclude_seen == "none":
        return set()
    entries = (*profile.interactions, *profile.strong)
    return {e.item_id for e in entries if exclude_seen == "interacted" or e.event_type == "purchase"}


def variants_of(index: ItemIndex, item_ids: Iterable[str]) -> Mask:
    """Items that are a variant of any of `item_ids`, these among them: bool (n_items,)."""
    groups = index.groups
    named = np.zeros(int(groups.max(initial=-1)) + 1, dtype=np.bool_)
    named[groups[index.positions(item_ids)]] = True
    return np.asarray(named[groups], dtype=np.bool_)


def allowed(
    index: ItemIndex,
    now_ms: int,
    seen: Iterable[str] = (),
    exclude_items: Iterable[str] = (),
    candidates: Iterable[str] | None = None,
) -> Mask:
    """Items that a request may show.

    Parameters
    ----------
    seen : with every variant of their groups left out
    exclude_items : left out themselves
    candidates : nothing but these may be shown; None for the whole assortment

    Returns
    -------
    bool (n_items,)
    """
    mask = sellable(index, now_ms) & ~variants_of(index, seen)
    mask[index.positions(exclude_items)] = False
    if candidates is not None:
        among = np.zeros(index.n_items, dtype=np.bool_)
        among[index.positions(candidates)] = True
        mask &= among
    return mask
