"""`endcap report`: what lists have brought."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from endcap_local.cli.options import Json

if TYPE_CHECKING:
    from endcap.results.book import Figures
    from endcap.results.facts import Cell

_COLUMNS: Final = {
    "lists": "lists",
    "clicks": "clicks",
    "purchases": "bought",
    "returns": "back",
    "revenue": "revenue",
}
_SHARES: Final = {"ctr": "CTR", "conversion": "conv."}


def report(
    data: Annotated[
        str,
        typer.Option(
            help="s3://BUCKET of a stack, whose results are read; or a folder or s3://BUCKET/PREFIX with exposures/ "
            "and events/, which are counted anew."
        ),
    ],
    by: Annotated[str, typer.Option(help="scenario, surface, variant, day; with commas between.")] = (
        "scenario,surface,variant"
    ),
    from_day: Annotated[str, typer.Option("--from", help="First day, as 2026-01-31.")] = "0000-00-00",
    to_day: Annotated[str, typer.Option("--to", help="Last day.")] = "9999-99-99",
    as_json: Json = False,
) -> None:
    """Tell what lists have brought: clicks, carts, purchases and revenue; with intervals by --json."""
    from endcap.errors import FieldError, InvalidInputError
    from endcap.results.tables import DIMENSIONS, table, total
    from endcap_local.console import print_json

    names = [name for name in by.split(",") if name]
    if not set(names) <= set(DIMENSIONS):
        raise InvalidInputError([FieldError(field="--by", message=f"names are {', '.join(DIMENSIONS)}")])
    cells = [pair for pair in _cells(data, from_day, to_day).items() if from_day <= pair[0].day <= to_day]
    rows, together = table(cells, names), total(cells)
    if as_json:
        print_json({"by": names, "rows": rows, "total": together})
    else:
        _print(names, rows, together)


def _cells(data: str, from_day: str, to_day: str) -> Mapping[Cell, Figures]:
    from endcap.aws.clients import BACKGROUND, client
    from endcap.aws.results import ResultStore
    from endcap.results.tables import read_day
    from endcap_local.experiments.archive import S3

    bucket, _, prefix = data.removeprefix(S3).partition("/")
    if data.startswith(S3) and not prefix.strip("/"):
        store = ResultStore(client("s3", BACKGROUND), bucket)
        found = [pair for day, rows in store.days(from_day, to_day) for pair in read_day(day, rows)]
        if found:
            return dict(found)
    return _counted(data)


def _counted(data: str) -> Mapping[Cell, Figures]:
    """The figures of a whole archive; both are read once, so that nothing has to wait for anything."""
    from endcap.results.book import Book
    from endcap.results.facts import act_of, shown_list
    from endcap_local.experiments.archive import ReadLog, archive_at, records

    archive, log, book = archive_at(data), ReadLog(), Book()
    lists = (shown for record in records(archive, "exposures", log) if (shown := shown_list(record)) is not None)
    book.enter(lists, ())
    book.enter((), [act for record in records(archive, "events", log) if (act := act_of(record)) is not None])
    return book.cells


def _print(names: list[str], rows: list[dict[str, Any]], together: Mapping[str, Any]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    shown = Table(box=box.SIMPLE, padding=(0, 1, 0, 0), pad_edge=False, collapse_padding=True)
    for name in names:
        shown.add_column(name, no_wrap=True)
    for name in (*_COLUMNS.values(), *_SHARES.values()):
        shown.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        shown.add_row(*(row[name] or "-" for name in names), *_figures(row))
    shown.add_section()
    shown.add_row(*("together" if k == 0 else "" for k in range(len(names))), *_figures(together), style="bold")
    console.print(shown)


def _figures(row: Mapping[str, Any]) -> list[str]:
    counts = [_money(row) if name == "revenue" else f"{row[name]:,}" for name in _COLUMNS]
    return [*counts, *(_share(row, name) for name in _SHARES)]


def _money(row: Mapping[str, Any]) -> str:
    """What was paid, a line for each currency: they are not added up."""
    return "\n".join(f"{one['revenue']:,.2f} {one['currency'] or ''}".rstrip() for one in row["revenues"]) or "-"


def _share(row: Mapping[str, Any], name: str) -> str:
    """A share of lists; of a few it stands as what it is, since 100% of one says nothing."""
    from endcap.results.intervals import FEW_LISTS

    share, lists = row[name], row["lists"]
    if share is None:
        return "-"
    return f"{share['value']:.1%}" if lists >= FEW_LISTS else f"{round(share['value'] * lists)} of {lists}"
