"""Whatever services do, and whenever they begin and end to do it: lists come in time and show nothing that has gone."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from endcap.live.waiting import DEPENDENCIES_S
from endcap.observability import metrics
from endcap.snapshot.snapshot import Snapshot
from tests.fakes.effort import examples, proved
from tests.fakes.faulty_aws import FAULTS
from tests.fakes.faulty_world import (
    CHANGES,
    COUNTERS,
    DELETED,
    EXPERIMENT_FILE,
    EXPOSURE,
    FILES,
    ITEMS,
    POINTER,
    PROFILE,
    SCENARIO_FILE,
    SOLD_OUT,
    World,
    ids,
    lost,
)
from tests.fakes.moto_stack import ENVIRONMENT
from tests.fakes.toy_snapshot import build_toy_snapshot

VARIANTS = 22
CALLS = (PROFILE, CHANGES, COUNTERS, ITEMS, EXPOSURE, POINTER, FILES, SCENARIO_FILE, EXPERIMENT_FILE, "S3 *", "Query *")
ROUNDING_S = 1e-9
ASKED: tuple[tuple[str, str, Mapping[str, str], Any], ...] = (
    ("GET", "/users/{user_id}/recommendations", {"scenario": "home"}, None),
    ("GET", "/users/{user_id}/recommendations", {"limit": "500"}, None),
    ("POST", "/recommendations", {}, {"user_id": "ann", "limit": 20, "filter": "price > 4"}),
    ("GET", "/search", {"q": "red mug", "limit": "20"}, None),
    ("GET", "/trending", {"limit": "20"}, None),
    ("POST", "/users/{user_id}/rankings", {}, {"item_ids": ["item-5", "item-6"]}),
)

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics")


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return build_toy_snapshot(tmp_path_factory.mktemp("toy"))


@pytest.fixture
def _environment(tmp_path: Path) -> Iterator[None]:
    environment = {**ENVIRONMENT, "SNAPSHOT_CACHE": str(tmp_path / "snapshots")}
    with patch.dict("os.environ", environment), patch.object(metrics.provider, "namespace", "endcap"):
        yield


@proved
@pytest.mark.usefixtures("_environment")
def test_no_run_of_faults_makes_a_list_late_wrong_or_an_error(toy: Snapshot) -> None:
    outcomes: set[tuple[int, frozenset[str]]] = set()
    for seed in range(examples(VARIANTS)):
        chance, world = random.Random(seed), World(toy)
        if seed % 3:
            world.ask()
        for step in range(5):
            world.aws.faults = {
                call: FAULTS[chance.choice(list(FAULTS))] for call in chance.sample(CALLS, chance.randrange(len(CALLS)))
            }
            world.clock.spend(chance.choice((0.05, 1, 11, 61, 300)))
            method, path, query, body = chance.choice(ASKED)
            about = (seed, step, path, {name: fault.__name__ for name, fault in world.aws.faults.items()})
            status, answer, took_s = world.call("recommend", method, path, query, body)
            assert took_s <= DEPENDENCIES_S + ROUNDING_S, about
            assert status == 200 or (status == 503 and seed % 3 == 0), (about, answer)
            outcomes.add((status, frozenset(lost(answer))))
            if status == 200 and not {"changes", "snapshot"} & lost(answer) and "rankings" not in path:
                assert not {DELETED, SOLD_OUT} & set(ids(answer)), about
        world.aws.faults = {}
        for _ in range(3):  # what was begun ends, what is open is tried again
            world.clock.spend(301)
            status, answer, _ = world.ask()
        assert (status, lost(answer)) == (200, set()), seed
    assert len(outcomes) > 5  # the faults have met something
