"""The book of results as lines of JSON, each naming its person as records do, so that a purge finds them.

Lines are read and written one at a time, and what many lists say is kept once: a book holds all lists of nine days.
"""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from itertools import chain
from typing import Any, Final, TypeVar

from endcap.errors import StoredDataError
from endcap.results.book import Book, Figures, OpenList, Purchase, Unit
from endcap.results.facts import Act, Cell, ShownList, name_of

FORMAT: Final = 1
Value = TypeVar("Value")
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
    data = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=data, mode="wb", compresslevel=6, mtime=0) as packed,
        io.BufferedWriter(packed) as file,
    ):
        for line in chain([head], _lines(book)):
            file.write(json.dumps(line, separators=(",", ":"), ensure_ascii=False).encode() + b"\n")
    return data.getvalue()


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
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as packed, io.BufferedReader(packed) as file:
            lines = map(json.loads, file)
            head = next(lines, None)
            if head is None:
                return Book(), set(), None
            if head["format"] != FORMAT:
                raise StoredDataError("results of another version")
            book, once = Book(touched=set(head["touched"])), _Once()
            for line in lines:
                _READERS[line["kind"]](book, line, once)
    except StoredDataError:
        raise
    except Exception as exc:
        raise StoredDataError(f"results can't be read: {exc!r}") from exc
    return book, set(head["read"]), head["as_of_ms"]


class _Once:
    """Of values that are equal the first one."""

    def __init__(self) -> None:
        self._kept: dict[Any, Any] = {}

    def __call__(self, value: Value) -> Value:
        first: Value = self._kept.setdefault(value, value)
        return first


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


def _read_cell(book: Book, line: Mapping[str, Any], once: _Once) -> None:
    book.cells[once(Cell(*line["cell"]))] = Figures(**{k: v for k, v in line.items() if k not in ("kind", "cell")})


def _read_list(book: Book, line: Mapping[str, Any], once: _Once) -> None:
    cell, items = once(Cell(*line["cell"])), tuple(map(once, line["items"]))
    shown = ShownList(line["id"], line["at_ms"], cell, items, line["first"], _person(line), line["unit"])
    book.lists[shown.list_id] = OpenList(shown, set(map(once, line["done"])))


def _read_waiting(book: Book, line: Mapping[str, Any], _: _Once) -> None:
    act = _read_act(line)
    book.waiting[act.who, act.event_id] = act


def _read_purchase(book: Book, line: Mapping[str, Any], once: _Once) -> None:
    act, unit = _read_act(line), line["unit"]
    purchase = Purchase(
        act, once(Cell(*line["cell"])), tuple(unit) if unit else None, line["paid"], line["returned_by"]
    )
    book.purchases.setdefault((act.who, line["bought"] or ""), []).append(purchase)


def _read_unit(book: Book, line: Mapping[str, Any], _: _Once) -> None:
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
