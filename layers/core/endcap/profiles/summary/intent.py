"""What a shopper is after right now, from the latest run of interactions alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from endcap.catalog.item import Item
from endcap.events.types import BOUGHT, ENDS_CART, FILLS_CART, LOOKED, SEARCH
from endcap.profiles.entries import Entry, newest_first
from endcap.profiles.profile import UserProfile

PAUSE_MS: Final = 30 * 60_000
"""A longer pause ends a session."""
CART_MS: Final = 30 * 86_400_000
"""What lies in a cart for longer than its events half-live says nothing about now."""
MAX_NAMED: Final = 3
_ATTENDED: Final = LOOKED | BOUGHT


@dataclass(frozen=True, slots=True)
class Named:
    """An item and its title."""

    item_id: str
    title: str


@dataclass(frozen=True, slots=True)
class Done(Named):
    """An item, and the last thing that was done with it."""

    event_type: str


@dataclass(frozen=True, slots=True)
class CategoryCount:
    """How many different items of a category were looked at, put into the cart or bought.

    Attributes
    ----------
    latest : the last of them
    """

    name: str
    items: int
    latest: tuple[Named, ...] = ()


@dataclass(frozen=True, slots=True)
class RecentIntent:
    """The latest session.

    Attributes
    ----------
    started, ended : ms since 1970
    categories : of the items that were looked at, put into the cart or bought in it, the most frequent first
    looked_at : the latest items first, with what was done: who put an item into the cart or bought it has looked at it
    in_cart : put into the cart within a month, and neither bought nor taken out since
    searches : how many searches; their words are not stored
    chosen_after_search : what came next after the latest search, likewise
    """

    started: int
    ended: int
    categories: tuple[CategoryCount, ...]
    looked_at: tuple[Done, ...]
    in_cart: tuple[Named, ...]
    searches: int
    chosen_after_search: Done | None


def recent_intent(profile: UserProfile, items: Mapping[str, Item], now_ms: int) -> RecentIntent | None:
    """What the latest session points at; None where nothing was ever done.

    Parameters
    ----------
    items : what is known of the items, for titles and categories
    """
    searched = [t.timestamp_ms for t in profile.texts if t.event_type == SEARCH]
    times = sorted([*(e.timestamp_ms for e in profile.interactions), *searched], reverse=True)
    if not times:
        return None
    started = times[0]
    for time in times:
        if started - time > PAUSE_MS:
            break
        started = time

    def title(item_id: str) -> str:
        return items[item_id].title if item_id in items else ""

    def done(entry: Entry) -> Done:
        return Done(entry.item_id, title(entry.item_id), entry.event_type)

    interactions = newest_first(profile.interactions)
    session = [e for e in interactions if e.timestamp_ms >= started]
    looked: dict[str, Entry] = {}
    of_category: dict[str, dict[str, None]] = {}
    for entry in session:
        if entry.event_type in LOOKED:
            looked.setdefault(entry.item_id, entry)
        item = items.get(entry.item_id)
        if entry.event_type in _ATTENDED and item is not None and item.categories:
            of_category.setdefault(item.categories[-1], {})[entry.item_id] = None
    most = sorted(of_category.items(), key=lambda pair: -len(pair[1]))[:MAX_NAMED]
    searches = [at_ms for at_ms in searched if at_ms >= started]
    return RecentIntent(
        started=started,
        ended=times[0],
        categories=tuple(
            CategoryCount(name, len(ids), tuple(Named(i, title(i)) for i in list(ids)[:MAX_NAMED]))
            for name, ids in most
        ),
        looked_at=tuple(done(e) for e in list(looked.values())[:MAX_NAMED]),
        in_cart=tuple(Named(i, title(i)) for i in _in_cart(interactions, now_ms)[:MAX_NAMED]),
        searches=len(searches),
        chosen_after_search=next((done(e) for e in reversed(_after(session, max(searches, default=None)))), None),
    )


def _after(entries: Sequence[Entry], at_ms: int | None) -> list[Entry]:
    """What was looked at after a moment, of entries with the newest first."""
    if at_ms is None:
        return []
    return [e for e in entries if e.event_type in LOOKED and e.timestamp_ms > at_ms]


def _in_cart(entries: Sequence[Entry], now_ms: int) -> list[str]:
    over: set[str] = set()
    left: dict[str, None] = {}
    for entry in entries:
        if entry.event_type in ENDS_CART:
            over.add(entry.item_id)
        elif entry.event_type in FILLS_CART and entry.item_id not in over and now_ms - entry.timestamp_ms <= CART_MS:
            left[entry.item_id] = None
    return list(left)
