"""Taking items into the catalogue: one by name, or many with a verdict on each."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

from endcap.catalog.item import Item, parse_item
from endcap.errors import EndcapError, FieldError, InvalidItemError, InvalidRequestError

MAX_ITEMS = 500
WRITERS = 8


class Catalogue(Protocol):
    """Where items are kept; `put` answers whether anything changed."""

    def put(self, item: Item) -> bool: ...


@dataclass(frozen=True, slots=True)
class BulkResult:
    """What became of a request's items; `rejected` holds {"index", "errors", "retryable"}."""

    accepted: int
    changed: int
    rejected: list[dict[str, Any]]


def named_item(item_id: str, body: object) -> Item:
    """The item of a body whose id stands in the path.

    Raises
    ------
    InvalidItemError : the body is no item, or names another one
    """
    if not isinstance(body, Mapping):
        raise InvalidItemError("an item must be an object")
    item = parse_item({**body, "item_id": item_id})
    for name in ("item_id", "id"):
        if body.get(name) not in (None, "") and parse_item({"item_id": body[name]}).item_id != item.item_id:
            raise InvalidItemError([FieldError(field=name, message="is not the one in the path")])
    return item


def apply_bulk(body: object, catalogue: Catalogue) -> BulkResult:
    """Store the usable items of a body `{"items": [1..500]}`; of two with one id the later counts.

    Raises
    ------
    InvalidRequestError : the body is nothing of the kind
    """
    raws = body.get("items") if isinstance(body, Mapping) else None
    if not isinstance(raws, list) or not 1 <= len(raws) <= MAX_ITEMS:
        raise InvalidRequestError([FieldError(field="items", message=f"must be a list of 1 to {MAX_ITEMS} items")])
    usable: dict[str, tuple[list[int], Item]] = {}
    rejected: list[dict[str, Any]] = []
    for index, raw in enumerate(raws):
        try:
            item = parse_item(raw)
        except InvalidItemError as exc:
            rejected.append({"index": index, "errors": exc.errors, "retryable": False})
        else:
            earlier = usable.get(item.item_id, ([], item))[0]
            usable[item.item_id] = ([*earlier, index], item)

    def put(item: Item) -> bool | EndcapError:
        try:
            return catalogue.put(item)
        except EndcapError as exc:
            return exc

    with ThreadPoolExecutor(WRITERS) as pool:
        outcomes = list(pool.map(put, [item for _, item in usable.values()]))
    accepted = changed = 0
    busy = FieldError(field="", message="the catalogue did not take the item; send it again")
    for (indices, _), outcome in zip(usable.values(), outcomes, strict=True):
        if isinstance(outcome, EndcapError):
            rejected += [{"index": i, "errors": [busy], "retryable": True} for i in indices]
        else:
            accepted += len(indices)
            changed += outcome
    return BulkResult(accepted, changed, sorted(rejected, key=lambda r: r["index"]))
