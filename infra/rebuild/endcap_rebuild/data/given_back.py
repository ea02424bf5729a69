"""Rows of the table of interactions that returns, refunds and emptied carts take back, by the rule of profiles."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise
from typing import Final, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from endcap.arrays import I32, I64
from endcap.events.takeback import Act, taken_back
from endcap.events.types import BOUGHT, LEADS, TAKES_BACK

NEVER: Final = 1 << 62
"""Later than every event."""
_RELEVANT: Final = LEADS | BOUGHT | TAKES_BACK


Whose = TypeVar("Whose", int, str)


class Refund(NamedTuple, Generic[Whose]):
    """A refund of a whole order, which names no item; its user by id, or by number in a table."""

    user: Whose
    at_ms: int
    event_type: str
    order: int


class Columns(NamedTuple):
    """A table of interactions, sorted by user: one value per row.

    user, event_type : numbers, of types into `names`
    thing : what counts as the same when it is given back
    order : a hash, 0 = unknown
    item : which of the thing's variants it is
    """

    user: I32
    time_ms: I64
    event_type: NDArray[np.int8]
    thing: I64
    order: NDArray[np.uint64]
    item: I32


def taken_ms(table: Columns, names: Sequence[str], refunds: Collection[Refund[int]]) -> I64:
    """int64 (rows,): when each row was taken back, `NEVER` where it was not.

    Parameters
    ----------
    refunds : of whole orders, by the users' numbers in the table
    """
    taken = np.full(len(table.user), NEVER, dtype=np.int64)
    takes = _is_of(table, names, TAKES_BACK)
    if not refunds and not takes.any():
        return taken
    pair = table.user.astype(np.int64) << 32 | table.thing
    of_user: dict[int, list[Refund[int]]] = {}
    for refund in refunds:
        of_user.setdefault(refund.user, []).append(refund)
    concerned = np.isin(pair, np.unique(pair[takes])) | np.isin(table.user, list(of_user))
    rows = np.flatnonzero(concerned & _is_of(table, names, _RELEVANT))
    times, kinds, things, orders, items = (column[rows].tolist() for column in table[1:])
    users = table.user[rows]
    bounds = np.flatnonzero(np.diff(users, prepend=-1, append=-1)).tolist() if len(rows) else []
    for start, end in pairwise(bounds):
        acts = [Act(times[k], names[kinds[k]], things[k], orders[k], items[k]) for k in range(start, end)]
        acts += [Act(one.at_ms, one.event_type, None, one.order) for one in of_user.get(int(users[start]), ())]
        for number, at_ms in taken_back(acts).items():
            taken[rows[start + number]] = at_ms
    return taken


def _is_of(table: Columns, names: Sequence[str], event_types: Collection[str]) -> NDArray[np.bool_]:
    return np.isin(table.event_type, [code for code, name in enumerate(names) if name in event_types])
