"""What the leader of a sharded rebuild asks of the other shards, and how they answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from endcap.encoders.text import TextEncoder
from endcap.errors import EndcapError

STEP_TIMEOUT_S: Final = 600
"""Longest wait for a shard that was given something to do; then it counts as dead."""


class ShardError(EndcapError):
    """A shard of a rebuild ended, or did not answer in time."""


@dataclass(frozen=True)
class Meeting:
    """Where the shards form their group of torch.distributed: host and port of the leader."""

    host: str
    port: int
    count: int


class Crew(Protocol):
    """The other shards, numbered 1 to `count - 1`, as the leader sees them.

    encoder : sha256 of the text encoder that they hold
    """

    count: int
    encoder: str | None

    def send(self, jobs: Sequence[Job]) -> None:
        """Give each shard its job.

        Raises
        ------
        ShardError : a shard has ended
        """

    def answers(self) -> list[Any]:
        """What each shard has answered to its last job.

        Raises
        ------
        ShardError : a shard ended, or did not answer in time
        """

    def meet(self) -> Any:
        """The group in which all shards train (`replicas.Replicas`); the leader's end of it.

        Raises
        ------
        ShardError : a shard ended, or did not come
        """


class Shard:
    """A shard that is not the leader.

    Attributes
    ----------
    index : its number, from 1
    encoder : the text encoder that it was told to use
    replicas : the group that it trains in, once it has met the others
    """

    def __init__(self, index: int, replicas: Any = None) -> None:
        self.index = index
        self.encoder: TextEncoder | None = None
        self.replicas = replicas


Job = Callable[[Shard], Any]
"""What a shard is asked to do; it is sent as bytes, so it must be one of the classes below."""


@dataclass(frozen=True)
class LoadTorch:
    """Import what training needs, so that whoever then waits for this shard to join waits for seconds only."""

    def __call__(self, _: Shard) -> None:
        import endcap_rebuild.user_encoder.training  # noqa: F401


@dataclass(frozen=True)
class Join:
    """Join the group in which all shards train; it goes on without an answer when all have come."""

    meeting: Meeting

    def __call__(self, shard: Shard) -> None:
        from endcap_rebuild.parallel.replicas import Replicas

        shard.replicas = Replicas.joined(self.meeting, shard.index)


@dataclass(frozen=True)
class Train:
    """Train beside the leader, who holds the same; `run` is what `user_encoder.training` sends."""

    run: Any

    def __call__(self, shard: Shard) -> None:
        from endcap_rebuild.user_encoder.training import train_beside

        train_beside(self.run, shard.replicas)
