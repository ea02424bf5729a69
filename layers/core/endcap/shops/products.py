"""A product's items into the catalogue: the newest word on it counts, and what is no longer among its items goes."""

from __future__ import annotations

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final, Protocol

from endcap.catalog.item import Item, parse_item
from endcap.errors import FieldError, InvalidItemError
from endcap.shops.message import Product

WRITERS: Final = 8
"""Items that are written side by side: a product may have two thousand."""


class Parts(Protocol):
    """Which items products have."""

    def begin(self, key: str, at_ms: int) -> frozenset[str] | None:
        """The items of a product so far; None where something newer than `at_ms` is known of it."""
        ...

    def finish(self, key: str, at_ms: int, item_ids: Collection[str]) -> None:
        """Remember the items that it has now."""
        ...


class Catalogue(Protocol):
    """Where items are kept; both answer whether anything changed."""

    def put(self, item: Item) -> bool: ...

    def delete(self, item_id: str) -> bool: ...


@dataclass(slots=True)
class Stocked:
    """What became of a product: `stale` where something newer was known of it."""

    changed: int = 0
    stale: bool = False
    warnings: list[FieldError] = field(default_factory=list)


def stock(product: Product, parts: Parts, catalogue: Catalogue) -> Stocked:
    """Put a product's items, and delete those that it has no longer. Doing it again changes nothing.

    Raises
    ------
    ThrottledError, DependencyError
    """
    outcome = Stocked()
    items = []
    for document in product.items:
        try:
            items.append(parse_item(document, outcome.warnings))
        except InvalidItemError as exc:
            outcome.warnings += exc.errors
    if product.items and not items:
        return outcome
    before = parts.begin(product.key, product.at_ms)
    if before is None:
        outcome.stale = True
        return outcome
    ids = {item.item_id for item in items}
    with ThreadPoolExecutor(WRITERS) as writers:
        outcome.changed += sum(writers.map(catalogue.put, items))
        outcome.changed += sum(writers.map(catalogue.delete, sorted(before - ids)))
    parts.finish(product.key, product.at_ms, ids)
    return outcome
