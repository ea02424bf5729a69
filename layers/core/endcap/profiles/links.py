"""Links between an anonymous id and the users that it turned out to be.

An anonymous id's profile holds outgoing links (time, user): up to that time, back to the link before, it was that user.
A known user's profile holds incoming links (time, anonymous id). Both are sets of the newest; like everything in a
profile they are merged by union, and what they let go of is the oldest.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

MAX_LINKS = 16  # each way: times that an anonymous id was somebody, anonymous ids that a user had


@dataclass(frozen=True, slots=True, order=True)
class Link:
    """An `identify` event: up to `timestamp_ms` the anonymous id was this user.

    In the anonymous id's profile `user_id` names the known user ("" once that user was deleted: everything up to then
    is dropped, and the time remains as the border of the next interval); in the known user's profile `anonymous_id`
    names the other side.
    """

    timestamp_ms: int
    user_id: str = ""
    anonymous_id: str = ""

    @property
    def erased(self) -> bool:
        """Whether it stands in an anonymous id's profile for a user that was deleted."""
        return not self.user_id and not self.anonymous_id


def normal_links(links: Iterable[Link], deleted_at_ms: int) -> tuple[Link, ...]:
    """What a profile keeps of `links`, newest first: per time one outgoing link, per anonymous id the latest."""
    links = list(links)
    outgoing = _outgoing(links, _deletion_ms(deleted_at_ms))[-MAX_LINKS:]
    floor = floor_ms(outgoing, deleted_at_ms)
    incoming: dict[str, Link] = {}
    for link in links:
        if link.anonymous_id and link.timestamp_ms > floor:
            incoming[link.anonymous_id] = max(link, incoming.get(link.anonymous_id, link))
    return tuple(sorted([*outgoing, *sorted(incoming.values())[-MAX_LINKS:]], reverse=True))


def floor_ms(links: Iterable[Link], deleted_at_ms: int) -> int:
    """The time up to which a profile with these `links` holds no entries and takes in none, -1 for none.

    Erasing an interval erases what lies before it too: that was handed to its users long ago, and only what drops
    all up to some time gives the same profile in any order.
    """
    links = list(links)
    return max([_forgotten_ms(links, deleted_at_ms), *(link.timestamp_ms for link in links if link.erased)])


def intervals(links: Iterable[Link], deleted_at_ms: int, more: Iterable[Link] = ()) -> list[tuple[int, Link]]:
    """The spans of time that an anonymous id's `links` and some `more` hand over, as (start exclusive, link)."""
    links = list(links)
    forgotten = _forgotten_ms(links, deleted_at_ms)
    outgoing = _outgoing([*links, *more], forgotten)
    return list(zip([forgotten, *(link.timestamp_ms for link in outgoing)], outgoing, strict=False))


def _forgotten_ms(links: Iterable[Link], deleted_at_ms: int) -> int:
    """The time up to which nobody knows any more whose the entries of this profile were."""
    outgoing = _outgoing(links, -1)
    let_go = outgoing[0].timestamp_ms if len(outgoing) >= MAX_LINKS else -1
    return max(let_go, _deletion_ms(deleted_at_ms))


def _deletion_ms(deleted_at_ms: int) -> int:
    return deleted_at_ms or -1  # 0 stands for never, and events of time 0 are events


def _outgoing(links: Iterable[Link], after_ms: int) -> list[Link]:
    """Outgoing links, oldest first, one per time: the erased one, else that of the least user id."""
    best: dict[int, Link] = {}
    for link in links:
        if not link.anonymous_id and link.timestamp_ms > after_ms:
            best[link.timestamp_ms] = min(link, best.get(link.timestamp_ms, link))
    return sorted(best.values())
