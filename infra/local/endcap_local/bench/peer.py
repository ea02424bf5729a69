"""A peer for the same request, as tutorials on language models for recommendations build it.

One call of an encoder in the shape of BERT base for what the shopper looks at, the mean of its vector and those of the
history, the dot product with the vector of every item, the best ten. Weights and vectors are random: how long it takes
depends on shapes alone. Tokenising, fetching the history, filters and reasons are left out, in the peer's favour.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from endcap.profiles.profile import MAX_INTERACTIONS
from endcap_local.bench.random_items import random_units

F32 = NDArray[np.float32]

LAYERS, WIDTH, HEADS, INNER, VOCABULARY, PADDED = 12, 768, 12, 3072, 30_522, 512
TOKENS: Final = 24
"""Of a text without padding: title, brand and categories of an item."""
LIMIT: Final = 10
NO_TORCH: Final = "torch is not installed; the extra 'training' brings it"


@dataclass(frozen=True, slots=True)
class Shape:
    """How large an encoder is; BERT base unless said otherwise."""

    layers: int = LAYERS
    width: int = WIDTH
    heads: int = HEADS
    inner: int = INNER
    vocabulary: int = VOCABULARY
    positions: int = PADDED


class PeerEncoder:
    """A transformer encoder with random weights, in torch, on one thread.

    Raises
    ------
    ImportError : torch is not installed
    """

    def __init__(self, shape: Shape | None = None) -> None:
        import torch

        self.shape = shape or Shape()
        torch.set_num_threads(1)
        torch.manual_seed(0)
        nn, s = torch.nn, self.shape
        layer = nn.TransformerEncoderLayer(s.width, s.heads, s.inner, activation="gelu", batch_first=True)
        self._torch: Any = torch
        self.torch_version = str(torch.__version__)
        self._words, self._places = nn.Embedding(s.vocabulary, s.width), nn.Embedding(s.positions, s.width)
        self._norm = nn.LayerNorm(s.width).eval()
        # Nested tensors would leave the padding out, which the padded peer computes like everything else.
        self._layers = nn.TransformerEncoder(layer, s.layers, enable_nested_tensor=False).eval()

    def encode(self, tokens: int, length: int) -> F32:
        """The mean of the last states of a random text, float32 (width,).

        Parameters
        ----------
        tokens : of the text, at most `length`
        length : what it is padded to
        """
        torch = self._torch
        with torch.inference_mode():
            ids = torch.zeros((1, length), dtype=torch.long)
            ids[0, :tokens] = torch.randint(self.shape.vocabulary, (tokens,))
            states = self._norm(self._words(ids) + self._places.weight[:length])
            padding = None if tokens == length else torch.arange(length)[None] >= tokens
            vector: F32 = self._layers(states, src_key_padding_mask=padding).mean(dim=1)[0].numpy()
        return vector


class Peer:
    """The peer on a catalogue of `n_items`; `calls` are its ways: with the text padded to 512 tokens, and as it is."""

    def __init__(self, encoder: PeerEncoder, n_items: int) -> None:
        self._encoder = encoder
        self._rng = np.random.default_rng(0)
        self._items = random_units(self._rng, n_items, encoder.shape.width)
        length, tokens = encoder.shape.positions, min(TOKENS, encoder.shape.positions)
        self.calls: dict[str, Callable[[Any], NDArray[np.int64]]] = {
            "padded": lambda _: self._best(encoder.encode(tokens, length)),
            "unpadded": lambda _: self._best(encoder.encode(tokens, tokens)),
        }

    def _best(self, vector: F32) -> NDArray[np.int64]:
        past = self._items[self._rng.integers(0, len(self._items), MAX_INTERACTIONS)]
        user = np.mean([*past, vector], axis=0, dtype=np.float32)
        scores = self._items @ user
        best = np.argpartition(-scores, min(LIMIT, len(scores) - 1))[:LIMIT]
        return np.asarray(best[np.argsort(-scores[best])], dtype=np.int64)


def peer_encoder() -> PeerEncoder | None:
    """The encoder; None where torch is not installed."""
    return None if find_spec("torch") is None else PeerEncoder()


def reason_against(encoder: PeerEncoder, n_items: int) -> str | None:
    """Why this machine can't hold the peer's vectors of so many items; None where it can."""
    needed, free = n_items * encoder.shape.width * 4, _available_bytes()
    if needed < 0.8 * free:
        return None
    return f"its vectors take {needed / 1e9:.1f} GB, {free / 1e9:.1f} GB are free"


def _available_bytes() -> float:
    """Memory that can be had without swapping; without limit where the system does not tell."""
    info = Path("/proc/meminfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    kilobytes = [int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")]
    return kilobytes[0] * 1024 if kilobytes else float("inf")
