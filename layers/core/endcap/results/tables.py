"""Results as tables: rows of a day for the bucket, and rows by the dimensions that somebody asks for."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from types import MappingProxyType
from typing import Any, Final

from endcap.results.book import Figures
from endcap.results.facts import Cell
from endcap.results.intervals import share
from endcap.results.money import UNNAMED, told_money
from endcap.results.parquet import parquet

DIMENSIONS: Final = ("scenario", "surface", "variant", "day")


COLUMNS: Final[Mapping[str, type]] = MappingProxyType(
    dict.fromkeys(("scenario", "surface", "variant", "currency"), str) | {field.name: int for field in fields(Figures)}
)
"""What a row of a day has; money in hundredths.

What was paid stands in rows of its currency, and all else in the row without one: counts may be added up over both.
"""


def day_rows(cells: Mapping[Cell, Figures], day: str) -> list[dict[str, Any]]:
    """A day's rows, in a fixed order."""
    rows = [
        {name: getattr(cell, name) for name in ("scenario", "surface", "variant", "currency")} | asdict(figures)
        for cell, figures in cells.items()
        if cell.day == day
    ]
    return sorted(rows, key=lambda row: (row["scenario"], row["surface"], row["variant"], row["currency"]))


def day_lines(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Rows as gzipped lines of JSON, which `read_day` reads."""
    lines = "".join(json.dumps(row, separators=(",", ":"), ensure_ascii=False) + "\n" for row in rows)
    return gzip.compress(lines.encode(), 6, mtime=0)


def day_parquet(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Rows as Parquet, for Athena."""
    return parquet(COLUMNS, rows)


def read_day(day: str, data: bytes) -> Iterator[tuple[Cell, Figures]]:
    """What `day_lines` gave."""
    for line in gzip.decompress(data).splitlines():
        row = json.loads(line)
        cell = Cell(day, row.pop("scenario"), row.pop("surface"), row.pop("variant"), row.pop("currency", UNNAMED))
        yield cell, Figures(**row)


def table(cells: Iterable[tuple[Cell, Figures]], by: Sequence[str]) -> list[dict[str, Any]]:
    """Rows for each combination of values of `by`, those that brought most first."""
    cells, added = list(cells), dict[tuple[str, ...], list[tuple[Cell, Figures]]]()
    for cell, figures in cells:
        added.setdefault(tuple(getattr(cell, name) for name in by), []).append((cell, figures))
    rows = [dict(zip(by, values, strict=True)) | total(some) for values, some in added.items()]
    # Amounts of different currencies can't be compared, purchases can.
    most = "purchases" if total(cells)["revenue"] is None else "revenue"
    return sorted(rows, key=lambda one: (-one[most], -one["lists"], *(one[name] for name in by)))


def total(cells: Iterable[tuple[Cell, Figures]]) -> dict[str, Any]:
    """All cells as one row."""
    together, paid = Figures(), dict[str, int]()
    for cell, figures in cells:
        together.add(figures)
        if figures.purchases:
            paid[cell.currency] = paid.get(cell.currency, 0) + figures.cents
    return _row(together, paid)


def _row(figures: Figures, paid: Mapping[str, int]) -> dict[str, Any]:
    """Figures as they are told; shares are of lists, money is of each currency by itself."""
    return {
        "lists": figures.lists,
        "visible": figures.visible,
        "impressions": figures.impressions,
        "clicks": figures.clicks,
        "carts": figures.carts,
        "purchases": figures.purchases,
        "returns": figures.returns,
        **told_money(paid),
        "ctr": share(figures.clicked, figures.lists),
        "conversion": share(figures.converted, figures.lists),
    }
