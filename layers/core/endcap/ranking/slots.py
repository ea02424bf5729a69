"""Places of a list: what a merchandiser pins, promotes or caps, over what the scores would show.

Place by place from the first on, so that a longer list begins with the shorter one: a pinned item where there is one,
else the best item of a promotion that is due, else the next of the ranking. One item per group of variants.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from endcap.arrays import I64
from endcap.filters.tree import Expression
from endcap.index.index import ItemIndex

CAPPED: Final = ("category", "brand")
Capped = Literal["category", "brand"]
_ROUNDING: Final = 1e-9  # ten times a tenth is a whole place


@dataclass(frozen=True, slots=True)
class Promotion:
    """Items that get a share of the places: of the first n places floor(n x share), each named after the promotion."""

    name: str
    filter: Expression
    share: float


@dataclass(frozen=True, slots=True)
class Pin:
    """An item that gets this place (from 1)."""

    item_id: str
    position: int


BestFirst = Callable[[int], I64]
"""n -> the n best rows, int64; fewer where there are no more. A longer answer begins with the shorter ones."""


@dataclass(frozen=True)
class SlotPool:
    """What places can be filled with.

    Attributes
    ----------
    ranking : what the scores show
    promoted : of each promotion its items
    pinned : place (from 0) -> row
    """

    ranking: BestFirst
    promoted: Sequence[BestFirst] = ()
    pinned: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Slot:
    """One place: the row that fills it, and what it is owed to, where not to its score."""

    row: int
    promotion: str | None = None
    pinned: bool = False


def arrange(
    index: ItemIndex,
    pool: SlotPool,
    promotions: Sequence[Promotion],
    caps: Mapping[Capped, int],
    n_places: int,
) -> list[Slot]:
    """The first `n_places` places, fewer where the stock runs out.

    Parameters
    ----------
    promotions : in the order of `stock.promoted`; of several that are due the one that waits longest comes first
    caps : how many places one category (an item's last, most specific one) or one brand may have; pinned items count,
        but are placed whatever the caps say
    """
    taken: set[int] = set()
    pins = {}
    for slot, row in sorted(pool.pinned.items()):
        group = int(index.groups[row])
        if group not in taken:
            pins[slot] = row
            taken.add(group)
    counts = {name: Counter(_labels(index, name, list(pins.values()))) for name in caps}
    ranking = _Queue(index, pool.ranking, n_places, taken, caps, counts)
    queues = [_Queue(index, rows, n_places, taken, caps, counts) for rows in pool.promoted]
    placed_of = [0] * len(promotions)
    slots: list[Slot] = []
    while len(slots) < n_places:
        k = len(slots)
        if k in pins:
            slots.append(Slot(pins.pop(k), pinned=True))
            continue
        owed = [int((k + 1) * p.share + _ROUNDING) - n for p, n in zip(promotions, placed_of, strict=True)]
        due = sorted((number for number, debt in enumerate(owed) if debt > 0), key=lambda number: -owed[number])
        found = next(((number, own) for number in due if (own := queues[number].take()) is not None), None)
        if found is not None:
            placed_of[found[0]] += 1
            slots.append(Slot(found[1], promotions[found[0]].name))
        elif (best := ranking.take()) is not None:
            slots.append(Slot(best))
        elif pins:  # too short a list for the place they were meant for
            slots.append(Slot(pins.pop(min(pins)), pinned=True))
        else:
            break
    return slots


class _Queue:
    """Rows handed out best first, skipping groups that are placed and labels that are full."""

    def __init__(
        self,
        index: ItemIndex,
        fetch: BestFirst,
        n_rows: int,
        taken: set[int],
        caps: Mapping[Capped, int],
        counts: Mapping[Capped, Counter[int]],
    ) -> None:
        self._assortment, self._fetch, self._asked = index, fetch, n_rows
        self._rows, self._at = fetch(n_rows).tolist(), 0
        self._taken, self._caps, self._counts = taken, caps, counts

    def take(self) -> int | None:
        """The next row that may be placed; None when none is left."""
        while (row := self._next()) is not None:
            group = int(self._assortment.groups[row])
            labels = {name: _labels(self._assortment, name, [row]) for name in self._caps}
            full = any(self._counts[name][label] >= self._caps[name] for name in labels for label in labels[name])
            if group in self._taken or full:
                continue  # full stays full: what is skipped once is never looked at again
            self._taken.add(group)
            for name, known in labels.items():
                self._counts[name].update(known)
            return row
        return None

    def _next(self) -> int | None:
        if self._at == len(self._rows) == self._asked:  # what was skipped leaves places open: look further down
            self._asked *= 4
            self._rows = self._fetch(self._asked).tolist()
        if self._at >= len(self._rows):
            return None
        self._at += 1
        return int(self._rows[self._at - 1])


def _labels(index: ItemIndex, name: Capped, rows: Sequence[int]) -> list[int]:
    """The brand or the last category of each row that has one."""
    if name == "brand":
        return [brand for row in rows if (brand := int(index.brand[row])) >= 0]
    return [categories[-1] for row in rows if (categories := index.categories_of(row))]
