"""The window that weights are tuned on: later than everything that the lists of the trial were counted from.

With a usable clock the newest tenth of the positive events are targets, at most ten per user. Without one, each user's
last event or order is asked for and only what came before it is counted. Each target is seen from the user's history
just before it: a storefront is asked while an order is being put together, too, and the lines before are known then. An
order gives few targets, evenly spread from its first line to its last. `Cases.before_orders` asks for the same from
before the order.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from endcap.arrays import I32, I64
from endcap.events.interaction import Interaction
from endcap_rebuild.data.event_table import EventTable, interaction_of, settled, shuffle_keys
from endcap_rebuild.data.row_weights import NEXT_TARGET, is_bought, is_target

TRAIN_SHARE: Final = 0.9
MAX_CASES_PER_USER: Final = 10
MAX_CASES_PER_ORDER: Final = 3
FEW_USERS: Final = 600
"""Who acts within a window of so few says more about these few than about the shop's shoppers."""


@dataclass(frozen=True)
class Cases:
    """Moments at which a user's next item is known; row numbers are those of the whole table.

    first, end : int64 (c,): the history is `first[i]:end[i]`
    target : int64 (c,): the row of the next item, at or after the end of the history
    repeated : bool (c,): the user had acted on that item before
    absent : int32: items that were not in the catalogue yet, as far as can be told; they do not compete
    """

    table: EventTable
    first: I64
    end: I64
    target: I64
    repeated: NDArray[np.bool_]
    absent: I32 = field(default_factory=lambda: np.empty(0, dtype=np.int32))

    def __len__(self) -> int:
        return len(self.target)

    @property
    def items(self) -> NDArray[np.int32]:
        """int32 (c,): the next items."""
        return self.table.item[self.target]

    @property
    def times_ms(self) -> I64:
        """int64 (c,): when they were chosen."""
        return self.table.time_ms[self.target]

    def chosen(self, rows: NDArray[np.generic]) -> Cases:
        """Some of the cases (mask or positions)."""
        return replace(
            self,
            first=self.first[rows],
            end=self.end[rows],
            target=self.target[rows],
            repeated=self.repeated[rows],
        )

    def history(self, case: int, item_ids: list[str]) -> list[Interaction]:
        """The user's interactions before one case, oldest first."""
        table = self.table
        return [interaction_of(table, row, item_ids) for row in range(int(self.first[case]), int(self.end[case]))]

    def seen(self, case: int) -> NDArray[np.int32]:
        """int32: the items of the history of one case, repeats included."""
        return self.table.item[self.first[case] : self.end[case]]

    def before_orders(self, clock: bool) -> Cases:
        """The same next items, seen from before the orders that they were bought in; none of first orders."""
        end = order_begins(self.table, clock)[self.target]
        repeated = _repeated(self.table, self.first, end, self.target)
        return replace(self, end=end, repeated=repeated).chosen(end > self.first)


@dataclass(frozen=True)
class Split:
    """What a trial may count from, and the cases that judge it."""

    train: EventTable
    cases: Cases
    cutoff_ms: int


def split_by_time(table: EventTable, clock: bool, max_cases: int, seed: int, target: str = NEXT_TARGET) -> Split:
    """Split for tuning; with too little data there are no cases, and the train part is everything.

    Parameters
    ----------
    target : see `is_target`
    """
    positive = is_target(table, target)
    bounds = table.user_bounds()
    rows = np.arange(len(table))
    first_of_row = bounds[table.user]
    begin = order_begins(table, clock)
    askable = positive & (rows > first_of_row) & _spread_over_orders(begin)
    if clock and positive.any():
        cutoff_ms = int(np.quantile(table.time_ms[positive], TRAIN_SHARE, method="lower"))
        in_train = table.time_ms <= cutoff_ms
        later = ~in_train & askable
        # The first ones of each user, so that a heavy user doesn't decide alone.
        nth = np.cumsum(later) - np.cumsum(np.append(0, later))[first_of_row]
        targets = np.flatnonzero(later & (nth <= MAX_CASES_PER_USER))
    else:
        cutoff_ms = int(table.time_ms.max(initial=0))
        last_begin = begin[bounds[1:] - 1][table.user] if len(table) else begin
        in_train = rows < last_begin
        targets = np.flatnonzero((begin == last_begin) & askable)
    if not len(targets):
        in_train[:] = True
    order = np.argsort(shuffle_keys(table.key[targets], seed + 101), kind="stable")
    targets = np.sort(targets[order[:max_cases]])
    first = first_of_row[targets]
    cases = Cases(table, first, targets, targets, _repeated(table, first, targets, targets))
    return Split(settled(table.rows(in_train), cutoff_ms), cases, cutoff_ms)


def _repeated(table: EventTable, first: I64, end: I64, targets: I64) -> NDArray[np.bool_]:
    return np.array(
        [table.item[row] in table.item[a:b] for a, b, row in zip(first, end, targets, strict=True)], dtype=np.bool_
    )


def with_last_choices(split: Split, clock: bool, target: str = NEXT_TARGET, users: int = FEW_USERS) -> Split:
    """The same window; where it asks few users, the last choices of others before it are asked for, too.

    Those who chose last are taken first, until there are `users`. What they chose then, and in the same order, is
    counted from no more.
    """
    cases = split.cases
    table = cases.table
    asked = np.unique(table.user[cases.target])
    if not clock or not len(asked) or len(asked) >= users:
        return split
    bounds, rows = table.user_bounds(), np.arange(len(table))
    begin = order_begins(table, clock)
    before = table.time_ms <= split.cutoff_ms
    askable = before & is_target(table, target) & (rows > bounds[table.user]) & ~np.isin(table.user, asked)
    others, last = np.unique(table.user[askable][::-1], return_index=True)
    last = rows[askable][::-1][last]
    latest = np.argsort(-table.time_ms[last], kind="stable")[: users - len(asked)]
    counted = before.copy()
    for user, row in zip(others[latest].tolist(), last[latest].tolist(), strict=True):
        counted[begin[row] : bounds[user + 1]] = False
    targets = np.sort(np.concatenate([cases.target, last[latest]]))
    first = bounds[table.user[targets]]
    repeated = _repeated(table, first, targets, targets)
    return replace(
        split,
        train=settled(table.rows(counted), split.cutoff_ms),
        cases=replace(cases, first=first, end=targets, target=targets, repeated=repeated),
    )


def without_absent(split: Split, created_ms: NDArray[np.float64], seed: int) -> Split:
    """The same cases with the items named that could not be chosen in the window, for they came later.

    The catalogue is that of today. Of the items that nobody has touched up to its end, those created after the window
    began are named; where no date is known, as many as were first touched within the window, drawn by chance: a shop
    that lists new items at a steady rate will list about as many again, and the rest is stock that does not sell.
    Without this, new items would have to compete with those of the future, and too small a bonus would seem best.

    Parameters
    ----------
    created_ms : float64 (n_items,), NaN where unknown
    """
    n_items = len(created_ms)
    before = np.bincount(split.train.item, minlength=n_items) > 0
    ever = np.bincount(split.cases.table.item, minlength=n_items) > 0
    dated = ~ever & (created_ms > split.cutoff_ms)
    undated = np.flatnonzero(~ever & np.isnan(created_ms))
    first_touched = int((ever & ~before & np.isnan(created_ms)).sum())
    drawn = np.random.default_rng([seed, 17]).permutation(undated)[:first_touched]
    absent = np.sort(np.concatenate([np.flatnonzero(dated), drawn])).astype(np.int32)
    return replace(split, cases=replace(split.cases, absent=absent))


def order_begins(table: EventTable, clock: bool) -> I64:
    """int64 (rows,): the row at which the order of each row began; a row that is no purchase is an order of its own.

    An order is what a user bought in one session or, where there are no sessions, at one moment; where timestamps are
    no times (`clock` is false), one moment means nothing.
    """
    bought = is_bought(table)
    one_moment = clock & (table.time_ms[1:] == table.time_ms[:-1])
    at_once = np.where(table.session[1:] >= 0, table.session[1:] == table.session[:-1], one_moment)
    begins = np.ones(len(table), dtype=np.bool_)
    begins[1:] = ~((table.user[1:] == table.user[:-1]) & bought[1:] & bought[:-1] & at_once)
    return np.maximum.accumulate(np.where(begins, np.arange(len(table)), 0)).astype(np.int64)


def _spread_over_orders(begin: I64) -> NDArray[np.bool_]:
    """bool (rows,): the lines of each order that are asked for: the first one, the last and those evenly between.

    Parameters
    ----------
    begin : see `order_begins`
    """
    _, order, size = np.unique(begin, return_inverse=True, return_counts=True)
    place, last = np.arange(len(begin)) - begin, size[order] - 1
    chosen = np.zeros(len(begin), dtype=np.bool_)
    for k in range(MAX_CASES_PER_ORDER):
        chosen |= place == last * k // (MAX_CASES_PER_ORDER - 1)
    return chosen


def spread(n: int, most: int) -> I64:
    """Up to `most` of the numbers 0..n-1, evenly spaced: cases are in the order of their users."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).astype(np.int64))
