"""A query understood in the words of a shop: its brands, and the values that its items have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final
from weakref import WeakKeyDictionary

from endcap.filters.evaluate import FilterContext, mask_of
from endcap.filters.parser import expression
from endcap.index.derived import SnapshotTables
from endcap.index.index import ItemIndex
from endcap.understanding.brands import OWN, BrandNames
from endcap.understanding.conditions import attributes_of
from endcap.understanding.facets import Facet
from endcap.understanding.grammar import understood
from endcap.understanding.kinds import Kind
from endcap.understanding.values import MEASURED, Values
from endcap.understanding.wish import Understood

_TOLD: Final[tuple[Kind, ...]] = ("colour", "material")
_NO_SHOPPER: Final = FilterContext(0)
_named: WeakKeyDictionary[SnapshotTables, tuple[BrandNames, Values]] = WeakKeyDictionary()


def understood_in(index: ItemIndex, query: str, shown: Iterable[str] = ()) -> Understood:
    """What a query says in a shop.

    Parameters
    ----------
    shown : ids of the items that "cheaper" may compare with
    """
    documents = (index.document(row) for row in index.positions(shown).tolist())
    prices = [float(price) for document in documents if (price := document.get("price")) is not None]
    return understood(query, ShopVocabulary(index), prices)


class ShopVocabulary:
    """What the items of an index are called."""

    def __init__(self, index: ItemIndex) -> None:
        self._index = index

    def named_in(self, text: str) -> list[Facet]:
        """Brands of the snapshot that a text names, and colours and materials that its attributes have."""
        tables = self._index.tables
        if tables not in _named:
            _named[tables] = BrandNames(tables.snapshot.columns.brands), Values(self._values())
        brands, values = _named[tables]
        return [*brands.within(text, self._counts), *values.within(text)]

    def condition(self, facet: Facet) -> str | None:
        """A filter over the title and the attributes that tell what the facet is; None where no item has it."""
        value = quoted(facet.value)
        if facet.kind == "brand":
            said, own = self._counts(facet.value)
            whole = f"brand = {value}"
            part = not self._rows(whole) or own >= max(1, OWN * said)  # L'Oreal is L'Oreal Paris, too
            tests = [
                f"brand MENTIONS {value}"
                if part and self._rows(f"brand MENTIONS {value}") > self._rows(whole)
                else whole
            ]
        else:
            named = [f"attributes.{quoted(name)}" for name in attributes_of(self._index, facet.kind)]
            tests = [f"{place} MENTIONS {value}" for place in ("title", *named)]
        found = [test for test in tests if self._rows(test)]
        return None if not found else found[0] if len(found) == 1 else f"({' OR '.join(found)})"

    def _counts(self, brand: str) -> tuple[int, int]:
        said = f"title MENTIONS {quoted(brand)}"
        return self._rows(said), self._rows(f"{said} AND brand MENTIONS {quoted(brand)}")

    def _values(self) -> Iterator[tuple[Kind, str]]:
        """What the attributes say of colours and materials."""
        fields = self._index.tables.fields
        for kind in _TOLD:
            for name in attributes_of(self._index, kind):
                column = None if MEASURED.search(name) else fields.attribute(name)
                if column is not None:
                    yield from ((kind, value) for value, _ in column.counted() if isinstance(value, str))

    def _rows(self, test: str) -> int:
        return int(mask_of(expression(test), self._index, _NO_SHOPPER).sum())


def quoted(text: str) -> str:
    """A text as filters write it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
