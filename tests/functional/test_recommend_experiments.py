"""Experiments in the recommend function: what a variant changes, what is said and logged of it, what goes wrong."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from endcap.aws.snapshots import SnapshotBucket
from endcap.snapshot.parts import TermWeight, Weights
from tests.fakes import moto_stack
from tests.fakes.functions import published, stack_for_functions
from tests.fakes.toy_snapshot import build_toy_snapshot
from tests.functional.test_recommend import RECOMMENDATIONS, Environment, ids, put_scenarios

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics")
UPSIDE_DOWN = {"popularity": -5.0, "trend": 0.0}
SCENARIOS = {
    "home": {"limit": 4, "weights": {"trend": 0.0}},
    "home-2": {"limit": 4, "weights": UPSIDE_DOWN},
    "cart": {"relation": "together"},
    "broken": {"filter": "colour = 'red'"},
}


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SnapshotBucket]:
    folder = tmp_path_factory.mktemp("experiments")
    with stack_for_functions(folder):
        put_scenarios(SCENARIOS)
        yield published(folder)


def configured(*variants: dict[str, Any], **more: Any) -> Environment:
    """A new environment of the function under an experiment whose one variant, if it is one, everybody gets."""
    given = [{"name": f"v{k}", "share": 1 / len(variants)} | variant for k, variant in enumerate(variants)]
    document = {"experiments": [{"name": "blend", "variants": given} | more]}
    put_experiments(json.dumps(document).encode())
    return Environment()


def put_experiments(data: bytes) -> None:
    moto_stack.client("s3").put_object(Bucket=moto_stack.BUCKET, Key="config/experiments.json", Body=data)


def ask(call: Environment, **body: Any) -> Any:
    status, answer = call("POST", "/recommendations", body)
    assert status == 200, answer
    return answer


def exposed(answer: Any) -> dict[str, Any]:
    lines = [json.loads(line) for data in moto_stack.objects("exposures/").values() for line in data.splitlines()]
    (record,) = [line for line in lines if line["recommendation_id"] == answer["recommendation_id"]]
    return {name: record[name] for name in ("experiment", "variant", "unit", "not_served") if name in record}


@pytest.fixture
def plain(bucket: SnapshotBucket) -> Environment:
    put_experiments(b'{"experiments": []}')
    return Environment()


def test_without_experiments_nothing_is_said_of_them(plain: Environment) -> None:
    answer = ask(plain, user_id="ann")
    assert not {"experiment", "variant"} & set(answer)
    assert exposed(answer) == {}
    assert plain("GET", "/parameters")[1]["experiments"] == []


def test_weights_of_a_variant_change_the_order_and_are_logged(plain: Environment) -> None:
    control = ids(ask(plain, user_id="ann", limit=500))
    call = configured({"weights": UPSIDE_DOWN})
    answer = ask(call, user_id="ann", limit=500)
    assert ids(answer) != control
    assert (answer["experiment"], answer["variant"]) == ("blend", "v0")
    assert exposed(answer) == {"experiment": "blend", "variant": "v0", "unit": "ann"}
    assert ids(call("GET", RECOMMENDATIONS, user_id="ann", limit=500)[1]) == ids(answer)


def test_each_shopper_gets_one_variant_for_good_whichever_call_is_made(bucket: SnapshotBucket) -> None:
    call = configured({}, {})
    variants = {user: ask(call, user_id=user)["variant"] for user in (f"u{n}" for n in range(20))}
    assert set(variants.values()) == {"v0", "v1"}
    again = configured({}, {})
    for user, variant in variants.items():
        assert again("GET", "/search", q="red", user_id=user)[1]["variant"] == variant
        lists = ask(again, user_id=user, requests=[{}, {"relation": "together", "items": ["item-6"]}])["lists"]
        assert [one["variant"] for one in lists] == [variant, variant]
        ranked = again("POST", "/users/{user_id}/rankings", {"item_ids": ["item-1", "what"]}, user_id=user)[1]
        assert (ranked["variant"], ids(ranked)) == (variant, ["item-1", "what"])


def test_who_has_no_id_and_what_is_as_of_a_moment_takes_no_part(bucket: SnapshotBucket) -> None:
    call = configured({"weights": UPSIDE_DOWN})
    assert "experiment" not in ask(call)
    assert "experiment" not in ask(call, user_id="ann", as_of=time.time() - 60)
    assert "experiment" not in call("GET", "/trending")[1]
    assert exposed(ask(call, session_id="s-1"))["unit"] == "s-1"
    event = {"event_type": "view", "item_id": "item-3", "anonymous_id": "visitor-1"}
    assert exposed(ask(call, interactions=[event]))["unit"] == "visitor-1"
    status, problem = call("POST", "/recommendations", {"requests": [{"session_id": "s-1"}]})
    assert (status, problem["errors"][0]["field"]) == (400, "requests.0.session_id")


def test_a_scenario_of_a_variant_replaces_the_experiments_own_and_the_request_comes_first(plain: Environment) -> None:
    call = configured({"scenario": "home-2"}, scenario="home")
    other = ask(plain, user_id="ann", scenario="home-2")
    assert ids(ask(call, user_id="ann", scenario="home")) == ids(other)
    assert len(ids(ask(call, user_id="ann", scenario="home", limit=2))) == 2
    assert "experiment" not in ask(call, user_id="ann")
    assert "experiment" not in ask(call, user_id="ann", scenario="home-2")


def test_weights_of_a_variant_lie_over_those_of_the_scenario(plain: Environment) -> None:
    call = configured({"weights": {"popularity": -5.0}})
    assert ids(ask(call, user_id="kim", scenario="home")) == ids(ask(plain, user_id="kim", scenario="home-2"))


@pytest.mark.parametrize(
    ("variant", "reason"),
    [
        ({"scenario": "gone"}, "scenario_unavailable"),
        ({"scenario": "cart"}, "failed"),
        ({"scenario": "broken"}, "failed"),
        ({"snapshot": "never-built", "weights": UPSIDE_DOWN}, "snapshot_unavailable"),
    ],
)
def test_a_variant_that_can_not_be_served_is_answered_as_if_there_were_none(
    plain: Environment, variant: dict[str, Any], reason: str
) -> None:
    call = configured(variant)
    answer = ask(call, user_id="ann")
    assert ids(answer) == ids(ask(plain, user_id="ann"))
    assert answer["variant"] == "v0"
    assert exposed(answer)["not_served"] == reason


def test_an_error_of_the_request_stays_one(bucket: SnapshotBucket) -> None:
    call = configured({"weights": UPSIDE_DOWN})
    status, problem = call("POST", "/recommendations", {"user_id": "ann", "filter": "colour = 'red'"})
    assert (status, problem["errors"][0]["field"]) == (400, "filter")
    assert call("GET", "/items/{item_id}/similar", item_id="nothing", user_id="ann")[0] == 404


def test_pages_of_a_variant_go_on_without_repeats(bucket: SnapshotBucket) -> None:
    call = configured({"weights": UPSIDE_DOWN})
    whole = ids(ask(call, user_id="ann", limit=8))
    first = ask(call, user_id="ann", limit=4)
    assert ids(first) + ids(ask(call, user_id="ann", limit=4, cursor=first["cursor"])) == whole


def test_a_variant_may_be_another_snapshot(bucket: SnapshotBucket, tmp_path: Path, plain: Environment) -> None:
    weights = Weights(terms={name: TermWeight(-w, 1.0) for name, w in (("popularity", 5.0), ("trend", 0.0))})
    version = build_toy_snapshot(tmp_path, weights=weights).version
    bucket.upload(tmp_path, version)
    call = configured({}, {"snapshot": version})
    current = ask(plain, limit=6)["snapshot_version"]
    # It is loaded beside the requests; until then who should get it gets the current one, and the record says so.
    other = next(user for user in (f"u{n}" for n in range(6)) if ask(call, user_id=user)["variant"] == "v1")
    ends_s = time.monotonic() + 30
    while (exposed(answer := ask(call, user_id=other)).get("not_served")) is not None:
        assert exposed(answer)["not_served"] == "snapshot_unavailable"
        assert time.monotonic() < ends_s
    seen = {}
    for user in (f"u{n}" for n in range(6)):
        viewed = {"event_type": "view", "item_id": "item-3"}  # what a snapshot has learned counts for known shoppers
        answer = ask(call, user_id=user, limit=6, interactions=[viewed])
        seen[answer["variant"]] = (answer["snapshot_version"], ids(answer))
        assert "not_served" not in exposed(answer)
    assert seen["v0"][0] == current
    assert seen["v1"][0] == version
    assert seen["v0"][1] != seen["v1"][1]
    lists = ask(call, user_id="u0", requests=[{"limit": 3}, {"limit": 3}])["lists"]
    assert len({*ids(lists[0]), *ids(lists[1])}) == 6


def test_the_experiment_goes_on_when_its_snapshot_is_promoted(bucket: SnapshotBucket, tmp_path: Path) -> None:
    current = bucket.current()
    assert current is not None
    call = configured({"snapshot": current.version})
    answer = ask(call, user_id="ann")
    assert (answer["snapshot_version"], answer["variant"]) == (current.version, "v0")
    assert "not_served" not in exposed(answer)


def test_a_broken_document_leaves_the_answers_as_they_are(bucket: SnapshotBucket, plain: Environment) -> None:
    put_experiments(b'{"experiments": [{"name": "x"}]}')
    assert "experiment" not in ask(Environment(), user_id="ann")


def test_parameters_name_what_runs(bucket: SnapshotBucket) -> None:
    call = configured({}, {}, surfaces=["search"], end="2100-01-01")
    assert call("GET", "/parameters")[1]["experiments"] == [
        {
            "name": "blend",
            "surfaces": ["search"],
            "variants": [{"name": "v0", "share": 0.5}, {"name": "v1", "share": 0.5}],
            "end": 4_102_444_800_000,
        }
    ]
