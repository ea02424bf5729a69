"""Links between an anonymous id and the users that it turned out to be.

An anonymous id's profile holds outgoing links (time, user): up to that time, back to the link before, it was that user.
A known user's profile holds incoming links (start, time, key of the anonymous id): of what that id did, the user owns
what lies between. An identify that arrives late and lies before another moves that one's start, so that in the end each
user owns the same, whatever came first. Links are merged by union, of two with one end the later start wins, and what
they let go of is the oldest.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

MAX_LINKS = 16  # each way: times that an anonymous id was somebody, anonymous ids that a user had
MAX_SPANS = 8  # of one anonymous id, in a user's profile


@dataclass(frozen=True, slots=True, order=True)
class Link:
    """An `identify` event: from `start_ms` (excluded) up to `timestamp_ms` the anonymous id was this user.

    In the anonymous id's profile `user_id` names the known user ("" once that user was deleted: everything up to then
    is dropped, and the time remains as the border of the next interval); in the known user's profile `anonymous_id`
    is the key of the other side, and `start_ms` the identify before, -1 for none.
    """

    timestamp_ms: int
    user_id: str = ""
    anonymous_id: str = ""
    start_ms: int = -1

    @property
    def erased(self) -> bool:
        """Whether it stands in an anonymous id's profile for a user that was deleted."""
        return not self.user_id and not self.anonymous_id


class Interval(NamedTuple):
    """What an anonymous id hands over with a link.

    Attributes
    ----------
    start_ms : the identify before, -1 for none that is known
    since_ms : the time up to which nothing is handed over any more
    """

    start_ms: int
    since_ms: int
    link: Link


class Span(NamedTuple):
    """What a user owns of an anonymous id: from `start_ms` (excluded) up to `end_ms`, and whether its link is kept."""

    start_ms: int
    end_ms: int
    is_kept: bool


def normal_links(links: Iterable[Link], deleted_at_ms: int, erased_at_ms: int) -> tuple[Link, ...]:
    """What a profile keeps of `links`, newest first: per time one outgoing link, per anonymous id its latest.

    Parameters
    ----------
    erased_at_ms : the time up to which a deletion has also reached the anonymous ids; what it has still to reach
        between that and `deleted_at_ms` stays
    """
    links = list(links)
    outgoing = _outgoing(links, _deletion_ms(deleted_at_ms))[-MAX_LINKS:]
    floor = floor_ms(outgoing, erased_at_ms)
    ends: defaultdict[str, dict[int, Link]] = defaultdict(dict)
    for link in links:
        if link.anonymous_id and link.timestamp_ms > floor:
            known = ends[link.anonymous_id]
            known[link.timestamp_ms] = max(link, known.get(link.timestamp_ms, link))
    latest = sorted((max(of_one), key) for key, of_one in ends.items())[-MAX_LINKS:]
    incoming = [ends[key][end] for _, key in latest for end in sorted(ends[key])[-MAX_SPANS:]]
    return tuple(sorted([*outgoing, *incoming], reverse=True))


def floor_ms(links: Iterable[Link], deleted_at_ms: int) -> int:
    """The time up to which a profile with these `links` holds no entries and takes in none, -1 for none.

    Erasing an interval erases what lies before it too: that was handed to its users long ago, and only what drops
    all up to some time gives the same profile in any order.
    """
    links = list(links)
    if not links:
        return _deletion_ms(deleted_at_ms)
    return max([_forgotten_ms(links, deleted_at_ms), *(link.timestamp_ms for link in links if link.erased)])


def intervals(links: Iterable[Link], deleted_at_ms: int, more: Iterable[Link] = ()) -> list[Interval]:
    """The spans of time that an anonymous id's `links` and some `more` hand over, oldest first."""
    links = list(links)
    let_go, forgotten = _let_go_ms(links), _forgotten_ms(links, deleted_at_ms)
    outgoing = _outgoing([*links, *more], forgotten)
    starts = [let_go, *(link.timestamp_ms for link in outgoing)]
    return [Interval(start, max(start, forgotten), link) for start, link in zip(starts, outgoing, strict=False)]


def spans_of(links: Iterable[Link], kept: Iterable[Link]) -> dict[str, list[Span]]:
    """Key of an anonymous id -> what of it the user owns by their `links`, oldest first."""
    still = {(link.anonymous_id, link.timestamp_ms) for link in kept}
    starts: dict[tuple[str, int], int] = {}
    for link in links:
        if link.anonymous_id:
            of_one = link.anonymous_id, link.timestamp_ms
            starts[of_one] = max(link.start_ms, starts.get(of_one, -1))
    spans: dict[str, list[Span]] = {}
    for (source, end_ms), start_ms in sorted(starts.items()):
        spans.setdefault(source, []).append(Span(start_ms, end_ms, (source, end_ms) in still))
    return spans


def _forgotten_ms(links: Sequence[Link], deleted_at_ms: int) -> int:
    """The time up to which nobody knows any more whose the entries of this profile were."""
    return max(_let_go_ms(links), _deletion_ms(deleted_at_ms))


def _let_go_ms(links: Sequence[Link]) -> int:
    outgoing = _outgoing(links, -1) if len(links) >= MAX_LINKS else []
    return outgoing[0].timestamp_ms if len(outgoing) >= MAX_LINKS else -1


def _deletion_ms(deleted_at_ms: int) -> int:
    return deleted_at_ms or -1  # 0 stands for never, and events of time 0 are events


def _outgoing(links: Iterable[Link], after_ms: int) -> list[Link]:
    """Outgoing links, oldest first, one per time: the erased one, else that of the least user id."""
    best: dict[int, Link] = {}
    for link in links:
        if not link.anonymous_id and link.timestamp_ms > after_ms:
            best[link.timestamp_ms] = min(link, best.get(link.timestamp_ms, link))
    return sorted(best.values())
