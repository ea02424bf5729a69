"""The fields of items as columns, for filters: built once per snapshot and once per set of changes laid over it."""

from __future__ import annotations

import operator
import threading
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from endcap.arrays import F64, Mask
from endcap.text.mentions import mentions
from endcap.validation import timestamp_ms

Scalar = str | float | bool

COMPARISONS: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
KEPT_CONDITIONS: Final = 128
"""Conditions on the texts of a field whose answers are kept: a shop asks for the same ones again."""
TEXT_FIELDS: Final = (
    *("item_id", "group_id", "title", "description", "brand"),
    *("currency", "image_url", "url", "language"),
)
"""Fields of an item that hold a text."""
EXACT: Final = frozenset({"item_id", "group_id"})
"""Fields whose letters' case matters."""


class Column:
    """One field of n items: none, one or several values each, each distinct value stored once.

    Parameters
    ----------
    rows, codes : int32 (m,), item and distinct value of each of the m values
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
        self._found: dict[tuple[str, str], NDArray[np.uint8]] = {}
        self._lock = threading.Lock()

    @classmethod
    def of_values(cls, n_items: int, values: Iterable[tuple[int, object]], *, exact: bool = False) -> Column:
        """From (row, value): text, number, true or false, or a list of texts; None and "" are no values."""
        growing = _Growing(exact)
        for row, value in values:
            growing.add(row, value)
        return growing.column(n_items)

    @property
    def kind(self) -> str:
        """What most values are: "list", "text", "number" or "boolean"."""
        if self._listed is not None and self._listed.any():
            return "list"
        kinds = {"text": self._texts, "number": self._numbers, "boolean": self._flags}
        return next((name for name, values in kinds.items() if values is not None and len(values)), "text")

    def counted(self) -> list[tuple[Scalar, int]]:
        """Each distinct value, and how many items have it."""
        found: dict[tuple[type, Scalar], int] = {}
        counts = np.bincount(self._codes) if len(self._codes) else np.zeros(0, dtype=np.int64)
        for code in counts.nonzero()[0].tolist():  # columns that a snapshot keeps have a code for each row
            if (value := self._value(code)) is not None:
                key = type(value), value
                found[key] = found.get(key, 0) + int(counts[code])
        return [(value, count) for (_, value), count in found.items()]

    def _value(self, code: int) -> Scalar | None:
        if len(self._texts) and (text := self._texts[code]) is not None:
            return text
        if self._numbers is not None and not np.isnan(self._numbers[code]):
            return float(self._numbers[code])
        if self._flags is not None and self._flags[code] >= 0:
            return bool(self._flags[code])
        return None

    def present(self) -> Mask:
        """Items that have the field: bool (n,)."""
        mask = np.zeros(self.n_items, dtype=np.bool_)
        mask[self._rows] = True
        return mask

    def compared(self, sign: str, value: Scalar) -> Mask | None:
        """Distinct values that stand so to `value`, those of another kind never do: bool (v,); None for none."""
        if isinstance(value, bool):
            return None if self._flags is None else self._flags == int(value)
        if isinstance(value, str):
            return self._text_hits(sign, value)
        return None if self._numbers is None else np.asarray(COMPARISONS[sign](self._numbers, value), dtype=np.bool_)

    def containing(self, text: str) -> Mask | None:
        """Distinct values that are an element `text` of a list, or a text that has it in it: bool (v,)."""
        return self._kept("in", self._folded(text))

    def mentioning(self, words: str) -> Mask | None:
        """Distinct values whose text mentions `words`, see `endcap.text.mentions`: bool (v,)."""
        return self._kept("mentions", self._folded(words)) if self._texts else None

    def items_with(self, hits: Sequence[Mask | None]) -> Mask:
        """Items that have a value among any of the `hits`: bool (n,)."""
        mask, found = np.zeros(self.n_items, dtype=np.bool_), [one for one in hits if one is not None]
        if found:
            together = found[0] if len(found) == 1 else np.logical_or.reduce(found)
            mask[self._rows[together[self._codes]]] = True
        return mask

    def _text_hits(self, sign: str, text: str) -> Mask | None:
        if not self._texts:
            return None
        if sign != "=":
            return self._kept(sign, self._folded(text))
        hits = np.zeros(len(self._texts), dtype=np.bool_)
        hits[self._codes_of.get(self._folded(text), [])] = True
        return hits

    def _kept(self, sign: str, wanted: str) -> Mask:
        """Texts that stand so to `wanted`; each is read once, and what was found lately is kept as bits."""
        with self._lock:
            bits = self._found.pop((sign, wanted), None)
            if bits is not None:
                self._found[sign, wanted] = bits  # the last one used stands last
        if bits is None:
            bits = np.packbits(self._read(sign, wanted))
            with self._lock:
                self._found[sign, wanted] = bits
                while len(self._found) > KEPT_CONDITIONS:
                    del self._found[next(iter(self._found))]
        return np.unpackbits(bits, count=len(self._texts)).view(np.bool_)

    def _read(self, sign: str, wanted: str) -> Mask:
        texts = self._folded_texts
        if sign == "mentions":
            begins, plain = wanted[:2], wanted.isascii()
            said = (
                t is not None and (begins in t or (plain and not t.isascii())) and mentions(t, wanted) for t in texts
            )
            return np.fromiter(said, dtype=np.bool_, count=len(texts))
        if sign != "in":
            holds = COMPARISONS[sign]
            return np.fromiter((t is not None and holds(t, wanted) for t in texts), dtype=np.bool_, count=len(texts))
        hits = np.fromiter((t is not None and wanted in t for t in texts), dtype=np.bool_, count=len(texts))
        if self._listed is not None and self._listed.any():
            whole = np.zeros(len(texts), dtype=np.bool_)
            whole[self._codes_of.get(wanted, [])] = True
            hits = np.where(self._listed, whole, hits)
        return hits

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
        self._rows, self._codes = array("i"), array("i")
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
            np.asarray(self._rows, dtype=np.int32),
            np.asarray(self._codes, dtype=np.int32),
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

    @property
    def attribute_names(self) -> list[str]:
        """Attributes that some item has."""
        return sorted(self._attributes)

    @cached_property
    def _attributes(self) -> dict[str, Column]:
        """All attributes in one pass: what a request asks for then costs no more reading."""
        growing: dict[str, _Growing] = {}
        rows = range(self._n_items) if self._with_attributes is None else self._with_attributes()
        for row in rows:
            _add_attributes(growing, row, self._document(row))
        return {name: column.column(self._n_items) for name, column in growing.items()}

    def build(self, names: Iterable[str]) -> None:
        """The columns of fields and of all attributes, in one reading of the documents."""
        growing = {
            name: _Growing(name in EXACT) for name in names if name not in self._built and name not in self._ready
        }
        attributes: dict[str, _Growing] = {}
        for row in range(self._n_items):
            document = self._document(row)
            for name, column in growing.items():
                column.add(row, _as_stored(name, document.get(name)))
            _add_attributes(attributes, row, document)
        self._built |= {name: column.column(self._n_items) for name, column in growing.items()}
        self.__dict__["_attributes"] = {name: column.column(self._n_items) for name, column in attributes.items()}

    def _of_documents(self, name: str) -> Column:
        values = ((row, _as_stored(name, self._document(row).get(name))) for row in range(self._n_items))
        return Column.of_values(self._n_items, values, exact=name in EXACT)


def _add_attributes(growing: dict[str, _Growing], row: int, document: Mapping[str, Any]) -> None:
    for name, value in (document.get("attributes") or {}).items():
        if name not in growing:
            growing[name] = _Growing()
        growing[name].add(row, value)


def _as_stored(name: str, value: Any) -> Any:
    """A field as the snapshot keeps it: prices in 32 bits, times in milliseconds."""
    if value is None:
        return None
    if name == "price":
        return float(np.float32(value))
    return timestamp_ms(value) if name in ("created_at", "expires_at") else value
