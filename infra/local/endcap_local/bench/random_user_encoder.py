"""A user encoder with random weights, made without torch: sound in form and size, wise in nothing.

How long it takes depends on its shape alone, so it stands in where no snapshot with a trained one is at hand.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from endcap.encoders.user import MODEL_FILE, N_GRADES, N_KINDS, N_SPANS, PROJECTION_FILE
from endcap_rebuild.user_encoder.export import onnx_graph
from endcap_rebuild.user_encoder.item_vectors import projection_file, projection_of
from endcap_rebuild.user_encoder.sequences import distance_groups


def random_weights(
    d_item: int, n_items: int, width: int, heads: int, layers: int, seed: int = 0
) -> dict[str, NDArray[np.float32]]:
    """The state of a `user_encoder.model.Tower` with random numbers."""
    rng = np.random.default_rng(seed)
    n_distances = int(distance_groups().max()) + 1
    shapes: dict[str, tuple[int, ...]] = {
        "ids": (n_items, d_item),
        "text.weight": (d_item, d_item),
        **_linear("enter", d_item, width),
        **_linear("leave", width, d_item),
        **{f"{name}.weight": (n, width) for name, n in (("kind", N_KINDS), ("grade", N_GRADES))},
        **{f"{name}.weight": (N_SPANS, width) for name in ("gap", "now")},
        **{f"distance.{k}.weight": (heads, n_distances) for k in range(layers)},
        "read_distance.weight": (heads, n_distances),
        "age.weight": (heads, N_SPANS),
        "near.weight": (1, n_distances),
        "recent.weight": (1, N_SPANS),
        "telling.weight": (N_KINDS, 1),
        "shortcut": (),
        **{f"last.{part}": (width,) for part in ("weight", "bias")},
    }
    for block in ("read", *(f"layers.{k}" for k in range(layers))):
        for norm in ("before_attention", "before_feed"):
            shapes |= {f"{block}.{norm}.{part}": (width,) for part in ("weight", "bias")}
        for part in ("query", "key", "value", "out"):
            shapes |= _linear(f"{block}.attention.{part}", width, width)
        shapes |= _linear(f"{block}.wide", width, 4 * width) | _linear(f"{block}.narrow", 4 * width, width)
    return {name: np.asarray(rng.normal(0, 0.5, shape), dtype=np.float32) for name, shape in shapes.items()}


def random_user_encoder_files(
    d_item: int, width: int, heads: int, layers: int, as_int8: bool = False
) -> dict[str, bytes]:
    """`user_encoder.onnx` and `item_projection.npy`, as a snapshot carries them."""
    weights = random_weights(d_item, 1, width, heads, layers)  # the graph holds no items
    return {
        MODEL_FILE: onnx_graph(weights, heads, layers, as_int8),
        PROJECTION_FILE: projection_file(projection_of(weights)),
    }


def _linear(name: str, inside: int, outside: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (outside, inside), f"{name}.bias": (outside,)}
