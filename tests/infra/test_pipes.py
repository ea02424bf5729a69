"""The recipe of EventBridge Pipes: what its templates make of the samples is what Endcap takes."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from endcap.events.types import EVENT_TYPES
from endcap.profiles.ingest import ingest
from endcap.profiles.record import Record
from endcap_local.event_source_mapping.filters import parse_filters, passes
from endcap_local.template.template import expand
from tests.fakes.profile_store import MemoryProfiles
from tests.infra.stack import of_type

NOW_MS = 1_780_000_000_000


@pytest.fixture(scope="module")
def resources(root: Path) -> dict[str, Any]:
    return dict(expand(root / "infra" / "pipes.yaml")[1]["Resources"])


def sample(root: Path, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((root / "events" / "pipes" / f"{name}.json").read_text())
    return found


def rendered(template: str, record: Mapping[str, Any]) -> str:
    """What a pipe sends of a record, by the rules that the template rests on.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-input-transformation.html
    A path stands for the JSON of what lies there; the value of a message of Kafka is decoded, and read as JSON.
    """
    if "value" in record:
        record = {**record, "value": json.loads(base64.b64decode(record["value"]))}

    def found(match: re.Match[str]) -> str:
        value: Any = record
        for name in match[1].split("."):
            value = value[name]
        return json.dumps(value)

    return re.sub(r"<\$\.([\w.]+)>", found, template)


class Kept:
    """What was archived."""

    def __init__(self) -> None:
        self.archived: list[Mapping[str, Any]] = []

    def put(self, documents: Any, *_: Any) -> str:
        self.archived += documents
        return ""


def taken(bodies: list[str]) -> list[Mapping[str, Any]]:
    """The events that `update_profile` archives of some messages."""
    kept = Kept()
    records = [Record(str(n), body.encode(), NOW_MS) for n, body in enumerate(bodies)]
    outcome = ingest(records, "sqs", EVENT_TYPES, MemoryProfiles(), kept, _Refuse(), lambda _: None)  # type: ignore[arg-type]
    assert (outcome.quarantined, outcome.failed) == (0, {})
    return kept.archived


class _Refuse:
    def put(self, *what: Any) -> str:
        raise AssertionError(what)


def test_new_rows_of_orders_are_purchases(resources: dict[str, Any], root: Path) -> None:
    pipe = resources["OrdersPipe"]["Properties"]
    filters = parse_filters(pipe["SourceParameters"]["FilterCriteria"])
    records = [record for record in sample(root, "dynamodb-orders") if passes(filters, record)]
    bodies = [rendered(pipe["TargetParameters"]["InputTemplate"], record) for record in records]
    (event,) = taken(bodies)
    assert event == {
        "event_id": "3",
        "user_id": "u-1001",
        "event_type": "purchase",
        "item_id": "item-8",
        "value": 59.0,
        "timestamp": 1_768_989_537_000,
        "order_id": "o-1001",
        "properties": {"order_id": "o-1001", "currency": "EUR"},
    }


def test_messages_of_a_topic_go_on_as_they_are(resources: dict[str, Any], root: Path) -> None:
    template = resources["TopicPipe"]["Properties"]["TargetParameters"]["InputTemplate"]
    events = taken([rendered(template, record) for record in sample(root, "msk-events")])
    assert [(e["event_type"], e["item_id"]) for e in events] == [("view", "item-8"), ("add_to_cart", "item-9")]


def test_what_a_pipe_gives_up_sets_an_alarm_off(resources: dict[str, Any]) -> None:
    parameters = resources["OrdersPipe"]["Properties"]["SourceParameters"]["DynamoDBStreamParameters"]
    assert parameters["DeadLetterConfig"] == {"Arn": {"Ref": "StreamFailuresQueueArn"}}
    assert parameters["MaximumRecordAgeInSeconds"] < 24 * 3600


def test_only_the_network_needs_a_wildcard(resources: dict[str, Any]) -> None:
    for role in of_type(resources, "AWS::IAM::Role").values():
        for policy in role["Properties"]["Policies"]:
            for statement in policy["PolicyDocument"]["Statement"]:
                if statement["Resource"] == "*":
                    assert all(action.startswith("ec2:") for action in statement["Action"])
