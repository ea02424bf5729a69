"""The fields of items as columns, for filters: built once per snapshot and once per set of changes laid over it."""

from __future__ import annotations

import operator
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from endcap.arrays import F64, Mask
from endcap.validation import timestamp_ms

Scalar = str | float | bool

COMPARISONS: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
EXACT: Final = frozenset({"item_id", "group_id"})
"""Fields whose letters' case matters."""


class Column:
    """One field of n items: none, one or several values each, each distinct value stored once.

    Parameters
    ----------
    rows, codes : int64 (m,), item and distinct value of each of the m values
    numbers : float64 (v,), the distinct values that are numbers, NaN for others; likewise
    flags : int8 (v,), 0, 1, or -1; texts : v texts or None, empty where no value is a text
    listed : bool (v,), whether the value is an element of a list
    exact : whether the case of letters matters
    """

    def __init__(
        self,
        n_items: int,
        rows: NDArray[Any],
        codes: NDArray[Any],
        *,
        numbers: F64 | None = None,
        flags: NDArray[np.int8] | None = None,
        texts: Sequence[str | None] = (),
        listed: Mask | None = None,
        exact: bool = False,
    ) -> None:
        self.n_items, self._rows, self._codes = n_items, rows, codes
        self._numbers, self._flags, self._texts, self._listed, self._exact = numbers, flags, texts, listed, exact

    @classmethod
    def of_values(cls, n_items: int, values: Iterable[tuple[int, object]], *, exact: bool = False) -> Column:
        """From (row, value): text, number, true or false, or a list of texts; None and "" are no values."""
        growing = _Growing(exact)
        for row, value in values:
            growing.add(row, value)
        return growing.column(n_items)

    def present(self) -> Mask:
        """Items that have the field: bool (n,)."""
        mask = np.zeros(self.n_items, dtype=np.bool_)
        mask[self._rows] = True
        return mask

    def compare(self, sign: str, value: Scalar) -> Mask:
        """Items with a value that stands so to `value`; values of another kind never do: bool (n,)."""
        if isinstance(value, bool):
            return self._where(None if self._flags is None else self._flags == int(value))
        if isinstance(value, str):
            return self._where(self._text_hits(sign, value))
        return self._where(None if self._numbers is None else COMPARISONS[sign](self._numbers, value))

    def contains(self, text: str) -> Mask:
        """Items with a list that has the element `text`, or a text that has it in it: bool (n,)."""
        wanted = self._folded(text)
        listed = self._listed
        hits = np.zeros(len(self._texts), dtype=np.bool_)
        for code, known in enumerate(self._folded_texts):
            if known is not None:
                hits[code] = known == wanted if listed is not None and listed[code] else wanted in known
        return self._where(hits)

    def _text_hits(self, sign: str, text: str) -> Mask | None:
        if not self._texts:
            return None
        hits = np.zeros(len(self._texts), dtype=np.bool_)
        if sign == "=":
            hits[self._codes_of.get(self._folded(text), [])] = True
            return hits
        wanted, holds = self._folded(text), COMPARISONS[sign]
        for code, known in enumerate(self._folded_texts):
            hits[code] = known is not None and holds(known, wanted)
        return hits

    def _where(self, hits: Mask | None) -> Mask:
        mask = np.zeros(self.n_items, dtype=np.bool_)
        if hits is not None:
            mask[self._rows[hits[self._codes]]] = True
        return mask

    def _folded(self, text: str) -> str:
        return text if self._exact else text.casefold()

    @cached_property
    def _folded_texts(self) -> list[str | None]:
        return [None if text is None else self._folded(text) for text in self._texts]

    @cached_property
    def _codes_of(self) -> dict[str, list[int]]:
        codes: dict[str, list[int]] = {}
        for code, text in enumerate(self._folded_texts):
            if text is not None:
                codes.setdefault(text, []).append(code)
        return codes


class _Growing:
    """A column under construction."""

    def __init__(self, exact: bool = False) -> None:
        self._exact = exact
        self._rows, self._codes = array("q"), array("q")
        self._known: dict[tuple[type, bool, Any], int] = {}

    def add(self, row: int, value: object) -> None:
        if isinstance(value, list | tuple):
            for element in dict.fromkeys(value):
                self._put(row, element, listed=True)
        elif value is not None and value != "":
            self._put(row, value, listed=False)

    def _put(self, row: int, value: Any, *, listed: bool) -> None:
        plain = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
        self._rows.append(row)
        self._codes.append(self._known.setdefault((type(plain), listed, plain), len(self._known)))

    def column(self, n_items: int) -> Column:
        values = [value for _, _, value in self._known]
        numbers = [v if isinstance(v, float) else np.nan for v in values]
        flags = [int(v) if isinstance(v, bool) else -1 for v in values]
        return Column(
            n_items,
            np.asarray(self._rows, dtype=np.int64),
            np.asarray(self._codes, dtype=np.int64),
            numbers=np.asarray(numbers, dtype=np.float64),
            flags=np.asarray(flags, dtype=np.int8),
            texts=[v if isinstance(v, str) else None for v in values],
            listed=np.asarray([listed for _, listed, _ in self._known], dtype=np.bool_),
            exact=self._exact,
        )


class ItemFields:
    """Columns of some items' documents, each built when first asked for.

    Parameters
    ----------
    document : row -> the item as a JSON object
    ready : name -> builder of the columns that need no documents
    with_attributes : rows whose documents may have attributes; all when None
    """

    def __init__(
        self,
        n_items: int,
        document: Callable[[int], Mapping[str, Any]],
        ready: Mapping[str, Callable[[], Column]] | None = None,
        with_attributes: Callable[[], Iterable[int]] | None = None,
    ) -> None:
        self._n_items, self._document, self._ready = n_items, document, ready or {}
        self._with_attributes = with_attributes
        self._built: dict[str, Column] = {}

    def field(self, name: str) -> Column:
        """The column of a field that every item may have (`endcap.filters.parser.FIELDS`)."""
        if name not in self._built:
            ready = self._ready.get(name)
            self._built[name] = ready() if ready else self._of_documents(name)
        return self._built[name]

    def attribute(self, name: str) -> Column | None:
        """The column of an attribute; None where no item has it."""
        return self._attributes.get(name)

    @cached_property
    def _attributes(self) -> dict[str, Column]:
        """All attributes in one pass: what a request asks for then costs no more reading."""
        growing: dict[str, _Growing] = {}
        rows = range(self._n_items) if self._with_attributes is None else self._with_attributes()
        for row in rows:
            for name, value in (self._document(row).get("attributes") or {}).items():
                growing.setdefault(name, _Growing()).add(row, value)
        return {name: column.column(self._n_items) for name, column in growing.items()}

    def _of_documents(self, name: str) -> Column:
        values: Iterable[tuple[int, Any]] = ((row, self._document(row).get(name)) for row in range(self._n_items))
        if name == "price":  # as the snapshot keeps prices
            values = ((row, None if value is None else float(np.float32(value))) for row, value in values)
        if name in ("created_at", "expires_at"):
            values = ((row, None if value is None else timestamp_ms(value)) for row, value in values)
        return Column.of_values(self._n_items, values, exact=name in EXACT)
