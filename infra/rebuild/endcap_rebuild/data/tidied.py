"""Tables in the shape that their reader expects: one moment in one column, ids as ids, orders with their returns."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any, Final

from endcap.feeds.names import spelled
from endcap.feeds.values import is_absent
from endcap_rebuild.data.sources import Rows

_DAYS: Final = frozenset(
    {
        "date",
        "day",
        "eventdate",
        "orderdate",
        "invoicedate",
        "purchasedate",
        "datum",
        "bestelldatum",
        "fecha",
        "日期",
        "下单日期",
        "行为日期",
        "购买日期",
    }
)
_CLOCKS: Final = frozenset(
    {
        "time",
        "clock",
        "eventtime",
        "ordertime",
        "timeofday",
        "uhrzeit",
        "zeit",
        "heure",
        "hora",
        "时间",
        "時間",
        "下单时间",
        "行为时间",
    }
)
_CLOCK: Final = re.compile(
    r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:\s*[AaPp]\.?[Mm]\.?)?(?:\s*(?:Z|UTC|[+-]\d{2}:?\d{2}))?"
)
_QUANTITIES: Final = frozenset(
    {
        "quantity",
        "qty",
        "amount",
        "lineitemquantity",
        "orderquantity",
        "menge",
        "anzahl",
        "quantité",
        "quantite",
        "cantidad",
        "数量",
    }
)
_STATUSES: Final = frozenset(
    {
        "orderstatus",
        "status",
        "financialstatus",
        "paymentstatus",
        "bestellstatus",
        "订单状态",
    }
)
_UNDONE: Final = frozenset(
    {
        "refunded",
        "returned",
        "cancelled",
        "canceled",
        "voided",
        "failed",
        "storniert",
        "erstattet",
        "retourniert",
        "annulé",
        "remboursé",
        "cancelado",
        "已退款",
        "已取消",
        "退款成功",
        "交易关闭",
    }
)
_FLOAT_ID: Final = re.compile(r"(\d+)\.0+")
_FORMULA: Final = re.compile(r'="(.*)"')
_SHORTENED: Final = re.compile(r"\d(?:[.,]\d{1,5})?[eE]\+\d{1,2}")
_LOST: Final = "a spreadsheet has shortened this number, and its last digits are lost: save the column as text"
Cells = list[str]
Drop = Callable[[str, str], None]


def joined_times(found: Rows) -> Rows:
    """The table with the time of day in the day's column, where it has two; else as it is."""
    if not found.table:
        return found
    day, clock = _place(found, _DAYS), _place(found, _CLOCKS)
    if day is None or clock is None:
        return found
    clocks = [text for cells in found.sample if (text := cells[clock].strip()) and not is_absent(text)]
    if not clocks or not all(map(_CLOCK.fullmatch, clocks)) or any(":" in cells[day] for cells in found.sample):
        return found
    found.read.guesses["time of day"] = found.columns[clock]

    def joined(cells: Cells) -> Cells:
        date, time = cells[day].strip(), cells[clock].strip()
        whole = list(cells)
        whole[day] = date if not date or not time or is_absent(time) else f"{date} {time}"
        del whole[clock]
        return whole

    return _changed(found, [name for k, name in enumerate(found.columns) if k != clock], joined)


def with_whole_ids(found: Rows, columns: Iterable[str]) -> Rows:
    """The table with ids as they are elsewhere: no `.0` of a tool that took them for numbers, no `="…"` of a sheet's.

    Parameters
    ----------
    columns : those that hold ids
    """
    if not found.table:
        return found
    forms: dict[int, re.Pattern[str]] = {}
    for name in columns:
        k = found.columns.index(name)
        filled = [text for cells in found.sample if (text := cells[k].strip()) and not is_absent(text)]
        form = next((form for form in (_FLOAT_ID, _FORMULA) if filled and all(map(form.fullmatch, filled))), None)
        if form is not None:
            forms[k] = form
    if not forms:
        return found

    def whole(cells: Cells) -> Cells:
        changed = list(cells)
        for k, form in forms.items():
            if match := form.fullmatch(cells[k].strip()):
                changed[k] = match[1]
        return changed

    return _changed(found, found.columns, whole)


def without_shortened(
    found: Rows, needed: Iterable[str], optional: Iterable[str], reject: Callable[[int, str, object], None], drop: Drop
) -> Rows:
    """The table without ids and times that a spreadsheet has cut to a few digits, as in `4.00638E+12`.

    They told apart what is one number now.

    Parameters
    ----------
    needed, optional : columns that hold ids or times; a row without one of the first is none
    reject : told (line, reason, cells) of rows that are none
    drop : told (column, reason) of fields that are left out
    """
    if not found.table:
        return found

    def cut(names: Iterable[str]) -> list[int]:
        places = [found.columns.index(name) for name in names]
        return [k for k in places if any(map(_is_short, (cells[k] for cells in found.sample)))]

    must, may = cut(needed), cut(optional)
    if not must and not may:
        return found

    def kept(cells: Cells) -> Cells:
        whole = list(cells)
        for k in may:
            if _is_short(cells[k]):
                whole[k] = ""
                drop(found.columns[k], _LOST)
        return whole

    def rows(given: Iterator[tuple[int, Any]]) -> Iterator[tuple[int, Any]]:
        for line, cells in given:
            short = next((k for k in must if _is_short(cells[k])), None)
            if short is None:
                yield line, kept(cells) if may else cells
            else:
                reject(line, f"{found.columns[short]}: {_LOST}", cells)

    sample = [cells for cells in found.sample if not any(_is_short(cells[k]) for k in must)]
    return replace(found, rows=rows(found.rows), sample=sample)


def _is_short(text: str) -> bool:
    return _SHORTENED.fullmatch(text.strip()) is not None


def with_returns(found: Rows, default: str | None) -> Rows:
    """The table of orders with a column of types, where it has none and tells of returns.

    Fewer than none of a thing is a return of it; an order that was cancelled or paid back is one that was returned.
    """
    if not found.table or default != "purchase":
        return found
    quantity, status = _place(found, _QUANTITIES), _place(found, _STATUSES)

    def types(cells: Cells) -> tuple[str, ...]:
        if quantity is not None and cells[quantity].strip().startswith("-"):
            return ("return",)
        undone = status is not None and spelled(cells[status]) in _UNDONE
        return ("purchase", "return") if undone else ("purchase",)

    if all(types(cells) == ("purchase",) for cells in found.sample):
        return found

    def rows(given: Iterator[tuple[int, Any]]) -> Iterator[tuple[int, Any]]:
        for line, cells in given:
            for name in types(cells):
                yield line, [*cells, name]

    sample = [[*cells, types(cells)[-1]] for cells in found.sample]
    return replace(found, columns=[*found.columns, "event_type"], rows=rows(found.rows), sample=sample)


def _place(found: Rows, names: frozenset[str]) -> int | None:
    return next((k for k, name in enumerate(found.columns) if spelled(name) in names), None)


def _changed(found: Rows, columns: list[str], change: Callable[[Cells], Cells]) -> Rows:
    def rows(given: Iterator[tuple[int, Any]]) -> Iterator[tuple[int, Any]]:
        for line, cells in given:
            yield line, change(cells)

    return replace(found, columns=columns, rows=rows(found.rows), sample=[change(cells) for cells in found.sample])
