"""The user encoder and the item vectors, as torch modules.

1. item vector = unit(W · whitened text + ID); the ID part is zero for items that nobody has touched
2. token = projected vector + kind + grade + gap
3. layers over the history: pre-LN attention on earlier moments, biased by distance, then a feed-forward part
4. read-out: mean of the newest moment's tokens, plus the time since; attends to all, biased by distance and age
5. shortcut: the tokens' own vectors, averaged with weights by distance, age and kind alone
6. user vector = unit(projected read-out + shortcut); scores are cosines times a learned temperature
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from endcap.encoders.user import HIDDEN, N_DISTANCES, N_GRADES, N_KINDS, N_SPANS
from endcap_rebuild.user_encoder.sequences import Batch, distance_groups

_FIRST_TEMPERATURE = 10.0
_ID_SPREAD = 0.02
_MASK = -1e9
_FIRST_FADING = 0.35  # per half step: an item counts half of the next newer one, until training says otherwise


@dataclass(frozen=True)
class Shape:
    """Sizes that a model cannot change later."""

    n_items: int
    d_item: int
    d_model: int
    heads: int
    layers: int


class Attention(nn.Module):  # type: ignore[misc]
    """Multi-head attention with a bias per head; queries and keys come from the same or from other tokens."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))

    def forward(self, reader: Tensor, tokens: Tensor, bias: Tensor) -> Tensor:
        q, k, v = self._split(self.query(reader)), self._split(self.key(tokens)), self._split(self.value(tokens))
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=bias.to(q.dtype))  # (B, heads, Q, width / heads)
        return self.out(mixed.transpose(1, 2).flatten(2))

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(2, (self.heads, -1)).transpose(1, 2)


class Block(nn.Module):  # type: ignore[misc]
    """Attention and a feed-forward part, each on normalised input, added to what was there."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.before_attention, self.before_feed = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.wide, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, reader: Tensor, tokens: Tensor, bias: Tensor) -> Tensor:
        mixed = self.attention(self.before_attention(reader), self.before_attention(tokens), bias)
        reader = reader + self.dropout(mixed)
        fed = self.narrow(self.dropout(F.gelu(self.wide(self.before_feed(reader)))))
        return reader + self.dropout(fed)


class Bias(nn.Module):  # type: ignore[misc]
    """A number per head and code; `HIDDEN` is as good as minus infinity."""

    def __init__(self, heads: int, groups: NDArray[np.int64], hides: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(heads, int(groups.max()) + 1))
        self.register_buffer("groups", torch.from_numpy(groups), persistent=False)
        self.hides = hides

    def table(self) -> Tensor:
        """(heads, codes)."""
        table = self.weight[:, self.groups]
        return F.pad(table, (0, 1), value=_MASK) if self.hides else table

    def forward(self, codes: Tensor) -> Tensor:
        return F.embedding(codes, self.table().T).movedim(-1, 1)  # (B, ..., heads) -> (B, heads, ...)


class Tower(nn.Module):  # type: ignore[misc]
    """Item vectors and the user encoder over them.

    Parameters
    ----------
    white : float32 (n_items, d_item), whitened texts
    touched : bool (n_items,), items with an ID of their own
    """

    def __init__(self, shape: Shape, white: Tensor, touched: Tensor, dropout: float, id_dropout: float) -> None:
        super().__init__()
        assert N_DISTANCES == HIDDEN
        self.shape, self.id_dropout = shape, id_dropout
        d, width = shape.d_item, shape.d_model
        self.register_buffer("white", white, persistent=False)
        self.register_buffer("touched", touched[:, None].to(white.dtype), persistent=False)
        self.text = nn.Linear(d, d, bias=False)
        self.ids = nn.Parameter(torch.randn(shape.n_items, d) * _ID_SPREAD)
        self.enter, self.leave = nn.Linear(d, width), nn.Linear(width, d)
        self.kind, self.grade = nn.Embedding(N_KINDS, width), nn.Embedding(N_GRADES, width)
        self.gap, self.now = nn.Embedding(N_SPANS, width), nn.Embedding(N_SPANS, width)
        for embedding in (self.kind, self.grade, self.gap, self.now):
            nn.init.normal_(embedding.weight, std=_ID_SPREAD)
        self.layers = nn.ModuleList(Block(width, shape.heads, dropout) for _ in range(shape.layers))
        self.distance = nn.ModuleList(Bias(shape.heads, distance_groups(), True) for _ in range(shape.layers))
        self.read = Block(width, shape.heads, dropout)
        self.read_distance = Bias(shape.heads, distance_groups(), True)
        self.age = Bias(shape.heads, np.arange(N_SPANS), False)
        self.last = nn.LayerNorm(width)
        self.near, self.recent = Bias(1, distance_groups(), True), Bias(1, np.arange(N_SPANS), False)
        self.telling = nn.Embedding(N_KINDS, 1)
        self.shortcut = nn.Parameter(torch.tensor(1.0))
        with torch.no_grad():
            self.near.weight[0] = -_FIRST_FADING * torch.arange(self.near.weight.shape[1])
            self.telling.weight.zero_()
        self.dropout = nn.Dropout(dropout)
        self.log_temperature = nn.Parameter(torch.tensor(math.log(_FIRST_TEMPERATURE)))

    def text_vectors(self, white: Tensor) -> Tensor:
        """Whitened texts in the space of the items, not yet of length 1."""
        return self.text(white * math.sqrt(self.shape.d_item))

    def item_vectors(self, rows: Tensor | None = None) -> Tensor:
        """(n_items, d_item), unit rows; or those of some rows."""
        white, ids, keep = self.white, self.ids, self.touched
        if rows is not None:
            white, ids, keep = white[rows], F.embedding(rows, ids), keep[rows]
        if self.training and self.id_dropout > 0:
            keep = keep * (torch.rand_like(keep) >= self.id_dropout)
        return F.normalize(self.text_vectors(white) + ids * keep, dim=1)

    def forward(self, vectors: Tensor, texts: Tensor, batch: dict[str, Tensor]) -> Tensor:
        """User vectors (B, L, d_item) of every beginning of the histories in a batch.

        Parameters
        ----------
        vectors : (rows, d_item), item vectors that `batch["items"]` (B, L) numbers
        texts : (B, T, d_item), whitened
        """
        tokens = F.embedding(batch["items"], vectors)  # (B, L, d_item)
        if texts.shape[1]:
            tokens = torch.cat([tokens, F.normalize(self.text_vectors(texts), dim=2)], dim=1)
        x = self.enter(tokens * math.sqrt(self.shape.d_item))
        x = x + self.kind(batch["kinds"]) + self.grade(batch["grades"]) + self.gap(batch["gaps"])
        x = self.dropout(x)
        for block, bias in zip(self.layers, self.distance, strict=True):
            x = block(x, x, bias(batch["distances"]))
        reader = batch["newest"] @ x[:, : batch["items"].shape[1]] + self.now(batch["now"])
        reader = self.read(reader, x, self.read_distance(batch["read_distances"]) + self.age(batch["ages"]))
        weights = self.near(batch["read_distances"]) + self.recent(batch["ages"])  # (B, 1, L, N)
        weights = (weights[:, 0] + self.telling(batch["kinds"])[:, None, :, 0]).softmax(dim=2)
        direct = self.shortcut * math.sqrt(self.shape.d_item) * (weights @ tokens)
        return F.normalize(self.leave(self.last(reader)) + direct, dim=2)


def tensors_of(batch: Batch, device: torch.device) -> dict[str, Tensor]:
    """The arrays of a batch on a device."""
    return {name: torch.from_numpy(np.ascontiguousarray(value)).to(device) for name, value in vars(batch).items()}
