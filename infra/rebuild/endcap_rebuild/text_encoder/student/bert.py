"""The base encoders' architecture as a torch module: the same numbers as the ONNX graph, and back to weights."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from endcap.arrays import F32
from endcap_rebuild.base_encoders.weights import BertWeights, Layer, Linear, Norm, PackedTable, Projection


class BertLayer(nn.Module):  # type: ignore[misc]
    """One post-norm layer."""

    def __init__(self, layer: Layer, heads: int, epsilon: float) -> None:
        super().__init__()
        self.heads = heads
        for name in ("query", "key", "value", "attention_out", "widen", "narrow"):
            setattr(self, name, _linear(getattr(layer, name)))
        self.attention_norm, self.norm = _norm(layer.attention_norm, epsilon), _norm(layer.norm, epsilon)

    def forward(self, x: Tensor, shown: Tensor) -> Tensor:
        q, k, v = (self._split(part(x)) for part in (self.query, self.key, self.value))  # (b, heads, n, size)
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=shown).transpose(1, 2).flatten(2)
        x = self.attention_norm(self.attention_out(mixed) + x)
        return self.norm(self.narrow(F.gelu(self.widen(x))) + x)

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(2, (self.heads, -1)).transpose(1, 2)

    def weights(self) -> Layer:
        """The layer's numbers."""
        names = ("query", "key", "value", "attention_out", "widen", "narrow")
        linears = {name: _linear_of(getattr(self, name)) for name in names}
        return Layer(**linears, attention_norm=_norm_of(self.attention_norm), norm=_norm_of(self.norm))


class Bert(nn.Module):  # type: ignore[misc]
    """ids and mask → mean pool → (projection) → unit vectors.

    Words, positions and their norm are buffers: they are never trained, so that a packed word table stays as it is.
    """

    def __init__(self, weights: BertWeights, projection: Projection | None = None) -> None:
        super().__init__()
        self._weights = weights
        words = weights.words.unpack() if isinstance(weights.words, PackedTable) else weights.words
        self.register_buffer("words", torch.from_numpy(np.array(words)), persistent=False)
        self.register_buffer("positions", torch.from_numpy(np.array(weights.positions)), persistent=False)
        self.register_buffer("gain", torch.from_numpy(np.array(weights.norm.gain)), persistent=False)
        self.register_buffer("shift", torch.from_numpy(np.array(weights.norm.shift)), persistent=False)
        self.layers = nn.ModuleList([BertLayer(layer, weights.heads, weights.epsilon) for layer in weights.layers])
        self.projected = projection is not None
        if projection is not None:
            self.register_buffer("mean", torch.from_numpy(np.array(projection.mean)), persistent=False)
            self.register_buffer("matrix", torch.from_numpy(np.array(projection.matrix)), persistent=False)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """float32 (b, d), unit rows; ids and mask int64 (b, n)."""
        x = F.embedding(ids, self.words) + self.positions[: ids.shape[1]]
        x = F.layer_norm(x, self.gain.shape, self.gain, self.shift, self._weights.epsilon)
        shown = (mask > 0)[:, None, None, :]
        for layer in self.layers:
            x = layer(x, shown)
        pooled = F.normalize((x * mask[:, :, None]).sum(dim=1).float(), dim=1)
        return F.normalize((pooled - self.mean) @ self.matrix, dim=1) if self.projected else pooled

    def weights(self) -> BertWeights:
        """The numbers as they are now, for `encoder_graph`."""
        return replace(self._weights, layers=tuple(layer.weights() for layer in self.layers))

    def per_token(self, trained: int) -> float:
        """Floating point operations that a token costs in a step that trains the last `trained` layers."""
        hidden = self.positions.shape[1]
        wide = self._weights.layers[0].widen.weight.shape[0]
        layer = 2 * (4 * hidden * hidden + 2 * hidden * wide)
        return float(layer * (len(self.layers) + 2 * min(trained, len(self.layers))))


def _linear(linear: Linear) -> nn.Linear:
    made = nn.Linear(linear.weight.shape[1], linear.weight.shape[0])
    with torch.no_grad():
        made.weight.copy_(torch.from_numpy(np.array(linear.weight)))
        made.bias.copy_(torch.from_numpy(np.array(linear.bias)))
    return made


def _norm(norm: Norm, epsilon: float) -> nn.LayerNorm:
    made = nn.LayerNorm(len(norm.gain), eps=epsilon)
    with torch.no_grad():
        made.weight.copy_(torch.from_numpy(np.array(norm.gain)))
        made.bias.copy_(torch.from_numpy(np.array(norm.shift)))
    return made


def _numpy(value: Tensor) -> F32:
    return np.array(value.detach().cpu().float().numpy())


def _linear_of(linear: nn.Linear) -> Linear:
    return Linear(_numpy(linear.weight), _numpy(linear.bias))


def _norm_of(norm: nn.LayerNorm) -> Norm:
    return Norm(_numpy(norm.weight), _numpy(norm.bias))
