"""Reading a folder for its report alone: nothing is built, and nothing is kept but counts."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np

from endcap.events.interaction import Interaction
from endcap.events.types import EVENT_TYPES, NOT_IN_HISTORY, EventType
from endcap_rebuild.data.collector import rare_collections
from endcap_rebuild.data.counting import ColumnCounter
from endcap_rebuild.data.folder import look_into
from endcap_rebuild.data.formats import EVENTS
from endcap_rebuild.data.interactions import EventReader
from endcap_rebuild.data.noting import noted
from endcap_rebuild.data.options import ReadOptions
from endcap_rebuild.data.people import People
from endcap_rebuild.data.plain_rows import Moment
from endcap_rebuild.data.reading import event_files, read_items
from endcap_rebuild.data.report import ReadReport
from endcap_rebuild.progress import Progress, no_progress

_PART: Final = 10_000


@rare_collections()
def check_folder(
    folder: Path,
    options: ReadOptions,
    now_ms: int,
    event_types: Mapping[str, EventType] = EVENT_TYPES,
    progress: Progress | None = None,
) -> ReadReport:
    """What reading `folder` finds.

    Parameters
    ----------
    progress : told how far each file has been read

    Raises
    ------
    InvalidInputError : there is no item file, or an export is not whole
    """
    report = ReadReport(progress=progress or no_progress)
    with report.keeping(options.errors):
        items = read_items(folder, report, options)
        known = {item.item_id for item in items} | {item.group for item in items}
        report.role = EVENTS
        seen, people = array("q"), People()
        found, moment = look_into(folder, options), Moment(now_ms, event_types, False)
        for file in event_files(found, options, moment, report, people):
            if isinstance(file, EventReader) and file.found.table and file.reason is None:
                _count_table(file, known, report, people, seen, options.excluded)
            else:
                _count(noted(iter(file), report, None, people, options.excluded), known, report, seen)
    keys = np.sort(np.frombuffer(seen, dtype=np.int64) if len(seen) else np.empty(0, np.int64))
    report.duplicate_events = int(np.count_nonzero(keys[1:] == keys[:-1]))
    return report


def _count_table(
    file: EventReader,
    known: Collection[str],
    report: ReadReport,
    people: People,
    seen: array[int],
    excluded: Collection[str],
) -> None:
    counter = ColumnCounter(file.layout, file.lane, known, report, seen)
    rows: Iterator[tuple[int, Any]] = iter(file.found.rows)
    while part := list(islice(rows, _PART)):
        # Rows of whom nothing is to be read are looked at one by one.
        if excluded or not counter.count([cells for _, cells in part]):
            _count(noted(file.of(part), report, None, people, excluded), known, report, seen)
    file.ignore(counter.filled)


def _count(events: Iterable[Interaction], known: Collection[str], report: ReadReport, seen: array[int]) -> None:
    for event in events:
        if event.item_id is not None and event.item_id not in known and event.event_type not in NOT_IN_HISTORY:
            report.unknown_item(event.item_id)
        about, when = (event.item_id, event.event_type, event.order_id), (event.timestamp_ms, event.session_id)
        said = (about, when, event.value, event.text)
        seen.append(hash((event.user_id, event.event_id or said)))
