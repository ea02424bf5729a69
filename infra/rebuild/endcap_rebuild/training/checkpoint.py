"""The state of a training in a file, from which a run that was killed goes on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch


def save_checkpoint(path: Path | None, run: str, state: Mapping[str, Any]) -> None:
    """Replace the file at once; without a path nothing is kept.

    Parameters
    ----------
    run : what the state belongs to: a digest of data and settings
    """
    if path is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.part")
    torch.save({"run": run, **state}, unfinished)
    unfinished.replace(path)


def load_checkpoint(path: Path | None, run: str, device: torch.device) -> dict[str, Any] | None:
    """The state that was saved for the same run; None where there is none, or the file is damaged."""
    if path is None or not path.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    except Exception:  # a damaged file raises whatever the unpickler meets; then the training starts over
        return None
    return state if state.get("run") == run else None
