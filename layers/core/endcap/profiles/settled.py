"""Entries of a profile without those that were taken back: a purchase by its return, a cart by what was taken out."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

from endcap.events.takeback import Act, taken_back
from endcap.events.types import TAKES_BACK
from endcap.profiles.entries import Entry


def settled(entries: Sequence[Entry], thing: Callable[[str], Hashable] = str) -> Sequence[Entry]:
    """Those of one profile's `entries` that still hold, in their order; `entries` itself where nothing was taken back.

    Parameters
    ----------
    thing : item id -> what counts as the same when it is given back, as the group of its variants; never None
    """
    if not any(entry.event_type in TAKES_BACK for entry in entries):
        return entries
    acts = [
        Act(e.timestamp_ms, e.event_type, thing(e.item_id) if e.item_id else None, e.order, e.item_id) for e in entries
    ]
    taken = taken_back(acts)
    return [entry for number, entry in enumerate(entries) if number not in taken] if taken else entries
