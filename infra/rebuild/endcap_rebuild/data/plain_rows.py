"""Rows of a table whose every value is as Endcap would write it, which nearly all rows are: read without detours.

`PlainLane` makes an interaction of such a row in a few microseconds, and answers nothing for a row that needs a closer
look, which `interactions` takes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from endcap.events.grades import MAX_GRADE, MIN_GRADE
from endcap.events.interaction import MAX_FUTURE_MS, Interaction, Properties
from endcap.events.types import GRADED, EventType
from endcap.feeds.names import EventTypeNames
from endcap.feeds.values import ABSENT, is_absent
from endcap.identifiers import clean_id, clean_user_id
from endcap_rebuild.data.times import UNIX, TimeReader

# A row without a time counts as the oldest, so that reading a file twice gives the same events.
NO_TIME: Final = 0
PROPERTY_COLUMN: Final = "properties."
MAX_TEXT: Final = 4_000
MAX_EVENT_ID: Final = 64
LONGEST_WORD: Final = max(map(len, ABSENT))
FIELDS: Final = ("user_id", "item_id", "event_type", "value", "timestamp", "text", "session_id", "event_id", "order_id")
_ENCODE: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode
_KEPT_IDS: Final = 1 << 16
LARGEST: Final = 1e300


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
        scaled: bool,
        moment: Moment,
    ) -> None:
        self._user, self._item, self._kind, self._value, self._at, self._text, self._session, self._id, self._order = (
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
        self.scaled = scaled

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
            if not -LARGEST < value < LARGEST or (kind in GRADED and not MIN_GRADE <= value <= MAX_GRADE):
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
        order = None
        if self._order >= 0 and (raw := cells[self._order]):
            order = plain_id(raw, clean_id)
            if order is None:
                return None
        event_id = ""
        if self._id >= 0 and (raw := cells[self._id]):
            event_id = plain_id(raw, clean_id) or ""
            if not event_id or len(event_id) > MAX_EVENT_ID:
                return None
        elif self._with_ids:
            event_id = content_id(item, kind, value, text, at_ms, session, self._properties, order)
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
            order_id=order,
        )

    def plain_kind(self, raw: str) -> str | None:
        """Our name of a type of event; None for one that a plain row can't be of."""
        kind = self._names(raw.strip())
        known = self.types.get(kind)
        needs = {needed.partition("|")[0] for needed in known.needs} if known is not None else {""}
        return kind if needs <= {"item_id", "value"} else None


def content_id(
    item_id: str,
    event_type: str,
    value: float | None,
    text: str | None,
    at_ms: int,
    session_id: str | None,
    properties: Properties | None,
    order_id: str | None = None,
) -> str:
    """The id of an event without one, as `parse_interaction` makes it."""
    content = [item_id, event_type, value, text, at_ms, session_id, properties]
    if order_id:
        content.append(order_id)
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
