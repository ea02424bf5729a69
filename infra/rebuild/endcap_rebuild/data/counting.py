"""Thousands of plain rows of a table counted at once, column by column; see `plain_rows`."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from operator import methodcaller
from typing import Any, Final

import numpy as np

from endcap.events.grades import MAX_GRADE, MIN_GRADE
from endcap.events.interaction import MAX_FUTURE_MS
from endcap.events.types import GRADED, NOT_IN_HISTORY
from endcap.feeds.values import ABSENT, is_absent
from endcap.identifiers import ANONYMOUS_PREFIX, MAX_ID_BYTES, clean_id, clean_user_id
from endcap_rebuild.data.plain_rows import (
    LARGEST,
    LONGEST_WORD,
    MAX_EVENT_ID,
    MAX_TEXT,
    NO_TIME,
    Layout,
    PlainLane,
    is_text,
    plain_id,
)
from endcap_rebuild.data.report import ReadReport

_BEGINS_AS_ANONYMOUS: Final = methodcaller("startswith", ANONYMOUS_PREFIX)
_TEN: Final = 10
"""Digits of unix times from 2001 to 2286."""


class ColumnCounter:
    """Counts rows of one table, many at once, where all of them are plain.

    Parameters
    ----------
    known_items : the catalogue's
    seen : gets a number for each row that repeats share
    """

    def __init__(
        self, layout: Layout, lane: PlainLane, known_items: Collection[str], report: ReadReport, seen: array[int]
    ) -> None:
        self._place, self._lane, self._report, self._seen = layout.place, lane, report, seen
        self._empty = (*layout.others, *layout.properties)
        self._items = known_items
        self._plain: dict[str, set[str]] = {"user_id": set(), "item_id": set(), "session_id": set(), "event_id": set()}
        self._plain["order_id"] = set()
        self.filled = dict.fromkeys(layout.unread, 0)

    def count(self, rows: Sequence[Sequence[str]]) -> bool:
        """Whether all rows were plain; if so, they are counted."""
        lane, place = self._lane, self._place
        if not lane.usable:
            return False
        columns = list(zip(*rows, strict=True))
        if any(any(columns[k]) for k in self._empty):
            return False
        users, items = columns[place["user_id"]], Counter(columns[place["item_id"]])
        by_kind = self._kinds(Counter(columns[place["event_type"]]))
        if by_kind is None or not self._are_ids("user_id", set(users)) or not self._are_ids("item_id", items):
            return False
        times = self._times(columns[place["timestamp"]])
        values = self._values(columns, by_kind)
        texts = self._optional(columns, "text", _are_texts)
        sessions = self._optional(columns, "session_id", lambda ids: self._are_ids("session_id", ids))
        ids = self._optional(columns, "event_id", lambda ids: self._are_ids("event_id", ids))
        orders = self._optional(columns, "order_id", lambda ids: self._are_ids("order_id", ids))
        if times is None or values is None or texts is None or sessions is None or ids is None or orders is None:
            return False
        kinds = map(by_kind.__getitem__, columns[place["event_type"]])
        said: Iterable[Any] = zip(columns[place["item_id"]], kinds, times, values, texts, sessions, strict=False)
        if any(orders):
            said = zip(said, orders, strict=False)
        if any(ids):
            said = (event_id or what for event_id, what in zip(ids, said, strict=False))
        self._seen.extend(map(hash, zip(users, said, strict=False)))
        self._note(users, items, Counter(map(by_kind.__getitem__, columns[place["event_type"]])), times)
        for k in self.filled:
            self.filled[k] += sum(map(bool, columns[k]))
        return True

    def _note(self, users: Iterable[str], items: Counter[str], kinds: Mapping[str, int], times: Sequence[int]) -> None:
        report = self._report
        report.by_user.update(users)
        report.by_type.update(kinds)
        report.events += len(times)
        report.item_events += len(times)
        for item_id, rows in items.items():
            if item_id not in self._items:
                report.unknown_item(item_id, rows)
        found = [ms for ms in (min(filter(None, times), default=0), max(times)) if ms]
        report.span(found)

    def _are_ids(self, field: str, ids: Iterable[str]) -> bool:
        known = self._plain[field]
        new = set(ids) - known
        for text in () if _are_plain(new, MAX_EVENT_ID if field == "event_id" else MAX_ID_BYTES) else new:
            clean = clean_user_id if field == "user_id" else clean_id
            if plain_id(text, clean) != text or (field == "event_id" and len(text) > MAX_EVENT_ID):
                return False
        if field in ("user_id", "item_id"):
            known |= new
        return True

    def _kinds(self, found: Iterable[str]) -> dict[str, str] | None:
        kinds = {raw: self._lane.plain_kind(raw) for raw in found}
        plain = {raw: kind for raw, kind in kinds.items() if kind is not None and kind not in NOT_IN_HISTORY}
        return plain if len(plain) == len(kinds) else None

    def _times(self, found: Sequence[str]) -> list[int] | None:
        limit = self._lane.now_ms + MAX_FUTURE_MS
        try:
            if self._lane.unix and all(map(_TEN.__eq__, map(len, found))):
                times = [second * 1000 for second in map(int, found)]
                if min(times) < 10**12:
                    return None
            else:
                times = [self._lane.time(text) if text else NO_TIME for text in found]
        except ValueError:
            return None
        return [min(ms, self._lane.now_ms) for ms in times] if max(times) <= limit else None

    def _values(self, columns: Sequence[Sequence[str]], kinds: Mapping[str, str]) -> Sequence[float | None] | None:
        k = self._place.get("value")
        found = columns[k] if k is not None else None
        needed = any("value" in self._lane.types[kind].needs for kind in kinds.values())
        if found is None or not any(found):
            return None if needed else [None] * len(columns[0])
        if not self._lane.plain_numbers or (self._lane.scaled and any(kind in GRADED for kind in kinds.values())):
            return None
        if needed and not all(found):
            return None
        try:
            values = [float(text) if text else None for text in found]
        except ValueError:
            return None
        numbers = np.array([value for value in values if value is not None])
        if not (np.abs(numbers) < LARGEST).all():
            return None
        if (
            any(kind in GRADED for kind in kinds.values())
            and not ((numbers >= MIN_GRADE) & (numbers <= MAX_GRADE)).all()
        ):
            return None
        return values

    def _optional(
        self, columns: Sequence[Sequence[str]], field: str, are_plain: Callable[[set[str]], bool]
    ) -> Sequence[str | None] | None:
        k = self._place.get(field)
        if k is None or not any(columns[k]):
            return [None] * len(columns[0])
        if not are_plain(set(columns[k]) - {""}):
            return None
        return [text or None for text in columns[k]]


def _are_plain(ids: Collection[str], longest: int) -> bool:
    """Whether all are ids of visible ASCII that stay as they are: by a few passes over all of them together."""
    together = "".join(ids)
    return (
        together.isascii()
        and together.isprintable()
        and " " not in together
        and min(map(len, ids), default=1) > 0
        and max(map(len, ids), default=0) <= longest
        and ABSENT.isdisjoint(map(str.lower, ids))
        and not any(map(_BEGINS_AS_ANONYMOUS, ids))
    )


def _are_texts(texts: Iterable[str]) -> bool:
    return all(
        len(text) <= MAX_TEXT
        and (text.isascii() or is_text(text))
        and (len(text) > LONGEST_WORD or not is_absent(text))
        for text in texts
    )
