"""A query understood in the words of a shop: its brands, and the values that its items have."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from weakref import WeakKeyDictionary

from endcap.filters.evaluate import FilterContext, mask_of
from endcap.filters.parser import expression
from endcap.index.derived import SnapshotTables
from endcap.index.index import ItemIndex
from endcap.understanding.brands import BrandNames
from endcap.understanding.conditions import attributes_of
from endcap.understanding.facets import Facet
from endcap.understanding.grammar import understood
from endcap.understanding.wish import Understood

_NO_SHOPPER: Final = FilterContext(0)
_brands: WeakKeyDictionary[SnapshotTables, BrandNames] = WeakKeyDictionary()


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

    def brands_in(self, text: str) -> list[Facet]:
        """Brands of the snapshot that a text names."""
        tables = self._index.tables
        names = _brands.get(tables)
        if names is None:
            names = _brands[tables] = BrandNames(tables.snapshot.columns.brands)
        return names.within(text, self._counts)

    def condition(self, facet: Facet) -> str | None:
        """A filter over the title and the attributes that tell what the facet is; None where no item has it."""
        value = quoted(facet.value)
        tests = [f"brand = {value}"]
        if facet.kind != "brand":
            named = [f"attributes.{quoted(name)}" for name in attributes_of(self._index, facet.kind)]
            tests = [f"{place} MENTIONS {value}" for place in ("title", *named)]
        found = [test for test in tests if self._rows(test)]
        return None if not found else found[0] if len(found) == 1 else f"({' OR '.join(found)})"

    def _counts(self, brand: str) -> tuple[int, int]:
        said = f"title MENTIONS {quoted(brand)}"
        return self._rows(said), self._rows(f"{said} AND brand = {quoted(brand)}")

    def _rows(self, test: str) -> int:
        return int(mask_of(expression(test), self._index, _NO_SHOPPER).sum())


def quoted(text: str) -> str:
    """A text as filters write it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
