"""The window that weights are tuned on: later than everything that the lists of the trial were counted from.

With a usable clock the newest tenth of the positive events are targets, at most ten per user, each seen from the
user's history just before it. Without one, each user's last event but one is a target and only what came before it is
counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from endcap.interactions import Interaction
from endcap_rebuild.events import EventTable, shuffle_keys

I64 = NDArray[np.int64]

TRAIN_SHARE: Final = 0.9
MAX_CASES_PER_USER: Final = 10


@dataclass(frozen=True)
class Cases:
    """Moments at which a user's next item is known; row numbers are those of the whole table.

    first, target : int64 (c,): the history is `first[i]:target[i]`, the next item that of row `target[i]`
    repeated : bool (c,): the user had acted on that item before
    """

    table: EventTable
    first: I64
    target: I64
    repeated: NDArray[np.bool_]

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
        return Cases(self.table, self.first[rows], self.target[rows], self.repeated[rows])

    def history(self, case: int, item_ids: list[str]) -> list[Interaction]:
        """The user's interactions before one case, oldest first."""
        table = self.table
        return [interaction_of(table, row, item_ids) for row in range(int(self.first[case]), int(self.target[case]))]

    def seen(self, case: int) -> NDArray[np.int32]:
        """int32: the items of the history of one case, repeats included."""
        return self.table.item[self.first[case] : self.target[case]]


@dataclass(frozen=True)
class Split:
    """What a trial may count from, and the cases that judge it."""

    train: EventTable
    cases: Cases
    cutoff_ms: int


def split_by_time(table: EventTable, clock: bool, max_cases: int, seed: int) -> Split:
    """Split for tuning; with too little data there are no cases, and the train part is everything."""
    positive = table.strength > 0
    bounds = table.user_bounds()
    first_of_row = bounds[table.user]
    place = np.arange(len(table)) - first_of_row
    if clock and positive.any():
        cutoff_ms = int(np.quantile(table.time_ms[positive], TRAIN_SHARE, method="lower"))
        in_train = table.time_ms <= cutoff_ms
        later = ~in_train & positive & (place > 0)
        # The first ones of each user, so that a heavy user doesn't decide alone.
        nth = np.cumsum(later) - np.cumsum(np.append(0, later))[first_of_row]
        targets = np.flatnonzero(later & (nth <= MAX_CASES_PER_USER))
    else:
        cutoff_ms = int(table.time_ms.max(initial=0))
        length = (bounds[1:] - bounds[:-1])[table.user]
        in_train = place < length - 2
        targets = np.flatnonzero((place == length - 2) & (place > 0) & positive)
    if not len(targets):
        in_train[:] = True
    order = np.argsort(shuffle_keys(table.key[targets], seed + 101), kind="stable")
    targets = np.sort(targets[order[:max_cases]])
    first = first_of_row[targets]
    repeated = np.array(
        [table.item[row] in table.item[start:row] for start, row in zip(first, targets, strict=True)], dtype=np.bool_
    )
    return Split(table.rows(in_train), Cases(table, first, targets, repeated), cutoff_ms)


def spread(n: int, most: int) -> I64:
    """Up to `most` of the numbers 0..n-1, evenly spaced: cases are in the order of their users."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).astype(np.int64))


def interaction_of(table: EventTable, row: int, item_ids: list[str]) -> Interaction:
    """One row of the table as an interaction that a profile can fold."""
    grade = float(table.grade[row])
    return Interaction(
        event_id=f"{int(table.key[row]):016x}",
        user_id=table.user_ids[table.user[row]],
        event_type=table.kinds[table.kind[row]],
        timestamp_ms=int(table.time_ms[row]),
        item_id=item_ids[table.item[row]],
        value=None if np.isnan(grade) else grade,
        text=table.text[row],
    )
