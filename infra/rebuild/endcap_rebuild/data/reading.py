"""Reading a folder of items and events: the import format, the exports of others (`formats`), and the event archive.

What can't be used is written down with its file, line and reason, and does not stop what can. Which files are read says
`folder`; how they are written is found out by `sources`, what their columns and values mean by `items` and
`interactions`. Erasures: where there is a folder `profiles/` with a DynamoDB export of the profiles table, events that
their user has had erased since they were archived are left out.

Files are read in parts; only items and the ids of erased users are kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from endcap.catalog.item import FIELDS, Item, parse_item, stored_item
from endcap.errors import FieldError, InvalidInputError, InvalidItemError
from endcap.events.interaction import Interaction
from endcap.events.types import EVENT_TYPES, EventType
from endcap.feeds.files import DataFile
from endcap.feeds.names import EVENT_FIELDS, columns_of
from endcap.feeds.values import is_absent
from endcap.identifiers import clean_id
from endcap_rebuild.data.exports import (
    FOR_EVER,
    NEVER_ERASED,
    TableExport,
    erased_until_ms,
    exported_document,
    exported_user_id,
    find_export,
    is_exported,
)
from endcap_rebuild.data.folder import Folder, Source, look_into, none_found, one_file
from endcap_rebuild.data.formats import EVENTS, ITEMS, ga4_bigquery, shopify
from endcap_rebuild.data.identities import Identities
from endcap_rebuild.data.interactions import EventReader
from endcap_rebuild.data.items import ItemReader, documents_of, merged
from endcap_rebuild.data.noting import archived, noted
from endcap_rebuild.data.options import ReadOptions
from endcap_rebuild.data.people import KEYS_ASKED, People
from endcap_rebuild.data.plain_rows import NO_TIME, Moment
from endcap_rebuild.data.report import ReadReport, UnusableDataError
from endcap_rebuild.data.sources import Rows, opened, resampled
from endcap_rebuild.data.tidied import with_whole_ids

__all__ = ("FOR_EVER", "NO_TIME", "ReadReport")
_PLAIN: Final = ReadOptions()


def read_items(folder: Path, report: ReadReport, options: ReadOptions = _PLAIN) -> list[Item]:
    """Every usable item of a folder or of one file; of rows with one id the last wins, see `items.merged`.

    Raises
    ------
    UnusableDataError : there are events of a shop, and no items
    InvalidInputError : there is no such folder, there are no files of either, or an export is not whole
    """
    report.role = ITEMS
    if not folder.exists():
        raise InvalidInputError(f"{folder} does not exist")
    if folder.is_file():
        if any(source.what.role == EVENTS for source in one_file(folder, "", options)):
            said = f"{folder} holds events and no items: give the folder that it lies in, with the catalogue beside it"
            raise UnusableDataError([said], report.document())
        found = Folder(items=one_file(folder, ITEMS, options))
    else:
        found = look_into(folder, options)
        report.passed_over |= found.passed_over
    if not found.items and not _name_items(found.events):
        said = none_found(folder, found, ITEMS)
        if any(not source.archived for source in found.events):
            raise UnusableDataError([said], report.document())
        raise InvalidInputError(said)
    items: dict[str, Item] = {}
    for item in _items(found, report, options):
        before = items.get(item.item_id)
        report.replaced_items += before is not None
        items[item.item_id] = item if before is None else merged(before, item)
    listed = list(items.values())
    report.look_at(listed)
    return listed


def catalog_time_ms(folder: Path) -> int | None:
    """The moment whose catalogue a folder holds: that of the export of the items table; None without an export.

    Raises
    ------
    InvalidInputError : the export is not whole
    """
    export = find_export(folder / "items")
    return None if export is None else export.exported_at_ms


def read_erasures(folder: Path, report: ReadReport, people: People | None = None) -> dict[str, int]:
    """User id -> the time up to which that user was erased, from the profiles of a folder; no others are in it.

    A user whose profile can't be read is reported and counts as erased, as nobody can say any more that they were not.
    So does one who refuses to be stored: nothing of them is learned from.

    Parameters
    ----------
    people : by whose names the ids are told; is to be asked for events afterwards, and then knows everybody's older
        pseudonyms, and that somebody has to be left out

    Raises
    ------
    InvalidInputError : the export is not whole, or a row is not one of the profiles table
    """
    people = people or People()
    export = find_export(folder / "profiles")
    files = export.files if export else sorted(p for p in (folder / "profiles").rglob("*") if p.is_file())
    erased: dict[str, int] = {}
    exported = 0
    for file in files:
        if file.name.startswith((".", "_", "manifest-")):
            continue
        for line, row in opened(DataFile(file), "profiles", report).rows:
            user_id = exported_user_id(row if isinstance(row, dict) else {})
            exported += 1
            try:
                until_ms = erased_until_ms(row)
            except InvalidInputError as exc:
                report.reject(file, line, str(exc))
                until_ms = FOR_EVER
            name = people.name_of(user_id)
            if until_ms > NEVER_ERASED:
                erased[name] = until_ms
    require_whole(export, exported)
    people.must_know = KEYS_ASKED if erased else ""
    return erased


def read_events(
    source: Path,
    report: ReadReport,
    now_ms: int,
    event_types: Mapping[str, EventType] = EVENT_TYPES,
    identities: Identities | None = None,
    options: ReadOptions = _PLAIN,
    people: People | None = None,
) -> Iterator[Interaction]:
    """Usable events of a folder or of one file, in file order, repeats included (`EventTable` drops them).

    Parameters
    ----------
    now_ms : events later than this (plus five minutes) are refused
    event_types : the types that are known
    identities : filled while reading
    options : how the files are to be read, where they don't say it themselves
    people : by whose names users are told

    Raises
    ------
    InvalidInputError : there is no such folder or file, or it holds pseudonyms that `people` would have to know
    """
    people = people or People()
    if not source.exists():
        raise InvalidInputError(f"{source} does not exist")
    report.role = EVENTS
    found = Folder(events=one_file(source, EVENTS, options)) if source.is_file() else look_into(source, options)
    report.passed_over |= found.passed_over
    for file in event_files(found, options, Moment(now_ms, event_types), report, people):
        yield from noted(file, report, identities, people, options.excluded)


def event_files(
    found: Folder, options: ReadOptions, moment: Moment, report: ReadReport, people: People
) -> Iterator[EventReader | Iterable[tuple[Mapping[str, Any], Interaction]]]:
    """What reads each file of events, one after the other; then the files of users are counted."""
    handle_of = _handles(found.items)
    for part in found.events:
        yield _events(part, options, moment, report, people, handle_of)
    for part in found.users:
        rows = opened(part.file, "users", report)
        rows.read.format = part.what.format
        report.files.append(rows.read)
        report.users += sum(1 for _ in rows.rows)
        report.note(f"{part.file.name}: what it says of users is not used; an event names its user")
    if not report.events and not report.refused_of.get(EVENTS) and not report.ignored_rows:
        report.note("there are no events: lists come from texts alone")
        for name in found.wanting:
            report.doubt(f"there are no events, and {name} was passed over: {found.passed_over[name]}")


def read_user_ids(file: Path, report: ReadReport) -> list[str]:
    """The distinct ids of a file with a column `user_id`, in its order.

    Raises
    ------
    InvalidInputError : the file is not there or has no such column
    """
    if not file.is_file():
        raise InvalidInputError(f"{file} is not a file")
    report.role = "users"
    rows = opened(DataFile(file), "users", report)
    column = columns_of(rows.columns, EVENT_FIELDS, {}).get("user_id")
    if column is None:
        raise InvalidInputError(f"{file} has no column user_id; it has {', '.join(rows.columns)}")
    rows = with_whole_ids(rows, [column])
    ids: dict[str, None] = {}
    for line, row in rows.rows:
        value = str((row[rows.columns.index(column)] if rows.table else row.get(column)) or "").strip()
        try:
            ids[clean_id("" if is_absent(value) else value)] = None
        except ValueError as exc:
            report.reject(file, line, f"user_id: {exc}")
    return list(ids)


def _items(found: Folder, report: ReadReport, options: ReadOptions) -> Iterator[Item]:
    exported = 0
    for source in found.items:
        rows = opened(source.file, ITEMS, report)
        rows.read.format = source.what.format
        if source.archived or any(isinstance(row, dict) and is_exported(row) for row in rows.sample):
            for item in _exported(rows, report):
                exported += 1
                if item is not None:
                    yield item
            continue
        report.files.append(rows.read)
        documents = documents_of(rows, source.what, options, report)
        mark = "," if rows.read.guesses.get("delimiter") == "semicolon" else None
        yield from ItemReader(documents, source.file.name, options.zone, mark, report)
    require_whole(found.export, exported)
    for source in found.events if not found.items else ():
        if source.what.format == "ga4-bigquery":
            rows = opened(source.file, EVENTS, ReadReport())
            report.note(f"items are those that {source.file.name} names")
            yield from ItemReader(ga4_bigquery.items(rows.rows), source.file.name, options.zone, None, report)


def _exported(rows: Rows, report: ReadReport) -> Iterator[Item | None]:
    """An item, or nothing, for each row that comes from a table's export; the others are read as they are."""
    for line, row in rows.rows:
        if not isinstance(row, dict):
            report.reject(rows.read.file, line, "not a JSON object", row)
            continue
        warnings: list[FieldError] = []
        try:
            if is_exported(row):
                document = exported_document(row)
                item = None if document is None else stored_item(document)
            else:
                item = parse_item(row, warnings)
        except InvalidItemError as exc:
            report.reject(rows.read.file, line, str(exc))
            item = None
        report.warn(warnings, FIELDS)
        if item is not None or is_exported(row):
            yield item


def _events(
    source: Source,
    options: ReadOptions,
    moment: Moment,
    report: ReadReport,
    people: People,
    handle_of: Mapping[str, str],
) -> EventReader | Iterable[tuple[Mapping[str, Any], Interaction]]:
    rows = opened(source.file, EVENTS, report)
    rows.read.format = source.what.format
    if source.archived and not rows.table:
        return archived(rows, moment, report, people)
    report.files.append(rows.read)
    if source.what.format == "shopify":
        named = ((line, dict(zip(rows.columns, cells, strict=True))) for line, cells in rows.rows)
        lines = shopify.order_lines(named, handle_of)
        columns = ["user_id", "item_id", "timestamp", "value", "session_id", "event_type", "order_id"]
        cells = ((line, [row[name] or "" for name in columns]) for line, row in lines)
        rows = resampled(columns, cells, rows.read)
    return EventReader(rows, options, moment, report, people, lambda: opened(source.file, EVENTS, ReadReport()))


def _handles(items: Iterable[Source]) -> dict[str, str]:
    """SKU -> handle, where a folder has Shopify's products."""
    found: dict[str, str] = {}
    for source in items:
        if source.what.format == "shopify" and source.what.items is not None:
            rows = opened(source.file, ITEMS, ReadReport())
            if rows.table:
                found |= shopify.handles(dict(zip(rows.columns, cells, strict=True)) for _, cells in rows.rows)
            else:
                found |= shopify.json_handles(row for _, row in rows.rows if isinstance(row, dict))
    return found


def _name_items(events: Iterable[Source]) -> bool:
    """Whether events carry their items with them."""
    return any(source.what.format == "ga4-bigquery" for source in events)


def require_whole(export: TableExport | None, rows: int) -> None:
    """Refuse a part of a table: a catalogue without half of its items would look like a catalogue."""
    if export is not None and rows != export.rows:
        raise InvalidInputError(f"the export holds {rows:,} rows, its manifest says {export.rows:,}")
