"""The data of an evaluation, and the part of it that a rebuild may see, as a folder it can read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from endcap.catalog.item import Item, item_document
from endcap.events.interaction import Interaction
from endcap.events.types import EVENT_TYPES, GRADED, NOT_IN_HISTORY, TEXTUAL
from endcap.identifiers import anonymous_id_of
from endcap.validation import timestamp_number
from endcap_rebuild.data.collector import rare_collections
from endcap_rebuild.data.dataset import Shop, rows_by_id
from endcap_rebuild.data.erasures import erased_of
from endcap_rebuild.data.event_table import chance_keys, event_table, interaction_of
from endcap_rebuild.data.options import PLAIN, ReadOptions
from endcap_rebuild.data.people import People
from endcap_rebuild.data.reading import read_events, read_items
from endcap_rebuild.data.report import ReadReport, no_items
from endcap_rebuild.progress import Progress, no_progress

# Order of events of one moment: the same for every model and every run.
SHUFFLE_SEED: Final = 0
# What shoppers say without acting on an item; part of a profile, no step of a history.
_WORDS: Final = TEXTUAL - GRADED


@dataclass(frozen=True)
class Data:
    """A shop, and what its shoppers searched for and tagged.

    words : user id -> searches, tags and posts about no item, oldest first
    """

    shop: Shop
    words: dict[str, list[Interaction]]

    @property
    def key(self) -> str:
        """Hex digest of everything that is evaluated."""
        digest = hashlib.sha256(self.shop.key.encode())
        for user, said in sorted(self.words.items()):
            digest.update(repr((user, [(e.timestamp_ms, e.event_id, e.text) for e in said])).encode())
        return digest.hexdigest()


def read_data(
    folder: Path,
    now_ms: int,
    ignored_attributes: Collection[str] = (),
    people: People | None = None,
    options: ReadOptions = PLAIN,
    progress: Progress = no_progress,
) -> Data:
    """Read a shop's folder.

    Parameters
    ----------
    ignored_attributes : attributes of items that are dropped, such as those that were counted from the whole log
    people : who names the shoppers of an archive
    options : how the files are to be read, where they don't say it themselves

    Raises
    ------
    UnusableDataError : no usable item, or the data is not good enough to be measured
    InvalidInputError : an archive without the ledger of erasures
    """
    report = ReadReport(progress=progress)
    with report.keeping(options.errors):
        data = _read(folder, now_ms, ignored_attributes, people or People(), options, report)
    report.require_good(options.allow_bad)
    return data


@rare_collections()
def _read(
    folder: Path,
    now_ms: int,
    ignored_attributes: Collection[str],
    people: People,
    options: ReadOptions,
    report: ReadReport,
) -> Data:
    read_from = (without(item, ignored_attributes) for item in read_items(folder, report, options))
    items = sorted(read_from, key=lambda item: item.item_id)
    if not items:
        raise no_items(folder, report)
    words: dict[str, list[Interaction]] = {}

    def keeping_words(events: Iterable[Interaction]) -> Iterator[Interaction]:
        for event in events:
            if event.event_type in _WORDS and event.text and not _is_step(event):
                words.setdefault(event.user_id, []).append(event)
            yield event

    index = rows_by_id(items)
    erased = erased_of(folder, report, people=people)
    read = erased.without(read_events(folder, report, now_ms, options=options, people=people), report)
    events = keeping_words(read)
    groups = [item.group for item in items]
    table = event_table(events, index, report, SHUFFLE_SEED, EVENT_TYPES, groups=groups)
    chance = chance_keys(table, np.arange(len(table)), SHUFFLE_SEED)
    table = table.rows(np.lexsort((chance, table.time_ms, table.user)))
    for said in words.values():
        said.sort(key=lambda event: (event.timestamp_ms, event.event_id))
    return Data(Shop(tuple(items), table, report), words)


def _is_step(event: Interaction) -> bool:
    """Whether a history has it as what was done with an item."""
    return event.item_id is not None and event.event_type not in NOT_IN_HISTORY


def without(item: Item, attributes: Collection[str]) -> Item:
    """The item without some of its attributes."""
    if not any(name in item.attributes for name in attributes):
        return item
    return replace(item, attributes={k: v for k, v in item.attributes.items() if k not in attributes})


def write_known(data: Data, known: NDArray[np.bool_], cutoff_ms: int, folder: Path) -> Path:
    """An import folder with the catalogue and the interactions that a model may know; returns it.

    Parameters
    ----------
    known : bool (rows of the table,)
    cutoff_ms : searches and tags after it are left out
    """
    folder.mkdir(parents=True, exist_ok=True)
    shop = data.shop
    item_ids = [item.item_id for item in shop.items]
    with (folder / "items.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(item_document(item), ensure_ascii=False) + "\n" for item in shop.items)
    with (folder / "events.jsonl").open("w", encoding="utf-8") as file:
        for row in np.flatnonzero(known).tolist():
            session = int(shop.table.session[row])
            event = interaction_of(shop.table, row, item_ids)
            file.write(_line(event, None if session < 0 else str(session)))
        for said in data.words.values():
            file.writelines(_line(event, event.session_id) for event in said if event.timestamp_ms <= cutoff_ms)
    return folder


def _line(event: Interaction, session_id: str | None) -> str:
    anonymous_id = anonymous_id_of(event.user_id)
    row: dict[str, Any] = {
        "event_id": event.event_id,
        "user_id": event.user_id if anonymous_id is None else None,
        "anonymous_id": anonymous_id,
        "event_type": event.event_type,
        "timestamp": timestamp_number(event.timestamp_ms),
        "item_id": event.item_id,
        "value": event.value,
        "text": event.text,
        "session_id": session_id,
    }
    return json.dumps({name: value for name, value in row.items() if value is not None}, ensure_ascii=False) + "\n"
