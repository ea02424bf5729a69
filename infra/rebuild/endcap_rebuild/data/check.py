"""Reading a folder for its report alone: nothing is built, and nothing is kept but counts."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from endcap.events.types import EVENT_TYPES, NOT_IN_HISTORY, EventType
from endcap_rebuild.data.options import ReadOptions
from endcap_rebuild.data.reading import read_events, read_items
from endcap_rebuild.data.report import ReadReport
from endcap_rebuild.settings import Progress, no_progress

_TELL_EVERY = 50_000


def check_folder(
    folder: Path,
    options: ReadOptions,
    now_ms: int,
    event_types: Mapping[str, EventType] = EVENT_TYPES,
    progress: Progress = no_progress,
) -> ReadReport:
    """What reading `folder` finds.

    Raises
    ------
    InvalidInputError : there is no item file, or an export is not whole
    """
    report = ReadReport()
    with report.keeping(options.errors):
        known = {item.item_id for item in read_items(folder, report, options)}
        seen = array("q")
        events = read_events(folder, report, now_ms, event_types, options=options, with_ids=False)
        for count, event in enumerate(events, start=1):
            if event.item_id is not None and event.item_id not in known and event.event_type not in NOT_IN_HISTORY:
                report.unknown_item(event.item_id)
            said = (event.item_id, event.event_type, event.timestamp_ms, event.value, event.text, event.session_id)
            seen.append(hash((event.user_id, event.event_id or said)))
            if count % _TELL_EVERY == 0:
                progress("reading", count, 0)
    keys = np.frombuffer(seen, dtype=np.int64) if len(seen) else np.empty(0, np.int64)
    report.duplicate_events = len(keys) - len(np.unique(keys))
    return report
