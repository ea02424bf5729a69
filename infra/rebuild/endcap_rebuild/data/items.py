"""Rows of a catalogue as items, whatever the columns are called and the values look like."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import tzinfo
from itertools import chain, islice
from typing import Any, Final

from endcap.catalog.item import Item, parse_item
from endcap.errors import FieldError, InvalidItemError
from endcap.feeds.items import merchant_attribute, read_price, read_stock
from endcap.feeds.names import ITEM_FIELDS, category_levels, columns_of, nearest
from endcap.feeds.values import categories, decimal_mark, is_nothing
from endcap.validation import timestamp_number
from endcap_rebuild.data.formats import Recognised
from endcap_rebuild.data.options import ReadOptions
from endcap_rebuild.data.report import ReadReport
from endcap_rebuild.data.sources import SAMPLE_ROWS, Rows
from endcap_rebuild.data.tidied import with_whole_ids, without_shortened
from endcap_rebuild.data.times import TimeReader, time_reader

Row = tuple[int, dict[str, Any]]
ATTRIBUTE_COLUMN: Final = "attributes."
_TIMES: Final = ("created_at", "expires_at")
_AMOUNTS: Final = ("amount", "value", "price", "current", "net", "gross")
_CURRENCIES: Final = ("currency", "currency_code", "currencyCode")
_NAMES: Final = ("name", "title", "label", "value")
_IMAGES: Final = ("src", "url", "large", "hi_res", "original", "href")
_KEPT: Final = (
    *("title", "group_id", "description", "categories", "brand", "currency"),
    *("created_at_ms", "url", "image_vector"),
)


def documents_of(found: Rows, what: Recognised, options: ReadOptions, report: ReadReport) -> Iterator[Row]:
    """The rows of a file as documents in our own names, their values as they stand there."""
    if what.items is not None:
        yield from what.items((line, _named(found, row)) for line, row in found.rows)
        return
    levels = category_levels(found.columns)
    if found.table:
        columns = columns_of(found.columns, ITEM_FIELDS, options.columns, item=True)
        ids = [columns[name] for name in ("item_id", "group_id") if name in columns]
        found = with_whole_ids(found, ids)
        file = found.read.file
        found = without_shortened(found, ids[:1], ids[1:], lambda *row: report.reject(file, *row), report.drop)
        reason = None if "item_id" in columns else _no_id(found.columns)
        found.read.guesses.update({field: column for field, column in columns.items() if column != field})
        attributes = _attributes_of(found.columns, what)
        taken = {*columns.values(), *levels, *attributes}
        unread = {name: 0 for name in found.columns if name and name not in taken}
        for line, cells in found.rows:
            if not any(cells):
                continue  # as spreadsheets leave them at the end
            if reason is not None:
                report.reject(found.read.file, line, reason, cells)
                continue
            row = dict(zip(found.columns, cells, strict=True))
            for name in unread:
                unread[name] += bool(row[name])
            yield line, _document(row, columns, levels, attributes)
        for name, rows in unread.items():
            report.ignore(name, rows)
        return
    keyed: dict[tuple[str, ...], tuple[dict[str, str], dict[str, str]]] = {}
    for line, row in found.rows:
        if not isinstance(row, dict):
            report.reject(found.read.file, line, "not a JSON object", row)
            continue
        names = tuple(row)
        if names not in keyed:
            columns = columns_of(names, ITEM_FIELDS, options.columns, item=True)
            found.read.guesses.update({field: name for field, name in columns.items() if field != name})
            keyed[names] = columns, _attributes_of(names, what) if "attributes" not in columns else {}
        columns, attributes = keyed[names]
        for name in row.keys() - columns.values() - attributes.keys() - set(levels):
            report.ignore(name)
        yield line, _document(row, columns, levels, attributes)


class ItemReader:
    """Documents as items: values read, what is optional and wrong dropped and told."""

    def __init__(self, documents: Iterable[Row], file: str, zone: tzinfo, mark: str | None, report: ReadReport) -> None:
        rows = iter(documents)
        first = list(islice(rows, SAMPLE_ROWS))
        self._rows = chain(first, rows)
        prices = [price for _, row in first if isinstance(price := row.get("price"), str)]
        self._mark = decimal_mark(prices) or mark
        self._times: dict[str, TimeReader] = {
            name: time_reader([row.get(name) for _, row in first], zone) for name in _TIMES
        }
        self._file, self._report = file, report

    def __iter__(self) -> Iterator[Item]:
        """Each usable item, in the file's order."""
        for line, row in self._rows:
            item = self._item(line, row)
            if item is not None:
                yield item

    def _item(self, line: int, row: dict[str, Any]) -> Item | None:
        warnings: list[FieldError] = []
        try:
            item = parse_item(self._read(row), warnings)
        except InvalidItemError as exc:
            self._report.reject(self._file, line, str(exc), row)
            return None
        self._report.warn(warnings)
        return item

    def _read(self, row: dict[str, Any]) -> dict[str, Any]:
        document = {name: value for name, value in row.items() if not is_nothing(value)}
        for name in ("item_id", "group_id"):
            if name in document:
                document[name] = _id(document[name])
        self._read_labels(document)
        self._read_price(document)
        read_stock(document, self._report.drop)
        for name in _TIMES:
            if isinstance(document.get(name), str):
                try:
                    document[name] = timestamp_number(self._times[name](document[name]))
                except ValueError as exc:
                    del document[name]
                    self._report.drop(name, str(exc))
        if isinstance(document.get("attributes"), Mapping):
            document["attributes"] = {k: v for k, v in document["attributes"].items() if not is_nothing(v)}
        return document

    def _read_labels(self, document: dict[str, Any]) -> None:
        brand = document.get("brand")
        if isinstance(brand, Mapping):
            brand = next((brand[name] for name in _NAMES if brand.get(name)), None)
            document["brand"] = brand
        if isinstance(document.get("image_url"), list | tuple | Mapping):
            document["image_url"] = next(iter(_images(document["image_url"])), None)
        told = document.get("description")
        if isinstance(told, list):
            document["description"] = " ".join(part for part in told if isinstance(part, str))
        if "categories" in document:
            document["categories"] = categories(document["categories"])

    def _read_price(self, document: dict[str, Any]) -> None:
        price = document.get("price")
        if isinstance(price, Mapping):
            named = next((price[name] for name in _AMOUNTS if price.get(name) is not None), None)
            currency = next((price[name] for name in _CURRENCIES if isinstance(price.get(name), str)), None)
            document |= {"price": named} | ({"currency": currency} if currency else {})
        read_price(document, self._mark, self._report.drop)


def merged(before: Item, after: Item) -> Item:
    """What two rows of one item say: the later one, but a row without a title adds to the earlier and replaces nothing
    that it does not say, as rows of variants and of stock do."""
    if after.title or not before.title:
        return after
    kept = {name: getattr(before, name) for name in _KEPT if not getattr(after, name)}
    kept |= {
        name: getattr(before, name)
        for name in ("price", "image_url", "expires_at_ms", "language")
        if getattr(after, name) is None
    }
    return replace(after, **kept, attributes={**before.attributes, **after.attributes})


def _images(value: Any) -> Iterator[str]:
    """The addresses of images, as texts or in objects."""
    for image in [value] if isinstance(value, Mapping) else value:
        if isinstance(image, Mapping):
            image = next((image[name] for name in _IMAGES if image.get(name)), None)
        if isinstance(image, str):
            yield image


def _named(found: Rows, row: Any) -> dict[str, Any]:
    if found.table:
        return dict(zip(found.columns, row, strict=True))
    return row if isinstance(row, dict) else {}


def _attributes_of(columns: Iterable[str], what: Recognised) -> dict[str, str]:
    """Column -> the attribute that it holds: those that say so, and of a merchant feed what it has beside the usual."""
    named = {name: name[len(ATTRIBUTE_COLUMN) :] for name in columns if name.lower().startswith(ATTRIBUTE_COLUMN)}
    if what.format == "merchant-feed":
        named |= {name: attribute for name in columns if (attribute := merchant_attribute(name))}
    return named


def _document(
    row: Mapping[str, Any], columns: Mapping[str, str], levels: Iterable[str], attributes: Mapping[str, str]
) -> dict[str, Any]:
    document = {field: row[column] for field, column in columns.items()}
    named = [row[name] for name in levels if not is_nothing(row.get(name))]
    if named and is_nothing(document.get("categories")):
        document["categories"] = named
    own = {attribute: row[name] for name, attribute in attributes.items()}
    return document | ({"attributes": own} if own else {})


def _no_id(columns: Sequence[str]) -> str:
    near = nearest("item_id", columns)
    found = ", ".join(columns[:12])
    help_ = f"; try --map {near}=item_id" if near else "; --map COLUMN=item_id names it"
    return (
        f"no column for item_id: found {found}; wanted item_id, title, price, …; the first line has to name them{help_}"
    )


def _id(value: object) -> object:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value.strip() if isinstance(value, str) else value
