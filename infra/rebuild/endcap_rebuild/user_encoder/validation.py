"""How good a user encoder is on a later window, alone and beside the lists that it will be blended with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from scipy import sparse

from endcap.arrays import F32, F64, I64
from endcap.encoders.user import MAX_ITEMS
from endcap_rebuild.metrics.ranking import gain_of, mid_rank
from endcap_rebuild.user_encoder.model import Tower, tensors_of
from endcap_rebuild.user_encoder.sequences import TowerData, Window, batch_of, text_bounds_of
from endcap_rebuild.user_encoder.soft_labels import history_rows

_BLOCK: Final = 256
_LIST_WEIGHTS: Final = (0.3, 0.8)
_TOP: Final = 10


@dataclass(frozen=True)
class Validation:
    """Events that come after the training data.

    data : the history of everybody, training rows included
    targets : int64 (c,), rows of `data` to be predicted from what the same user did before
    """

    data: TowerData
    targets: I64

    def sample(self, most: int, seed: int = 0) -> Validation:
        """At most so many targets, drawn evenly."""
        if len(self.targets) <= most:
            return self
        drawn = np.random.default_rng([seed, 5]).choice(len(self.targets), most, replace=False)
        return Validation(self.data, np.sort(self.targets[drawn]))


def histories_before(data: TowerData, targets: I64) -> list[Window]:
    """The windows whose last position predicts each target; targets need at least one earlier event."""
    firsts = np.searchsorted(data.user, data.user[targets])
    return [
        Window(max(first, target - MAX_ITEMS), target, target - max(first, target - MAX_ITEMS) - 1)
        for first, target in zip(firsts.tolist(), targets.tolist(), strict=True)
    ]


def user_vectors(tower: Tower, data: TowerData, targets: I64) -> F32:
    """float32 (c, d_item): what the model makes of the histories before the targets, at the time of the targets."""
    device = next(tower.parameters()).device
    bounds, windows = text_bounds_of(data), histories_before(data, targets)
    texts = torch.from_numpy(data.texts.white).to(device)
    blocks = [np.empty((0, data.white.shape[1]), dtype=np.float32)]
    with torch.inference_mode():
        vectors = tower.item_vectors()
        for start in range(0, len(windows), _BLOCK):
            block = windows[start : start + _BLOCK]
            tensors = tensors_of(batch_of(data, block, bounds), device)
            users = tower(vectors, texts[tensors["texts"]], tensors)
            last = [w.end - w.start - 1 for w in block]
            blocks.append(users[torch.arange(len(block)), last].float().cpu().numpy())
    return np.concatenate(blocks)


def item_vectors_of(tower: Tower) -> F32:
    """float32 (n_items, d_item) of a model in evaluation mode."""
    with torch.inference_mode():
        return np.asarray(tower.item_vectors().float().cpu().numpy())


def ndcg(users: F32, items: F32, validation: Validation, lists: Sequence[Any] = ()) -> float:
    """Mean of `gains_of`; 0 without targets."""
    gains = gains_of(users, items, validation, lists)
    return float(gains.mean()) if len(gains) else 0.0


def gains_of(users: F32, items: F32, validation: Validation, lists: Sequence[Any] = ()) -> F64:
    """float64 (c,): NDCG@10 of each target over all items; what the user had acted on is left out, unless the target
    itself is a repeat.

    Parameters
    ----------
    users : float32 (c, d_item), one per target
    lists : item-to-item matrices to blend with; the best of a few weights counts
    """
    data, targets = validation.data, validation.targets
    gains = np.zeros((len(targets), 1 + len(_LIST_WEIGHTS) * bool(lists)))
    for start in range(0, len(targets), _BLOCK):
        rows = targets[start : start + _BLOCK]
        own = _spread(users[start : start + _BLOCK] @ items.T)
        others = np.zeros_like(own)
        if lists:
            history = history_rows(data, rows)
            for matrix in lists:
                others += _spread(sparse.csr_array(history @ matrix).toarray())
        for k, weight in enumerate((0.0, *_LIST_WEIGHTS)[: gains.shape[1]]):
            gains[start : start + _BLOCK, k] = _gains(own + np.float32(weight) * others, data, rows)
    best = int(gains.mean(axis=0).argmax()) if len(targets) else 0
    return np.asarray(gains[:, best])


def _spread(scores: F32) -> F32:
    centred = scores - scores.mean(axis=1, keepdims=True)
    return np.asarray(centred / (centred.std(axis=1, keepdims=True) + 1e-9), dtype=np.float32)


def _gains(scores: F32, data: TowerData, rows: I64) -> F64:
    firsts = np.searchsorted(data.user, data.user[rows])
    ranks = np.empty(len(rows))
    for k, (first, row) in enumerate(zip(firsts.tolist(), rows.tolist(), strict=True)):
        target, seen = int(data.item[row]), data.item[first:row]
        rivals = np.ones(scores.shape[1], dtype=np.bool_)
        if target not in seen:
            rivals[seen] = False
        ranks[k] = mid_rank(scores[k], target, rivals)
    return gain_of(ranks, _TOP)
