"""Rows of a table whose every value is as Endcap would write it, which nearly all rows are: read without detours.

`PlainLane` makes an interaction of such a row in a few microseconds; `ColumnCounter` counts thousands of them at once,
column by column. Both answer nothing for a row that needs a closer look, which `interactions` takes.
"""

from __future__ import annotations

import hashlib
import json
from array import array
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from endcap.events.grades import MAX_GRADE, MIN_GRADE
from endcap.events.interaction import MAX_FUTURE_MS, Interaction, Properties
from endcap.events.types import GRADED, NOT_IN_HISTORY, EventType
from endcap.identifiers import clean_id, clean_user_id
from endcap_rebuild.data.names import EventTypeNames
from endcap_rebuild.data.options import ReadOptions
from endcap_rebuild.data.report import ReadReport
from endcap_rebuild.data.times import UNIX, TimeReader
from endcap_rebuild.data.values import is_absent

# A row without a time counts as the oldest, so that reading a file twice gives the same events.
NO_TIME: Final = 0
PROPERTY_COLUMN: Final = "properties."
MAX_TEXT: Final = 4_000
MAX_EVENT_ID: Final = 64
LONGEST_WORD: Final = 18
"""No word for nothing is longer."""
FIELDS: Final = ("user_id", "item_id", "event_type", "value", "timestamp", "text", "session_id", "event_id")
_ENCODE: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode
_KEPT_IDS: Final = 1 << 16
_LARGEST: Final = 1e300
_TEN: Final = 10


@dataclass(frozen=True)
class Moment:
    """What is known of events when they are read.

    now_ms : events later than this (plus five minutes) are refused
    with_ids : whether events without an id get one, made of what they say; "" where not
    """

    now_ms: int
    event_types: Mapping[str, EventType]
    with_ids: bool = True


@dataclass(frozen=True)
class Layout:
    """Where a table has what.

    place : our field -> number of its column
    others : columns of fields that plain rows leave empty
    properties, unread : columns of single properties, and those that nothing reads
    """

    names: tuple[str, ...]
    place: dict[str, int]
    others: tuple[int, ...]
    properties: tuple[int, ...]
    unread: tuple[int, ...]

    @staticmethod
    def of(names: Sequence[str], columns: Mapping[str, str]) -> Layout:
        """The layout of a header, by field -> column."""
        place = {field: names.index(column) for field, column in columns.items()}
        properties = tuple(k for k, name in enumerate(names) if name.lower().startswith(PROPERTY_COLUMN))
        others = tuple(k for field, k in place.items() if field not in FIELDS)
        taken = {*place.values(), *properties}
        return Layout(tuple(names), place, others, properties, tuple(k for k in range(len(names)) if k not in taken))


class PlainLane:
    """Rows of a table whose every value is as we would write it, or can be looked up: a few microseconds each."""

    def __init__(
        self,
        layout: Layout,
        names: EventTypeNames,
        time: TimeReader,
        mark: str | None,
        options: ReadOptions,
        moment: Moment,
    ) -> None:
        self._user, self._item, self._kind, self._value, self._at, self._text, self._session, self._id = (
            layout.place.get(field, -1) for field in FIELDS
        )
        self._properties: Properties | None = {} if layout.properties else None
        self.usable = self._user >= 0 and self._item >= 0 and self._kind >= 0 and self._at >= 0
        self._users: dict[str, str | None] = {}
        self._items: dict[str, str | None] = {}
        self._sessions: dict[str, str | None] = {"": None}
        self._kinds: dict[str, str | None] = {}
        self._names, self.time, self.types = names, time, moment.event_types
        self.unix = time.form == UNIX
        self.plain_numbers = mark != ","
        self.now_ms, self._with_ids = moment.now_ms, moment.with_ids
        self.scaled = options.rating_scale is not None

    def interaction(self, cells: Sequence[str]) -> Interaction | None:
        """The row as an interaction; None where it needs a closer look."""
        if not self.usable:
            return None
        raw = cells[self._user]
        user = self._users.get(raw)
        if user is None:
            user = plain_id(raw, clean_user_id)
            if user is None:
                return None
            self._users[raw] = user
        raw = cells[self._item]
        item = self._items.get(raw)
        if item is None:
            item = plain_id(raw, clean_id)
            if item is None:
                return None
            self._items[raw] = item
        raw = cells[self._kind]
        kind = self._kinds.get(raw)
        if kind is None:
            kind = self.plain_kind(raw)
            if kind is None:
                return None
            self._kinds[raw] = kind
        raw = cells[self._at]
        if self.unix and len(raw) == 10 and raw.isascii() and raw.isdigit() and raw[0] != "0":
            at_ms = int(raw) * 1000
        elif raw:
            try:
                at_ms = self.time(raw)
            except ValueError:
                return None
        else:
            at_ms = NO_TIME
        if at_ms > self.now_ms + MAX_FUTURE_MS:
            return None
        value = None
        if self._value >= 0 and (raw := cells[self._value]):
            if not self.plain_numbers or (self.scaled and kind in GRADED):
                return None
            try:
                value = float(raw)
            except ValueError:
                return None
            if not -_LARGEST < value < _LARGEST or (kind in GRADED and not MIN_GRADE <= value <= MAX_GRADE):
                return None
        elif "value" in self.types[kind].needs:
            return None
        text = None
        if self._text >= 0 and (raw := cells[self._text]):
            if not raw.isascii() and not is_text(raw):
                return None
            if len(raw) > MAX_TEXT or (len(raw) <= LONGEST_WORD and is_absent(raw)):
                return None
            text = raw
        session = None
        if self._session >= 0 and (raw := cells[self._session]):
            session = self._sessions.get(raw)
            if session is None:
                session = plain_id(raw, clean_id)
                if session is None:
                    return None
                if len(self._sessions) > _KEPT_IDS:
                    self._sessions.clear()
                self._sessions[raw] = session
        event_id = ""
        if self._id >= 0 and (raw := cells[self._id]):
            event_id = plain_id(raw, clean_id) or ""
            if not event_id or len(event_id) > MAX_EVENT_ID:
                return None
        elif self._with_ids:
            event_id = content_id(item, kind, value, text, at_ms, session, self._properties)
        return Interaction(
            event_id,
            user,
            kind,
            min(at_ms, self.now_ms),
            item,
            value,
            text,
            session,
            properties=self._properties,
        )

    def plain_kind(self, raw: str) -> str | None:
        """Our name of a type of event; None for one that a plain row can't be of."""
        kind = self._names(raw.strip())
        known = self.types.get(kind)
        return kind if known is not None and set(known.needs) <= {"item_id", "value"} else None


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
        if times is None or values is None or texts is None or sessions is None or ids is None:
            return False
        kinds = map(by_kind.__getitem__, columns[place["event_type"]])
        said: Iterable[Any] = zip(columns[place["item_id"]], kinds, times, values, texts, sessions, strict=False)
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
        for text in new:
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
        if not (np.abs(numbers) < _LARGEST).all():
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


def content_id(
    item_id: str,
    event_type: str,
    value: float | None,
    text: str | None,
    at_ms: int,
    session_id: str | None,
    properties: Properties | None,
) -> str:
    """The id of an event without one, as `parse_interaction` makes it."""
    content = [item_id, event_type, value, text, at_ms, session_id, properties]
    return hashlib.sha256(_ENCODE(content).encode()).hexdigest()[:32]


def plain_id(raw: str, clean: Any) -> str | None:
    text = raw.strip()
    if len(text) <= LONGEST_WORD and is_absent(text):
        return None
    try:
        found: str = clean(text)
    except ValueError:
        return None
    return found


def is_text(raw: str) -> bool:
    try:
        raw.encode()
    except UnicodeEncodeError:
        return False
    return True


def _are_texts(texts: Iterable[str]) -> bool:
    return all(
        len(text) <= MAX_TEXT
        and (text.isascii() or is_text(text))
        and (len(text) > LONGEST_WORD or not is_absent(text))
        for text in texts
    )
