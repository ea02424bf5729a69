"""The processes that train one model together: gradients are summed over them, on nccl where each has a GPU of its own.

Reference: Li et al., PyTorch Distributed, VLDB 2020 (arXiv 2006.15704).
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import torch
import torch.distributed as dist
from torch import Tensor, nn

from endcap_rebuild.parallel.protocol import STEP_TIMEOUT_S, Meeting, Shard, ShardError

_STEP_TIMEOUT: Final = timedelta(seconds=STEP_TIMEOUT_S)


class Replicas:
    """This process among those that train together.

    Attributes
    ----------
    rank, count : its number, and how many there are
    """

    def __init__(self, rank: int, count: int) -> None:
        self.rank, self.count = rank, count
        self._on_gpus: Any = None

    @classmethod
    def joined(cls, meeting: Meeting, rank: int, timeout: timedelta = _STEP_TIMEOUT) -> Replicas:
        """Meet the others; waits until all have come.

        Raises
        ------
        ShardError : they did not come in time
        """
        with _explained():
            dist.init_process_group(
                "gloo",
                init_method=f"tcp://{meeting.host}:{meeting.port}",
                rank=rank,
                world_size=meeting.count,
                timeout=timeout,
            )
        return cls(rank, meeting.count)

    def leave(self) -> None:
        """Close the connections to the others."""
        dist.destroy_process_group()

    def announce(self, name: str) -> None:
        """Tell whoever waits for `name`."""
        with _explained():
            _store().set(name, "1")

    def await_announced(self, name: str, longest: timedelta) -> None:
        """Wait until it is told."""
        with _explained():
            _store().wait([name], longest)

    def scatter(self, values: Sequence[Any] | None) -> Any:
        """The value that rank 0 has for this process; the others pass None."""
        own: list[Any] = [None]
        with _explained():
            dist.scatter_object_list(own, None if values is None else list(values), src=0)
        return own[0]

    def gather(self, value: Any) -> list[Any]:
        """Everybody's value by rank, on rank 0; an empty list elsewhere."""
        found: list[Any] | None = [None] * self.count if self.rank == 0 else None
        with _explained():
            dist.gather_object(value, found, dst=0)
        return found or []

    def own_device(self, device: torch.device) -> torch.device:
        """The GPU that this process takes where there are several; agrees with the others on how to sum."""
        if device.type == "cuda" and torch.cuda.device_count() > 1:
            device = torch.device("cuda", self.rank % torch.cuda.device_count())
        places: list[Any] = [None] * self.count
        with _explained():
            dist.all_gather_object(places, (socket.gethostname(), str(device)) if device.type == "cuda" else None)
            # nccl refuses two processes on one GPU; then sums go through gloo and the CPU.
            if self._on_gpus is None and None not in places and len(set(places)) == self.count:
                self._on_gpus = dist.new_group(backend="nccl", timeout=_STEP_TIMEOUT)
        return device

    def sum_gradients(self, model: nn.Module, loss: Tensor | None) -> float:
        """Sum the gradients and the loss over all processes; a process without a loss counts as zero."""
        parameters = list(model.parameters())
        flat = [(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in parameters]
        flat.append(parameters[0].new_zeros(1) if loss is None else loss.detach().reshape(1).to(flat[0].dtype))
        total = torch.cat(flat)
        moved = total if self._on_gpus is not None else total.cpu()
        with _explained():
            dist.all_reduce(moved, group=self._on_gpus)
        parts = moved.to(total.device).split([len(part) for part in flat])
        for parameter, part in zip(parameters, parts, strict=False):
            parameter.grad = part.view_as(parameter).clone()
        return float(parts[-1])


@dataclass(frozen=True)
class Join:
    """Join the group in which all shards train; it goes on without an answer when all have come."""

    meeting: Meeting

    def __call__(self, shard: Shard) -> None:
        shard.replicas = Replicas.joined(self.meeting, shard.index)


def _store() -> Any:
    return dist.distributed_c10d._get_default_store()


@contextmanager
def _explained() -> Iterator[None]:
    """torch.distributed's errors as ours; it raises RuntimeError and ValueError, each with a text of many lines."""
    try:
        yield
    except (RuntimeError, ValueError) as exc:
        said = str(exc).strip().splitlines() or [type(exc).__name__]
        raise ShardError(f"another shard has ended or does not answer: {said[0][:300]}") from exc
