"""What a shopper gets while services that lists are made through hang, trickle, fail or send half of an answer."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from endcap.aws.clients import REQUEST_PATH
from endcap.live.waiting import DEPENDENCIES_S, FAILURES, HURRIED_S, HURRY_S, READS_S, REST_S
from endcap.observability import metrics
from endcap.profiles.erasure import Erasure
from endcap.snapshot.snapshot import Snapshot
from tests.fakes.faulty_aws import FAULTS, FaultyAws, error_500, hang, reset
from tests.fakes.faulty_world import (
    CHANGES,
    COUNTERS,
    DELETED,
    DYNAMODB,
    EXPERIMENT_FILE,
    EXPOSURE,
    FILES,
    ITEMS,
    POINTER,
    PROFILE,
    S3,
    SCENARIO_FILE,
    SOLD_OUT,
    World,
    ids,
    lost,
)
from tests.fakes.moto_stack import ENVIRONMENT
from tests.fakes.toy_snapshot import CUTOFF_MS, build_toy_snapshot, toy_items

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
    S3: {"live_counts"},
    DYNAMODB: {"profile", "changes"},
    (*S3, *DYNAMODB, EXPOSURE): {"profile", "changes", "live_counts"},
}
"""The calls that fail -> what an answer has to do without, where a snapshot is loaded."""
COLD: Mapping[tuple[str, ...], set[str]] = {
    **WARM,
    (POINTER,): {"snapshot"},
    (FILES,): {"snapshot"},
    (SCENARIO_FILE,): {"scenarios"},
    (EXPERIMENT_FILE,): {"experiments"},
    S3: {"snapshot", "scenarios", "experiments"},  # and no scenario asks for chance
}
"""The same in a function that has just started."""
ROUNDING_S = 1e-9
NOBODY = (*S3, *DYNAMODB, EXPOSURE)

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics")


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return build_toy_snapshot(tmp_path_factory.mktemp("toy"))


@pytest.fixture
def world(toy: Snapshot, tmp_path: Path) -> Iterator[World]:
    environment = {**ENVIRONMENT, "SNAPSHOT_CACHE": str(tmp_path / "snapshots")}
    with patch.dict("os.environ", environment), patch.object(metrics.provider, "namespace", "endcap"):
        yield World(toy)


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


class TestBreaker:
    def test_after_some_failures_nobody_waits_until_a_probe_gets_through(self, world: World) -> None:
        world.ask()
        world.aws.faults = {PROFILE: hang}
        waited = [world.ask()[2] for _ in range(FAILURES + 2)]
        assert waited[0] >= READS_S
        assert all(HURRIED_S <= took_s < READS_S / 2 for took_s in waited[1:FAILURES])
        assert all(took_s < HURRIED_S / 2 for took_s in waited[FAILURES:])
        world.aws.calls.clear()
        body = world.ask()[1]
        assert (lost(body), PROFILE in world.aws.calls) == ({"profile"}, False)
        world.clock.spend(REST_S)
        assert [PROFILE in self.calls_of(world) for _ in range(2)] == [True, False]  # one probe, which fails
        world.aws.faults = {}
        world.clock.spend(REST_S)
        assert [lost(world.ask()[1]) for _ in range(2)] == [set(), set()]

    def test_while_a_table_hangs_one_request_in_ten_seconds_waits_for_all_its_time(self, world: World) -> None:
        for _ in range(10):  # then it knows what reads take
            world.ask()
        world.aws.faults = dict.fromkeys(DYNAMODB, hang)
        waited = []
        for second in range(60):
            world.clock.set(100.0 + second)
            waited.append(world.ask()[2])
        assert sum(took_s > HURRIED_S + 0.1 for took_s in waited) <= 60 / HURRY_S
        assert sum(took_s > 0.1 for took_s in waited) <= FAILURES + 60 / REST_S

    @staticmethod
    def calls_of(world: World) -> list[str]:
        world.aws.calls.clear()
        world.ask()
        return list(world.aws.calls)

    def test_the_rows_of_one_shopper_say_nothing_against_the_table(self, world: World) -> None:
        whole = world.aws.profiles["ann"]
        for damaged in (
            {**whole, "profile": {"B": b"\xff"}},
            {"user_id": {"S": "ann"}},
            {**whole, "version": {"N": "x"}},
        ):
            world.aws.profiles["ann"] = damaged
            for _ in range(FAILURES + 1):
                status, body, _ = world.ask()
                assert (status, lost(body)) == (200, {"profile"})
        world.aws.profiles["ann"] = whole
        assert lost(world.ask()[1]) == set()


class TestLadder:
    def test_the_list_of_the_last_promotion_is_checked_item_by_item(self, world: World, toy: Snapshot) -> None:
        world.aws.faults = {"S3 *": reset}
        status, body, _ = world.ask({"limit": "500", "exploration": "0"})
        assert status == 200
        assert body["snapshot_version"] == toy.version
        assert body["degraded"]["reason"] == "snapshot_unavailable"
        # item-20 was bought, the others are for sale
        assert set(ids(body)) == {f"item-{k}" for k in range(2, 40)} - {"item-20"}

    def test_an_item_that_could_not_be_checked_is_not_shown(self, world: World) -> None:
        whole = FaultyAws.clients

        class Partial:
            """Reads half of what it is asked for, and lists the rest as not processed."""

            def __init__(self, client: Any) -> None:
                self._client = client

            def __getattr__(self, name: str) -> Any:
                return getattr(self._client, name)

            def batch_get_item(self, *, RequestItems: dict[str, Any]) -> Any:
                ((table, asked),) = RequestItems.items()
                kept = [key for key in asked["Keys"] if key["item_id"]["S"] not in ("item-2", "item-3")]
                rest = [key for key in asked["Keys"] if key not in kept]
                answer = self._client.batch_get_item(RequestItems={table: {"Keys": kept}})
                return {**answer, "UnprocessedKeys": {table: {"Keys": rest}} if rest else {}}

        with patch.object(FaultyAws, "clients", lambda aws, service, config: Partial(whole(aws, service, config))):
            world.fresh()
            world.aws.faults = {"S3 *": reset}
            _, body, _ = world.ask({"limit": "500", "exploration": "0"})
        assert set(ids(body)) == {f"item-{k}" for k in range(4, 40)} - {"item-20"}

    def test_the_running_session_and_the_filter_count_on_the_lower_rung(self, world: World) -> None:
        world.aws.faults = dict.fromkeys(("S3 *", PROFILE), error_500)
        query = {"limit": 5, "filter": "price > 10", "interactions": [{"event_type": "view", "item_id": "item-14"}]}
        status, body, _ = world.call("recommend", "POST", "/recommendations", {}, {**query, "user_id": "ann"})
        assert status == 200
        assert lost(body) == {"snapshot", "experiments", "profile", "scenarios"}
        assert body["degraded"]["reason"] == "profile_unavailable"
        assert body["source"] == "personal"
        assert all(int(item_id.removeprefix("item-")) >= 10 for item_id in ids(body))
        plain = world.call("recommend", "POST", "/recommendations", {}, {"limit": 5, "filter": "price > 10"})[1]
        assert ids(body) != ids(plain)

    def test_items_that_a_request_names_are_looked_up(self, world: World) -> None:
        world.aws.put_item(next(iter(toy_items(41)[40:])), CUTOFF_MS + 5)  # not among the popular ones
        world.aws.faults = {"S3 *": reset}
        asked = {"item_ids": ["item-40", "item-5", DELETED, "nothing"]}
        status, body, _ = world.call("recommend", "POST", "/users/{user_id}/rankings", {}, asked)
        assert status == 200
        known = {item["item_id"]: (item["known"], item["available"]) for item in body["items"]}
        assert known["item-40"] == known["item-5"] == (True, True)
        assert not known[DELETED][1]
        assert not known["nothing"][1]

    def test_the_snapshot_takes_over_as_soon_as_it_is_loaded(self, world: World) -> None:
        world.aws.faults = {"S3 *": hang}
        assert lost(world.ask()[1]) >= {"snapshot"}
        world.aws.faults = {}
        world.clock.spend(60)
        world.ask()  # takes over that the first try has failed, and begins another one
        assert "snapshot" not in lost(world.ask()[1])

    def test_health_is_about_the_snapshot(self, world: World) -> None:
        world.aws.faults = {"S3 *": error_500}
        world.ask()
        assert world.call("recommend", "GET", "/health", {})[0] == 503
        world.aws.faults = {}
        world.clock.spend(60)
        assert world.call("recommend", "GET", "/health", {})[0] == 200

    def test_before_the_first_promotion_there_is_nothing_to_show(self, world: World) -> None:
        del world.aws.objects["snapshots/current.json"]
        status, body, _ = world.ask()
        assert (status, body["detail"]) == (
            503,
            "no snapshot has been promoted yet: import or rebuild a shop",
        )
        assert ITEMS not in world.aws.calls


def test_what_went_since_stays_away_when_the_snapshot_changes_and_the_table_hangs(world: World, tmp_path: Path) -> None:
    assert not {DELETED, SOLD_OUT} & set(ids(world.ask({"limit": "500"})[1]))
    newer = build_toy_snapshot(tmp_path / "newer", 41)
    world.aws.put_snapshot(newer.directory, newer.version)
    world.aws.faults = {CHANGES: hang}
    for _ in range(4):
        world.clock.spend(60)
        _, body, took_s = world.ask({"limit": "500"})
        assert took_s <= DEPENDENCIES_S + ROUNDING_S
        assert not {DELETED, SOLD_OUT} & set(ids(body))
    assert body["snapshot_version"] == newer.version


MANAGED: Mapping[str, tuple[str, str, Any]] = {
    "say": ("PUT", "/users/{user_id}", {"preferences": {"colour": "red"}}),
    "see": ("GET", "/users/{user_id}/profile", None),
    "export": ("GET", "/users/{user_id}/export", None),
    "erase": ("DELETE", "/users/{user_id}", None),
}
WRITES = "PutItem ProfilesTable"
MANAGE_S = 3.0
"""Three calls, each at most a second late; a call that does not answer ends the request."""


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("call", [PROFILE, WRITES, ITEMS])
@pytest.mark.parametrize("route", MANAGED)
def test_what_shoppers_manage_answers_in_time_and_says_when_it_could_not(
    world: World, route: str, call: str, fault: str
) -> None:
    method, path, asked = MANAGED[route]
    before = dict(world.aws.profiles)
    world.aws.faults = {call: FAULTS[fault]}
    status, body, took_s = world.call("manage_users", method, path, {}, asked)
    assert took_s <= MANAGE_S
    reached = call == PROFILE or (call == WRITES) == (route in ("say", "erase"))
    unharmed = fault == "slow" or call == ITEMS or not reached or (call == WRITES and fault == "garbage")
    damaged = call == PROFILE and fault == "garbage"  # trying again would not help
    put_off = 202 if route == "erase" else 503
    assert status == (200 if unharmed else 500 if damaged else put_off), body
    if not unharmed and call != PROFILE:
        assert world.aws.profiles == before  # nothing is said to be done that was not, nor the other way round
    if status == 202:
        erasure = Erasure("ann", body["deleted_at"])
        assert (body["status"], [json.loads(sent) for sent in world.aws.sent]) == ("accepted", [erasure.document()])


@pytest.mark.parametrize("store", [WRITES, "Put erasures", "UpdateItem ErasuresTable"])
def test_an_erasure_that_neither_a_store_nor_the_queue_takes_is_not_said_to_be_accepted(
    world: World, store: str
) -> None:
    world.aws.faults = {store: hang, "SendMessage": error_500}
    assert world.call("manage_users", "DELETE", "/users/{user_id}", {})[0] == 503
    world.aws.faults = {store: hang}
    assert world.call("manage_users", "DELETE", "/users/{user_id}", {})[0] == 202
    assert len(world.aws.sent) == 1


def test_the_limits_of_calls_that_a_caller_waits_for(world: World) -> None:
    longest_s = REQUEST_PATH.retries["total_max_attempts"] * (REQUEST_PATH.connect_timeout + REQUEST_PATH.read_timeout)  # type: ignore[attr-defined]
    assert longest_s <= DEPENDENCIES_S + ROUNDING_S <= 0.8 + 2 * ROUNDING_S
