"""What a profile that was written anew adds to the live counts, and takes out of them.

One shopper can't make a trend: of what they do with one item on one day (UTC) the first `MOST_A_DAY` events count. What
is given back, or taken out of the cart, is taken out of the counts of the time at which it was counted. Both follow
from the entries that the profile holds before and after, so that neither the order in which events come nor how often
they come changes what is counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from endcap.events.counts import DEMAND, PEOPLE, SHOWN, Change, kinds_of
from endcap.events.interaction import Interaction
from endcap.events.types import DAY_S, NOT_IN_HISTORY, EventType
from endcap.events.types import SHOWN as SHOWN_TYPES
from endcap.identifiers import event_key
from endcap.profiles.entries import Entry, TextSignal
from endcap.profiles.profile import UserProfile
from endcap.profiles.settled import settled

MOST_A_DAY: Final = 3
_DAY_MS: Final = int(DAY_S * 1000)

Held = Mapping[bytes, Entry | TextSignal]


def demand_changes(
    new: Iterable[Interaction], before: UserProfile, after: UserProfile, event_types: Mapping[str, EventType]
) -> list[Change]:
    """What the `new` events of one user change in the live counts.

    Parameters
    ----------
    new : those that `after` holds and `before` did not, as `new_events` has them
    """
    listed = list(new)
    shown = [e for e in listed if e.event_type in SHOWN_TYPES]
    changes = [Change(SHOWN + e.item_id, e.timestamp_ms, 1) for e in shown if e.item_id]
    keys = {event_key(e.event_id) for e in listed if e.event_type not in SHOWN_TYPES}
    if not keys:
        return changes
    old = _held(before)
    # What a full profile has let go of meanwhile was counted all the same.
    now = {**old, **{key: entry for key, entry in _held(after).items() if key in keys}}
    counted_before, counted_now = (set(_counted(held, event_types)) for held in (old, now))
    changes += [Change(name, at_ms, 1) for name, at_ms, _ in sorted(counted_now - counted_before)]
    changes += [Change(name, at_ms, -1) for name, at_ms, _ in sorted(counted_before - counted_now)]
    return changes


def _held(profile: UserProfile) -> dict[bytes, Entry | TextSignal]:
    """What was done with items, by its key; of texts those that leave no entry."""
    texts = {t.key: t for t in profile.texts if t.item_id and t.event_type in NOT_IN_HISTORY}
    return {**texts, **{e.key: e for e in (*profile.interactions, *profile.strong)}}


def _counted(held: Held, event_types: Mapping[str, EventType]) -> Iterator[tuple[str, int, bytes]]:
    """(name, time, key) of what counts."""
    entries = [e for e in held.values() if isinstance(e, Entry)]
    texts = [t for t in held.values() if isinstance(t, TextSignal)]
    times: dict[tuple[str, int], list[tuple[int, bytes]]] = {}
    standing: list[Entry | TextSignal] = [*settled(entries), *texts]
    for one in standing:
        for kind in kinds_of(one.event_type, event_types) if one.item_id else ():
            day = one.timestamp_ms // _DAY_MS
            times.setdefault((kind + one.item_id, day), []).append((one.timestamp_ms, one.key))
    first: dict[str, tuple[int, bytes]] = {}
    for (name, _), found in times.items():
        yield from ((name, at_ms, key) for at_ms, key in sorted(found)[:MOST_A_DAY])
        if name[0] == DEMAND:
            first[name[1:]] = min(*found, first.get(name[1:], found[0]))
    # A shopper is one of an item's people once, however often they come back.
    yield from ((PEOPLE + item_id, *one) for item_id, one in first.items())
