"""SASRec with the full softmax: the sequence model that papers compare with. Needs torch.

Items are IDs alone, a history its last 50 positive events, every position predicts the next item among all items.
References: Kang & McAuley, ICDM 2018; the full softmax: Klenitskiy & Vasilev, RecSys 2023.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Final

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from endcap.arrays import F32, I64
from endcap_rebuild.data.row_weights import positive_strength
from endcap_rebuild.evaluation.baselines import settings
from endcap_rebuild.evaluation.models import Baseline, Known, Scorer, Setting
from endcap_rebuild.evaluation.questions import Questions

LONGEST: Final = 50
_WIDTH: Final = 64
_HEADS: Final = 2
_LAYERS: Final = 2
_BATCH: Final = 128
_RATE: Final = 1e-3
_SEED: Final = 0
_EPOCHS: Final = (10, 20)
_MOST: Final = max(_EPOCHS)
_NOTHING: Final = -1  # fills up short sequences


class SasRec(nn.Module):  # type: ignore[misc]
    """Causal transformer over items; one table of vectors serves input and output.

    Parameters
    ----------
    n_items : size of the catalogue; row `n_items` of the table stands for nothing
    """

    def __init__(self, n_items: int, dropout: float) -> None:
        super().__init__()
        self.n_items = n_items
        self.items = nn.Embedding(n_items + 1, _WIDTH, padding_idx=n_items)
        self.places = nn.Embedding(LONGEST, _WIDTH)
        for embedding in (self.items, self.places):
            nn.init.normal_(embedding.weight, std=0.02)
        self.dropout = nn.Dropout(dropout)
        layer = nn.TransformerEncoderLayer(
            _WIDTH, _HEADS, 4 * _WIDTH, dropout, activation="gelu", batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(layer, _LAYERS, nn.LayerNorm(_WIDTH), enable_nested_tensor=False)

    def forward(self, sequences: Tensor) -> Tensor:
        """What comes next, as vectors (B, L, width); sequences (B, L) are filled up on the right with -1."""
        known = torch.where(sequences < 0, self.n_items, sequences)
        length = known.shape[1]
        x = self.items(known) * _WIDTH**0.5 + self.places.weight[:length]
        later = torch.triu(torch.ones(length, length, dtype=torch.bool, device=known.device), 1)
        return self.layers(self.dropout(x), mask=later, is_causal=True)

    def scores(self, vectors: Tensor) -> Tensor:
        """(..., n_items)."""
        return vectors @ self.items.weight[: self.n_items].T


def sequences_of(known: Known) -> list[I64]:
    """The users' positive items, oldest first, in pieces of up to LONGEST + 1 that overlap by one item."""
    table = known.table.rows(positive_strength(known.table) > 0)
    bounds = table.user_bounds()
    pieces = []
    for start, end in pairwise(bounds.tolist()):
        for piece_end in range(end, start + 1, -LONGEST):
            pieces.append(table.item[max(start, piece_end - LONGEST - 1) : piece_end].astype(np.int64))
    return pieces


def filled_up(pieces: list[I64], length: int) -> Tensor:
    """Int64 (pieces, length), -1 to the right of each."""
    rows = np.full((len(pieces), length), _NOTHING, dtype=np.int64)
    for row, piece in zip(rows, pieces, strict=True):
        row[: len(piece)] = piece
    return torch.from_numpy(rows)


def trained(known: Known, dropout: float, epochs: int) -> Iterator[SasRec]:
    """The model after each epoch, in evaluation mode; one and the same object."""
    torch.manual_seed(_SEED)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = SasRec(known.n_items, dropout).to(device)
    optimiser = torch.optim.Adam(model.parameters(), _RATE, betas=(0.9, 0.98))
    pieces = sequences_of(known)
    chance = np.random.default_rng(_SEED)
    for _ in range(epochs):
        model.train()
        order = chance.permutation(len(pieces))
        for start in range(0, len(order), _BATCH):
            batch = [pieces[k] for k in order[start : start + _BATCH].tolist()]
            whole = filled_up(batch, max(map(len, batch))).to(device)
            inputs, targets = whole[:, :-1], whole[:, 1:]
            asked = targets >= 0
            loss = F.cross_entropy(model.scores(model(inputs)[asked]), targets[asked])
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
        model.eval()
        yield model


def _fit(known: Known, setting: Setting) -> Scorer:
    """A model of so many epochs; those of one dropout share their training."""
    kept, epochs = known.remember(
        ("sasrec", setting["dropout"]), lambda: (list[dict[str, Any]](), trained(known, setting["dropout"], _MOST))
    )
    while len(kept) < setting["epochs"]:
        model = next(epochs)
        marked = len(kept) + 1 in _EPOCHS
        kept.append(
            {name: value.detach().cpu().clone() for name, value in model.state_dict().items()} if marked else {}
        )
    model = SasRec(known.n_items, setting["dropout"]).eval()
    model.load_state_dict(kept[setting["epochs"] - 1])
    return lambda questions: scores_of(model, questions)


def scores_of(model: SasRec, questions: Questions) -> F32:
    """float32 (q, n): histories without a positive event give every item 0."""
    histories = questions.histories
    pieces, filled = [], []
    for start, end in pairwise(histories.starts.tolist()):
        own = histories.items[start:end][histories.strength[start:end] > 0][-LONGEST:].astype(np.int64)
        pieces.append(own)
        filled.append(len(own) > 0)
    found = np.zeros((len(questions), model.n_items), dtype=np.float32)
    known = [piece for piece in pieces if len(piece)]
    if known:
        with torch.inference_mode():
            vectors: Any = model(filled_up(known, max(map(len, known))))
            last = torch.tensor([len(piece) - 1 for piece in known])
            found[np.array(filled)] = model.scores(vectors[torch.arange(len(known)), last]).numpy()
    return found


def _unfit(known: Known) -> str | None:
    if not any(len(piece) > 1 for piece in sequences_of(known)):
        return "no user has two positive events"
    return None


SASREC: Final = Baseline("sasrec", "SASRec, full softmax", _fit, settings(dropout=(0.2, 0.5), epochs=_EPOCHS), _unfit)
