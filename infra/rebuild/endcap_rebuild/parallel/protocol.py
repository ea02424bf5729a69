"""What the leader of a sharded rebuild asks of the other shards, and how they answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

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

    kept : what they keep from earlier jobs: its digest by its name
    """

    count: int
    kept: dict[str, str]

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

    def meet(self, first: Job) -> Any:
        """The group in which all shards train (`replicas.Replicas`); the leader's end of it.

        Parameters
        ----------
        first : what a shard does before it joins, so that whoever waits for it then waits for seconds only

        Raises
        ------
        ShardError : a shard ended, or did not come
        """


class Shard:
    """A shard that is not the leader.

    Attributes
    ----------
    index : its number, from 1
    kept : what earlier jobs have left for later ones, by name
    replicas : the group that it trains in, once it has met the others
    """

    def __init__(self, index: int, replicas: Any = None) -> None:
        self.index = index
        self.kept: dict[str, Any] = {}
        self.replicas = replicas


Job = Callable[[Shard], Any]
"""What a shard is asked to do; it is sent as bytes, so its class must be one of a module, beside what it runs."""
