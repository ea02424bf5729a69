"""Which files of a folder hold what: by their names where those say it, else by what is in them.

* items: `items.*`, or a folder `items/` of newline JSON (plain rows or a DynamoDB export of the items table);
* events: `events.*`, `interactions.*`, or a folder `events/` of newline JSON, which is how the archive lies in S3;
* else whatever `formats` recognises. Files that are not read are named with the reason.
"""

from __future__ import annotations

import re
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from endcap.errors import InvalidInputError
from endcap.feeds.files import DataFile, members
from endcap.feeds.names import EVENT_FIELDS, columns_of
from endcap_rebuild.data.exports import TableExport, find_export
from endcap_rebuild.data.formats import EVENTS, ITEMS, USERS, Recognised, nearest_format, recognise
from endcap_rebuild.data.options import AUTO, ReadOptions
from endcap_rebuild.data.sources import READABLE, columns_in, looked_at

_NAMED: Final = {"items": ITEMS, "events": EVENTS, "interactions": EVENTS, "users": USERS}
_OWN_FOLDERS: Final = frozenset({"items", "events", "profiles", "erasures", "enrichment", "snapshots", "exposures"})
"""Folders that Endcap itself puts beside them."""
_INSTEAD: Final = {
    **dict.fromkeys(("xlsx", "xls", "xlsm", "ods", "numbers", "gsheet"), "save it as CSV"),
    **dict.fromkeys(("tar", "tgz", "bz2", "xz", "zst", "7z", "rar"), "unpack it"),
    **dict.fromkeys(("sql", "db", "sqlite", "dump", "bak"), "export its tables as CSV"),
    **dict.fromkeys(("avro", "orc", "feather", "pkl", "rds", "sav"), "save it as CSV or Parquet"),
}
"""Kinds of file that aren't read, and what makes one of them that is."""
_NUMBER: Final = re.compile(r"[-+]?[0-9]+(?:[.,][0-9]+)?")
_OF_A_LOG: Final = frozenset({"order_id", "session_id", "timestamp", "event_type"})
_SIGNS: Final = (".", "_", "manifest-")
"""Beginnings of names that are no data."""


@dataclass(frozen=True)
class Source:
    """A file of one role.

    archived : lies where Endcap itself has put it, in its own format
    """

    file: DataFile
    what: Recognised
    archived: bool = False


@dataclass
class Folder:
    """What a folder holds.

    export : the export of the items table that its `items/` is
    passed_over : name -> why it is not read
    wanting : those passed over that may well be the shop's events
    """

    items: list[Source] = field(default_factory=list)
    events: list[Source] = field(default_factory=list)
    users: list[Source] = field(default_factory=list)
    passed_over: dict[str, str] = field(default_factory=dict)
    export: TableExport | None = None
    wanting: list[str] = field(default_factory=list)


def look_into(folder: Path, options: ReadOptions) -> Folder:
    """Tell the files of a folder apart.

    Raises
    ------
    InvalidInputError : an export in it is not whole
    """
    found = Folder(export=find_export(folder / "items"))
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.name.startswith(_SIGNS):
            continue
        if path.is_file():
            _sort(path, options, found)
        elif path.is_dir() and path.name not in _OWN_FOLDERS and any(path.iterdir()):
            found.passed_over[f"{path.name}/"] = "a folder in it is not looked into: give it by itself"
    for role, sources in ((ITEMS, found.items), (EVENTS, found.events)):
        named = [source for source in sources if _NAMED.get(source.file.stem) == role]
        for source in sources if named else ():
            if source not in named:
                found.passed_over[source.file.name] = f"{named[0].file.name} is read instead"
        if named:
            sources[:] = named
    own = Recognised("endcap", "")
    nested = found.export.files if found.export else _nested(folder / "items")
    found.items += [Source(DataFile(path), own, archived=found.export is not None) for path in nested]
    found.events += [Source(DataFile(path), own, archived=True) for path in _nested(folder / "events")]
    return found


def one_file(path: Path, role: str, options: ReadOptions) -> list[Source]:
    """A file by itself, read for what it is said to hold."""
    return [Source(file, _recognised(file, options, role)) for file in _members(path)]


def none_found(folder: Path, found: Folder, role: str) -> str:
    """What to say where a folder has no file of a role."""
    wanted = "items.jsonl or items.csv" if role == ITEMS else "events.csv or events.jsonl"
    passed = "; ".join(f"{name}: {why}" for name, why in list(found.passed_over.items())[:5])
    also = f" (passed over: {passed})" if passed else ""
    what = "items: put the catalogue beside it as" if role == ITEMS and found.events else f"{role}:"
    return f"{folder} holds no {what} {wanted}, or an export that is recognised{also}"


def _sort(path: Path, options: ReadOptions, found: Folder) -> None:
    if path.suffix.lower() != ".zip" and not _is_read(DataFile(path)):
        found.passed_over[path.name] = _unread(DataFile(path).ending)
        return
    try:
        files = _members(path)
    except InvalidInputError as exc:
        found.passed_over[path.name] = str(exc)
        return
    for file in files:
        if not _is_read(file):
            found.passed_over[file.name] = _unread(file.ending)
            continue
        try:
            what = _recognised(file, options, _NAMED.get(file.stem, ""))
        except InvalidInputError as exc:
            if _NAMED.get(file.stem):
                raise
            found.passed_over[file.name] = str(exc)
            continue
        if options.source not in (AUTO, "csv", what.format) and file.stem not in _NAMED:
            found.passed_over[file.name] = f"is of the format {what.format or 'unknown'}, not {options.source}"
        elif what.why_not:
            found.passed_over[file.name] = what.why_not
        elif not what.role or (what.role == USERS and file.stem not in _NAMED and _is_a_log(file, options)):
            found.passed_over[file.name], may_be_events = _unknown(file, options)
            found.wanting += [file.name] if may_be_events else []
        else:
            {ITEMS: found.items, EVENTS: found.events, USERS: found.users}[what.role].append(Source(file, what))


def _is_read(file: DataFile) -> bool:
    """Whether a file's name lets it be looked into; parts of an export, such as `part-00000`, often have no ending."""
    return file.ending in READABLE or (not file.ending and file.stem[-1:].isdigit())


def _unread(ending: str) -> str:
    instead = _INSTEAD.get(ending)
    return "not a kind of file that is read" + (f": {instead}" if instead else "")


def _recognised(file: DataFile, options: ReadOptions, role: str) -> Recognised:
    columns, first, table = columns_in(file)
    return recognise(columns, first, table=table, told=options.columns, source=options.source, role=role)


def _unknown(file: DataFile, options: ReadOptions) -> tuple[str, bool]:
    """(why nothing is made of a file, whether it may well be a log of events all the same)."""
    columns, _, table = columns_in(file)
    if not columns:
        return "it holds no rows", False
    shown = ", ".join(columns[:8])
    if table and any(map(_NUMBER.fullmatch, columns)):
        said = f"its first line, {shown}, is a row: put a line of names above it"
        return f"{said}, such as user_id,item_id,event_type,timestamp", True
    event = columns_of(columns, EVENT_FIELDS, options.columns)
    if "user_id" in event:
        said = f"one user stands in several of its rows, and none of its columns {shown} names an item"
        return f"{said}: --map COLUMN=item_id says which one does, or join it to the table that names them", True
    near = nearest_format(columns)
    said = f"its columns {shown} say nothing of items or events" + (f"; near {near}" if near else "")
    if "item_id" in event and _OF_A_LOG & set(event):
        return f"{said}; it names items and nobody who bought them: join it to the table that says who", True
    return said, False


def _is_a_log(file: DataFile, options: ReadOptions) -> bool:
    """Whether a table of users names one in several rows, as logs do."""
    found = looked_at(file)
    users = [
        str(user) for user in found.column(columns_of(found.columns, EVENT_FIELDS, options.columns).get("user_id"))
    ]
    return len(set(users)) < len(users)


def _members(path: Path) -> list[DataFile]:
    try:
        return members(path)
    except (zipfile.BadZipFile, OSError) as exc:
        raise InvalidInputError(f"{path.name} can't be opened: {exc}") from exc


def _nested(folder: Path) -> list[Path]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in found if not path.name.startswith(_SIGNS))
