"""Shards on several hosts, connected by torch.distributed at MASTER_ADDR and MASTER_PORT.

Shards wait for a job at the store of the leader, which may take hours between two of them, and pass what they work on
through gloo, where whoever does not come within minutes counts as dead.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import timedelta
from types import TracebackType
from typing import Any, Final

from endcap.errors import InvalidInputError
from endcap_rebuild.parallel.protocol import Job, Meeting, Shard
from endcap_rebuild.parallel.replicas import Replicas

_LONGEST_PAUSE: Final = timedelta(hours=12)


class HostCrew:
    """Shards 1 to `count - 1` on other hosts; tells them to end when it is left."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.kept: dict[str, str] = {}
        self._jobs = 0

    def __enter__(self) -> HostCrew:
        self._replicas = Replicas.joined(meeting_of(self.count), 0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:  # else the others are in the midst of something, and learn it by the closed connection
            self.send([None] * (self.count - 1))
        self._replicas.leave()

    def send(self, jobs: Sequence[Job | None]) -> None:
        """Give each shard its job."""
        self._jobs += 1
        self._replicas.announce(f"job-{self._jobs}")
        self._replicas.scatter([None, *jobs])

    def answers(self) -> list[Any]:
        """What each shard has answered to its last job."""
        return self._replicas.gather(None)[1:]

    def meet(self, _: Job) -> Replicas:
        """The group in which all shards train: the one that connects them anyway, so that nothing comes first."""
        return self._replicas


def meeting_of(count: int) -> Meeting:
    """Where MASTER_ADDR and MASTER_PORT say.

    Raises
    ------
    InvalidInputError : there is no port
    """
    port = os.environ.get("MASTER_PORT", "")
    if not port.isdigit():
        raise InvalidInputError("MASTER_ADDR is set, but MASTER_PORT is no port")
    return Meeting(os.environ["MASTER_ADDR"], int(port), count)


def work(index: int, count: int) -> None:
    """Do what the leader sends until it says that it is done.

    Raises
    ------
    ShardError : the leader or another shard ended
    """
    replicas = Replicas.joined(meeting_of(count), index)
    shard, done = Shard(index, replicas), 0
    while True:
        done += 1
        replicas.await_announced(f"job-{done}", _LONGEST_PAUSE)
        job = replicas.scatter(None)
        if job is None:
            replicas.leave()
            return
        replicas.gather(job(shard))
