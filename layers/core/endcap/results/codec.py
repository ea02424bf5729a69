"""The book of results as lines of JSON, each naming its person as records do, so that a purge finds them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any, Final

from endcap.errors import StoredDataError
from endcap.results.book import Book, Figures, OpenList, Purchase, Unit
from endcap.results.facts import Act, Cell, ShownList, name_of

FORMAT: Final = 1
_PERSONAL: Final = ("pseudonym", "user_id", "anonymous_pseudonym", "anonymous_id", "pseudonym_key")


def encoded(book: Book, read: Iterable[str], as_of_ms: int | None) -> bytes:
    """The bytes of a book.

    Parameters
    ----------
    read : keys of the files that are in it, of the last days
    as_of_ms : the latest record in it
    """
    head = {
        "kind": "head",
        "format": FORMAT,
        "as_of_ms": as_of_ms,
        "read": sorted(read),
        "touched": sorted(book.touched),
    }
    lines = (json.dumps(line, separators=(",", ":"), ensure_ascii=False) for line in (head, *_lines(book)))
    return gzip.compress("\n".join(lines).encode(), 6, mtime=0)


def decoded(data: bytes) -> tuple[Book, set[str], int | None]:
    """A book, the files that are in it and its latest record; the days touched before are touched still.

    Parameters
    ----------
    data : no lines are an empty book

    Raises
    ------
    StoredDataError : it is none that this version reads
    """
    try:
        lines = [json.loads(line) for line in gzip.decompress(data).splitlines()]
        if not lines:
            return Book(), set(), None
        head = lines[0]
        if head["format"] != FORMAT:
            raise StoredDataError("results of another version")
        book = Book(touched=set(head["touched"]))
        for line in lines[1:]:
            _READERS[line["kind"]](book, line)
    except StoredDataError:
        raise
    except Exception as exc:
        raise StoredDataError(f"results can't be read: {exc!r}") from exc
    return book, set(head["read"]), head["as_of_ms"]


def _lines(book: Book) -> Iterator[dict[str, Any]]:
    for cell, figures in book.cells.items():
        yield {"kind": "cell", "cell": _cell(cell), **asdict(figures)}
    for one in book.lists.values():
        shown = one.shown
        yield {
            "kind": "list",
            "id": shown.list_id,
            "at_ms": shown.at_ms,
            "cell": _cell(shown.cell),
            "items": shown.items,
            "first": shown.first,
            "unit": shown.unit,
            "done": sorted(one.done),
            **shown.person,
        }
    for act in book.waiting.values():
        yield {"kind": "act", **_act(act)}
    for bought in book.purchases.values():
        for purchase in bought:
            yield {
                "kind": "purchase",
                **_act(purchase.act),
                "bought": purchase.act.item_id,
                "cell": _cell(purchase.cell),
                "unit": purchase.unit,
                "paid": purchase.cents,
                "returned_by": purchase.returned_by,
            }
    for (experiment, name), unit in book.units.items():
        yield {
            "kind": "unit",
            "experiment": experiment,
            "unit": name,
            "variant": unit.variant,
            "at_ms": unit.last_ms,
            "figures": [unit.lists, unit.clicked, unit.purchases, unit.cents],
            **unit.person,
        }


def _cell(cell: Cell) -> list[str]:
    return [cell.day, cell.scenario, cell.surface, cell.variant]


def _act(act: Act) -> dict[str, Any]:
    return {
        "act": act.kind,
        "event_id": act.event_id,
        "at_ms": act.at_ms,
        "who": "" if act.person else act.who,
        "item_id": act.item_id,
        "list_id": act.list_id,
        "position": act.position,
        "cents": act.cents,
        "order": act.order,
        **act.person,
    }


def _person(line: Mapping[str, Any]) -> dict[str, Any]:
    return {name: line[name] for name in _PERSONAL if name in line}


def _read_act(line: Mapping[str, Any]) -> Act:
    person = _person(line)
    return Act(
        line["act"],
        line["event_id"],
        line["at_ms"],
        name_of(person) if person else line["who"],
        line["item_id"],
        line["list_id"],
        line["position"],
        line["cents"],
        line["order"],
        person,
    )


def _read_cell(book: Book, line: Mapping[str, Any]) -> None:
    book.cells[Cell(*line["cell"])] = Figures(**{k: v for k, v in line.items() if k not in ("kind", "cell")})


def _read_list(book: Book, line: Mapping[str, Any]) -> None:
    cell, items = Cell(*line["cell"]), tuple(line["items"])
    shown = ShownList(line["id"], line["at_ms"], cell, items, line["first"], _person(line), line["unit"])
    book.lists[shown.list_id] = OpenList(shown, set(line["done"]))


def _read_waiting(book: Book, line: Mapping[str, Any]) -> None:
    act = _read_act(line)
    book.waiting[act.who, act.event_id] = act


def _read_purchase(book: Book, line: Mapping[str, Any]) -> None:
    act, unit = _read_act(line), line["unit"]
    purchase = Purchase(act, Cell(*line["cell"]), tuple(unit) if unit else None, line["paid"], line["returned_by"])
    book.purchases.setdefault((act.who, line["bought"] or ""), []).append(purchase)


def _read_unit(book: Book, line: Mapping[str, Any]) -> None:
    lists, clicked, purchases, cents = line["figures"]
    unit = Unit(line["variant"], line["at_ms"], lists, clicked, purchases, cents, _person(line))
    book.units[line["experiment"], line["unit"]] = unit


_READERS: Final = {
    "cell": _read_cell,
    "list": _read_list,
    "act": _read_waiting,
    "purchase": _read_purchase,
    "unit": _read_unit,
}
