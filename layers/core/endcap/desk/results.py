"""What lists have brought, and what experiments have shown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from endcap.desk.experiments import planned
from endcap.errors import FieldError, InvalidRequestError, NotFoundError
from endcap.operator.schemas import ResultsQuery
from endcap.results.book import DAY_MS, WINDOW_MS, Book
from endcap.results.codec import decoded
from endcap.results.intervals import CONFIDENCE
from endcap.results.read_files import ReadFiles
from endcap.results.report import report
from endcap.results.tables import read_day, table, total
from endcap.runtime import Runtime

DAYS: Final = 28
"""Told of where nobody says which."""
MAX_DAYS: Final = 400


def results(runtime: Runtime, given: ResultsQuery) -> dict[str, Any]:
    """Rows by the dimensions that are asked for.

    Raises
    ------
    InvalidRequestError : the days are in no order, or too many
    """
    today = datetime.now(UTC).date()
    to_day = given.to or today.isoformat()
    from_day = given.from_ or (_date(to_day, "to") - timedelta(days=DAYS - 1)).isoformat()
    n_days = (_date(to_day, "to") - _date(from_day, "from")).days + 1
    if not 1 <= n_days <= MAX_DAYS:
        raise InvalidRequestError([FieldError(field="from", message=f"must lie before to, by {MAX_DAYS} days at most")])
    by, mark = list(dict.fromkeys(given.by)), runtime.results.mark()
    cells = [pair for day, data in runtime.results.days(from_day, to_day) for pair in read_day(day, data)]
    return {
        "rows": table(cells, by),
        "total": total(cells),
        "by": by,
        "from_day": from_day,
        "to_day": to_day,
        "as_of": mark.get("as_of_ms"),
        "behind": mark.get("left", 0),
        "window_days": WINDOW_MS // DAY_MS,
        "confidence": CONFIDENCE,
    }


def experiment_report(runtime: Runtime, name: str) -> dict[str, Any]:
    """An experiment so far.

    Raises
    ------
    NotFoundError : it is neither configured nor recorded
    """
    found = runtime.results.book()
    book, _, as_of_ms = decoded(found[0]) if found else (Book(), ReadFiles(), None)
    plan = next((one for one in planned(runtime) if one.name == name), None)
    if plan is None and not any(experiment == name for experiment, _ in book.units):
        raise NotFoundError("no experiment of this name is configured or recorded")
    variants = plan.variants if plan is not None else ()
    shares = {variant.name: variant.share for variant in variants}
    told = report(book, name, [variant.name for variant in variants], shares, as_of_ms)
    return told | ({"from_ms": plan.start_ms} if plan is not None else {})


def _date(day: str, field: str) -> Any:
    try:
        return datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError:
        raise InvalidRequestError([FieldError(field=field, message="is no day")]) from None
