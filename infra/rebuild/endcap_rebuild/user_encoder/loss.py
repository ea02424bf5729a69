"""The loss of a user encoder: a cosine softmax over what may come next, and soft labels beside the right answer."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from endcap.arrays import F32, I64
from endcap_rebuild.user_encoder.model import Tower, tensors_of
from endcap_rebuild.user_encoder.plan import Plan, TowerSettings
from endcap_rebuild.user_encoder.sequences import TowerData, Window, batch_of, text_bounds_of
from endcap_rebuild.user_encoder.soft_labels import SoftLabels


class NextItemLoss:
    """What a model loses on windows of the data.

    Attributes
    ----------
    classes : int64 (classes,), the items that somebody touched: only these can come next
    """

    def __init__(self, data: TowerData, settings: TowerSettings, plan: Plan, labels: SoftLabels | None) -> None:
        self._settings, self._plan, self._labels = settings, plan, labels
        self._n_items = data.n_items
        self._text_bounds = text_bounds_of(data)
        self._texts = torch.from_numpy(data.texts.white)
        self.classes = np.unique(data.item)
        self._touched = np.isin(np.arange(data.n_items), self.classes)

    def __call__(
        self,
        tower: Tower,
        data: TowerData,
        order: I64,
        windows: list[Window],
        known: NDArray[np.bool_],
        drawn: I64,
        device: torch.device,
    ) -> Tensor:
        """The mean loss of some windows; one of them predicts something at least.

        Parameters
        ----------
        data, order : the rows in the order of this epoch, and which of the training's rows each of them is
        known : bool (windows, positions), where the request's time is told
        drawn : positions in `classes` of the negatives, where the plan has any
        """
        longest = max(w.end - w.start for w in windows)
        batch = batch_of(data, windows, self._text_bounds, known[:, :longest])
        events = batch.targets[batch.counts]
        targets = data.item[events]
        tensors = tensors_of(batch, device)
        soft = self._soft(order[events])
        compared = self.classes[drawn] if self._plan.negatives else self.classes
        vectors, place = self._vectors(tower, batch.items, targets, compared, soft[0], device)
        tensors["items"] = place(batch.items)
        bf16 = device.type == "cuda" if self._settings.bf16 is None else self._settings.bf16
        with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            users = tower(vectors, self._texts.to(device)[tensors["texts"]], tensors)[tensors["counts"]]
            users = users.float() * tower.log_temperature.exp()  # (positions, d_item)
            right = (users * F.embedding(place(targets), vectors)).sum(dim=1)
            logits = users @ F.embedding(place(compared), vectors).T
        logits = logits.float()
        if self._plan.negatives:  # uniform draws stand for all; the right answer is among them only once
            same = torch.from_numpy(compared[None, :] == targets[:, None]).to(device)
            logits = logits.masked_fill(same, -1e9) + math.log(len(self.classes) / self._plan.negatives)
            logits = torch.cat([right[:, None], logits], dim=1)
        total = torch.logsumexp(logits, dim=1)
        if soft[0] is None:
            return (total - right).mean()
        near = torch.einsum("pd,pkd->pk", users, F.embedding(place(soft[0]), vectors))
        hard = (total - right).mean()
        shares = torch.from_numpy(soft[1]).to(device)
        weight = self._settings.soft_weight or 0.0
        softly = (shares * (total[:, None] - near)).sum(dim=1).mean()
        return (1 - weight) * hard + weight * softly

    def _soft(self, events: I64) -> tuple[I64 | None, F32]:
        """Items and shares (positions, k) of the soft labels, nothing left to items that nobody touched."""
        if self._labels is None or not self._settings.soft_weight:
            return None, np.empty(0, dtype=np.float32)
        items = self._labels.items[events].astype(np.int64)
        shares = self._labels.shares[events].astype(np.float32) * self._touched[items]
        total = shares.sum(axis=1, keepdims=True)
        return items, np.asarray(shares / np.where(total > 0, total, 1), dtype=np.float32)

    def _vectors(
        self, tower: Tower, items: I64, targets: I64, compared: I64, labels: I64 | None, device: torch.device
    ) -> tuple[Tensor, Callable[[I64], Tensor]]:
        """Item vectors, of all items or of a large catalogue's that this step needs, and how items number them."""
        rows: Tensor | None = None
        number = None
        if self._n_items > 4 * self._settings.full_softmax_items:
            needed = [items.ravel(), targets, compared, *([] if labels is None else [labels.ravel()])]
            used = np.unique(np.concatenate(needed))
            rows, number = torch.from_numpy(used).to(device), used

        def place(wanted: I64) -> Tensor:
            found = wanted if number is None else np.searchsorted(number, wanted)
            return torch.from_numpy(np.ascontiguousarray(found)).to(device)

        return tower.item_vectors(rows), place
