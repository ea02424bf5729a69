"""Training of the user encoder: cosine softmax at every position of every history.

A run that was killed goes on after its last whole epoch and ends with the same numbers, for every epoch draws from its
own seed.
"""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from endcap_rebuild.parallel.protocol import Crew, Shard, ShardError
from endcap_rebuild.parallel.replicas import Replicas
from endcap_rebuild.training.checkpoint import load_checkpoint, save_checkpoint
from endcap_rebuild.training.device import device_of, reproducible
from endcap_rebuild.user_encoder.loss import NextItemLoss
from endcap_rebuild.user_encoder.model import Shape, Tower
from endcap_rebuild.user_encoder.plan import Plan, TowerSettings
from endcap_rebuild.user_encoder.sequences import TowerData, shuffled_ties, windows_of
from endcap_rebuild.user_encoder.soft_labels import SoftLabels

Progress = Callable[[int, int], None]  # done, total
Judge = Callable[[Tower], float]

_LENGTH_NOISE: Final = 8.0  # windows of nearly one length share a step, but not always the same ones
_WARM_UP_STEPS: Final = 100
_LAST_RATE: Final = 0.05  # of the learning rate
_MAX_GRADIENT: Final = 5.0


@dataclass
class Curve:
    """Loss of each epoch and, where somebody judged, what they found."""

    loss: list[float] = field(default_factory=list)
    judged: list[float] = field(default_factory=list)


def new_tower(data: TowerData, settings: TowerSettings) -> Tower:
    """An untrained model for the data; its first numbers depend on the seed alone."""
    torch.manual_seed(settings.seed)
    shape = Shape(data.n_items, data.white.shape[1], settings.d_model, settings.heads, settings.layers)
    touched = np.bincount(data.item, minlength=data.n_items) > 0
    return Tower(shape, torch.from_numpy(data.white), torch.from_numpy(touched), settings.dropout, settings.id_dropout)


def fit_tower(
    data: TowerData,
    settings: TowerSettings,
    plan: Plan,
    checkpoint: Path | None = None,
    labels: SoftLabels | None = None,
    progress: Progress | None = None,
    judge: Judge | None = None,
    crew: Crew | None = None,
) -> tuple[Tower, Curve]:
    """Train a model; returns it in evaluation mode on the CPU.

    Parameters
    ----------
    checkpoint : file that holds the state after the last whole epoch; ignored when it belongs to other data or settings
    progress : called after every step
    judge : asked after every epoch, for the curve alone
    crew : other shards to train with: each step's histories are divided among all, and their gradients added up, so
        that the model is the same but for rounding and for what dropout drew

    Raises
    ------
    InvalidInputError : CUDA is asked for and there is none
    ShardError : another shard has ended or does not answer
    """
    device = device_of(settings.device)
    replicas = None if crew is None else crew.meet(LoadTorch())
    curve = Curve()
    with reproducible(settings.threads):
        training = _Training(data, settings, plan, labels, device)
        run = _fingerprint(data, settings, plan, labels, 1 if crew is None else crew.count)
        if (saved := load_checkpoint(checkpoint, run, device)) is not None:
            training.load(saved)
            curve = Curve(**saved["curve"])
        first = len(curve.loss)
        if crew is not None and replicas is not None:
            crew.send([Train(data, settings, plan, labels, first, _state_of(training))] * (crew.count - 1))
            training.join(replicas)
        try:
            for epoch in range(first, plan.epochs):
                curve.loss.append(training.epoch(epoch, progress))
                if judge is not None:
                    curve.judged.append(judge(training.tower))
                save_checkpoint(checkpoint, run, {**training.state(), "curve": asdict(curve)})
        except ShardError:
            if crew is not None:
                crew.answers()  # knows better what has become of the shard
            raise
        if crew is not None:
            crew.answers()
        return training.tower.cpu().eval(), curve


@dataclass(frozen=True)
class LoadTorch:
    """Import what training needs: whoever reads this command has done so, for it lives in this module."""

    def __call__(self, _: Shard) -> None:
        pass


@dataclass(frozen=True)
class Train:
    """Take part in the training that the leader runs by `fit_tower`, from `first` on; keeps nothing.

    state : `_state_of` the leader's training
    """

    data: TowerData
    settings: TowerSettings
    plan: Plan
    labels: SoftLabels | None
    first: int
    state: bytes

    def __call__(self, shard: Shard) -> None:
        with reproducible(self.settings.threads):
            training = _Training(self.data, self.settings, self.plan, self.labels, device_of(self.settings.device))
            training.join(shard.replicas)
            training.load(torch.load(io.BytesIO(self.state), map_location=training.device, weights_only=True))
            for epoch in range(self.first, self.plan.epochs):
                training.epoch(epoch, None)


class _Training:
    """A model in training, one epoch after the other."""

    def __init__(
        self, data: TowerData, settings: TowerSettings, plan: Plan, labels: SoftLabels | None, device: torch.device
    ) -> None:
        self.data, self.settings, self.plan = data, settings, plan
        self.device = device
        self.replicas: Replicas | None = None
        self.windows = windows_of(data.user)
        self.lengths = np.asarray([w.end - w.start for w in self.windows])
        self.predicted = self.lengths - np.asarray([w.first for w in self.windows])
        self.loss = NextItemLoss(data, settings, plan, labels)
        self.tower = new_tower(data, settings).to(device)
        self.optimiser = torch.optim.AdamW(
            self.tower.parameters(), settings.learning_rate, betas=(0.9, 0.98), weight_decay=settings.weight_decay
        )

    def join(self, replicas: Replicas) -> None:
        """Train with others."""
        self.replicas, state = replicas, self.state()
        self.device = replicas.own_device(self.device)
        self.tower.to(self.device)
        self.load(state)

    def state(self) -> dict[str, Any]:
        """What a training goes on from."""
        return {"tower": self.tower.state_dict(), "optimiser": self.optimiser.state_dict()}

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from a state."""
        self.tower.load_state_dict(state["tower"])
        self.optimiser.load_state_dict(state["optimiser"])

    def epoch(self, epoch: int, progress: Progress | None) -> float:
        """Train for one epoch; returns the mean loss of its steps."""
        plan, losses = self.plan, []
        self.tower.train()
        for step, loss in enumerate(self._losses(self.tower, epoch)):
            rate = self.settings.learning_rate * _rate(epoch * plan.steps + step, plan.total_steps)
            for group in self.optimiser.param_groups:
                group["lr"] = rate
            self.optimiser.zero_grad(set_to_none=True)
            if loss is not None:
                loss.backward()
            if self.replicas is not None:
                losses.append(self.replicas.sum_gradients(self.tower, loss))
            elif loss is not None:
                losses.append(float(loss.detach()))
            torch.nn.utils.clip_grad_norm_(self.tower.parameters(), _MAX_GRADIENT)
            self.optimiser.step()
            if progress is not None:
                progress(epoch * plan.steps + step + 1, plan.total_steps)
        self.tower.eval()
        return math.fsum(losses) / max(1, len(losses))

    def _losses(self, tower: Tower, epoch: int) -> Iterator[Tensor | None]:
        """This process's share of the loss of every step; None where it has nothing to predict in it."""
        rng = np.random.default_rng([self.settings.seed, epoch])
        torch.manual_seed(int(rng.integers(1 << 62)) + self.rank)  # each replica drops out other units
        order = shuffled_ties(self.data, rng)
        data = self.data.rows(order)
        by_length = np.argsort(self.lengths + rng.uniform(0, _LENGTH_NOISE, len(self.lengths)), kind="stable")
        # Steps with about equally many predictions, however long their histories are.
        predicted = np.cumsum(self.predicted[by_length])
        borders = np.searchsorted(predicted, np.arange(1, self.plan.steps) * (predicted[-1] / self.plan.steps))
        steps = np.split(by_length, borders)
        for step in rng.permutation(len(steps)).tolist():
            windows = [self.windows[k] for k in steps[step].tolist()]
            longest = max((w.end - w.start for w in windows), default=0)
            known = rng.random((len(windows), longest)) >= self.settings.unknown_now
            worth = [int((data.goal[w.start + 1 + w.first : w.end + 1] > 0).sum()) for w in windows]
            if not sum(worth):
                continue
            drawn = rng.integers(len(self.loss.classes), size=self.plan.negatives)
            if self.count == 1:
                yield self.loss(tower, data, order, windows, known, drawn, self.device)
                continue
            own = slice(self.rank, None, self.count)  # they are sorted by length, so that all get about as much
            part = sum(worth[own])
            loss = self.loss(tower, data, order, windows[own], known[own], drawn, self.device) if part else None
            yield None if loss is None else loss * (part / sum(worth))

    @property
    def rank(self) -> int:
        """This process's number among those that train together."""
        return self.replicas.rank if self.replicas else 0

    @property
    def count(self) -> int:
        """How many train together."""
        return self.replicas.count if self.replicas else 1


def _rate(step: int, steps: int) -> float:
    """Share of the learning rate: a short warm-up, then a cosine down to a twentieth."""
    warm = min(1.0, (step + 1) / min(_WARM_UP_STEPS, max(1, steps // 10)))
    return warm * (_LAST_RATE + (1 - _LAST_RATE) * (0.5 + 0.5 * math.cos(math.pi * step / max(1, steps))))


def _fingerprint(data: TowerData, settings: TowerSettings, plan: Plan, labels: SoftLabels | None, shards: int) -> str:
    """What a checkpoint belongs to."""
    digest = hashlib.sha256(repr((sorted(asdict(settings).items()), asdict(plan), data.clock_usable, shards)).encode())
    columns = [data.user, data.item, data.time_ms, data.event_type, data.grade, data.goal, data.white]
    columns += [data.texts.user, data.texts.time_ms, data.texts.kind, data.texts.grade, data.texts.white]
    for column in columns + ([] if labels is None else [labels.items, labels.shares]):
        digest.update(np.ascontiguousarray(column).tobytes())
    return digest.hexdigest()


def _state_of(training: _Training) -> bytes:
    buffer = io.BytesIO()
    torch.save(training.state(), buffer)
    return buffer.getvalue()
