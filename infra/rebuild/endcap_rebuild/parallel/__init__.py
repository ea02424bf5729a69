"""Several processes that share one rebuild: shard 0 leads, the others encode texts and train beside it.

The leader alone reads the data, runs the steps and writes. The others need no data: whatever they work on is sent to
them. On one machine the leader starts them and talks through pipes. Where MASTER_ADDR names the leader's host, as
torchrun sets it, every host runs the same command with its own shard, and torch.distributed connects them.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from endcap.errors import InvalidInputError
from endcap_rebuild.parallel.protocol import Crew, ShardError
from endcap_rebuild.settings import RebuildSettings

__all__ = ["Crew", "ShardError", "crew_of", "on_other_hosts", "placed"]


def placed(settings: RebuildSettings, environment: Mapping[str, str] = os.environ) -> RebuildSettings:
    """The settings with the shard that torchrun's RANK and WORLD_SIZE name, where they are set.

    Raises
    ------
    InvalidInputError : there is no such shard, or the environment has another number of them
    """
    if settings.shards < 1 or not 0 <= settings.shard < settings.shards:
        raise InvalidInputError(f"there is no shard {settings.shard} of {settings.shards}; the first is 0")
    rank, world = environment.get("RANK"), environment.get("WORLD_SIZE")
    if rank is None or world is None:
        return settings
    if not (rank.isdigit() and world.isdigit() and int(rank) < int(world)):
        raise InvalidInputError(f"RANK={rank} and WORLD_SIZE={world} name no shard")
    if settings.shards not in (1, int(world)):
        raise InvalidInputError(f"{settings.shards} shards were asked for, but WORLD_SIZE is {world}")
    return replace(settings, shards=int(world), shard=int(rank))


def on_other_hosts(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the other shards are started elsewhere, and meet at MASTER_ADDR."""
    return bool(environment.get("MASTER_ADDR"))


@contextmanager
def crew_of(settings: RebuildSettings) -> Iterator[Crew | None]:
    """The other shards, for the leader; None where there are none to work with.

    Other hosts can be reached by torch alone. Without it, which only the fast budget does, the leader works by itself:
    one core encodes some hundred texts a second, and a text is encoded once ever.

    Raises
    ------
    ShardError : a shard did not start, or ended, or did not answer in time
    """
    if settings.shards == 1:
        yield None
    elif not on_other_hosts():
        from endcap_rebuild.parallel.local import LocalCrew

        with LocalCrew(settings.shards) as crew:
            yield crew
    elif importlib.util.find_spec("torch") is None:
        yield None
    else:
        from endcap_rebuild.parallel.hosts import HostCrew

        with HostCrew(settings.shards) as hosts:
            yield hosts
