"""boto3's own Personalize clients against the local stack, with another endpoint and unsigned; nothing else changes."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from endcap_local.stack import LocalStack
from tests.fakes.toy_stack import toy_stack

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics")
ARN = "arn:aws:personalize:us-east-1:123456789012"
CAMPAIGN = f"{ARN}:campaign/shop"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    with toy_stack(tmp_path_factory.mktemp("snapshot")) as running:
        s3, name = running.client("s3"), running.function("CollectFunction").environment["DATA_BUCKET"]
        scenarios = {"cheap": {"filter": "price < $MOST", "parameters": {"MOST": 4}}}
        s3.put_object(Bucket=name, Key="config/scenarios.json", Body=json.dumps(scenarios).encode())
        yield running


def client(stack: LocalStack, service: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=f"{stack.url}/personalize",
        region_name="us-east-1",
        config=Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1}),
    )


@pytest.fixture(scope="module")
def events(stack: LocalStack) -> Any:
    return client(stack, "personalize-events")


@pytest.fixture(scope="module")
def runtime(stack: LocalStack) -> Any:
    return client(stack, "personalize-runtime")


def put(events: Any, *sent: dict[str, Any], session: str, **more: Any) -> None:
    sent_at = datetime.fromtimestamp(time.time() - 60, UTC)
    answer = events.put_events(
        trackingId="tracker", sessionId=session, eventList=[{"sentAt": sent_at, **one} for one in sent], **more
    )
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200


def interactions(stack: LocalStack, user_id: str) -> list[tuple[str, str]]:
    """(type, item) of everything in the user's profile, once all events have arrived."""
    stack.wait_until_idle()
    table, name = stack.client("dynamodb"), stack.function("CollectFunction").environment["PROFILES_TABLE"]
    if "Item" not in table.get_item(TableName=name, Key={"user_id": {"S": user_id}}):
        return []
    from endcap_local.http_client import HttpClient

    exported = HttpClient(stack.url).get(f"/users/{user_id}/export")
    return [(entry["event_type"], entry["item_id"]) for entry in exported["interactions"]]


def refused(call: Any, **arguments: Any) -> ClientError:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value


def test_events_reach_the_profile_once(stack: LocalStack, events: Any) -> None:
    view = {"eventId": "e-1", "eventType": "View", "itemId": "item-3", "properties": '{"device": "phone"}'}
    view["sentAt"] = datetime.fromtimestamp(int(time.time()) - 100, UTC)
    for _ in range(3):
        put(events, view, {"eventType": "Purchase", "itemId": "item-5", "sentAt": view["sentAt"]}, session="s-1")
    assert sorted(interactions(stack, "anon:s-1")) == [("purchase", "item-5"), ("view", "item-3")]
    s3, bucket = stack.client("s3"), stack.function("CollectFunction").environment["DATA_BUCKET"]
    keys = [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket, Prefix="events/")["Contents"]]
    lines = [line for key in keys for line in s3.get_object(Bucket=bucket, Key=key)["Body"].read().splitlines()]
    assert {"device": "phone"} in [json.loads(line).get("properties") for line in lines]


def test_a_session_becomes_the_user_who_signs_in(stack: LocalStack, events: Any) -> None:
    put(events, {"eventType": "View", "itemId": "item-7"}, session="s-2")
    assert interactions(stack, "anon:s-2") == [("view", "item-7")]
    put(events, {"eventType": "Click", "itemId": "item-8"}, session="s-2", userId="ann")
    assert sorted(interactions(stack, "ann")) == [("click", "item-8"), ("view", "item-7")]


def test_recommendations_follow_what_was_sent(stack: LocalStack, events: Any, runtime: Any) -> None:
    cold = runtime.get_recommendations(campaignArn=CAMPAIGN, userId="nobody", numResults=5)
    put(events, {"eventType": "Purchase", "itemId": "item-20"}, session="s-3", userId="bob")
    stack.wait_until_idle()
    warm = runtime.get_recommendations(campaignArn=CAMPAIGN, userId="bob", numResults=5)
    assert len(cold["itemList"]) == len(warm["itemList"]) == 5
    assert warm["itemList"][0]["itemId"] == "item-21"  # what follows item-20 in the toy shop
    assert [i["score"] for i in warm["itemList"]] == sorted((i["score"] for i in warm["itemList"]), reverse=True)
    assert len(warm["recommendationId"]) <= 40


def test_a_session_is_asked_for_as_a_user(stack: LocalStack, events: Any, runtime: Any) -> None:
    put(events, {"eventType": "Purchase", "itemId": "item-20"}, session="s-5")
    stack.wait_until_idle()
    warm = runtime.get_recommendations(campaignArn=CAMPAIGN, userId="s-5", numResults=5)
    assert warm["itemList"][0]["itemId"] == "item-21"


def test_numbers_of_results(runtime: Any) -> None:
    assert len(runtime.get_recommendations(recommenderArn=CAMPAIGN, userId="u")["itemList"]) == 25
    assert len(runtime.get_recommendations(campaignArn=CAMPAIGN, userId="u", numResults=500)["itemList"]) == 40
    error = refused(runtime.get_recommendations, campaignArn=CAMPAIGN, userId="u", numResults=501)
    assert error.response["Error"]["Code"] == "InvalidInputException"


def test_similar_items_and_popular_ones_where_the_item_is_unknown(runtime: Any) -> None:
    similar = runtime.get_recommendations(campaignArn=CAMPAIGN, itemId="item-20", numResults=5)["itemList"]
    assert "item-20" not in {item["itemId"] for item in similar}
    popular = runtime.get_recommendations(campaignArn=CAMPAIGN, itemId="no-such-item", numResults=5)["itemList"]
    nobodys = runtime.get_recommendations(campaignArn=CAMPAIGN, userId="nobody", numResults=5)["itemList"]
    assert popular == nobodys


def test_a_filter_is_a_scenario(runtime: Any) -> None:
    def ids(**more: Any) -> set[str]:
        filtered = {"campaignArn": CAMPAIGN, "userId": "u", "filterArn": f"{ARN}:filter/cheap", **more}
        return {item["itemId"] for item in runtime.get_recommendations(**filtered)["itemList"]}

    assert ids() == {"item-0", "item-1", "item-2"}
    assert ids(filterValues={"MOST": "3"}) == {"item-0", "item-1"}
    error = refused(runtime.get_recommendations, campaignArn=CAMPAIGN, userId="u", filterArn=f"{ARN}:filter/none")
    assert error.response["Error"]["Code"] == "InvalidInputException"


def test_given_items_are_put_into_the_users_order(events: Any, stack: LocalStack, runtime: Any) -> None:
    put(events, {"eventType": "Purchase", "itemId": "item-10"}, session="s-4", userId="eve")
    stack.wait_until_idle()
    given = ["item-30", "no-such-item", "item-11", "item-31"]
    answer = runtime.get_personalized_ranking(campaignArn=CAMPAIGN, userId="eve", inputList=given)
    ranked = [item["itemId"] for item in answer["personalizedRanking"]]
    assert sorted(ranked) == sorted(given)
    assert (ranked[0], ranked[-1]) == ("item-11", "no-such-item")
    only = runtime.get_personalized_ranking(
        campaignArn=CAMPAIGN, userId="eve", inputList=["item-30", "item-1"], filterArn=f"{ARN}:filter/cheap"
    )
    assert [item["itemId"] for item in only["personalizedRanking"]] == ["item-1"]


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"userId": "u" * 129}, "userId"),
        ({"eventList": [{"eventType": "View", "itemId": "i" * 200, "sentAt": 1_760_000_000}]}, "itemId"),
        ({"eventList": [{"eventType": "Teleport", "itemId": "i", "sentAt": 1_760_000_000}]}, "eventType"),
    ],
)
def test_what_can_not_be_used_is_an_invalid_input(events: Any, more: dict[str, Any], field: str) -> None:
    one = {"eventType": "View", "itemId": "i", "sentAt": 1_760_000_000}
    error = refused(events.put_events, **{"trackingId": "t", "sessionId": "s", "eventList": [one], **more})
    assert error.response["Error"]["Code"] == "InvalidInputException"
    assert isinstance(error, events.exceptions.InvalidInputException)
    assert field in error.response["Error"]["Message"]
