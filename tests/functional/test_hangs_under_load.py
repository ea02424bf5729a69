"""How long lists take while DynamoDB fails and more shoppers ask than environments could keep waiting."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import pytest

from endcap.live.waiting import HURRIED_S, HURRY_S, READS_S, REST_S
from endcap.observability import metrics
from endcap.snapshot.snapshot import Snapshot
from tests.fakes.faulty_aws import FAULTS, SLOW_S, USUAL_S, Failure, taking, throttling
from tests.fakes.faulty_world import DYNAMODB, World, lost
from tests.fakes.moto_stack import ENVIRONMENT
from tests.fakes.toy_snapshot import build_toy_snapshot

ENVIRONMENTS = 4
PER_S = 14.0
"""Lists that are asked for, as in a soak with `--rate 21`; here all of them want a profile."""
OUTAGE_S = HURRY_S + REST_S
"""Long enough for probes of both kinds, hurried and patient."""
WARM_UP = 6
"""Lists of an environment after which it knows what reads take."""
LOADED_S = 0.2
"""What a read takes on a machine that is short of processors."""

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics")


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return build_toy_snapshot(tmp_path_factory.mktemp("toy"))


@dataclass
class Served:
    """One request: when it came, how long it waited for an environment and its answer, what that lacks."""

    due_s: float
    latency_s: float
    lost: set[str]


class Pool:
    """Environments that serve one request at a time and stand still meanwhile; the last one used is used next."""

    def __init__(self, toy: Snapshot) -> None:
        self._worlds = [World(toy) for _ in range(ENVIRONMENTS)]
        self._free_s = dict.fromkeys(range(ENVIRONMENTS), 0.0)

    def warm_up(self) -> None:
        """Rank some times in each environment."""
        for world in self._worlds:
            for _ in range(WARM_UP):
                assert not lost(world.ask()[1])
        self._free_s = {n: world.clock.now_s for n, world in enumerate(self._worlds)}

    def fail(self, fault: Failure | None) -> None:
        for world in self._worlds:
            world.aws.faults = dict.fromkeys(DYNAMODB, fault) if fault else {}

    def ask(self, due_s: float) -> Served:
        free = [n for n, free_s in self._free_s.items() if free_s <= due_s]
        n = max(free, key=lambda k: self._free_s[k]) if free else min(self._free_s, key=lambda k: self._free_s[k])
        world = self._worlds[n]
        world.clock.set(max(due_s, self._free_s[n]))
        status, body, _ = world.ask()
        assert status == 200
        self._free_s[n] = world.clock.now_s
        return Served(due_s, world.clock.now_s - due_s, lost(body))

    def serve(self, from_s: float, seconds: float) -> list[Served]:
        return [self.ask(from_s + k / PER_S) for k in range(round(seconds * PER_S))]


@pytest.fixture(autouse=True)
def settings(tmp_path: Path) -> Iterator[None]:
    environment = {**ENVIRONMENT, "SNAPSHOT_CACHE": str(tmp_path / "snapshots")}
    with patch.dict("os.environ", environment), patch.object(metrics.provider, "namespace", "endcap"):
        yield


@pytest.fixture
def pool(toy: Snapshot) -> Pool:
    return Pool(toy)


@pytest.mark.parametrize("fault", ["hang", "slow", "throttle"])  # the others cost nobody any time
def test_no_list_takes_much_longer_than_one_that_waits_in_vain(pool: Pool, fault: str) -> None:
    # GIVEN environments that have all ranked before
    pool.warm_up()
    # WHEN the tables do not answer any more
    pool.fail(FAULTS[fault])
    served = pool.serve(60.0, OUTAGE_S)
    # THEN each environment waits once in vain, and whoever comes meanwhile does not wait again
    assert max(one.latency_s for one in served) < READS_S + HURRIED_S
    assert sum(one.latency_s for one in served) / len(served) < HURRIED_S
    assert "profile" in served[-1].lost
    # AND WHEN they answer again, lists are whole soon after
    pool.fail(None)
    after = pool.serve(60.0 + OUTAGE_S, 2 * REST_S)
    assert not any(one.lost for one in after if one.due_s > 60.0 + OUTAGE_S + REST_S + 1)


@pytest.mark.parametrize("seed", range(4))
def test_a_call_that_is_throttled_and_fails_late_keeps_one_list_of_each_environment_waiting(
    pool: Pool, seed: int
) -> None:
    pool.warm_up()
    # WHEN botocore tries again after any time up to a second, and in vain
    pool.fail(throttling(1.0, random.Random(seed)))
    served = pool.serve(60.0, HURRY_S)
    # THEN whoever comes after the first that has waited for it does not wait as long again
    assert max(one.latency_s for one in served) < READS_S + HURRIED_S
    assert sum(one.latency_s > 2 * HURRIED_S + USUAL_S for one in served) <= 3 * ENVIRONMENTS


@pytest.mark.parametrize("share", [0.3, 0.6])
def test_where_some_calls_are_throttled_the_wait_of_the_hurried_does_not_grow(pool: Pool, share: float) -> None:
    pool.warm_up()
    # GIVEN tables that answer now and then, many of these answers late
    pool.fail(throttling(share, random.Random(5)))
    pool.serve(60.0, OUTAGE_S)
    # WHEN they hang
    pool.fail(FAULTS["hang"])
    served = pool.serve(60.0 + OUTAGE_S, OUTAGE_S)
    # THEN it costs no more than if they had answered in time before
    assert max(one.latency_s for one in served) < READS_S + HURRIED_S
    assert sum(one.latency_s for one in served) / len(served) < HURRIED_S


def test_on_a_loaded_machine_one_late_answer_costs_the_next_lists_nothing(toy: Snapshot) -> None:
    # GIVEN a machine on which every read takes its time, though all is well
    world = World(toy)
    world.aws.faults = dict.fromkeys(DYNAMODB, taking(LOADED_S))
    for _ in range(WARM_UP):
        world.clock.spend(1)
        assert not lost(world.ask()[1])
    # WHEN one answer is late
    world.aws.faults = dict.fromkeys(DYNAMODB, taking(SLOW_S))
    world.clock.spend(2)
    assert lost(world.ask()[1]) == {"profile", "changes"}
    world.aws.faults = dict.fromkeys(DYNAMODB, taking(LOADED_S))
    # THEN the lists after it have the shopper's profile
    for _ in range(round(HURRY_S)):
        world.clock.spend(1)
        assert "profile" not in lost(world.ask()[1])
