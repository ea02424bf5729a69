"""Moments at which what a user chose next is known: the history is the question, the choice is the answer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from endcap.arrays import F32, I32, I64
from endcap.ranking.features import mean_ranks
from endcap_rebuild.data.event_table import EventTable, chance_keys
from endcap_rebuild.data.row_weights import positive_strength

_DRAW_SEED: Final = 101


@dataclass(frozen=True)
class Histories:
    """The histories of all questions, one after the other.

    starts : int64 (q + 1,); items : int32; newness : float32, 0 = newest, events of one moment share their mean rank;
    strength : float32, what the event says for its item, 0 where it speaks against it
    """

    starts: I64
    items: I32
    newness: F32
    strength: F32


@dataclass(frozen=True)
class Questions:
    """Histories with the items that were chosen next.

    Attributes
    ----------
    table : all interactions; rows of one user lie together, oldest first
    first, end : int64 (q,): the history of question i is `first[i]:end[i]`
    starts : int64 (q + 1,): its answers are `answers[starts[i]:starts[i + 1]]`, rows of the table
    repeats : whether items of the history may be answers again, and compete
    """

    table: EventTable
    first: I64
    end: I64
    starts: I64
    answers: I64
    repeats: bool

    def __len__(self) -> int:
        return len(self.end)

    @property
    def users(self) -> I32:
        """int32 (q,): whose questions they are."""
        return self.table.user[self.first]

    @property
    def items(self) -> I32:
        """int32 (answers,): the items chosen."""
        return self.table.item[self.answers]

    @property
    def times_ms(self) -> I64:
        """int64 (q,): when the first answer was given, which is when the question is asked."""
        return self.table.time_ms[self.answers[self.starts[:-1]]]

    def items_of(self, question: int) -> I32:
        """The answers of one question, each once."""
        return self.items[self.starts[question] : self.starts[question + 1]]

    def seen(self, question: int) -> I32:
        """The items of one history, repeats included."""
        return self.table.item[self.first[question] : self.end[question]]

    def chosen(self, rows: NDArray[np.generic]) -> Questions:
        """Some of the questions (mask or positions)."""
        positions = np.arange(len(self))[rows]
        lengths = np.diff(self.starts)[positions]
        parts = [self.answers[self.starts[p] : self.starts[p + 1]] for p in positions.tolist()]
        answers = np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)
        starts = np.append(0, np.cumsum(lengths)).astype(np.int64)
        return Questions(self.table, self.first[positions], self.end[positions], starts, answers, self.repeats)

    def drawn(self, most: int | None) -> Questions:
        """At most so many of them; which ones depends on nothing but the events themselves."""
        if most is None or len(self) <= most:
            return self
        keys = chance_keys(self.table, self.answers[self.starts[:-1]], _DRAW_SEED)
        return self.chosen(np.sort(np.argsort(keys, kind="stable")[:most]))

    @cached_property
    def histories(self) -> Histories:
        """All histories at once, for models that are a matrix."""
        lengths = self.end - self.first
        starts = np.append(0, np.cumsum(lengths)).astype(np.int64)
        rows = np.arange(int(starts[-1])) + np.repeat(self.first - starts[:-1], lengths)
        newness = [
            mean_ranks(self.table.time_ms[a:b].tolist())
            for a, b in zip(self.first.tolist(), self.end.tolist(), strict=True)
        ]
        return Histories(
            starts,
            self.table.item[rows],
            np.concatenate(newness) if newness else np.empty(0, dtype=np.float32),
            positive_strength(self.table)[rows],
        )


def next_items(table: EventTable, usable: NDArray[np.bool_]) -> Questions:
    """One question per usable row: its item, seen from the rows of its user before it; items not chosen before."""
    first = table.user_bounds()[table.user]
    rows = np.flatnonzero(usable & (np.arange(len(table)) > first) & first_choices(table))
    return Questions(table, first[rows], rows, np.arange(len(rows) + 1, dtype=np.int64), rows, repeats=False)


def next_orders(table: EventTable, usable: NDArray[np.bool_]) -> Questions:
    """One question per order with usable rows: its distinct items, seen from before the order.

    An order is what a user did in one session, or at one moment.
    """
    first_of_user = table.user_bounds()[table.user]
    together = np.zeros(len(table), dtype=np.bool_)
    session = (table.session[1:] == table.session[:-1]) & (table.session[1:] >= 0)
    together[1:] = (table.user[1:] == table.user[:-1]) & (session | (np.diff(table.time_ms) == 0))
    order = np.cumsum(~together) - 1
    begins = np.flatnonzero(~together)
    rows = np.flatnonzero(usable & (begins[order] > first_of_user))
    _, distinct = np.unique(order[rows].astype(np.int64) << 32 | table.item[rows], return_index=True)
    rows = rows[np.sort(distinct)]
    _, starts = np.unique(order[rows], return_index=True)
    ends = begins[order[rows[starts]]]
    return Questions(
        table, first_of_user[ends], ends, np.append(starts, len(rows)).astype(np.int64), rows, repeats=True
    )


def first_choices(table: EventTable) -> NDArray[np.bool_]:
    """bool (rows,): whether the user had not acted on the item before."""
    pairs = table.user.astype(np.int64) << 32 | table.item
    _, rows = np.unique(pairs, return_index=True)
    fresh = np.zeros(len(table), dtype=np.bool_)
    fresh[rows] = True
    return fresh
