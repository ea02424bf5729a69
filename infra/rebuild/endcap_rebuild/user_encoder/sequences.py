"""Histories as training batches: the features of `endcap.encoders.user`, for each beginning of a history at once.

Position p of a window predicts the event after it from the events up to it, as a profile that ends there would be
served at the moment of that event. Events of one moment have no order: each epoch shuffles them anew, and all that the
model reads stays a function of times.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from endcap.arrays import F32, I64
from endcap.encoders.user import (
    HIDDEN,
    MAX_ITEMS,
    N_DISTANCES,
    VISIBLE_TEXTS,
    distance_codes,
    gaps_of,
    grade_codes,
    kind_code,
    places,
    span_codes,
    token_distances,
)
from endcap.events.types import EVENT_TYPES, EventType
from endcap_rebuild.data.event_table import EventTable

_STRIDE: Final = MAX_ITEMS // 2  # a long history's events are predicted from at least this many before them


@dataclass(frozen=True)
class TextTokens:
    """Reviews and searches, one row each, sorted by user and time.

    user, time_ms, kind (of `text_code`), grade (of `grade_codes`) : int64 (rows,)
    white : float32 (rows, d_item), whitened text vectors
    """

    user: I64
    time_ms: I64
    kind: I64
    grade: I64
    white: F32

    @classmethod
    def none(cls, d_item: int) -> TextTokens:
        """No texts at all."""
        empty = np.empty(0, dtype=np.int64)
        return cls(empty, empty, empty, empty, np.empty((0, d_item), dtype=np.float32))


@dataclass(frozen=True)
class TowerData:
    """What the user encoder learns from; event rows are sorted by user and time.

    user, item, time_ms, event_type, grade : int64 (rows,), types and grades in the codes of `endcap.encoders.user`
    goal : float32 (rows,), how much an event is worth predicting, 0 = never (bad ratings, returns)
    white : float32 (n_items, d_item), whitened texts, unit rows or zero
    clock_usable : whether times are times
    """

    user: I64
    item: I64
    time_ms: I64
    event_type: I64
    grade: I64
    goal: F32
    white: F32
    clock_usable: bool
    texts: TextTokens

    @property
    def n_items(self) -> int:
        """Items of the catalogue, seen or not."""
        return len(self.white)

    def rows(self, chosen: NDArray[Any]) -> TowerData:
        """The data of some rows, in their order; texts stay."""
        columns = {
            name: getattr(self, name)[chosen] for name in ("user", "item", "time_ms", "event_type", "grade", "goal")
        }
        return replace(self, **columns)


def tower_data(
    table: EventTable,
    white: F32,
    clock_usable: bool,
    texts: TextTokens | None = None,
    event_types: Mapping[str, EventType] = EVENT_TYPES,
) -> TowerData:
    """The events of a table in the codes of the user encoder; types without weight are left out, as in serving."""
    codes = _type_codes(table, event_types)
    data = TowerData(
        user=table.user.astype(np.int64),
        item=table.item.astype(np.int64),
        time_ms=table.time_ms.astype(np.int64),
        event_type=codes,
        grade=grade_codes(table.grade.astype(np.float64), table.tone.astype(np.float64)),
        goal=(table.strength > 0).astype(np.float32),
        white=np.asarray(white, dtype=np.float32),
        clock_usable=clock_usable,
        texts=TextTokens.none(white.shape[1]) if texts is None else texts,
    )
    return data if codes.all() else data.rows(codes > 0)


def kept_rows(table: EventTable, event_types: Mapping[str, EventType] = EVENT_TYPES) -> I64:
    """The rows of the table that `tower_data` keeps, ascending."""
    return np.flatnonzero(_type_codes(table, event_types)).astype(np.int64)


def _type_codes(table: EventTable, event_types: Mapping[str, EventType]) -> I64:
    codes = np.asarray([kind_code(name, event_types) or 0 for name in table.event_types], dtype=np.int64)
    return np.asarray(codes[table.event_type], dtype=np.int64)


@dataclass(frozen=True)
class Window:
    """Rows `start:end` of one user are read; positions from `first` on predict the row after them."""

    start: int
    end: int
    first: int


def windows_of(user: I64) -> list[Window]:
    """Windows of at most `MAX_ITEMS` rows in which every row but a user's first is predicted exactly once."""
    windows = []
    bounds = np.concatenate([[0], np.flatnonzero(np.diff(user)) + 1, [len(user)]]).tolist()
    for start, end in pairwise(bounds):
        last = end - 1  # is predicted, never read
        at = min(start + MAX_ITEMS, last)
        if at > start:
            windows.append(Window(start, at, 0))
        while at < last:
            until = min(at + _STRIDE, last)
            begin = max(start, until - MAX_ITEMS)
            windows.append(Window(begin, until, at - begin))
            at = until
    return windows


@dataclass(frozen=True)
class Batch:
    """B windows of L items and T texts, N = L + T tokens; padding is never read by what counts.

    items : int64 (B, L); texts : int64 (B, T), rows of `TextTokens`
    kinds, grades, gaps : int64 (B, N); distances : int64 (B, N, N)
    read_distances, ages : int64 (B, L, N); now : int64 (B, L); newest : float32 (B, L, L)
    targets : int64 (B, L), event rows; counts : bool (B, L), positions that predict something
    """

    items: I64
    texts: I64
    kinds: I64
    grades: I64
    gaps: I64
    distances: I64
    read_distances: I64
    ages: I64
    now: I64
    newest: F32
    targets: I64
    counts: NDArray[np.bool_]


def shuffled_ties(data: TowerData, rng: np.random.Generator) -> I64:
    """An order of the rows in which only events of one user and moment changed places."""
    return np.lexsort((rng.random(len(data.user)), data.time_ms, data.user))


def batch_of(
    data: TowerData, windows: list[Window], text_bounds: I64, now_known: NDArray[np.bool_] | None = None
) -> Batch:
    """The features of some windows.

    Parameters
    ----------
    text_bounds : rows `text_bounds[u]:text_bounds[u + 1]` of the texts are user u's
    now_known : bool (B, L), where the request's time is told; elsewhere it is the newest event's own. All when None
    """
    n, length = len(windows), max(w.end - w.start for w in windows)
    rows = np.full((n, length), -1, dtype=np.int64)
    targets = np.zeros((n, length), dtype=np.int64)
    counts = np.zeros((n, length), dtype=np.bool_)
    times = np.zeros((n, length), dtype=np.int64)
    target_times = np.zeros((n, length), dtype=np.int64)
    starts, middles, gaps = (np.zeros((n, length), dtype=np.int64) for _ in range(3))
    spans = []
    for k, window in enumerate(windows):
        size = window.end - window.start
        rows[k, :size] = np.arange(window.start, window.end)
        targets[k, :size] = rows[k, :size] + 1
        own = times[k, :size] = data.time_ms[window.start : window.end]
        target_times[k, :size] = data.time_ms[window.start + 1 : window.end + 1]
        counts[k, window.first : size] = data.goal[window.start + 1 + window.first : window.end + 1] > 0
        starts[k, :size], middles[k, :size] = places(own)
        gaps[k, :size] = gaps_of(own, starts[k, :size], data.clock_usable)
        starts[k, size:], middles[k, size:] = np.arange(size, length), 2 * np.arange(size, length)
        spans.append(_text_span(data, window, text_bounds))
    texts, seen = _texts(data, spans, target_times)  # (B, T), (B, L, T)
    width = texts.shape[1]
    filled = rows >= 0
    text_times = data.texts.time_ms[texts] if width else np.zeros((n, 0), dtype=np.int64)
    text_starts, text_middles = np.zeros((n, width), dtype=np.int64), np.zeros((n, width), dtype=np.int64)
    for k in range(n if width else 0):
        text_starts[k], text_middles[k] = places(times[k, filled[k]], text_times[k])
    all_starts = np.concatenate([starts, text_starts], axis=1)
    all_middles = np.concatenate([middles, text_middles], axis=1)
    all_times = np.concatenate([times, text_times], axis=1)
    is_item = np.arange(length + width) < length
    place = np.arange(length)
    visible = np.concatenate([np.broadcast_to(place[None, :] <= place[:, None], (n, length, length)), seen], axis=2)
    asked = target_times if now_known is None else np.where(now_known, target_times, times)
    newest = (place[None, None, :] >= starts[:, :, None]) & (place[None, None, :] <= place[None, :, None])
    table_rows = np.maximum(rows, 0)

    def with_texts(items: I64, of_texts: I64) -> I64:
        return np.concatenate([items, of_texts[texts] if width else np.zeros((n, 0), dtype=np.int64)], axis=1)

    return Batch(
        items=data.item[table_rows],
        texts=texts,
        kinds=with_texts(data.event_type[table_rows], data.texts.kind),
        grades=with_texts(data.grade[table_rows], data.texts.grade),
        gaps=np.concatenate([gaps, np.zeros((n, width), dtype=np.int64)], axis=1),
        distances=token_distances(all_starts, all_middles, is_item),
        read_distances=np.where(visible, distance_codes(starts, middles=all_middles), HIDDEN),
        ages=span_codes(asked[:, :, None] - all_times[:, None, :], data.clock_usable),
        now=span_codes(asked - times, data.clock_usable),
        newest=(newest / newest.sum(axis=2, keepdims=True)).astype(np.float32),
        targets=np.where(counts, targets, 0),
        counts=counts,
    )


def distance_groups() -> NDArray[np.int64]:
    """int64 (N_DISTANCES,): near distances each have a bias of their own, far ones share one, on a log scale."""
    half_steps = np.arange(N_DISTANCES)
    far = 16 + np.floor(8 * np.log2(np.maximum(half_steps, 16) / 16)).astype(np.int64)
    return np.where(half_steps < 16, half_steps, far)


def text_bounds_of(data: TowerData) -> I64:
    """int64 (users + 1,): where each user's texts begin."""
    n_users = int(data.user.max(initial=-1)) + 1
    return np.searchsorted(data.texts.user, np.arange(n_users + 1)).astype(np.int64)


def _text_span(data: TowerData, window: Window, text_bounds: I64) -> tuple[int, int]:
    """The rows of texts that some position of the window can see."""
    user = int(data.user[window.start])
    start, end = int(text_bounds[user]), int(text_bounds[user + 1])
    if start == end:
        return 0, 0
    own = data.texts.time_ms[start:end]
    until = start + int(np.searchsorted(own, data.time_ms[window.end], side="left"))
    first = start + int(np.searchsorted(own, data.time_ms[window.start + window.first], side="left"))
    return max(start, first - VISIBLE_TEXTS), until


def _texts(data: TowerData, spans: list[tuple[int, int]], target_times: I64) -> tuple[I64, NDArray[np.bool_]]:
    """Text rows (B, T), padded with row 0, and which of them each position sees: its newest, before its target."""
    width = max((end - start for start, end in spans), default=0)
    texts = np.zeros((len(spans), max(width, 0)), dtype=np.int64)
    seen = np.zeros((*target_times.shape, max(width, 0)), dtype=np.bool_)
    for k, (start, end) in enumerate(spans):
        if end > start:
            texts[k, : end - start] = np.arange(start, end)
            known = np.searchsorted(data.texts.time_ms[start:end], target_times[k], side="left")  # (L,)
            order = np.arange(end - start)
            seen[k, :, : end - start] = (order < known[:, None]) & (order >= known[:, None] - VISIBLE_TEXTS)
    return texts, seen
