"""A user encoder with random weights, made without torch: sound in form, wise in nothing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from endcap.user_encoding import N_GRADES, N_KINDS, N_SPANS, UserEncoder
from endcap_rebuild.towers.export import onnx_graph
from endcap_rebuild.towers.item_vectors import projection_file, projection_of
from endcap_rebuild.towers.sequences import distance_groups

HEADS, LAYERS, WIDTH = 2, 2, 8


def toy_weights(d_item: int = 16, n_items: int = 40, seed: int = 0) -> dict[str, NDArray[np.float32]]:
    """The state of a `towers.model.Tower` with random numbers."""
    rng = np.random.default_rng(seed)
    n_distances = int(distance_groups().max()) + 1
    shapes: dict[str, tuple[int, ...]] = {
        "ids": (n_items, d_item),
        "text.weight": (d_item, d_item),
        **_linear("enter", d_item, WIDTH),
        **_linear("leave", WIDTH, d_item),
        **{f"{name}.weight": (n, WIDTH) for name, n in (("kind", N_KINDS), ("grade", N_GRADES))},
        **{f"{name}.weight": (N_SPANS, WIDTH) for name in ("gap", "now")},
        **{f"distance.{k}.weight": (HEADS, n_distances) for k in range(LAYERS)},
        "read_distance.weight": (HEADS, n_distances),
        "age.weight": (HEADS, N_SPANS),
        "near.weight": (1, n_distances),
        "recent.weight": (1, N_SPANS),
        "telling.weight": (N_KINDS, 1),
        "shortcut": (),
        **{f"last.{part}": (WIDTH,) for part in ("weight", "bias")},
    }
    for block in ("read", *(f"layers.{k}" for k in range(LAYERS))):
        for norm in ("before_attention", "before_feed"):
            shapes |= {f"{block}.{norm}.{part}": (WIDTH,) for part in ("weight", "bias")}
        for part in ("query", "key", "value", "out"):
            shapes |= _linear(f"{block}.attention.{part}", WIDTH, WIDTH)
        shapes |= _linear(f"{block}.wide", WIDTH, 4 * WIDTH) | _linear(f"{block}.narrow", 4 * WIDTH, WIDTH)
    return {name: np.asarray(rng.normal(0, 0.5, shape), dtype=np.float32) for name, shape in shapes.items()}


def toy_user_encoder_files(d_item: int = 16, as_int8: bool = False) -> dict[str, bytes]:
    """`user_encoder.onnx` and `item_projection.npy`, as a snapshot carries them."""
    weights = toy_weights(d_item)
    return {
        "user_encoder.onnx": onnx_graph(weights, HEADS, LAYERS, as_int8),
        "item_projection.npy": projection_file(projection_of(weights)),
    }


def toy_user_encoder(d_item: int = 16) -> UserEncoder:
    """The encoder of those files."""
    files = toy_user_encoder_files(d_item)
    return UserEncoder.from_bytes(files["user_encoder.onnx"], files["item_projection.npy"])


def _linear(name: str, inside: int, outside: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (outside, inside), f"{name}.bias": (outside,)}
