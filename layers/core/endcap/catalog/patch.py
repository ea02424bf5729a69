"""Changing what a request names of an item, and nothing else (JSON Merge Patch, https://www.rfc-editor.org/rfc/rfc7396).

null and "" take a field away; of `attributes` each one is a field of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from endcap.catalog.item import Item, given_item, item_document, item_values, stored_item
from endcap.catalog.stock import STOCK_FIELDS
from endcap.errors import FieldError, InvalidItemError

_SAME: Final = {"created_at": "created_at_ms", "expires_at": "expires_at_ms"}
_FREE: Final = frozenset(
    {"group_id", "description", "categories", "brand", "price", "currency", "image_url", "url", "language"}
    | {"image_vector", *_SAME}
)
"""Fields that an item can be without."""


def item_patch(item_id: str, body: object, warnings: list[FieldError]) -> Callable[[Item], Item]:
    """The change that a body asks for of the item whose id stands in the path.

    Parameters
    ----------
    warnings : what was left out, cut, or not understood is added here

    Raises
    ------
    InvalidItemError : the body is no object, names another item, takes the title away, or nothing that can be changed
    """
    if not isinstance(body, Mapping):
        raise InvalidItemError("a change must be an object")
    told: list[FieldError] = []
    given = given_item({**body, "item_id": item_id, "id": None}, told)
    for name in ("item_id", "id"):
        if body.get(name) not in (None, "") and given_item({"item_id": body[name]}, []).item_id != given.item_id:
            raise InvalidItemError([FieldError(field=name, message="is not the one in the path")])
    cleared = {name for name, value in body.items() if value is None or value == ""}
    if "title" in cleared or ("title" in given.model_fields_set and not given.title.strip()):
        raise InvalidItemError([FieldError(field="title", message="can be changed, and not be taken away")])
    named = {_SAME.get(name, name) for name in given.model_fields_set - {"item_id", "attributes"}}
    found = item_values(given)
    values: dict[str, Any] = {name: found[name] for name in named}
    empty = item_values(given_item({"item_id": item_id}, []))
    values |= {_SAME.get(name, name): empty[_SAME.get(name, name)] for name in cleared & _FREE}
    if "available" not in values and cleared & set(STOCK_FIELDS):
        told += [FieldError(field=name, message="says nothing") for name in STOCK_FIELDS if name in cleared]
    attributes, without = _attributes(body, found["attributes"])
    if not (values or attributes or without or without is None):
        raise InvalidItemError(told or "names nothing of an item that can be changed")
    warnings += told

    def changed(item: Item) -> Item:
        kept = {} if without is None else {k: v for k, v in item.attributes.items() if k not in without}
        # Together they may be more than an item can have.
        return stored_item(item_document(replace(item, **values, attributes={**kept, **attributes})))

    return changed


def _attributes(body: Mapping[Any, Any], found: Mapping[str, Any]) -> tuple[Mapping[str, Any], set[str] | None]:
    """The attributes to set, and the names of those to take away; None for all."""
    removed: set[str] | None = set()
    for field in ("attributes", "attrs"):
        named = body.get(field)
        if isinstance(named, Mapping) and removed is not None:
            removed |= {str(name) for name, value in named.items() if value is None or value == ""}
        elif field in body and named in (None, ""):
            removed = None
    return found, removed
