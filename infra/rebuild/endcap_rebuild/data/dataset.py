"""The data of one rebuild, read once: catalogue, interactions, and what was wrong with them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from endcap.catalog.item import ITEM_TEXT_FIELDS, Item, item_document, item_text
from endcap.erasure.ledger import Ledger
from endcap.errors import InvalidInputError
from endcap.events.contexts import CONTEXT_NAMES
from endcap.events.types import event_types
from endcap.pseudonyms import PseudonymKeys
from endcap.snapshot.files import canonical_json
from endcap.snapshot.parents import variants_by_parent
from endcap_rebuild.data.clock import clock_usable
from endcap_rebuild.data.collector import rare_collections
from endcap_rebuild.data.erasures import erased_of
from endcap_rebuild.data.event_table import EventTable, checked_names, event_table, without_users
from endcap_rebuild.data.given_back import NEVER
from endcap_rebuild.data.options import ReadOptions
from endcap_rebuild.data.outliers import OutlierReport, find_outliers
from endcap_rebuild.data.people import People
from endcap_rebuild.data.reading import catalog_time_ms, read_events, read_items
from endcap_rebuild.data.report import ReadReport, no_items
from endcap_rebuild.data.searches import Search, noting_searches
from endcap_rebuild.progress import Progress, no_progress


@dataclass(frozen=True)
class Shop:
    """What a folder holds.

    Attributes
    ----------
    items : sorted by id, so that the order of rows in a file changes nothing
    table : interactions with these items
    catalog_time_ms : the moment whose catalogue this is, where the data says so
    searches : what was typed, sorted; no part of a history
    outliers : users who are no shoppers; what is said of them is in neither of the two, unless they were kept
    """

    items: tuple[Item, ...]
    table: EventTable
    report: ReadReport
    catalog_time_ms: int | None = None
    searches: tuple[Search, ...] = ()
    outliers: OutlierReport = field(default_factory=OutlierReport)

    @cached_property
    def clock(self) -> bool:
        """Whether timestamps are times."""
        return clock_usable(self.table.time_ms)

    @cached_property
    def texts(self) -> list[str]:
        """All that an encoder may read of each item."""
        return self.texts_of(ITEM_TEXT_FIELDS)

    def texts_of(self, fields: Sequence[str]) -> list[str]:
        """What an encoder reads of each item that reads these fields."""
        return [item_text(item, fields) for item in self.items]

    @property
    def created_ms(self) -> NDArray[np.float64]:
        """float64 (items,): when each item came into the catalogue, NaN where that is unknown."""
        return np.array([np.nan if item.created_at_ms is None else item.created_at_ms for item in self.items])

    @property
    def cutoff_ms(self) -> int:
        """The time of the newest interaction, 0 without any."""
        return int(self.table.time_ms.max(initial=0))

    @cached_property
    def key(self) -> str:
        """Hex digest of the data; equal for equal contents, whatever the order of the files' rows."""
        digest = hashlib.sha256()
        for item in self.items:
            digest.update(canonical_json(item_document(item)))
        table = self.table
        columns = (
            table.user,
            table.item,
            table.time_ms,
            table.event_type,
            table.strength,
            table.grade,
            table.session,
            table.key,
        )
        for column in columns:
            digest.update(column.tobytes())
        if len(table) and int(table.taken_ms.min()) < NEVER:
            digest.update(table.taken_ms.tobytes())
        digest.update(table.contexts.tobytes())
        digest.update(canonical_json(table.context_pairs))
        digest.update("\n".join(table.user_ids).encode())
        digest.update("\0".join(text or "" for text in table.text).encode())
        for search in self.searches:
            digest.update(f"\0{search.user_id}\0{search.time_ms}\0{search.text}".encode())
        return digest.hexdigest()


def rows_by_id(items: Sequence[Item]) -> dict[str, int]:
    """Row of each item by its id, and of the variant that stands for a group by the group's."""
    rows = {item.item_id: row for row, item in enumerate(items)}
    return rows | variants_by_parent((item.item_id, item.group_id, item.available) for item in items)


@rare_collections()
def read_shop(
    folder: Path,
    now_ms: int,
    seed: int,
    event_weights: Mapping[str, object],
    context_names: Sequence[str] = CONTEXT_NAMES,
    ledger: Ledger | None = None,
    without_ledger: bool = False,
    options: ReadOptions | None = None,
    *,
    keep_outliers: bool = False,
    may_be_empty: bool = False,
    keys: PseudonymKeys | None = None,
    must_know: str = "",
    progress: Progress = no_progress,
) -> Shop:
    """Read a folder of items and, where there are any, events.

    Parameters
    ----------
    ledger, without_ledger : as `erased_of` has them
    options : how the files are to be read, where they don't say it themselves
    keep_outliers : only name users who are no shoppers (see `outliers`), and learn from them too
    keys : of the pseudonyms that an archive carries; needed where it has some and profiles say whom to leave out
    must_know : why they are needed in any case; "" where they are not

    Raises
    ------
    UnusableDataError : no usable item, where the shop may not be empty
    InvalidInputError : no item file, an export that is not whole, an archive without the ledger of erasures, an
        unusable event weight or context name, or pseudonyms that need keys
    """
    report, options = ReadReport(progress=progress), options or ReadOptions()
    try:
        types = event_types(event_weights)
    except ValueError as exc:
        raise InvalidInputError(str(exc)) from exc
    names = checked_names(context_names)
    searches: list[Search] = []
    with report.keeping(options.errors):
        items = sorted(read_items(folder, report, options), key=lambda item: item.item_id)
        if not items and not may_be_empty:
            raise no_items(folder, report)
        index = rows_by_id(items)
        groups = [item.group for item in items]
        people = People(keys)
        erased = erased_of(folder, report, ledger, without_ledger, people)
        people.must_know = people.must_know or must_know
        events = erased.without(read_events(folder, report, now_ms, types, options=options, people=people), report)
        table = event_table(noting_searches(events, searches), index, report, seed, types, names, groups)
    progress("looking for bots", 0, 0)
    left_out, outliers = find_outliers(table, len(items), clock_usable(table.time_ms))
    if not keep_outliers and left_out.any():
        gone = {table.user_ids[user] for user in np.flatnonzero(left_out).tolist()}
        searches = [search for search in searches if search.user_id not in gone]
        table, outliers = without_users(table, left_out), replace(outliers, left_out=True)
    return Shop(tuple(items), table, report, catalog_time_ms(folder), tuple(sorted(set(searches))), outliers)
