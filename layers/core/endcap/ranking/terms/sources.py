"""Where the item-to-item lists of a history begin, and what they name."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from endcap.arrays import F16, I64
from endcap.index.index import ItemIndex
from endcap.index.inverted import ranges


@dataclass(frozen=True, slots=True)
class Edges:
    """The neighbours of all of a history's items in one list, one after the other.

    Attributes
    ----------
    past : int64 (e,), index within the history of the item that each belongs to
    named : int64 (e,), row of the index
    strengths : float16 (e,)
    """

    past: I64
    named: I64
    strengths: F16


@dataclass(frozen=True, slots=True)
class ListSources:
    """Items of a history that can have rows in the lists.

    Attributes
    ----------
    known, rows : int64 (k,), their index within it, and their row
    """

    index: ItemIndex
    known: I64
    rows: I64
    _found: dict[str, Edges] = field(default_factory=dict, compare=False)

    def edges(self, name: str) -> Edges:
        """What one list has of them; gathered once, as a score and its reasons both ask."""
        if name not in self._found:
            neighbours = self.index.tables.lists[name]
            starts, ends = neighbours.indptr[self.rows], neighbours.indptr[self.rows + 1]
            places = ranges(starts, ends)
            past = np.repeat(self.known, ends - starts)
            self._found[name] = Edges(past, neighbours.indices[places].astype(np.int64), neighbours.weights[places])
        return self._found[name]


def list_sources(index: ItemIndex, positions: I64) -> ListSources:
    """The sources among some rows of the index, in their order.

    A variant that nobody has bought yet borrows the list of its group's most bought sibling.
    """
    known = np.flatnonzero(positions < index.tables.n_items)
    rows = positions[known]
    return ListSources(index, known, index.tables.list_row[rows].astype(np.int64) if len(rows) else rows)
