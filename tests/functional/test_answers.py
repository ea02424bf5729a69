"""What goes with every list: what it is counted and recorded as, and what becomes of it where a part of it fails."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest

from endcap.aws.profiles import ProfileTable
from endcap.errors import InvalidRequestError
from endcap.live.ladder import Ladder
from endcap.observability import metrics
from endcap.profiles.consent import refusal
from endcap.profiles.profile import UserProfile
from endcap.pseudonyms import PseudonymKeys
from endcap.recommend.pipeline import recommend_lists
from endcap.serving import answers, materials, requests
from endcap.snapshot.snapshot import Snapshot
from tests.fakes.faulty_aws import error_500, reset
from tests.fakes.faulty_world import EXPOSURE, PROFILE, World, ids, lost
from tests.fakes.functions import load_app
from tests.fakes.moto_stack import ENVIRONMENT
from tests.fakes.toy_snapshot import DAY_MS, build_toy_snapshot

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics")
Counts = dict[str, float]
UPSIDE_DOWN = {"popularity": -5.0, "trend": 0.0}


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return build_toy_snapshot(tmp_path_factory.mktemp("toy"))


@pytest.fixture
def world(toy: Snapshot, tmp_path: Path) -> Iterator[World]:
    environment = {**ENVIRONMENT, "SNAPSHOT_CACHE": str(tmp_path / "snapshots")}
    with (
        patch.dict("os.environ", environment),
        patch.multiple(metrics.provider, namespace="endcap", service="endcap"),
    ):
        yield World(toy)


@pytest.fixture
def records(world: World) -> list[dict[str, Any]]:
    """The records of the lists that are shown, as they come in."""
    found: list[dict[str, Any]] = []
    world.app("recommend").runtime.exposures = SimpleNamespace(put=found.extend)
    return found


@pytest.fixture
def counts(capsys: pytest.CaptureFixture[str]) -> Callable[[], Counts]:
    """Name of a metric -> sum of what was counted since the last look."""

    def counted() -> Counts:
        totals: Counts = defaultdict(float)
        for line in capsys.readouterr().out.splitlines():
            said = json.loads(line) if '"_aws"' in line else {}
            for block in said.get("_aws", {}).get("CloudWatchMetrics", ()):
                for metric in block["Metrics"]:
                    totals[metric["Name"]] += sum(said[metric["Name"]])
        return dict(totals)

    return counted


def post(world: World, **body: Any) -> Any:
    status, answer, _ = world.call("recommend", "POST", "/recommendations", {}, {"limit": 5, **body})
    assert status == 200, answer
    return answer


def configure(world: World, *experiments: dict[str, Any]) -> None:
    world.aws.objects["config/experiments.json"] = json.dumps({"experiments": experiments}).encode()


def beside(world: World, folder: Path) -> Snapshot:
    """Another snapshot of the bucket than the current one."""
    other, current = build_toy_snapshot(folder / "other", 41), world.aws.objects["snapshots/current.json"]
    world.aws.put_snapshot(other.directory, other.version)
    world.aws.objects["snapshots/current.json"] = current
    return other


def at(monkeypatch: pytest.MonkeyPatch, now_ms: int) -> None:
    """Lists are made at this moment."""
    for module in (requests, materials, answers):
        monkeypatch.setattr(module, "time", SimpleNamespace(time=lambda: now_ms / 1000))


class TestCounts:
    def test_of_answers_that_lack_nothing(self, world: World, counts: Callable[[], Counts]) -> None:
        post(world, user_id="ann")
        found = counts()
        assert found["Recommendations"] == 1
        assert not found.keys() & {"DegradedAnswers", "ExposuresLost", "ExposuresUnnamed"}

    def test_lists_each_and_an_answer_that_lacks_something_once(
        self, world: World, counts: Callable[[], Counts]
    ) -> None:
        world.aws.faults = {PROFILE: error_500}
        post(world, user_id="ann", requests=[{}, {"limit": 2}])
        found = counts()
        assert (found["Recommendations"], found["DegradedAnswers"]) == (2, 1)

    def test_a_record_that_could_not_be_kept(self, world: World, counts: Callable[[], Counts]) -> None:
        world.aws.faults = {EXPOSURE: error_500}
        assert lost(post(world, user_id="ann")) == set()
        assert counts()["ExposuresLost"] == 1

    @pytest.mark.parametrize(("age_ms", "days"), [(3 * DAY_MS, 3.0), (0, 0.0), (-DAY_MS, 0.0)])
    def test_how_old_the_snapshot_is(
        self,
        world: World,
        toy: Snapshot,
        monkeypatch: pytest.MonkeyPatch,
        counts: Callable[[], Counts],
        age_ms: int,
        days: float,
    ) -> None:
        at(monkeypatch, toy.catalog_as_of_ms + age_ms)
        post(world)
        assert counts()["SnapshotAgeDays"] == days

    def test_no_age_while_no_snapshot_can_be_read(self, world: World, counts: Callable[[], Counts]) -> None:
        world.aws.faults = {"S3 *": reset}
        assert "snapshot" in lost(post(world))
        assert "SnapshotAgeDays" not in counts()


class TestRecords:
    def test_say_who_and_when(self, world: World, records: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
        at(monkeypatch, 1_790_000_000_000)
        answer = post(world, user_id="ann")
        (record,) = records
        assert (record["user_id"], record["at_ms"]) == ("ann", 1_790_000_000_000)
        assert [item["item_id"] for item in record["items"]] == ids(answer)

    def test_name_nobody_who_refuses_or_does_not_want_it(self, world: World, records: list[Any]) -> None:
        post(world, user_id="ann", personalization="off")
        table = ProfileTable(None, ENVIRONMENT["PROFILES_TABLE"])
        world.aws.profiles["ann"] = table.row("ann", UserProfile(consent=refusal(1)), 4)
        post(world, user_id="ann")
        assert ["user_id" in record for record in records] == [False, False]

    def test_name_nobody_of_whom_it_is_not_known(self, world: World, records: list[Any]) -> None:
        world.aws.faults = {PROFILE: error_500}
        post(world, user_id="ann")
        assert ["user_id" in record for record in records] == [False]

    def test_have_pseudonyms_or_none_while_their_keys_are_away(
        self, world: World, records: list[Any], counts: Callable[[], Counts]
    ) -> None:
        keys = PseudonymKeys({1: b"k" * 64})
        runtime = world.app("recommend").runtime
        runtime.pseudonyms = SimpleNamespace(begin=lambda: None, keys=lambda: keys)
        post(world, user_id="ann")
        assert "ExposuresUnnamed" not in counts()
        runtime.pseudonyms = SimpleNamespace(begin=lambda: None, keys=lambda: None)
        post(world, user_id="ann", personalization="off")  # has none anyway
        assert "ExposuresUnnamed" not in counts()
        post(world, user_id="ann")
        assert counts()["ExposuresUnnamed"] == 1
        assert [record.get("pseudonym") for record in records] == [keys.of("ann"), None, None]
        assert not any("user_id" in record for record in records)


@dataclass
class Ranking:
    """In the place of the ranking: fails for what `fails` says, of the profile and the first request.

    Attributes
    ----------
    error : with which
    tries : how often lists were to be made
    """

    fails: Callable[[UserProfile, Any], bool]
    error: type[Exception] = ValueError
    tries: int = 0

    def __call__(self, snapshot: Snapshot, profile: UserProfile, requests: Any, *more: Any) -> Any:
        self.tries += 1
        if self.fails(profile, requests[0]):
            raise self.error("something in particular")
        return recommend_lists(snapshot, profile, requests, *more)


class TestFailures:
    def test_a_profile_that_can_not_be_worked_with_is_left_out(
        self, world: World, records: list[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        of_nobody = ids(post(world))
        monkeypatch.setattr(answers, "recommend_lists", Ranking(lambda profile, _: bool(profile.interactions)))
        answer = post(world, user_id="ann")
        assert (ids(answer), answer["profile_version"], lost(answer)) == (of_nobody, 0, {"profile"})
        assert "user_id" not in records[-1]

    @pytest.mark.parametrize(("body", "tries"), [({}, 1), ({"user_id": "ann"}, 2)])
    def test_what_fails_without_a_profile_too_is_said_to(
        self, world: World, monkeypatch: pytest.MonkeyPatch, body: dict[str, Any], tries: int
    ) -> None:
        ranking = Ranking(lambda *_: True)
        monkeypatch.setattr(answers, "recommend_lists", ranking)
        assert world.call("recommend", "POST", "/recommendations", {}, body)[0] == 500
        assert ranking.tries == tries

    @pytest.mark.parametrize("user_id", ["ann", "somebody-new"])
    def test_a_variant_that_fails_in_a_way_nobody_thought_of_costs_no_answer(
        self, world: World, records: list[Any], monkeypatch: pytest.MonkeyPatch, user_id: str
    ) -> None:
        plain = post(world, user_id=user_id)
        configure(world, {"name": "blend", "variants": [{"name": "v", "share": 1.0, "weights": UPSIDE_DOWN}]})
        world.clock.spend(60)
        monkeypatch.setattr(answers, "recommend_lists", Ranking(lambda _, request: bool(request.weights)))
        post(world, user_id=user_id)  # begins to read what is configured
        answer = post(world, user_id=user_id)
        assert (ids(answer), answer["variant"], lost(answer)) == (ids(plain), "v", set())
        assert answer["profile_version"] == plain["profile_version"]
        assert records[-1]["not_served"] == "failed"

    @pytest.mark.parametrize(("error", "logged"), [(ValueError, 1), (InvalidRequestError, 0)])
    def test_only_what_nobody_thought_of_is_logged_as_a_fault(
        self, world: World, monkeypatch: pytest.MonkeyPatch, error: type[Exception], logged: int
    ) -> None:
        configure(world, {"name": "blend", "variants": [{"name": "v", "share": 1.0, "weights": UPSIDE_DOWN}]})
        faults: list[str] = []
        monkeypatch.setattr(answers, "fault", lambda what, exc: faults.append(f"{what}: {type(exc).__name__}"))
        monkeypatch.setattr(answers, "recommend_lists", Ranking(lambda _, request: bool(request.weights), error))
        assert post(world, user_id="somebody-new")["variant"] == "v"
        assert faults == ["list not made with the variant: ValueError"] * logged


class TestExperiments:
    @pytest.mark.parametrize(
        ("start_h", "end_h", "runs"), [(None, None, True), (-1, 1, True), (1, 2, False), (-2, -1, False)]
    )
    def test_run_from_their_start_to_their_end(
        self, world: World, start_h: int | None, end_h: int | None, runs: bool
    ) -> None:
        now_s = int(time.time())
        when = {"start": start_h, "end": end_h}
        said = {name: now_s + 3600 * hours for name, hours in when.items() if hours is not None}
        configure(world, {"name": "blend", "variants": [{"name": "v", "share": 1.0}], **said})
        told = world.call("recommend", "GET", "/parameters", {})[1]["experiments"]
        assert [one["name"] for one in told] == ["blend"] * runs
        assert ("experiment" in post(world, user_id="ann")) == runs

    def test_a_variants_snapshot_serves_its_lists_alone_among_several(
        self, world: World, toy: Snapshot, tmp_path: Path
    ) -> None:
        other = beside(world, tmp_path)
        variant = {"name": "v", "share": 1.0, "snapshot": other.version}
        configure(world, {"name": "blend", "surfaces": ["together"], "variants": [variant]})
        together = {"relation": "together", "items": ["item-6"]}
        post(world, user_id="ann")  # begins to load the other snapshot
        world.clock.spend(60)
        lists = post(world, user_id="ann", requests=[{}, together, {}])["lists"]
        assert [one["snapshot_version"] for one in lists] == [toy.version, other.version, toy.version]

    def test_a_variant_whose_scenario_is_gone_is_not_half_served_by_its_snapshot(
        self, world: World, toy: Snapshot, records: list[Any], tmp_path: Path
    ) -> None:
        other = beside(world, tmp_path)
        whole = {"name": "whole", "share": 0.5, "snapshot": other.version}
        half = {"name": "half", "share": 0.5, "snapshot": other.version, "scenario": "gone"}
        configure(world, {"name": "blend", "variants": [whole, half]})
        served = defaultdict(set)
        for user in (f"u{n}" for n in range(12)):
            post(world, user_id=user)  # begins to load the other snapshot
            world.clock.spend(60)
            answer = post(world, user_id=user)
            served[answer["variant"]].add((answer["snapshot_version"], records[-1].get("not_served")))
        assert served == {"whole": {(other.version, None)}, "half": {(toy.version, "scenario_unavailable")}}


class TestMaterials:
    def test_are_what_a_list_would_be_made_from(
        self, world: World, toy: Snapshot, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        at(monkeypatch, 1_790_000_000_000)
        runtime = world.app("recommend").runtime
        found = materials.materials(runtime, requests.request_parser(runtime).body({"user_id": "ann"}))
        assert (found.snapshot.version, found.stored.version, found.live) == (toy.version, 3, None)
        assert found.now_ms == 1_790_000_000_000
        assert PROFILE in world.aws.calls

    def test_of_nobody_need_no_profile_and_of_what_is_in_demand_the_counts(self, world: World) -> None:
        runtime = world.app("recommend").runtime
        found = materials.materials(runtime, requests.request_parser(runtime).body({"window": "24h"}))
        assert (found.stored.version, PROFILE in world.aws.calls) == (0, False)
        assert found.live is not None
        assert set(found.live.demands) == {"24h"}


@pytest.mark.parametrize("function", ["recommend", "storefront"])
@pytest.mark.parametrize(
    ("how", "ahead"), [("on-demand", [False]), ("provisioned-concurrency", [True]), ("snap-start", [True]), ("", [])]
)
def test_a_start_takes_its_time_only_where_no_request_waits_for_it(function: str, how: str, ahead: list[bool]) -> None:
    started: list[bool] = []
    environment = {**ENVIRONMENT, "AWS_LAMBDA_INITIALIZATION_TYPE": how}
    with (
        patch.dict("os.environ", environment),
        patch.object(Ladder, "start", lambda _, *, ahead: started.append(ahead)),
    ):
        load_app(function)
    assert started == ahead
