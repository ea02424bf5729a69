"""The `similarity` term: how near each item lies to where the user encoder puts a shopper."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np

from endcap.arrays import F32, I64
from endcap.encoders.quantize import dequantize_unit
from endcap.encoders.user import (
    MODEL_FILE,
    USER_ENCODER_FILES,
    Inputs,
    UserEncoder,
    grade_codes,
    kind_code,
    text_code,
    token_features,
)
from endcap.errors import EncoderError
from endcap.events.types import EVENT_TYPES, GRADED, EventType
from endcap.index.index import ItemIndex
from endcap.index.laid_over import LaidOver
from endcap.profiles.entries import Entry, TextSignal
from endcap.profiles.profile import UserProfile
from endcap.profiles.settled import settled
from endcap.ranking.terms.term import ScoringContext, Term
from endcap.ranking.values import Likeness, Values
from endcap.snapshot.snapshot import Snapshot
from endcap.snapshot.whitening import whiten

_NONE: Final = -9.0  # below every grade and tone, so that tokens without come first

_encoders: list[tuple[Snapshot, UserEncoder | None]] = []
_new_rows: list[tuple[ItemIndex, F32]] = []


def user_encoder_of(snapshot: Snapshot) -> UserEncoder | None:
    """The snapshot's user encoder, None where it carries none; those of the last two snapshots are kept.

    Raises
    ------
    EncoderError : its files are unusable
    """
    for known, encoder in _encoders:
        if known is snapshot:
            return encoder
    encoder = _read_user_encoder(snapshot)
    _encoders[:] = [(snapshot, encoder), *_encoders[:1]]
    return encoder


def _read_user_encoder(snapshot: Snapshot) -> UserEncoder | None:
    if MODEL_FILE not in snapshot.manifest["files"]:
        return None
    model, projection = ((snapshot.directory / name).read_bytes() for name in USER_ENCODER_FILES)
    encoder = UserEncoder.from_bytes(model, projection)
    if encoder.d_item != snapshot.item_vectors_f16.shape[1]:
        raise EncoderError(f"the user encoder lives in {encoder.d_item} dimensions, the items do not")
    return encoder


def user_vector_of(
    profile: UserProfile,
    index: ItemIndex,
    now_ms: int,
    event_types: Mapping[str, EventType] = EVENT_TYPES,
) -> F32 | None:
    """float32 (d_item,), length 1: the shopper at a moment; None without encoder, or without a known item.

    Raises
    ------
    EncoderError : the encoder is unusable
    """
    encoder = user_encoder_of(index.snapshot)
    inputs = None if encoder is None else user_inputs(profile, index, encoder, now_ms, event_types)
    return None if encoder is None or inputs is None else encoder.encode(inputs)


def item_space(index: ItemIndex) -> LaidOver:
    """The item vectors of an index; of items newer than the snapshot, made of their texts."""
    n_known = index.tables.n_items
    if index.n_items == n_known:
        return LaidOver(index.tables.items, n_known)
    return LaidOver(index.tables.items, index.n_items, np.arange(n_known, index.n_items), _vectors_of_new(index))


def _values(context: ScoringContext) -> Values | None:
    if context.user_vector is None:
        return None
    return Likeness(item_space(context.index), context.user_vector)


SIMILARITY: Final = Term(name="similarity", default_weight=0.0, source="behaviour", values=_values)
"""Without a weight by default: a snapshot that carries a user encoder brings one."""


def _vectors_of_new(index: ItemIndex) -> F32:
    """Item vectors of the rows after the snapshot's; an index lives for seconds and serves many requests."""
    for known, vectors in _new_rows:
        if known is index:
            return vectors
    encoder = user_encoder_of(index.snapshot)
    rows = np.arange(index.tables.n_items, index.n_items)
    if encoder is None:  # a vector from elsewhere: new items have no place in its space
        return np.zeros((len(rows), index.tables.items.dim), dtype=np.float32)
    vectors = item_rows(index, encoder, rows)
    _new_rows[:] = [(index, vectors), *_new_rows[:1]]
    return vectors


def user_inputs(
    profile: UserProfile,
    index: ItemIndex,
    encoder: UserEncoder,
    now_ms: int,
    event_types: Mapping[str, EventType] = EVENT_TYPES,
) -> Inputs | None:
    """What the user encoder reads of a profile at a moment; None where it holds no interaction with a known item."""
    tokens = _item_tokens(settled(profile.interactions, index.thing), index, event_types)
    if not tokens:
        return None
    texts = usable_texts(profile.texts, index)
    columns = list(zip(*tokens, strict=True))
    times, positions, kinds = (np.asarray(column, dtype=np.int64) for column in columns[:3])
    grades, tones = (np.asarray(column, dtype=np.float64) for column in columns[3:])
    grades[grades == _NONE], tones[tones == _NONE] = np.nan, np.nan
    polarities = np.asarray([text.polarity for text in texts], dtype=np.float64)
    features = token_features(
        times,
        kinds,
        grade_codes(grades, tones),
        np.asarray([text.timestamp_ms for text in texts], dtype=np.int64),
        np.asarray([text_code(text.event_type) for text in texts], dtype=np.int64),
        grade_codes(np.full(len(texts), np.nan), polarities),
        now_ms,
        index.snapshot.clock_usable,
    )
    if not texts:
        return {**features, "vectors": item_rows(index, encoder, positions)}
    d_text = index.snapshot.whitening_mean.shape[0]
    levels = np.frombuffer(b"".join(text.vector for text in texts), dtype=np.int8).reshape(len(texts), d_text)
    words = encoder.item_vectors(whiten(index.snapshot, dequantize_unit(levels)))
    return {**features, "vectors": np.concatenate([item_rows(index, encoder, positions), words])}


def item_rows(index: ItemIndex, encoder: UserEncoder, positions: I64) -> F32:
    """float32 (k, d_item): item vectors of rows; of items newer than the snapshot, by their texts alone."""
    n_known = index.tables.n_items
    known = positions < n_known
    rows = np.zeros((len(positions), encoder.d_item), dtype=np.float32)
    rows[known] = index.tables.items.rows(positions[known])
    if not known.all():
        rows[~known] = encoder.item_vectors(index.white.rows(positions[~known]))
    return rows


def usable_texts(texts: Iterable[TextSignal], index: ItemIndex) -> list[TextSignal]:
    """Text signals of the loaded encoder, oldest first, in an order that doesn't depend on event ids."""
    tag, width = index.encoder_tag, index.snapshot.whitening_mean.shape[0]
    usable = (text for text in texts if tag is not None and text.tag == tag and len(text.vector) == width)
    return sorted(usable, key=lambda text: (text.timestamp_ms, text.event_type, text.polarity, text.vector))


def _item_tokens(
    entries: Iterable[Entry], index: ItemIndex, event_types: Mapping[str, EventType]
) -> list[tuple[int, int, int, float, float]]:
    """(time, row, kind, grade, tone) of entries with known items, oldest first; ties in the order of their content.

    Without a grade or a tone there is `_NONE`.
    """
    tokens = []
    for entry in entries:
        position, kind = index.position(entry.item_id), kind_code(entry.event_type, event_types)
        if position is not None and kind is not None:
            graded = entry.event_type in GRADED
            grade = entry.grade if graded and entry.grade is not None else _NONE
            tone = entry.tone if graded and entry.tone is not None else _NONE
            tokens.append((entry.timestamp_ms, position, kind, grade, tone))
    return sorted(tokens)
