"""The scale of one file's grades, found by a look at them before its rows are read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final

from endcap.events.types import GRADED
from endcap.feeds.names import EventTypeNames
from endcap.feeds.values import amount, is_absent
from endcap_rebuild.data.grading import OURS, AmbiguousScaleError, Scale, recognised, worded
from endcap_rebuild.data.options import ReadOptions
from endcap_rebuild.data.report import ReadReport
from endcap_rebuild.data.sources import Rows

_MOST_ROWS: Final = 500_000
_MOST_GRADES: Final = 50_000
"""So many tell the scale of all."""


def scale_found(
    found: Rows,
    again: Callable[[], Rows] | None,
    columns: Mapping[str, str],
    names: EventTypeNames,
    default: str | None,
    mark: str | None,
    options: ReadOptions,
    report: ReadReport,
) -> Scale:
    """The scale that a file's grades are on: the one that was named, else the one that they show.

    Parameters
    ----------
    again : opens the file anew; the sample alone is looked at without it
    columns, names, default, mark : as the reader of its events has them
    report : told which scale it is, and where nothing shows it
    """
    if options.scale is not None:
        return options.scale
    if "value" not in columns:
        return OURS

    def grades(rows: Iterable[Any]) -> Iterator[float]:
        for row in rows:
            kind = _cell(found, row, columns.get("event_type"))
            name = names(kind.strip()) if isinstance(kind, str) and not is_absent(kind) else default
            if name in GRADED and (grade := _number(_cell(found, row, columns["value"]), mark)) is not None:
                yield grade

    seen = list(grades(found.sample))
    if seen and again is not None:
        rows = (row for _, row in islice(again().rows, _MOST_ROWS))
        seen = list(islice(grades(rows), _MOST_GRADES))
    try:
        scale = recognised(seen)
    except AmbiguousScaleError as exc:
        report.doubt(f"{found.read.file}: {exc}: name theirs, as --rating-scale 5 or --rating-scale 0-1")
        return OURS
    if not scale.is_ours:
        found.read.guesses["rating_scale"] = str(scale)
        report.note(f"grades in {found.read.file} are read as from {scale} (--rating-scale)")
    return scale


def _cell(found: Rows, row: Any, column: str | None) -> Any:
    if column is None:
        return None
    if found.table:
        return row[found.columns.index(column)]
    return row.get(column) if isinstance(row, dict) else None


def _number(value: Any, mark: str | None) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value)
    if not isinstance(value, str) or is_absent(value) or worded(value) is not None:
        return None
    try:
        return float(amount(value, mark)[0])
    except (TypeError, ValueError):
        return None
