"""What clients of Amazon Personalize get for their two calls, on an account in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from endcap.snapshot.snapshot import Snapshot
from tests.fakes.faulty_aws import error_500
from tests.fakes.faulty_world import DELETED, DYNAMODB, S3, World, ids
from tests.fakes.moto_stack import ENVIRONMENT
from tests.fakes.toy_snapshot import build_toy_snapshot

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics")
CAMPAIGN = {"campaignArn": "arn:aws:personalize:us-east-1:123456789012:campaign/shop"}
CHEAP = {"filterArn": "arn:aws:personalize:us-east-1:123456789012:filter/cheap"}
LISTS, RANKINGS = "/personalize/recommendations", "/personalize/personalize-ranking"


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return build_toy_snapshot(tmp_path_factory.mktemp("toy"))


@pytest.fixture
def world(toy: Snapshot, tmp_path: Path) -> Iterator[World]:
    with patch.dict("os.environ", {**ENVIRONMENT, "SNAPSHOT_CACHE": str(tmp_path / "snapshots")}):
        world = World(toy)
        world.aws.objects["config/scenarios.json"] = json.dumps({"cheap": {"filter": "price < 5"}}).encode()
        yield world


def post(world: World, path: str, **said: Any) -> tuple[int, Any]:
    status, answer, _ = world.call("recommend", "POST", path, {}, CAMPAIGN | said)
    return status, answer


def listed(world: World, **said: Any) -> list[str]:
    status, answer = post(world, LISTS, **said)
    assert status == 200, answer
    assert set(answer) == {"itemList", "recommendationId"}
    return [item["itemId"] for item in answer["itemList"]]


def own(world: World, **said: Any) -> list[str]:
    """The same in Endcap's own words."""
    return ids(world.call("recommend", "POST", "/recommendations", {}, {"exclude_seen": "none", **said})[1])


def test_a_list_is_the_one_of_our_own_with_nothing_left_out_for_being_known(world: World) -> None:
    found = listed(world, userId="ann", numResults=39)
    assert found == own(world, user_id="ann", limit=39)
    assert "item-20" in found  # which ann has bought
    assert listed(world, itemId="item-20", numResults=4) == own(world, relation="similar", items=["item-20"], limit=4)


def test_an_item_that_nobody_knows_gives_what_the_shopper_would_get_without_it(world: World) -> None:
    assert listed(world, itemId="no-such-item", numResults=5) == own(world, limit=5)
    of_ann = listed(world, itemId="no-such-item", userId="ann", numResults=5)
    assert of_ann == own(world, user_id="ann", limit=5) != own(world, limit=5)


def test_given_items_are_put_in_order_and_none_is_left_out_unless_a_filter_says_so(world: World) -> None:
    given = ["no-such-item", "item-30", DELETED, "item-21", "item-3"]
    status, answer = post(world, RANKINGS, userId="ann", inputList=given)
    ranked = [item["itemId"] for item in answer["personalizedRanking"]]
    assert (status, ranked[0]) == (200, "item-21")  # follows what ann has bought
    assert set(ranked[:3]) == {"item-21", "item-30", "item-3"}
    assert set(ranked[3:]) == {"no-such-item", DELETED}
    status, answer = post(world, RANKINGS, userId="ann", inputList=given, **CHEAP)
    assert (status, [item["itemId"] for item in answer["personalizedRanking"]]) == (200, ["item-3"])


@pytest.mark.parametrize(
    ("path", "said"),
    [(LISTS, {}), (LISTS, {"userId": "ann", "numResults": 501}), (RANKINGS, {"userId": "ann", "inputList": []})],
)
def test_what_can_not_be_used_is_refused_as_aws_sdks_read_it(world: World, path: str, said: dict[str, Any]) -> None:
    status, answer = post(world, path, **said)
    assert (status, set(answer)) == (400, {"message"})
    assert not world.aws.calls


@pytest.mark.parametrize(("path", "said"), [(LISTS, {}), (RANKINGS, {"inputList": ["item-1"]})])
def test_while_nothing_can_be_read_the_client_is_to_try_again(world: World, path: str, said: dict[str, Any]) -> None:
    world.aws.faults = dict.fromkeys((*S3, *DYNAMODB), error_500)
    assert post(world, path, userId="ann", **said) == (503, {"message": "try again later"})
