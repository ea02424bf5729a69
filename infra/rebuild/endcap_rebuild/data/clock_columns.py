"""Tables that keep the day and the time of day in columns of their own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from endcap_rebuild.data.names import spelled
from endcap_rebuild.data.sources import Rows
from endcap_rebuild.data.values import is_absent

_DAYS: Final = frozenset(
    "date day eventdate orderdate invoicedate purchasedate datum bestelldatum fecha 日期 下单日期 行为日期 购买日期".split()
)
_CLOCKS: Final = frozenset("time clock eventtime ordertime timeofday uhrzeit zeit heure hora 时间 時間 下单时间 行为时间".split())
_CLOCK: Final = re.compile(r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:\s*[AaPp]\.?[Mm]\.?)?(?:\s*(?:Z|UTC|[+-]\d{2}:?\d{2}))?")


def joined_times(found: Rows) -> Rows:
    """The table with the time of day in the day's column, where it has two; else as it is."""
    if not found.table:
        return found
    day = next((k for k, name in enumerate(found.columns) if spelled(name) in _DAYS), None)
    clock = next((k for k, name in enumerate(found.columns) if spelled(name) in _CLOCKS and k != day), None)
    if day is None or clock is None:
        return found
    clocks = [text for cells in found.sample if (text := cells[clock].strip()) and not is_absent(text)]
    if not clocks or not all(map(_CLOCK.fullmatch, clocks)) or any(":" in cells[day] for cells in found.sample):
        return found
    columns = [name for k, name in enumerate(found.columns) if k != clock]
    found.read.guesses["time of day"] = found.columns[clock]
    sample = [_joined(cells, day, clock) for cells in found.sample]
    return replace(found, columns=columns, rows=_rows(found.rows, day, clock), sample=sample)


def _rows(rows: Iterator[tuple[int, Any]], day: int, clock: int) -> Iterator[tuple[int, Any]]:
    for line, cells in rows:
        yield line, _joined(cells, day, clock)


def _joined(cells: Sequence[str], day: int, clock: int) -> list[str]:
    date, time = cells[day].strip(), cells[clock].strip()
    whole = list(cells)
    whole[day] = date if not date or not time or is_absent(time) else f"{date} {time}"
    del whole[clock]
    return whole
