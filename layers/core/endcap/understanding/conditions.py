"""The items of a shop that meet what was understood."""

from __future__ import annotations

from typing import Final

import numpy as np

from endcap.arrays import I64, Mask
from endcap.filters.evaluate import FilterContext, mask_of
from endcap.filters.parser import expression
from endcap.filters.tree import Both, Expression, Field, Mentions, Value
from endcap.index.index import ItemIndex
from endcap.understanding.kinds import ATTRIBUTES, Kind
from endcap.understanding.wish import Understood

MAX_ATTRIBUTES: Final = 12
"""Attributes of one kind that are looked into."""


def meeting(index: ItemIndex, wish: Understood, about: FilterContext, among: I64 | None = None) -> Mask:
    """Items that meet the filter and mention nothing excluded: bool (n_items,), or one for each row of `among`.

    Raises
    ------
    ExpressionError : the filter can't be read or applied
    """
    mask = np.ones(index.n_items if among is None else len(among), dtype=np.bool_)
    if wish.filter is not None:
        mask &= mask_of(expression(wish.filter, "understood.filter"), index, about, among)
    for words in wish.exclude:
        mask &= ~mask_of(_mentioned(index, words), index, about, among)
    return mask


def attributes_of(index: ItemIndex, kind: Kind) -> list[str]:
    """The attributes by whose names a shop tells a colour, size or material."""
    names = list(index.tables.fields.attribute_names)
    if index.changes is not None:
        names += index.changes.fields.attribute_names
    rule = ATTRIBUTES.get(kind)
    return [name for name in dict.fromkeys(names) if rule is not None and rule.search(name)][:MAX_ATTRIBUTES]


def _mentioned(index: ItemIndex, words: str) -> Expression:
    """Items that mention words where it is said what they are; a description may name what goes with them."""
    value = Value(0, literal=words)
    places = [Field(name, "text", 0) for name in ("title", "brand")]
    places += [Field("categories", "list", 0)]
    places += [Field(name, "any", 0) for kind in ATTRIBUTES for name in attributes_of(index, kind)]
    return Expression(words, Both(False, tuple(Mentions(place, value) for place in places)), "understood.exclude")
