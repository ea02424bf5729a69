"""The `similarity` term: how near each item lies to where the user encoder puts a shopper."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from endcap.encoders.user import UserEncoder, item_rows, user_inputs
from endcap.events.types import EVENT_TYPES, EventType
from endcap.index.index import Assortment
from endcap.profiles.profile import UserProfile
from endcap.snapshot.snapshot import Snapshot

F32 = NDArray[np.float32]

_encoders: list[tuple[Snapshot, UserEncoder | None]] = []
_new_rows: list[tuple[Assortment, F32]] = []


def user_encoder_of(snapshot: Snapshot) -> UserEncoder | None:
    """The snapshot's user encoder, None where it carries none; those of the last two snapshots are kept.

    Raises
    ------
    EncoderError : its files are unusable
    """
    for known, encoder in _encoders:
        if known is snapshot:
            return encoder
    encoder = UserEncoder.of(snapshot)
    _encoders[:] = [(snapshot, encoder), *_encoders[:1]]
    return encoder


def user_vector_of(
    profile: UserProfile,
    assortment: Assortment,
    now_ms: int,
    event_types: Mapping[str, EventType] = EVENT_TYPES,
) -> F32 | None:
    """float32 (d_item,), length 1: the shopper at a moment; None without encoder, or without a known item.

    Raises
    ------
    EncoderError : the encoder is unusable
    """
    encoder = user_encoder_of(assortment.snapshot)
    inputs = None if encoder is None else user_inputs(profile, assortment, encoder, now_ms, event_types)
    return None if encoder is None or inputs is None else encoder.encode(inputs)


def similarities(assortment: Assortment, user_vector: F32) -> F32:
    """float32 (n_items,): cosine of every item with the shopper; of items newer than the snapshot, by their texts."""
    n_known = assortment.tables.n_items
    values = np.zeros(assortment.n_items, dtype=np.float32)
    values[:n_known] = assortment.tables.items.dots(user_vector)
    if assortment.n_items > n_known:
        values[n_known:] = np.vecdot(_vectors_of_new(assortment), user_vector)
    return values


def _vectors_of_new(assortment: Assortment) -> F32:
    """Item vectors of the rows after the snapshot's; an assortment lives for seconds and serves many requests."""
    for known, vectors in _new_rows:
        if known is assortment:
            return vectors
    encoder = user_encoder_of(assortment.snapshot)
    rows = np.arange(assortment.tables.n_items, assortment.n_items)
    if encoder is None:  # a vector from elsewhere: new items have no place in its space
        return np.zeros((len(rows), assortment.tables.items.dim), dtype=np.float32)
    vectors = item_rows(assortment, encoder, rows)
    _new_rows[:] = [(assortment, vectors), *_new_rows[:1]]
    return vectors
