"""The catalogue as operators look at it: filters tried, items page by page, the values that fields have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np

from endcap.arrays import I64, Mask
from endcap.errors import FieldError
from endcap.events.counts import Demand
from endcap.filters.eligibility import sellable
from endcap.filters.evaluate import FilterContext, mask_of
from endcap.filters.parser import expression
from endcap.filters.tree import FIELDS, ExpressionError
from endcap.index.columns import Column
from endcap.index.index import ItemIndex

MAX_VALUES: Final = 20
SHOWN_FIELDS: Final = ("title", "price", "currency", "image_url", "brand", "categories")
MORE_FIELDS: Final = ("group_id", "url")
_WORDS: Final = "title CONTAINS $q OR brand CONTAINS $q OR categories CONTAINS $q OR item_id = $q"
_KINDS: Final = {"text": "text", "number": "number", "flag": "boolean", "list": "list", "time": "time"}
_WITHOUT_VALUES: Final = frozenset({"title", "description", "image_url", "url", "item_id", "group_id"})


def check_filter(
    index: ItemIndex, text: str, about: FilterContext, n_sample: int, hidden: Mapping[str, int]
) -> dict[str, Any]:
    """On how many items an expression holds, and some of them; or what is wrong with it. Without one: on all.

    Parameters
    ----------
    hidden : item id -> until when every list leaves it out, 0 for no end; such items are counted, and come last
    """
    there = _there(index)
    found: dict[str, Any] = {"valid": True, "errors": [], "of": int(there.sum())}
    try:
        mask = there if not text.strip() else there & mask_of(expression(text), index, about)
    except ExpressionError as exc:
        errors: list[FieldError] = exc.errors
        return found | {"valid": False, "errors": errors, "count": None, "sample": []}
    rows = np.flatnonzero(mask)
    kept_out = np.isin(rows, index.positions(list(hidden)))
    best = rows[np.lexsort((-index.popularity[rows], kept_out))[:n_sample]]
    sample = [sample_item(index, row, about.now_ms, hidden) for row in best.tolist()]
    return found | {"count": len(rows), "sample": sample}


def sample_item(index: ItemIndex, row: int, now_ms: int, hidden: Mapping[str, int]) -> dict[str, Any]:
    """An item as a page shows it.

    Parameters
    ----------
    hidden : item id -> until when every list leaves it out, 0 for no end
    """
    document = index.document(row)
    on_sale = bool(sellable(index, now_ms, np.asarray([row], dtype=np.int64))[0])
    return {
        "item_id": index.item_id(row),
        "title": document.get("title", ""),
        "available": on_sale,
        **{name: document[name] for name in SHOWN_FIELDS if name in document},
        **({"hidden_until": hidden[index.item_id(row)]} if index.item_id(row) in hidden else {}),
    }


def catalogue_rows(index: ItemIndex, text: str | None, words: str | None, about: FilterContext) -> I64:
    """The rows of the items for which a filter holds and that have the words, ascending.

    Raises
    ------
    ExpressionError : the filter can't be used
    """
    mask = _there(index)
    if text is not None:
        mask &= mask_of(expression(text), index, about)
    if words is not None and words.strip():
        mask &= mask_of(expression(_WORDS), index, FilterContext(about.now_ms, parameters={"q": words.strip()}))
    return np.asarray(np.flatnonzero(mask), dtype=np.int64)


def catalogue_item(
    index: ItemIndex, row: int, now_ms: int, demands: Mapping[str, Demand], hidden: Mapping[str, int]
) -> dict[str, Any]:
    """An item with what happened to it.

    Parameters
    ----------
    demands : by window
    hidden : item id -> until when every list leaves it out, 0 for no end
    """
    item, document = sample_item(index, row, now_ms, hidden), index.document(row)
    item |= {name: document[name] for name in MORE_FIELDS if name in document}
    if index.expires_at_ms[row] > 0:
        item["expires_at"] = int(index.expires_at_ms[row])
    return item | {"counts": {window: _counts(demand, item["item_id"]) for window, demand in demands.items()}}


def _counts(demand: Demand, item_id: str) -> dict[str, Any]:
    events = {"demand": demand.times.get(item_id, 0), "click": demand.clicked.get(item_id, 0)}
    return {"shown": demand.shown.get(item_id, 0), "events": events}


def filter_fields(index: ItemIndex) -> list[dict[str, Any]]:
    """The fields that filters may name, with the values of the snapshot's items, the most frequent first."""
    fields = index.tables.fields
    named: list[tuple[str, str, Column]] = []
    for name, sort in FIELDS.items():
        if name in _WITHOUT_VALUES:
            named.append((name, _KINDS[sort], Column.of_values(index.tables.n_items, ())))
        else:
            named.append((name, _KINDS[sort], fields.field(name)))
    for name in fields.attribute_names:
        column = fields.attribute(name)
        if column is not None:
            named.append((name, column.kind, column))
    return [{"name": name, "kind": kind, **_values(column, kind)} for name, kind, column in named]


def _values(column: Column, kind: str) -> dict[str, Any]:
    counted = column.counted()
    found: dict[str, Any] = {"values": [], "distinct": len(counted)}
    numbers = [value for value, _ in counted if isinstance(value, float)]
    if kind in ("number", "time"):
        return found | ({"least": min(numbers), "most": max(numbers)} if numbers else {})
    return found | {"values": [{"value": value, "count": n} for value, n in _most(counted)]}


def _most(counted: Sequence[tuple[Any, int]]) -> Iterator[tuple[Any, int]]:
    yield from sorted(counted, key=lambda pair: (-pair[1], str(pair[0])))[:MAX_VALUES]


def _there(index: ItemIndex) -> Mask:
    """Items that are not deleted: bool (n_items,)."""
    mask = np.ones(index.n_items, dtype=np.bool_)
    mask[index.deleted_rows] = False
    return mask
