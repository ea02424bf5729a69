"""How the user encoder is built and for how long it is trained: one rule for all data.

An epoch's work is counted from the sizes of the data; the work budget says how many epochs that buys, between a least
and a most. Needs no torch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from endcap_rebuild.user_encoder.sequences import TowerData, windows_of


@dataclass(frozen=True)
class TowerSettings:
    """How the user encoder is built and trained; one default for all data.

    d_model, heads, layers : width, heads and layers over the history (the read-out comes on top)
    id_dropout : share of items that go without their ID in a step
    unknown_now : share of positions that are not told when the request came
    work : floating point operations that may be spent, in units of 10^12
    least_epochs, most_epochs : whatever the work budget says
    full_softmax_items : up to so many seen items all are compared, above `negatives` drawn ones
    soft_weight : share of the soft labels in the loss; None lets the validation window choose
    device : "auto", "cpu" or "cuda"; threads : of the CPU
    bf16 : matrix products of a training in bfloat16; None means on CUDA
    """

    d_model: int = 64
    heads: int = 2
    layers: int = 1
    dropout: float = 0.5
    id_dropout: float = 0.0
    learning_rate: float = 2e-3
    weight_decay: float = 0.0
    events_per_step: int = 768
    unknown_now: float = 0.2
    work: float = 20.0
    least_epochs: int = 8
    most_epochs: int = 14
    full_softmax_items: int = 6_000
    negatives: int = 1_024
    soft_weight: float | None = None
    seed: int = 0
    device: str = "auto"
    threads: int = 2
    bf16: bool | None = None


@dataclass(frozen=True)
class Plan:
    """What the rule gives for some data: epochs, steps of an epoch, drawn negatives (0 = full softmax), work."""

    epochs: int
    steps: int
    negatives: int
    work: float

    @property
    def total_steps(self) -> int:
        """Steps of all epochs."""
        return self.epochs * self.steps


def plan_of(data: TowerData, settings: TowerSettings) -> Plan:
    """Epochs and kind of softmax by the work that they cost."""
    windows = windows_of(data.user)
    positions = sum(w.end - w.start for w in windows)
    predicted = sum(w.end - w.start - w.first for w in windows)
    steps = max(1, min(len(windows), round(predicted / settings.events_per_step)))
    seen = len(np.unique(data.item))
    negatives = 0 if seen <= settings.full_softmax_items else settings.negatives
    d_item, width = data.white.shape[1], settings.d_model
    per_position = 24 * width * width * (settings.layers + 1) + 4 * d_item * width
    compared = (negatives or seen) * (2 * d_item + 40)  # 40: a softmax reads and writes more than it computes
    per_step = 2 * d_item * d_item * min(data.n_items, settings.full_softmax_items * 4)
    epoch = 3 * (positions * (per_position + compared) + steps * per_step) / 1e12
    epochs = int(np.clip(settings.work / max(epoch, 1e-9), settings.least_epochs, settings.most_epochs))
    return Plan(epochs, steps, negatives, epochs * epoch)
