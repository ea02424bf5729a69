"""Rows of a catalogue feed as documents of items, whatever their columns are called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from endcap.errors import FieldError
from endcap.feeds.names import ITEM_FIELDS, category_levels, columns_of, spelled
from endcap.feeds.values import amount, categories, flag, is_nothing

_ATTRIBUTE: Final = "attributes."
_MERCHANT: Final = frozenset({"color", "colour", "size", "gender", "agegroup", "material", "pattern", "condition"})
"""What merchant feeds say of an item beyond what every item has:
https://support.google.com/merchants/answer/7052112"""

Drop = Callable[[str, str], None]
"""Told which field was left out, and why."""


class ItemRows:
    """Reads the rows of one feed.

    Parameters
    ----------
    mark : the decimal mark of its numbers, where it is known
    """

    def __init__(self, mark: str | None = None) -> None:
        self._mark = mark
        self._columns: dict[tuple[str, ...], dict[str, str]] = {}

    def document(self, row: Mapping[str, Any], warnings: list[FieldError]) -> dict[str, Any]:
        """A row as `parse_item` reads it; what can't be read of it is told in `warnings`."""
        names = tuple(row)
        if names not in self._columns:
            self._columns[names] = columns_of(names, ITEM_FIELDS, {}, item=True)
        columns = self._columns[names]
        document = {field: row[column] for field, column in columns.items() if not is_nothing(row[column])}
        levels = [row[name] for name in category_levels(names) if not is_nothing(row[name])]
        document["categories"] = categories(document.get("categories") or levels)
        for name in ("item_id", "group_id"):
            if isinstance(document.get(name), float) and document[name].is_integer():
                document[name] = int(document[name])
        images = document.get("image_url")
        if isinstance(images, list):
            document["image_url"] = next((text for text in images if isinstance(text, str)), None)

        def drop(name: str, why: str) -> None:
            warnings.append(FieldError(field=name, message=f"was left out: {why}"))

        read_price(document, self._mark, drop)
        read_stock(document, drop)
        document["attributes"] = _attributes(row, columns.values(), document.get("attributes"))
        return {name: value for name, value in document.items() if value not in (None, [], {})}


def read_price(document: dict[str, Any], mark: str | None, drop: Drop) -> None:
    """Read a price that is a text, and the currency that it names where the document has none.

    Parameters
    ----------
    mark : the decimal mark of the feed's numbers, where it is known
    """
    price = document.get("price")
    if not isinstance(price, str):
        return
    try:
        document["price"], currency = amount(price, mark)
    except ValueError as exc:
        del document["price"]
        drop("price", str(exc))
    else:
        if currency:
            document.setdefault("currency", currency)


def read_stock(document: dict[str, Any], drop: Drop) -> None:
    """Not for sale where the row says so, or has no stock."""
    said = []
    for name in ("available", "stock"):
        value = document.pop(name, None)
        if value is None:
            continue
        try:
            said.append(flag(value))
        except ValueError as exc:
            drop(name, str(exc))
    if said:
        document["available"] = all(said)


def _attributes(row: Mapping[str, Any], taken: Any, own: Any) -> dict[str, Any]:
    found = dict(own) if isinstance(own, Mapping) else {}
    used = set(taken)
    for name, value in row.items():
        if name in used or is_nothing(value):
            continue
        if name.lower().startswith(_ATTRIBUTE):
            found[name[len(_ATTRIBUTE) :]] = value
        elif attribute := merchant_attribute(name):
            found[attribute] = value
    return found


def merchant_attribute(column: str) -> str:
    """What a column of a merchant feed is called as an attribute; "" where it is none."""
    return column.removeprefix("g:").lower() if spelled(column) in _MERCHANT else ""
