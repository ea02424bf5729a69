"""The book of results as lines of JSON, each naming its person as records do, so that a purge finds them.

Lines are read and written one at a time. The parts with open lists are files of their own, which name nobody.
"""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, replace
from functools import partial
from itertools import chain
from typing import Any, Final

from endcap.errors import EndcapError, StoredDataError
from endcap.results.book import Book, Figures, Purchase, Unit, unit_key
from endcap.results.facts import Act, Cell, ShownList, name_of
from endcap.results.money import UNNAMED
from endcap.results.open_lists import OpenList, OpenLists, Part
from endcap.results.read_files import ReadFiles

FORMAT: Final = 3
_READABLE: Final = (1, 2, FORMAT)
"""The first had all open lists, and the keys of read files, in the book itself; the second had no currencies."""
Fetch = Callable[[str], bytes]
_PERSONAL: Final = ("pseudonym", "user_id", "anonymous_pseudonym", "anonymous_id", "pseudonym_key")


def encoded(book: Book, read: ReadFiles, as_of_ms: int | None) -> bytes:
    """The bytes of a book.

    Parameters
    ----------
    read : the files that are in it, of the last days
    as_of_ms : the latest record in it
    """
    head = {
        "kind": "head",
        "format": FORMAT,
        "as_of_ms": as_of_ms,
        "read": read.encoded(),
        "touched": sorted(book.touched),
        "lists": {str(span): name for span, name in book.lists.names.items()},
    }
    return _packed(_line(found).encode() for found in chain((head,), _lines(book)))


def encoded_lists(book: Book, lists: Part) -> bytes:
    """The bytes of a part with open lists: lines of an id and the list, so that one is found without reading all."""
    return _packed(
        b"\t".join((list_id.encode(), one if isinstance(one, bytes) else _open_line(book, one)))
        for list_id, one in lists.items()
    )


def _open_line(book: Book, one: OpenList) -> bytes:
    return _line(_listed(one, {}, _mark(book, one.shown))).encode()


def _packed(lines: Iterable[bytes]) -> bytes:
    data = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=data, mode="wb", compresslevel=6, mtime=0) as packed,
        io.BufferedWriter(packed) as file,
    ):
        for line in lines:
            file.write(line + b"\n")
    return data.getvalue()


def _line(found: Mapping[str, Any]) -> str:
    return json.dumps(found, separators=(",", ":"), ensure_ascii=False)


def decoded(data: bytes, fetch: Fetch | None = None) -> tuple[Book, ReadFiles, int | None]:
    """A book, the files that are in it and its latest record; the days touched before are touched still.

    Parameters
    ----------
    data : no lines are an empty book
    fetch : the bytes of a part with open lists, by its name, once one is needed; without it there are none

    Raises
    ------
    StoredDataError : it is none that this version reads
    """
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as packed, io.BufferedReader(packed) as file:
            lines = map(json.loads, file)
            head = next(lines, None)
            if head is None:
                return Book(), ReadFiles(), None
            if head["format"] not in _READABLE:
                raise StoredDataError("results of another version")
            book = Book(touched=set(head["touched"]))
            for line in lines:
                _READERS[line["kind"]](book, line)
        names = {int(span): str(name) for span, name in head.get("lists", {}).items()}
        named, kept = {unit.mark: key[1] for key, unit in book.units.items()}, book.lists.kept
        book.lists = OpenLists(names, None if fetch is None else partial(_part, fetch), partial(_of_part, named))
        book.lists.kept = kept
        files = ReadFiles.of(head["read"]) if head["format"] == 1 else ReadFiles.decoded(head["read"])
    except StoredDataError:
        raise
    except Exception as exc:
        raise StoredDataError(f"results can't be read: {exc!r}") from exc
    return book, files, head["as_of_ms"]


def _lines(book: Book) -> Iterator[dict[str, Any]]:
    for cell, figures in book.cells.items():
        yield {"kind": "cell", "cell": _cell(cell), **asdict(figures)}
    for one in book.lists.kept.values():
        yield _listed(one, one.shown.person, one.shown.unit)
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
            "mark": unit.mark,
            **unit.person,
        }


def _listed(one: OpenList, person: Mapping[str, Any], unit: str | None) -> dict[str, Any]:
    shown = one.shown
    return {
        "kind": "list",
        "id": shown.list_id,
        "at_ms": shown.at_ms,
        "cell": _cell(shown.cell),
        "items": shown.items,
        "first": shown.first,
        "unit": unit,
        "done": sorted(one.done),
        **person,
    }


def _mark(book: Book, shown: ShownList) -> str | None:
    unit = book.units.get(unit_key(shown) or ("", ""))
    return None if unit is None else unit.mark


def _part(fetch: Fetch, name: str) -> Part:
    found: Part = {}
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(fetch(name))) as packed, io.BufferedReader(packed) as file:
            for line in file:
                list_id, _, one = line.rstrip(b"\n").partition(b"\t")
                found[list_id.decode()] = one
    except EndcapError:
        raise
    except Exception as exc:
        raise StoredDataError(f"open lists can't be read: {exc!r}") from exc
    return found


def _of_part(named: Mapping[str, str], line: bytes) -> OpenList:
    """A list of a part; shoppers of experiments that the book does not know any more are nobody."""
    try:
        one = _open_list(json.loads(line))
    except Exception as exc:
        raise StoredDataError(f"an open list can't be read: {exc!r}") from exc
    return replace(one, shown=replace(one.shown, unit=named.get(one.shown.unit or "")))


def _cell(cell: Cell) -> list[str]:
    return [cell.day, cell.scenario, cell.surface, cell.variant, *([cell.currency] if cell.currency else [])]


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
        **({"currency": act.currency} if act.currency else {}),
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
        line.get("currency", UNNAMED),
    )


def _read_cell(book: Book, line: Mapping[str, Any]) -> None:
    book.cells[Cell(*line["cell"])] = Figures(**{k: v for k, v in line.items() if k not in ("kind", "cell")})


def _open_list(line: Mapping[str, Any]) -> OpenList:
    cell, items = Cell(*line["cell"]), tuple(line["items"])
    shown = ShownList(line["id"], line["at_ms"], cell, items, line["first"], _person(line), line["unit"])
    return OpenList(shown, set(line["done"]))


def _read_list(book: Book, line: Mapping[str, Any]) -> None:
    one = _open_list(line)
    book.lists.kept[one.shown.list_id] = one


def _read_waiting(book: Book, line: Mapping[str, Any]) -> None:
    act = _read_act(line)
    book.waiting[act.who, act.event_id] = act


def _read_purchase(book: Book, line: Mapping[str, Any]) -> None:
    act, unit = _read_act(line), line["unit"]
    purchase = Purchase(act, Cell(*line["cell"]), tuple(unit) if unit else None, line["paid"], line["returned_by"])
    book.purchases.setdefault((act.who, line["bought"] or ""), []).append(purchase)


def _read_unit(book: Book, line: Mapping[str, Any]) -> None:
    lists, clicked, purchases, cents = line["figures"]
    cents = {UNNAMED: cents} if isinstance(cents, int) else cents
    unit = Unit(line["variant"], line["at_ms"], lists, clicked, purchases, cents, _person(line))
    unit.mark = line.get("mark", unit.mark)
    book.units[line["experiment"], line["unit"]] = unit


_READERS: Final = {
    "cell": _read_cell,
    "list": _read_list,
    "act": _read_waiting,
    "purchase": _read_purchase,
    "unit": _read_unit,
}
