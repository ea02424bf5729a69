"""All usable interactions of a shop as columns, in one reproducible order.

Rows are sorted by user and time. Events of one user at one time have no known order (the file's order is an accident
that would leak into the lists), so they are shuffled by a hash of the event's id and the seed.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from endcap.arrays import F32, I32, I64
from endcap.errors import InvalidInputError
from endcap.events.contexts import CONTEXT_NAMES, MAX_NAMES, PAGE_NAMES, context_value
from endcap.events.grades import FACTOR_BOUNDS, GRADE_PRIOR, MEAN_BOUNDS, around_mean, drawn_mean, grade_of
from endcap.events.interaction import Interaction
from endcap.events.types import EVENT_TYPES, GIVES_BACK, GRADED, NOT_IN_HISTORY, EventType
from endcap.text.sentiment import review_polarity
from endcap_rebuild.data.given_back import NEVER, Columns, Refund, taken_ms
from endcap_rebuild.data.report import ReadReport
from endcap_rebuild.data.shares import counted, largest_share, pairs_of

U64 = NDArray[np.uint64]

Id = TypeVar("Id", str, tuple[str, str])

_COLUMN_CODES: Final = {
    "user": "i",
    "item": "i",
    "time_ms": "q",
    "event_type": "b",
    "grade": "f",
    "tone": "f",
    "session": "i",
    "key": "Q",
    "order": "Q",
}


@dataclass(frozen=True)
class EventTable:
    """Interactions with known items, one row each.

    user, item, session : int32 rows into the id lists (session -1 = none)
    time_ms : int64; event_type : int8 into `event_types`
    strength : float32, the signed weight of the event at age zero
    weight : float32, what the type alone weighs, whatever the grade
    grade : float32, NaN = none; tone : float32, polarity of a review without a grade, NaN = none
    key : uint64 hash of the event id
    text : object (rows,), what a review says, None = nothing
    contexts : int32 (rows, names), for each counted name the row in `context_pairs`, -1 = not said
    context_pairs : (name, value), sorted
    taken_ms : int64, when a return, a refund or an emptied cart took it back, `NEVER` = not; see `settled`
    """

    user: I32
    item: I32
    time_ms: I64
    event_type: NDArray[np.int8]
    strength: F32
    weight: F32
    grade: F32
    tone: F32
    session: I32
    key: U64
    text: NDArray[np.object_]
    user_ids: tuple[str, ...]
    event_types: tuple[str, ...]
    contexts: I32
    context_pairs: tuple[tuple[str, str], ...]
    taken_ms: I64

    def __len__(self) -> int:
        return len(self.user)

    def rows(self, chosen: NDArray[Any] | slice) -> EventTable:
        """The table of some rows (mask, positions or slice), ids unchanged."""
        columns: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        return EventTable(**columns | {n: c[chosen] for n, c in columns.items() if isinstance(c, np.ndarray)})

    @cached_property
    def pair(self) -> I64:
        """int64 (rows,): a number for each shopper and item."""
        return pairs_of(self.user, self.item)

    @cached_property
    def counted(self) -> NDArray[np.bool_]:
        """bool (rows,): the rows that speak for an item and count beside the others of their shopper, see `shares`."""
        return counted(self.pair, self.time_ms, self.strength)

    @cached_property
    def largest_share(self) -> float:
        """How much one shopper may say for one item in all."""
        return largest_share(self.pair[self.counted], self.strength[self.counted])

    def user_bounds(self) -> I64:
        """int64 (users + 1,): rows `bounds[u]:bounds[u + 1]` are user u's, oldest first."""
        return np.searchsorted(self.user, np.arange(len(self.user_ids) + 1)).astype(np.int64)


def event_table(
    events: Iterable[Interaction],
    item_index: Mapping[str, int],
    report: ReadReport,
    seed: int = 0,
    event_types: Mapping[str, EventType] = EVENT_TYPES,
    context_names: Sequence[str] = CONTEXT_NAMES,
    groups: Sequence[str] | None = None,
) -> EventTable:
    """Collect events with known items; of events with one (user, event id) the latest is kept.

    Searches, tags, impressions and identifies are no steps of a history and are left out, as in a profile; so are
    events of unknown items, which are counted in the report.

    Parameters
    ----------
    item_index : id of an item, or of a group for which one of its variants stands -> row
    groups : group of each row; its variants are one thing when they are given back. None: every item is one of its own
    """
    users: dict[str, int] = {}
    sessions: dict[str, int] = {}
    code_of = {name: code for code, name in enumerate(event_types)}
    # Typed columns from the start: a Python tuple per event would need several times the memory.
    columns: dict[str, array[Any]] = {name: array(code) for name, code in _COLUMN_CODES.items()}
    texts: list[str | None] = []
    pairs: dict[tuple[str, str], int] = {}
    contexts = array("i")
    refunds: list[Refund[str]] = []
    for event in events:
        if event.item_id is None and event.order_id and event.event_type in GIVES_BACK:
            refunds.append(Refund(event.user_id, event.timestamp_ms, event.event_type, _hash(event.order_id)))
        if event.item_id is None or event.event_type in NOT_IN_HISTORY:
            continue
        item = item_index.get(event.item_id)
        if item is None:
            report.unknown_item(event.item_id)
            continue
        graded = event.event_type in GRADED
        texts.append(event.text if graded else None)
        values = {
            "user": users.setdefault(event.user_id, len(users)),
            "item": item,
            "time_ms": event.timestamp_ms,
            "event_type": code_of[event.event_type],
            "grade": event.value if graded and event.value is not None else np.nan,
            "tone": review_polarity(event.text) if graded and event.value is None and event.text else np.nan,
            "session": sessions.setdefault(event.session_id, len(sessions)) if event.session_id else -1,
            "key": _hash(event.event_id),
            "order": _hash(event.order_id) if event.order_id else 0,
        }
        for name, value in values.items():
            columns[name].append(value)
        said = event.properties or {}
        for name in context_names:
            where = context_value(said[name]) if name in said else ""
            contexts.append(pairs.setdefault((name, where), len(pairs)) if where else -1)
    user_ids, user_rank = _sorted_ids(users)
    _, session_rank = _sorted_ids(sessions)
    sorted_pairs, pair_rank = _sorted_ids(pairs)
    raw: dict[str, Any] = {name: np.array(column) for name, column in columns.items()}
    orders = raw.pop("order")
    raw["user"] = user_rank[raw["user"]]
    raw["session"] = np.append(session_rank, np.int32(-1))[raw["session"]]
    table = EventTable(
        **raw,
        strength=np.zeros(len(texts), dtype=np.float32),
        weight=np.zeros(len(texts), dtype=np.float32),
        text=np.array([*texts, None], dtype=np.object_)[:-1],
        user_ids=user_ids,
        event_types=tuple(event_types),
        contexts=np.append(pair_rank, np.int32(-1))[np.array(contexts, dtype=np.int32)].reshape(
            len(texts), len(context_names)
        ),
        context_pairs=sorted_pairs,
        taken_ms=np.full(len(texts), NEVER, dtype=np.int64),
    )
    kept = _latest_of_each(table)
    report.duplicate_events += len(table) - len(kept)
    table = table.rows(kept)
    order = np.lexsort((table.key, shuffle_keys(table.key, seed), table.time_ms, table.user))
    table = table.rows(order)
    numbers = {name: number for number, name in enumerate(user_ids)}
    known = [Refund(numbers[refund.user], *refund[1:]) for refund in refunds if refund.user in numbers]
    thing = table.item if groups is None else np.unique(groups, return_inverse=True)[1][table.item]
    whole = Columns(
        table.user, table.time_ms, table.event_type, thing.astype(np.int64), orders[kept][order], table.item
    )
    table = replace(table, taken_ms=taken_ms(whole, table.event_types, known))
    return _with_strength(table, event_types)


def settled(table: EventTable, cutoff_ms: int) -> EventTable:
    """The rows that still hold at a moment: what was given back up to then is no longer among them."""
    gone = table.taken_ms <= cutoff_ms
    return table.rows(~gone) if gone.any() else table


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())


def without_users(table: EventTable, left_out: NDArray[np.bool_]) -> EventTable:
    """The table of the other users, numbered anew.

    Parameters
    ----------
    left_out : bool (users,)
    """
    if not left_out.any():
        return table
    kept = table.rows(~left_out[table.user])
    place = (np.cumsum(~left_out) - 1).astype(np.int32)
    names = tuple(name for name, out in zip(table.user_ids, left_out.tolist(), strict=True) if not out)
    return replace(kept, user=place[kept.user], user_ids=names)


def shuffle_keys(keys: U64, seed: int) -> U64:
    """A pseudo-random uint64 for each key and seed (SplitMix64), so that an order doesn't depend on other rows."""
    with np.errstate(over="ignore"):
        z = keys + np.uint64((0x9E3779B97F4A7C15 * (seed + 1)) & 0xFFFFFFFFFFFFFFFF)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(z ^ (z >> np.uint64(31)), dtype=np.uint64)


def _sorted_ids(rows: Mapping[Id, int]) -> tuple[tuple[Id, ...], I32]:
    """Ids in sorted order and, for each first-met number, its place there: file order must not matter."""
    ids = sorted(rows)
    place = np.empty(len(ids), dtype=np.int32)
    place[[rows[name] for name in ids]] = np.arange(len(ids), dtype=np.int32)
    return tuple(ids), place


def _latest_of_each(table: EventTable) -> I64:
    order = np.lexsort((table.item, table.event_type, table.time_ms, table.key, table.user))
    user, key = table.user[order], table.key[order]
    last = np.append((user[1:] != user[:-1]) | (key[1:] != key[:-1]), True) if len(order) else np.empty(0, bool)
    return np.asarray(order[last], dtype=np.int64)


def _with_strength(table: EventTable, event_types: Mapping[str, EventType]) -> EventTable:
    """Fill in `strength`: the type's weight times what a grade or a tone makes of it, as `ranking.features` sees it."""
    weight = np.array([event_types[name].weight for name in table.event_types], dtype=np.float32)[table.event_type]
    graded = ~np.isnan(table.grade)
    n_users = len(table.user_ids)
    total = np.bincount(table.user[graded], table.grade[graded], minlength=n_users)
    count = np.bincount(table.user[graded], minlength=n_users).astype(np.float64)
    mean = np.clip(drawn_mean(total, count), *MEAN_BOUNDS)[table.user]
    factor = np.where(graded, around_mean(table.grade, mean), np.float32(1.0))
    factor = np.where(np.isnan(table.tone), factor, around_mean(grade_of(table.tone), GRADE_PRIOR))
    columns: dict[str, Any] = {f.name: getattr(table, f.name) for f in fields(table)}
    strength = (weight * np.clip(factor, *FACTOR_BOUNDS)).astype(np.float32)
    return EventTable(**{**columns, "strength": strength, "weight": weight})


def checked_names(names: Iterable[str]) -> tuple[str, ...]:
    """Names of contexts to count, each once.

    Raises
    ------
    InvalidInputError : too many, too long or empty, or one that stands for the page that a shopper is on
    """
    found = tuple(dict.fromkeys(names))
    if len(found) > MAX_NAMES:
        raise InvalidInputError(f"at most {MAX_NAMES} contexts are counted")
    for name in found:
        if not 1 <= len(name) <= 64 or name in PAGE_NAMES:
            raise InvalidInputError(
                f"{name!r} can't be a context: it needs 1 to 64 characters, and a page's own are not counted"
            )
    return found


def chance_keys(table: EventTable, rows: NDArray[np.generic], seed: int) -> NDArray[np.uint64]:
    """A pseudo-random uint64 for each row, by its user and its event.

    Event ids tell apart the events of one user; without ids in the data two users who choose an item at one time have
    the same, and by them alone they would be drawn and ordered together.
    """
    users = shuffle_keys(table.user[rows].astype(np.uint64), seed)
    return shuffle_keys(table.key[rows] ^ users, seed)


def interaction_of(table: EventTable, row: int, item_ids: Sequence[str]) -> Interaction:
    """One row of the table as an interaction that a profile can fold."""
    grade = float(table.grade[row])
    return Interaction(
        event_id=f"{int(table.key[row]):016x}",
        user_id=table.user_ids[table.user[row]],
        event_type=table.event_types[table.event_type[row]],
        timestamp_ms=int(table.time_ms[row]),
        item_id=item_ids[table.item[row]],
        value=None if np.isnan(grade) else grade,
        text=table.text[row],
    )
