"""Reviews and searches of an event stream as tokens, by the code that folds them into profiles."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import numpy as np

from endcap.arrays import F32
from endcap.encoders.quantize import dequantize_unit
from endcap.encoders.user import REVIEW_TEXT, grade_codes, text_code
from endcap.events.grades import grade_of
from endcap.events.interaction import Interaction
from endcap.events.types import TEXTUAL
from endcap.profiles.profile import Encode, TextSignal, profile_of
from endcap_rebuild.data.event_table import EventTable
from endcap_rebuild.user_encoder.sequences import TextTokens

MOST_TEXTS: Final = 20_000
"""Texts are encoded one by one, some milliseconds each; the newest say most about how shoppers write."""


def review_tokens(
    table: EventTable, white_of: Callable[[list[str]], F32], d_item: int, most: int = MOST_TEXTS
) -> TextTokens:
    """The newest reviews of a table as tokens, sorted by user and time.

    Parameters
    ----------
    white_of : texts -> whitened vectors float32 (n, d_item)
    most : reviews that are kept
    """
    written = np.flatnonzero([bool(text) for text in table.text])
    newest = np.sort(written[np.lexsort((table.key[written], table.time_ms[written]))[::-1][:most]])
    if not len(newest):
        return TextTokens.none(d_item)
    # A review's weight as a text is that of its grade, or of its tone, as `profile_of` sees it.
    grades = np.clip(table.grade[newest].astype(np.float64), grade_of(-1.0), grade_of(1.0))
    return TextTokens(
        user=table.user[newest].astype(np.int64),
        time_ms=table.time_ms[newest].astype(np.int64),
        kind=np.full(len(newest), REVIEW_TEXT, dtype=np.int64),
        grade=grade_codes(grades, table.tone[newest].astype(np.float64)),
        white=white_of([str(text) for text in table.text[newest]]),
    )


def text_tokens(
    events: Iterable[Interaction],
    user_rows: Mapping[str, int],
    encode: Encode,
    whiten: Callable[[F32], F32],
    d_item: int,
    most: int = MOST_TEXTS,
) -> TextTokens:
    """The newest texts of known users, sorted by user and time.

    Parameters
    ----------
    user_rows : user id -> its number in the training data
    encode : text -> (encoder's tag, int8 vector), as `update_profile` does
    whiten : float32 (n, d_text) -> (n, d_item)
    most : texts that are kept
    """
    usable = (e for e in events if e.event_type in TEXTUAL and e.text and e.user_id in user_rows)
    newest = heapq.nlargest(most, usable, key=lambda e: (e.timestamp_ms, e.user_id, e.event_id))
    signals: list[tuple[int, TextSignal]] = []
    for event in newest:
        signals += [(user_rows[event.user_id], signal) for signal in profile_of([event], encode).texts]
    signals.sort(key=lambda pair: (pair[0], pair[1].timestamp_ms, pair[1].key))
    if not signals:
        return TextTokens.none(d_item)
    levels = np.stack([np.frombuffer(signal.vector, dtype=np.int8) for _, signal in signals])
    polarities = np.asarray([signal.polarity for _, signal in signals], dtype=np.float64)
    return TextTokens(
        user=np.asarray([user for user, _ in signals], dtype=np.int64),
        time_ms=np.asarray([signal.timestamp_ms for _, signal in signals], dtype=np.int64),
        kind=np.asarray([text_code(signal.event_type) for _, signal in signals], dtype=np.int64),
        grade=grade_codes(np.full(len(signals), np.nan), polarities),
        white=whiten(dequantize_unit(levels)),
    )
