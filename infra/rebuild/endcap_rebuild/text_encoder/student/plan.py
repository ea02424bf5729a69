"""How large the training of a student is: one rule for all data, and one set of sizes per kind of device. No torch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np


@dataclass(frozen=True)
class StudentSettings:
    """How teacher and student are trained.

    Attributes
    ----------
    tokens : of a text that both read in training, special ones included
    texts : of a step
    partners : texts drawn beside each anchor of a step
    trained_layers : the last ones of each model; words, positions and the layers below stay as they are
    work : floating point operations of each of the two trainings, in units of 10^12
    most_passes : times that a text is read at most, whatever the work budget allows
    temperature : of the cosines in both losses
    """

    tokens: int = 48
    texts: int = 96
    partners: int = 2
    trained_layers: int = 2
    work: float = 12.0
    least_steps: int = 20
    most_passes: int = 8
    teacher_rate: float = 1e-4
    student_rate: float = 2e-4
    temperature: float = 0.1
    seed: int = 0
    device: str = "auto"
    threads: int = 1


ON_CUDA: Final = {"tokens": 128, "texts": 512, "partners": 3, "trained_layers": 6, "work": 4_000.0}


def settings_for(device: str, seed: int, threads: int) -> StudentSettings:
    """The sizes for a kind of device, "cpu" or "cuda"."""
    settings = StudentSettings(seed=seed, device=device, threads=threads)
    return replace(settings, **ON_CUDA) if device == "cuda" else settings  # type: ignore[arg-type]


def steps_of(n_texts: int, per_token: float, settings: StudentSettings) -> int:
    """How many steps the work budget buys.

    Parameters
    ----------
    n_texts : texts that there are to read
    per_token : floating point operations that a token costs in a step
    """
    step = per_token * settings.texts * settings.tokens / 1e12
    passes = settings.most_passes * n_texts / settings.texts
    return int(max(settings.least_steps, min(settings.work / step, passes)))


def texts_per_step(n_texts: int, settings: StudentSettings) -> int:
    """A step never holds more than half of a small catalogue: what it leaves out is what it is told apart from."""
    return int(np.clip(n_texts // 2, 4, settings.texts))
