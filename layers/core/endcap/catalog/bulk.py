"""Taking items into the catalogue: one by name, or many with a verdict on each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, Protocol

from endcap.batch import Breaker, Deadline, retryable
from endcap.catalog.item import Item, parse_item
from endcap.errors import FieldError, InvalidItemError, InvalidRequestError
from endcap.leniency import MAX_TOLD, told_of
from endcap.observability import fault

MAX_ITEMS = 500
WRITERS = 8


class Catalogue(Protocol):
    """Where items are kept; `put` answers whether anything changed."""

    def put(self, item: Item) -> bool: ...

    def get(self, item_id: str) -> Item | None: ...


@dataclass(frozen=True, slots=True)
class BulkResult:
    """What became of a request's items.

    Attributes
    ----------
    rejected : as {"index", "errors", "retryable"}
    warnings : of accepted items, as {"index", "field", "message"}
    """

    accepted: int
    changed: int
    rejected: list[dict[str, Any]]
    warnings: Sequence[dict[str, Any]] = ()


def named_item(item_id: str, body: object, warnings: list[FieldError] | None = None) -> Item:
    """The item of a body whose id stands in the path.

    Parameters
    ----------
    warnings : what was left out, cut, or not understood is added here

    Raises
    ------
    InvalidItemError : the body is no item, or names another one
    """
    if not isinstance(body, Mapping):
        raise InvalidItemError("an item must be an object")
    item = parse_item({**body, "item_id": item_id, "id": None}, warnings)
    for name in ("item_id", "id"):
        if body.get(name) not in (None, "") and parse_item({"item_id": body[name]}).item_id != item.item_id:
            raise InvalidItemError([FieldError(field=name, message="is not the one in the path")])
    return item


def put(item: Item, catalogue: Catalogue) -> bool:
    """Store an item, in whole; whether that changed anything.

    Raises
    ------
    InvalidItemError : the item has a title, and would lose it
    """
    if not item.title:
        known = catalogue.get(item.item_id)
        if known is not None and known.title:
            raise InvalidItemError([FieldError(field="title", message=_TITLE)])
    return catalogue.put(item)


_TITLE: Final = "is required: a PUT replaces the whole item, and this one has a title; PATCH changes what it names"


def apply_bulk(body: object, catalogue: Catalogue, deadline: Deadline | None = None) -> BulkResult:
    """Store the usable items of a body `{"items": [1..500]}`, as far as the time goes; of two with one id the later
    counts.

    What is raised over an item concerns that item alone. Once the catalogue has failed some times running, or the time
    to begin is over, the rest is listed as retryable without being tried.

    Raises
    ------
    InvalidRequestError : the body is nothing of the kind
    """
    raws = body.get("items") if isinstance(body, Mapping) else None
    if not isinstance(raws, list) or not 1 <= len(raws) <= MAX_ITEMS:
        raise InvalidRequestError([FieldError(field="items", message=f"must be a list of 1 to {MAX_ITEMS} items")])
    usable: dict[str, tuple[list[int], Item]] = {}
    rejected: list[dict[str, Any]] = []
    warnings: dict[int, list[FieldError]] = {}
    for index, raw in enumerate(raws):
        warnings[index] = []
        try:
            item = parse_item(raw, warnings[index])
        except InvalidItemError as exc:
            rejected.append({"index": index, "errors": exc.errors, "retryable": False})
        except Exception as exc:
            rejected.append(_refusal(index, exc))
        else:
            earlier = usable.get(item.item_id, ([], item))[0]
            usable[item.item_id] = ([*earlier, index], item)

    time, breaker = deadline or Deadline(), Breaker("catalogue", WRITERS)

    def tried(item: Item) -> bool | Exception:
        try:
            time.check()
            with breaker.watch():
                return put(item, catalogue)
        except Exception as exc:
            return exc

    with ThreadPoolExecutor(WRITERS) as pool:
        outcomes = list(pool.map(tried, [item for _, item in usable.values()]))
    accepted = changed = 0
    for (indices, _), outcome in zip(usable.values(), outcomes, strict=True):
        if isinstance(outcome, Exception):
            rejected += [_refusal(i, outcome) for i in indices]
        else:
            accepted += len(indices)
            changed += outcome
    lost = {r["index"] for r in rejected}
    told = [one for index, about in warnings.items() if index not in lost for one in told_of(about, index)]
    return BulkResult(accepted, changed, sorted(rejected, key=lambda r: r["index"]), told[:MAX_TOLD])


def _refusal(index: int, failure: Exception) -> dict[str, Any]:
    if isinstance(failure, InvalidItemError):
        return {"index": index, "errors": failure.errors, "retryable": False}
    again = retryable(failure)
    if not again:
        fault("item not stored", failure)
    message = "the catalogue did not take the item; send it again" if again else "can't be stored"
    return {"index": index, "errors": [FieldError(field="", message=message)], "retryable": again}
