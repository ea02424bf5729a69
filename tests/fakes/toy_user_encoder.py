"""A small user encoder with random weights, made without torch: sound in form, wise in nothing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from endcap.encoders.user import UserEncoder
from endcap_local.bench.random_user_encoder import random_user_encoder_files, random_weights

HEADS, LAYERS, WIDTH = 2, 2, 8


def toy_weights(d_item: int = 16, n_items: int = 40, seed: int = 0) -> dict[str, NDArray[np.float32]]:
    """The state of a `towers.model.Tower` with random numbers."""
    return random_weights(d_item, n_items, WIDTH, HEADS, LAYERS, seed)


def toy_user_encoder_files(d_item: int = 16, as_int8: bool = False) -> dict[str, bytes]:
    """`user_encoder.onnx` and `item_projection.npy`, as a snapshot carries them."""
    return random_user_encoder_files(d_item, WIDTH, HEADS, LAYERS, as_int8)


def toy_user_encoder(d_item: int = 16) -> UserEncoder:
    """The encoder of those files."""
    files = toy_user_encoder_files(d_item)
    return UserEncoder.from_bytes(files["user_encoder.onnx"], files["item_projection.npy"])
