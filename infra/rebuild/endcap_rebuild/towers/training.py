"""Training of the user encoder: cosine softmax at every position of every history.

A run that was killed goes on after its last whole epoch and ends with the same numbers, for every epoch draws from its
own seed.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from endcap_rebuild.towers.model import Shape, Tower, tensors_of
from endcap_rebuild.towers.plan import Plan, TowerSettings
from endcap_rebuild.towers.sequences import TowerData, Window, batch_of, shuffled_ties, text_bounds_of, windows_of
from endcap_rebuild.towers.soft_labels import SoftLabels

F32 = NDArray[np.float32]
I64 = NDArray[np.int64]
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


def device_of(name: str) -> torch.device:
    """The device asked for; "auto" takes CUDA where there is one."""
    return torch.device(("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name)


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
) -> tuple[Tower, Curve]:
    """Train a model; returns it in evaluation mode on the CPU.

    Parameters
    ----------
    checkpoint : file that holds the state after the last whole epoch; ignored when it belongs to other data or settings
    progress : called after every step
    judge : asked after every epoch, for the curve alone
    """
    device = device_of(settings.device)
    with _reproducible(settings.threads):
        tower = new_tower(data, settings).to(device)
        optimiser = torch.optim.AdamW(
            tower.parameters(), settings.learning_rate, betas=(0.9, 0.98), weight_decay=settings.weight_decay
        )
        curve, run = Curve(), _fingerprint(data, settings, plan, labels)
        first = _resume(checkpoint, run, tower, optimiser, curve, device)
        epoch_of = _Epoch(data, settings, plan, labels, device)
        for epoch in range(first, plan.epochs):
            tower.train()
            losses = []
            for step, loss in enumerate(epoch_of.losses(tower, epoch)):
                rate = settings.learning_rate * _rate(epoch * plan.steps + step, plan.epochs * plan.steps)
                for group in optimiser.param_groups:
                    group["lr"] = rate
                optimiser.zero_grad(set_to_none=True)
                loss.backward()
                torch.nn.utils.clip_grad_norm_(tower.parameters(), _MAX_GRADIENT)
                optimiser.step()
                losses.append(float(loss.detach()))
                if progress is not None:
                    progress(epoch * plan.steps + step + 1, plan.epochs * plan.steps)
            curve.loss.append(math.fsum(losses) / max(1, len(losses)))
            tower.eval()
            if judge is not None:
                curve.judged.append(judge(tower))
            _save(checkpoint, run, tower, optimiser, curve)
        return tower.cpu().eval(), curve


class _Epoch:
    """The steps of one epoch after the other."""

    def __init__(
        self, data: TowerData, settings: TowerSettings, plan: Plan, labels: SoftLabels | None, device: torch.device
    ) -> None:
        self.data, self.settings, self.plan, self.labels, self.device = data, settings, plan, labels, device
        self.windows = windows_of(data.user)
        self.lengths = np.asarray([w.end - w.start for w in self.windows])
        self.predicted = self.lengths - np.asarray([w.first for w in self.windows])
        self.text_bounds = text_bounds_of(data)
        self.classes = np.unique(data.item)  # only what somebody touched can come next
        self.class_of = np.full(data.n_items, -1, dtype=np.int64)
        self.class_of[self.classes] = np.arange(len(self.classes))
        self.texts = torch.from_numpy(data.texts.white)

    def losses(self, tower: Tower, epoch: int) -> Iterator[Tensor]:
        """The loss of every step."""
        rng = np.random.default_rng([self.settings.seed, epoch])
        torch.manual_seed(int(rng.integers(1 << 62)))
        order = shuffled_ties(self.data, rng)
        data = self.data.rows(order)
        by_length = np.argsort(self.lengths + rng.uniform(0, _LENGTH_NOISE, len(self.lengths)), kind="stable")
        # Steps with about equally many predictions, however long their histories are.
        predicted = np.cumsum(self.predicted[by_length])
        borders = np.searchsorted(predicted, np.arange(1, self.plan.steps) * (predicted[-1] / self.plan.steps))
        steps = np.split(by_length, borders)
        for step in rng.permutation(len(steps)).tolist():
            windows = [self.windows[k] for k in steps[step].tolist()]
            loss = self._loss(tower, data, order, windows, rng)
            if loss is not None:
                yield loss

    def _loss(
        self, tower: Tower, data: TowerData, order: I64, windows: list[Window], rng: np.random.Generator
    ) -> Tensor | None:
        longest = max((w.end - w.start for w in windows), default=0)
        known = rng.random((len(windows), longest)) >= self.settings.unknown_now
        batch = batch_of(data, windows, self.text_bounds, known) if windows else None
        if batch is None or not batch.counts.any():
            return None
        events = batch.targets[batch.counts]
        targets = data.item[events]
        drawn = rng.integers(len(self.classes), size=self.plan.negatives)
        tensors = tensors_of(batch, self.device)
        soft = self._soft(order[events])
        compared = self.classes[drawn] if self.plan.negatives else self.classes
        vectors, place = self._vectors(tower, batch.items, targets, compared, soft[0])
        tensors["items"] = place(batch.items)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            users = tower(vectors, self.texts.to(self.device)[tensors["texts"]], tensors)[tensors["counts"]]
            users = users.float() * tower.log_temperature.exp()  # (positions, d_item)
            right = (users * F.embedding(place(targets), vectors)).sum(dim=1)
            logits = users @ F.embedding(place(compared), vectors).T
        logits = logits.float()
        if self.plan.negatives:  # uniform draws stand for all; the right answer is among them only once
            same = torch.from_numpy(compared[None, :] == targets[:, None]).to(self.device)
            logits = logits.masked_fill(same, -1e9) + math.log(len(self.classes) / self.plan.negatives)
            logits = torch.cat([right[:, None], logits], dim=1)
        total = torch.logsumexp(logits, dim=1)
        if soft[0] is None:
            return (total - right).mean()
        near = torch.einsum("pd,pkd->pk", users, F.embedding(place(soft[0]), vectors))
        if self.settings.beside_lists:
            leads = torch.from_numpy(soft[2]).to(self.device) * F.softplus(tower.trust)
            more = near + torch.log(torch.expm1(leads).clamp_min(1e-9))
            total = torch.logsumexp(torch.cat([total[:, None], more], dim=1), dim=1)
            right = right + (leads * torch.from_numpy(soft[0] == targets[:, None]).to(self.device)).sum(dim=1)
        hard = (total - right).mean()
        if not self.settings.soft_weight:
            return hard
        shares = torch.from_numpy(soft[1]).to(self.device)
        weight = self.settings.soft_weight or 0.0
        softly = (shares * (total[:, None] - near)).sum(dim=1).mean()
        return (1 - weight) * hard + weight * softly

    def _soft(self, events: I64) -> tuple[I64 | None, F32, F32]:
        """Items and shares (positions, k) of the soft labels, nothing left to items that nobody touched."""
        if self.labels is None or not (self.settings.soft_weight or self.settings.beside_lists):
            return None, np.empty(0, dtype=np.float32), np.empty(0, dtype=np.float32)
        items = self.labels.items[events].astype(np.int64)
        touched = self.class_of[items] >= 0
        shares = self.labels.shares[events].astype(np.float32) * touched
        total = shares.sum(axis=1, keepdims=True)
        leads = self.labels.leads[events].astype(np.float32) * touched
        return items, np.asarray(shares / np.where(total > 0, total, 1), dtype=np.float32), leads

    def _vectors(
        self, tower: Tower, items: I64, targets: I64, compared: I64, labels: I64 | None
    ) -> tuple[Tensor, Callable[[I64], Tensor]]:
        """Item vectors, of all items or of a large catalogue's that this step needs, and how items number them."""
        rows: Tensor | None = None
        number = None
        if self.data.n_items > 4 * self.settings.full_softmax_items:
            needed = [items.ravel(), targets, compared, *([] if labels is None else [labels.ravel()])]
            used = np.unique(np.concatenate(needed))
            rows, number = torch.from_numpy(used).to(self.device), used

        def place(wanted: I64) -> Tensor:
            found = wanted if number is None else np.searchsorted(number, wanted)
            return torch.from_numpy(np.ascontiguousarray(found)).to(self.device)

        return tower.item_vectors(rows), place


def _rate(step: int, steps: int) -> float:
    """Share of the learning rate: a short warm-up, then a cosine down to a twentieth."""
    warm = min(1.0, (step + 1) / min(_WARM_UP_STEPS, max(1, steps // 10)))
    return warm * (_LAST_RATE + (1 - _LAST_RATE) * (0.5 + 0.5 * math.cos(math.pi * step / max(1, steps))))


@contextmanager
def _reproducible(threads: int) -> Iterator[None]:
    """Algorithms that give the same sums each time, on a fixed number of threads; put back afterwards."""
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    filling = torch.utils.deterministic.fill_uninitialized_memory
    torch.utils.deterministic.fill_uninitialized_memory = False  # a safety net that costs a pass over every result
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # CUDA asks for this before it is deterministic
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        torch.use_deterministic_algorithms(before[1], warn_only=True)
        torch.utils.deterministic.fill_uninitialized_memory = filling


def _fingerprint(data: TowerData, settings: TowerSettings, plan: Plan, labels: SoftLabels | None) -> str:
    """What a checkpoint belongs to."""
    digest = hashlib.sha256(repr((sorted(asdict(settings).items()), asdict(plan), data.clock_usable)).encode())
    columns = [data.user, data.item, data.time_ms, data.kind, data.grade, data.goal, data.white]
    columns += [data.texts.user, data.texts.time_ms, data.texts.kind, data.texts.grade, data.texts.white]
    for column in columns + ([] if labels is None else [labels.items, labels.shares, labels.leads]):
        digest.update(np.ascontiguousarray(column).tobytes())
    return digest.hexdigest()


def _save(path: Path | None, run: str, tower: Tower, optimiser: torch.optim.Optimizer, curve: Curve) -> None:
    if path is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    state = {"run": run, "tower": tower.state_dict(), "optimiser": optimiser.state_dict(), "curve": asdict(curve)}
    unfinished = path.with_name(f".{path.name}.part")
    torch.save(state, unfinished)
    unfinished.replace(path)


def _resume(
    path: Path | None,
    run: str,
    tower: Tower,
    optimiser: torch.optim.Optimizer,
    curve: Curve,
    device: torch.device,
) -> int:
    """Load a checkpoint of the same run; returns the first epoch that is left to do."""
    if path is None or not path.exists():
        return 0
    try:
        state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    except Exception:  # a damaged file raises whatever the unpickler meets; then the run starts over
        return 0
    if state.get("run") != run:
        return 0
    tower.load_state_dict(state["tower"])
    optimiser.load_state_dict(state["optimiser"])
    curve.loss, curve.judged = list(state["curve"]["loss"]), list(state["curve"]["judged"])
    return len(curve.loss)
