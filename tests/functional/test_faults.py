"""What a shopper gets while services that lists are made through hang, trickle, fail or send half of an answer."""

from __future__ import annotations

import importlib.util
import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest

from endcap.aws.clients import REQUEST_PATH
from endcap.aws.items import ItemTable
from endcap.aws.profiles import ProfileTable
from endcap.events.interaction import Interaction
from endcap.live.waiting import DEPENDENCIES_S, FAILURES, REST_S, Waiting
from endcap.observability import metrics
from endcap.profiles.profile import profile_of
from endcap.snapshot.promote import popular_list
from endcap.snapshot.snapshot import Snapshot
from tests.fakes.faulty_aws import FAULTS, FaultyAws, error_500, hang, reset
from tests.fakes.moto_stack import BUCKET, ENVIRONMENT
from tests.fakes.toy_snapshot import CUTOFF_MS, build_toy_snapshot, toy_items
from tests.fakes.virtual_time import VirtualClock, VirtualWorkers

FUNCTIONS = Path(__file__).parents[2] / "functions"
CONTEXT = SimpleNamespace(
    function_name="function",
    memory_limit_in_mb=512,
    invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:function",
    aws_request_id="request",
)
SCENARIOS = {"home": {"limit": 5, "exploration": 0.4}}
DELETED, SOLD_OUT = "item-0", "item-1"
"""The most popular items, which have gone since the snapshot."""

PROFILE, CHANGES, COUNTERS = "GetItem ProfilesTable", "Query ItemsTable", "Query CountersTable"
ITEMS, EXPOSURE = "BatchGetItem ItemsTable", "PutRecord"
POINTER, FILES = "S3 snapshots/current.json", "S3 snapshots/2*"
SCENARIO_FILE, EXPERIMENT_FILE = "S3 config/scenarios.json", "S3 config/experiments.json"
S3 = ("S3 *",)
DYNAMODB = ("GetItem *", "Query *", "BatchGetItem *")

WARM: Mapping[tuple[str, ...], set[str]] = {
    (PROFILE,): {"profile"},
    (CHANGES,): {"changes"},
    (COUNTERS,): {"live_counts"},
    (ITEMS,): set(),
    (EXPOSURE,): set(),
    (POINTER,): set(),
    (FILES,): set(),
    (SCENARIO_FILE,): set(),
    (EXPERIMENT_FILE,): set(),
    S3: set(),
    DYNAMODB: {"profile", "changes", "live_counts"},
    (*S3, *DYNAMODB, EXPOSURE): {"profile", "changes", "live_counts"},
}
"""The calls that fail -> what an answer has to do without, where a snapshot is loaded."""
COLD: Mapping[tuple[str, ...], set[str]] = {
    **WARM,
    (POINTER,): {"snapshot"},
    (FILES,): {"snapshot"},
    (SCENARIO_FILE,): {"scenarios"},
    (EXPERIMENT_FILE,): {"experiments"},
    S3: {"snapshot", "scenarios", "experiments"},
}
"""The same in a function that has just started."""
ROUNDING_S = 1e-9
NOBODY = (*S3, *DYNAMODB, EXPOSURE)

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics")


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return build_toy_snapshot(tmp_path_factory.mktemp("toy"))


class World:
    """Functions on an account in memory, in virtual time."""

    def __init__(self, toy: Snapshot) -> None:
        self.clock = VirtualClock()
        self.aws = FaultyAws(self.clock)
        self.aws.put_snapshot(toy.directory, toy.version)
        self.aws.objects["config/scenarios.json"] = json.dumps(SCENARIOS).encode()
        self.aws.objects["config/experiments.json"] = b'{"experiments": []}'
        for item in toy_items():
            self.aws.put_item(item, CUTOFF_MS - 1)
        self.aws.delete_item(DELETED, CUTOFF_MS + 1)
        sold_out = next(item for item in toy_items() if item.item_id == SOLD_OUT)
        self.aws.put_item(_unavailable(sold_out), CUTOFF_MS + 1)
        popular = popular_list(toy)
        self.aws.items["\0popular"] = {
            "item_id": {"S": "\0popular"},
            "changed_at": {"N": "0"},
            "snapshot_version": {"S": popular.version},
            "popular_items": {"S": json.dumps(popular.items)},
        }
        bought = Interaction("e1", "ann", "purchase", int(time.time() * 1000) - 3_600_000, "item-20")
        table = ProfileTable(None, ENVIRONMENT["PROFILES_TABLE"])
        self.aws.profiles["ann"] = table.row("ann", profile_of([bought], None), 3)
        self._apps: dict[str, ModuleType] = {}

    def ask(self, query: Mapping[str, str] | None = None) -> tuple[int, Any, float]:
        """Ask for ann's list: status, body, seconds that it took."""
        query = {"scenario": "home", **(query or {})}
        return self.call("recommend", "GET", "/users/{user_id}/recommendations", query)

    def call(self, function: str, method: str, path: str, query: Mapping[str, str], body: Any = None) -> Any:
        event = {
            "version": "2.0",
            "routeKey": f"{method} {path}",
            "rawPath": path,
            "rawQueryString": "",
            "headers": {},
            "pathParameters": {"user_id": "ann"} if "{user_id}" in path else {},
            "queryStringParameters": dict(query),
            "requestContext": {"http": {"method": method, "path": path}, "stage": "$default"},
            "isBase64Encoded": False,
            **({} if body is None else {"body": json.dumps(body)}),
        }
        began_s = self.clock.now_s
        answer = self._app(function).handler(event, CONTEXT)
        assert answer["statusCode"] < 500 or answer["headers"]["Retry-After"] == "1"
        return answer["statusCode"], json.loads(answer["body"]), self.clock.now_s - began_s

    def _app(self, name: str) -> ModuleType:
        if name not in self._apps:
            spec = importlib.util.spec_from_file_location(f"{name}_app", FUNCTIONS / name / "app.py")
            assert spec is not None
            assert spec.loader is not None
            app = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(app)
            waiting = Waiting(VirtualWorkers(self.clock), self.clock)
            app.runtime = app.runtime.with_clients(self.aws.clients, waiting)
            self._apps[name] = app
        return self._apps[name]

    def restart(self) -> None:
        """Functions start anew."""
        self._apps.clear()


def _unavailable(item: Any) -> Any:
    from dataclasses import replace

    return replace(item, available=False)


@pytest.fixture
def world(toy: Snapshot, tmp_path: Path) -> Iterator[World]:
    environment = {**ENVIRONMENT, "SNAPSHOT_CACHE": str(tmp_path / "snapshots")}
    with patch.dict("os.environ", environment), patch.object(metrics.provider, "namespace", "endcap"):
        yield World(toy)


def lost(body: Any) -> set[str]:
    return set(body.get("degraded", {}).get("lost", ()))


def ids(body: Any) -> list[str]:
    return [item["item_id"] for item in body["items"]]


def broken(calls: tuple[str, ...], fault: str) -> dict[str, Any]:
    return dict.fromkeys(calls, FAULTS[fault])


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("calls", WARM, ids="+".join)
def test_a_warm_function_answers_in_time_and_names_what_it_lacks(
    world: World, calls: tuple[str, ...], fault: str
) -> None:
    status, body, _ = world.ask()
    assert (status, lost(body)) == (200, set())
    world.clock.spend(60)  # all that is followed is due again
    world.aws.faults = broken(calls, fault)
    for number in range(5):
        status, body, took_s = world.ask()
        assert status == 200
        assert took_s <= DEPENDENCIES_S + ROUNDING_S
        # What comes late for one is there for the next.
        assert lost(body) == WARM[calls] if fault != "slow" or number == 0 else lost(body) <= WARM[calls]
        assert len(ids(body)) == 5
        assert not {DELETED, SOLD_OUT} & set(ids(body))
        world.clock.spend(1)
    world.aws.faults = {}
    for _ in range(3):  # what was begun ends, what is open is tried again
        world.clock.spend(60)
        status, body, _ = world.ask()
    assert (status, lost(body)) == (200, set())


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("calls", COLD, ids="+".join)
def test_a_cold_function_answers_in_time_and_names_what_it_lacks(
    world: World, calls: tuple[str, ...], fault: str
) -> None:
    world.aws.faults = broken(calls, fault)
    status, body, took_s = world.ask()
    assert took_s <= DEPENDENCIES_S + ROUNDING_S
    if calls == NOBODY:
        assert (status, body["status"]) == (503, 503)
        return
    assert status == 200
    assert lost(body) == COLD[calls]
    if "changes" not in lost(body):  # then nobody could say what has gone since
        assert not {DELETED, SOLD_OUT} & set(ids(body))
