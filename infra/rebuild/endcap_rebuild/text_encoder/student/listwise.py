"""Training by lists: in each step the texts of a batch are ranked against one another, as somebody says they should be.

The loss of a row is the cross entropy between the wanted shares and the softmax of its cosines with all others of the
step. With what shoppers put together as shares this is the contrastive loss with several positives and in-batch
negatives (InfoNCE); with a teacher's own softmax it distils rankings. Vectors are whitened as they are served.
References: van den Oord et al., arXiv 1807.03748; Cui et al., DLLM2Rec, arXiv 2405.00338 (rankings, not vectors).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from endcap_rebuild.text.whitening import fit_whitening
from endcap_rebuild.text_encoder.student.models import TextModel
from endcap_rebuild.text_encoder.student.pairs import Step
from endcap_rebuild.text_encoder.student.plan import StudentSettings
from endcap_rebuild.training.checkpoint import load_checkpoint, save_checkpoint
from endcap_rebuild.training.device import device_of, reproducible

Progress = Callable[[int, int], None]  # done, total
Steps = Callable[[np.random.Generator], Step]

_CHECKPOINT_EVERY: Final = 20
_WHITENED_ON: Final = 1_000
_DIM: Final = 128
_WARM_UP: Final = 0.1
_MAX_GRADIENT: Final = 1.0


def trained_parameters(model: TextModel, settings: StudentSettings) -> dict[str, nn.Parameter]:
    """The parameters of the last layers, by name; everything else is frozen."""
    layers = list(model.layers)
    chosen = {id(p) for layer in layers[len(layers) - settings.trained_layers :] for p in layer.parameters()}
    for parameter in model.module.parameters():
        parameter.requires_grad_(id(parameter) in chosen)
    return {name: p for name, p in model.module.named_parameters() if p.requires_grad}


def train_by_lists(
    model: TextModel,
    texts: Sequence[str],
    steps: Steps,
    count: int,
    rate: float,
    settings: StudentSettings,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
    drawn_from: Sequence[NDArray[Any]] = (),
    whitened_on: Sequence[str] | None = None,
) -> list[float]:
    """Train a model in place; returns the loss of each step. The model ends on the CPU.

    Parameters
    ----------
    steps : draws a step's texts and shares; step k always gets the same generator
    count : number of steps
    checkpoint : file that holds the state after every few steps; ignored when it belongs to another training
    drawn_from : what the steps are made of, so that a state of other data is told apart
    whitened_on : texts that vectors are whitened by; all where None
    """
    device = device_of(settings.device)
    with reproducible(settings.threads):
        trained = trained_parameters(model, settings)
        model.module.to(device).eval()  # no dropout: the wanted rankings are noise enough
        head = _head(model, texts if whitened_on is None else whitened_on, settings, device)
        optimiser = torch.optim.AdamW(trained.values(), rate, weight_decay=0.01)
        data = [hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest() for array in drawn_from]
        run = hashlib.sha256(repr((model.sha256, settings, count, rate, list(texts), data)).encode()).hexdigest()
        losses: list[float] = []
        if (saved := load_checkpoint(checkpoint, run, device)) is not None:
            with torch.no_grad():
                for name, value in saved["trained"].items():
                    trained[name].copy_(value)
            optimiser.load_state_dict(saved["optimiser"])
            losses = list(saved["losses"])
        for step in range(len(losses), count):
            for group in optimiser.param_groups:
                group["lr"] = rate * _share(step, count)
            drawn = steps(np.random.default_rng([settings.seed, step]))
            loss = _loss(model, texts, drawn, head, settings, device)
            optimiser.zero_grad(set_to_none=True)
            if loss is not None:
                loss.backward()
                torch.nn.utils.clip_grad_norm_(list(trained.values()), _MAX_GRADIENT)
                optimiser.step()
            losses.append(math.nan if loss is None else float(loss.detach()))
            if (step + 1) % _CHECKPOINT_EVERY == 0:
                numbers = {name: p.detach().cpu() for name, p in trained.items()}
                state = {"trained": numbers, "optimiser": optimiser.state_dict(), "losses": losses}
                save_checkpoint(checkpoint, run, state)
            if progress is not None:
                progress(step + 1, count)
        model.module.cpu()
    return losses


def _head(
    model: TextModel, texts: Sequence[str], settings: StudentSettings, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Whitening of the untrained model's vectors, on a sample."""
    chosen = np.unique(np.linspace(0, len(texts) - 1, min(len(texts), _WHITENED_ON)).astype(np.int64))
    sample = [texts[k] for k in chosen.tolist() if texts[k]]
    with torch.no_grad():
        parts = [model.vectors(sample[k : k + 64], settings.tokens).cpu() for k in range(0, len(sample), 64)]
    whitening = fit_whitening(torch.cat(parts).numpy(), _DIM)
    return torch.from_numpy(whitening.mean).to(device), torch.from_numpy(whitening.projection).to(device)


def _loss(
    model: TextModel,
    texts: Sequence[str],
    step: Step,
    head: tuple[Tensor, Tensor],
    settings: StudentSettings,
    device: torch.device,
) -> Tensor | None:
    wanted = torch.from_numpy(step.wanted).to(device)
    asks = wanted.sum(dim=1) > 0
    if not bool(asks.any()):
        return None
    with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
        vectors = model.vectors([texts[row] for row in step.rows.tolist()], settings.tokens)
    mean, projection = head
    white = F.normalize((vectors.float() - mean) @ projection, dim=1)
    logits = white @ white.T / settings.temperature
    logits = logits.masked_fill(torch.eye(len(logits), dtype=torch.bool, device=device), -1e9)
    if step.competing is not None:
        logits = logits.masked_fill(~torch.from_numpy(step.competing).to(device)[None, :], -1e9)
    return -(wanted * F.log_softmax(logits, dim=1)).sum(dim=1)[asks].mean()


def _share(step: int, count: int) -> float:
    """Share of the learning rate: warm-up, then a cosine down to nothing."""
    warm = max(1, round(_WARM_UP * count))
    return min(1.0, (step + 1) / warm) * (0.5 + 0.5 * math.cos(math.pi * step / count))
