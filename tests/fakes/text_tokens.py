"""Texts of an event stream as tokens, by the code that folds events into profiles."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np

from endcap.arrays import F32
from endcap.encoders.quantize import dequantize_unit
from endcap.encoders.user import grade_codes, text_code
from endcap.events.interaction import Interaction
from endcap.events.types import TEXTUAL
from endcap.profiles.entries import TextSignal
from endcap.profiles.profile import Encode, profile_of
from endcap_rebuild.user_encoder.sequences import TextTokens


def text_tokens(
    events: Iterable[Interaction],
    user_rows: Mapping[str, int],
    encode: Encode,
    whiten: Callable[[F32], F32],
    d_item: int,
) -> TextTokens:
    """The texts of known users, sorted by user and time.

    Parameters
    ----------
    user_rows : user id -> its number in the training data
    encode : text -> (encoder's tag, int8 vector), as `update_profile` does
    whiten : float32 (n, d_text) -> (n, d_item)
    """
    usable = (e for e in events if e.event_type in TEXTUAL and e.text and e.user_id in user_rows)
    signals: list[tuple[int, TextSignal]] = []
    for event in usable:
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
