"""Which brand, colour, size, material and category an item is of, and the condition that asks for one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from endcap.filters.evaluate import FilterContext, mask_of
from endcap.filters.parser import expression
from endcap.index.index import ItemIndex
from endcap.understanding.conditions import attributes_of
from endcap.understanding.facets import Facet, NoVocabulary, facets
from endcap.understanding.kinds import Kind
from endcap.understanding.shop import ShopVocabulary, quoted

KINDS: tuple[Kind, ...] = ("colour", "size", "material")


def values_of(index: ItemIndex, row: int, about: str) -> tuple[str, ...]:
    """The values of a facet that an item has, as the shop writes them; of a colour and the like else by its title."""
    document = index.document(row)
    if about == "brand":
        return (str(document["brand"]),) if document.get("brand") else ()
    if about == "category":
        return tuple(str(name) for name in document.get("categories") or ())
    kind = next(kind for kind in KINDS if kind == about)
    return _told(document, attributes_of(index, kind)) or _titled(document, kind)


def _told(document: Mapping[str, Any], names: list[str]) -> tuple[str, ...]:
    attributes = document.get("attributes") or {}
    told = [attributes[name] for name in names if name in attributes]
    flat = [value for one in told for value in (one if isinstance(one, list | tuple) else [one])]
    return tuple(dict.fromkeys(str(value) for value in flat if isinstance(value, str) and value))


def _titled(document: Mapping[str, Any], kind: Kind) -> tuple[str, ...]:
    found = facets(str(document.get("title") or ""), NoVocabulary())
    return tuple(dict.fromkeys(facet.value.lower() for facet in found if facet.kind == kind))


def main_category(index: ItemIndex, row: int) -> str | None:
    """The rarest of an item's categories, which says most about it."""
    names = values_of(index, row, "category")
    known = [(index.tables.idf_of(number), name) for name in names if (number := index.category_id(name)) is not None]
    return max(known)[1] if known else None


def filter_of(index: ItemIndex, about: str, value: str) -> str:
    """The condition for a value that some item has, without looking which; see `condition_of`."""
    if about == "brand":
        return f"brand = {quoted(value)}"
    if about == "category":
        return f"categories CONTAINS {quoted(value)}"
    kind = next(kind for kind in KINDS if kind == about)
    places = ["title", *(f"attributes.{quoted(name)}" for name in attributes_of(index, kind))]
    tests = [f"{place} MENTIONS {quoted(value)}" for place in places]
    return tests[0] if len(tests) == 1 else f"({' OR '.join(tests)})"


def condition_of(index: ItemIndex, about: str, value: str) -> str | None:
    """A filter for the items with a value of a facet; None where no item has it."""
    if about in KINDS:
        kind = next(kind for kind in KINDS if kind == about)
        return ShopVocabulary(index).condition(Facet(kind, value, 0, 0))
    test = filter_of(index, about, value)
    return test if mask_of(expression(test), index, FilterContext(0)).any() else None
