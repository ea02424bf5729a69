"""The processes of local shards, for tests that kill one."""

from __future__ import annotations

from endcap_rebuild.parallel.local import LocalCrew


def pid_of(crew: LocalCrew, shard: int) -> int:
    """The process id of a shard, numbered from 1."""
    return crew._processes[shard - 1].pid
