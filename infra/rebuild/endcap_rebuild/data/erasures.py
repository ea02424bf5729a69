"""Whom a folder of events is to be read without: the ledger of erasures beside it, and tombstones of profiles.

The ledger is a folder `erasures/`: an export of its table, or its copy in the data bucket. Stacks of before there was a
ledger export the profiles table alone, whose rows remember who was erased. An archive without either is refused, as
nobody could say whose events must not be in what comes out.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from endcap.erasure.ledger import NEVER, Ledger, joined, ledger_of
from endcap.erasure.records import event_keys
from endcap.errors import InvalidInputError, StoredDataError
from endcap.events.interaction import Interaction
from endcap.feeds.files import DataFile
from endcap_rebuild.data.exports import find_export
from endcap_rebuild.data.people import People
from endcap_rebuild.data.reading import read_erasures, require_whole
from endcap_rebuild.data.report import ReadReport
from endcap_rebuild.data.sources import opened

FOLDER: Final = "erasures"
ARCHIVE: Final = "events"
_REMEMBERED: Final = 200_000
S3: Final = "s3://"


@dataclass(frozen=True)
class Erased:
    """Up to when whose events are to be left out.

    Attributes
    ----------
    profiles : profile key -> time, as profiles remember it
    people : who names the shoppers of the events
    """

    ledger: Ledger = field(default_factory=Ledger)
    profiles: Mapping[str, int] = field(default_factory=dict)
    people: People = field(default_factory=People, compare=False)

    def without(self, events: Iterable[Interaction], report: ReadReport) -> Iterator[Interaction]:
        """The events that nobody has had erased; the others are counted."""
        until = lru_cache(_REMEMBERED)(self.ledger.until)
        for event in events:
            keys = event_keys(event) if self.ledger.entries else ()
            named = (name for key in keys for name in self.people.names_of(key))
            latest = max([self.profiles.get(event.user_id, NEVER), *(until(name) for name in named)])
            if event.timestamp_ms <= latest:
                report.erased_events += 1
            else:
                yield event


def erased_of(
    source: Path,
    report: ReadReport,
    ledger: Ledger | None = None,
    without_ledger: bool = False,
    people: People | None = None,
) -> Erased:
    """Whom the events of a folder, or of one file, are to be read without.

    Parameters
    ----------
    ledger : of the stack, beside what the folder holds
    without_ledger : whether an archive may be read that has no ledger
    people : who names the shoppers of the events, which are to be read afterwards

    Raises
    ------
    InvalidInputError : an archive lacks the ledger, or the ledger can't be read whole
    """
    folder = source if source.is_dir() else source.parent
    found = read_ledger(folder / FOLDER) if source.is_dir() else None
    known = source.is_dir() and find_export(folder / "profiles") is not None
    is_archive = source.is_dir() and (source / ARCHIVE).is_dir() and bool(_files(source / ARCHIVE))
    if is_archive and not known and found is None and ledger is None and not without_ledger:
        raise InvalidInputError(
            f"{source} holds an archive and no ledger of erasures: copy erasures/ of the bucket beside it, or name "
            "the ledger; who has been erased would be learned from again. Without one on purpose: --without-ledger"
        )
    try:
        whole = joined(part for part in (found, ledger) if part is not None)
    except StoredDataError as exc:
        raise InvalidInputError(str(exc)) from exc
    people = people or People()
    return Erased(whole, read_erasures(folder, report, people) if source.is_dir() else {}, people)


def read_ledger(folder: Path) -> Ledger | None:
    """The ledger in a folder, or in one file; None where there is none.

    Raises
    ------
    InvalidInputError : it can't be read whole
    """
    export = None if folder.is_file() else find_export(folder)
    files = [folder] if folder.is_file() else list(export.files) if export is not None else _files(folder)
    if export is None and not files:
        return None
    report = ReadReport()
    rows = [row for file in files for row in _rows(file, report)]
    if report.bad_row_count:
        raise InvalidInputError(f"{folder} is no ledger of erasures: {report.bad_rows[0].reason}")
    require_whole(export, len(rows))
    try:
        return ledger_of(_plain(rows))
    except StoredDataError as exc:
        raise InvalidInputError(f"{folder}: {exc}") from exc


def _files(folder: Path) -> list[Path]:
    """All that lies in a folder of data, but what describes it."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in found if not path.name.startswith((".", "_", "manifest-")))


def _rows(file: Path, report: ReadReport) -> Iterator[Mapping[str, Any]]:
    for line, row in opened(DataFile(file), FOLDER, report).rows:
        if isinstance(row, dict):
            yield row
        else:
            report.reject(file, line, "not a JSON object")


def ledger_at(place: str) -> Ledger:
    """The ledger in a folder, in a file, or at `s3://<data bucket>`.

    Raises
    ------
    InvalidInputError : there is none
    ThrottledError, DependencyError : the bucket does not answer
    """
    if place.startswith(S3):
        from endcap.aws.clients import BACKGROUND, client
        from endcap.aws.erasures import LedgerCopy

        found = LedgerCopy(client("s3", BACKGROUND), place.removeprefix(S3).strip("/")).read()
    else:
        found = read_ledger(Path(place) / FOLDER if (Path(place) / FOLDER).is_dir() else Path(place))
    if found is None:
        raise InvalidInputError(f"there is no ledger of erasures at {place}")
    return found


def _plain(rows: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Rows of an export of the table as the ledger's own; others as they are."""
    for row in rows:
        item = row.get("Item")
        if not isinstance(item, Mapping):
            yield dict(row)
            continue
        try:
            name = str(item["subject"]["S"])
            if name.startswith("key#"):
                secret = base64.b64decode(item["secret"]["B"], validate=True)
                yield {"number": int(name.removeprefix("key#")), "secret": secret.hex()}
            elif "until_ms" in item:
                yield {"subject": name, "until_ms": int(item["until_ms"]["N"])}
            elif "state" in item:
                json.loads(item["state"]["S"])  # where the purge stands
            else:
                raise ValueError(name)
        except (KeyError, TypeError, ValueError) as exc:
            raise StoredDataError("the export holds a row that is none of the ledger's") from exc
