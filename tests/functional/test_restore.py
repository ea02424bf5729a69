"""The drill: every table of a stack is lost and restored under another name, and the stack goes on with it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner

from endcap.errors import ConflictError, InvalidInputError, NotFoundError
from endcap.observability import metrics
from endcap_local.cli.app import app
from endcap_local.restore import KINDS, LONGEST_S, restore
from endcap_local.template.intrinsics import Resolver
from endcap_local.template.template import expand
from tests.fakes import moto_stack
from tests.functional.test_handlers import Functions, of_own_queue, profile

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics")
ROOT = Path(__file__).parents[2]
NAMES = {"profiles": "ProfilesTable", "items": "ItemsTable", "erasures": "ErasuresTable", "counters": "CountersTable"}


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    return expand(ROOT / "template.yaml")[1]


@pytest.fixture
def functions() -> Iterator[Functions]:
    with moto_stack.stack(), patch.object(metrics.provider, "namespace", "endcap"):
        outputs = {
            "ProfilesTableName": moto_stack.PROFILES,
            "ItemsTableName": moto_stack.ITEMS,
            "ErasuresTableName": moto_stack.ERASURES,
            "CountersTableName": moto_stack.COUNTERS,
            "DataBucketName": moto_stack.BUCKET,
        }
        body = {
            "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
            "Outputs": {name: {"Value": value} for name, value in outputs.items()},
        }
        moto_stack.client("cloudformation").create_stack(StackName="shop", TemplateBody=json.dumps(body))
        tags = [{"Key": "application", "Value": "endcap"}]
        for table in outputs.values():
            if table != moto_stack.BUCKET:
                arn = f"arn:aws:dynamodb:us-east-1:123456789012:table/{table}"
                moto_stack.client("dynamodb").tag_resource(ResourceArn=arn, Tags=tags)
        yield Functions()


def ran(*arguments: str) -> Any:
    done = CliRunner().invoke(app, ["restore", "--stack", "shop", "--name", "drill", "--json", *arguments])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def view(user: str, item: str) -> str:
    return json.dumps({"user_id": user, "event_type": "view", "item_id": item})


def sent(*bodies: str) -> dict[str, Any]:
    """Messages of the events queue that came five seconds ago."""
    event = of_own_queue(*bodies)
    for record in event["Records"]:
        record["attributes"] = record["attributes"] | {"SentTimestamp": str(int(time.time() * 1000) - 5_000)}
    return event


def lose(*tables: str) -> None:
    for table in tables:
        moto_stack.client("dynamodb").delete_table(TableName=table)


def attached(template: dict[str, Any], parameters: dict[str, str]) -> dict[str, str]:
    """What functions are told of the tables by a stack that is deployed with these parameters."""
    resolver = Resolver(template, parameters, "http://127.0.0.1:9")
    variables = template["Resources"]["UpdateProfileFunction"]["Properties"]["Environment"]["Variables"]
    return {name: resolver.resolve(variables[name]) for name in variables if name.endswith("_TABLE")}


def test_a_stack_goes_on_with_the_restored_ones_of_all_its_tables(
    functions: Functions, template: dict[str, Any]
) -> None:
    functions.http("PUT", "/items/{item_id}", {"title": "Lamp"}, item_id="lamp")
    functions.invoke("update_profile", sent(view("ann", "lamp"), view("gone", "lamp")))
    dynamodb = moto_stack.client("dynamodb")
    before = dynamodb.get_item(TableName=moto_stack.PROFILES, Key={"user_id": {"S": "gone"}})["Item"]
    assert functions.http("DELETE", "/users/{user_id}", user_id="gone")[0] == 200
    # What the moment of the restore brings back: the erased, and a ledger that does not know of it.
    dynamodb.put_item(TableName=moto_stack.PROFILES, Item=before)
    for row in dynamodb.scan(TableName=moto_stack.ERASURES)["Items"]:
        dynamodb.delete_item(TableName=moto_stack.ERASURES, Key={"subject": row["subject"]})

    told = ran(*(word for name in NAMES for word in ("--table", name)))
    assert told["erased_again"]["erasures"] == told["erased_again"]["restored"] == 1
    assert told["erased_again"]["removed"] > 0
    lose(*NAMES.values())

    environment = attached(template, told["parameters"])
    assert environment == {f"{name.upper()}_TABLE": f"{table}-drill" for name, table in NAMES.items()}
    with patch.dict("os.environ", environment):
        again = Functions()
        assert again.http("GET", "/users/{user_id}/profile", user_id="ann")[0] == 200
        assert again.http("GET", "/users/{user_id}/profile", user_id="gone")[0] == 404
        status, item = again.http("GET", "/items/{item_id}", item_id="lamp")
        assert (status, item["title"]) == (200, "Lamp")
        again.invoke("update_profile", sent(view("ann", "mug"), view("gone", "lamp")))
        with patch.object(moto_stack, "PROFILES", environment["PROFILES_TABLE"]):
            assert {entry.item_id for entry in profile("ann").interactions} == {"lamp", "mug"}
            assert not profile("gone").interactions  # a message of before the erasure
        assert dynamodb.scan(TableName=environment["COUNTERS_TABLE"])["Count"] == 1
        assert again.http("DELETE", "/users/{user_id}", user_id="ann")[0] == 200
        assert dynamodb.scan(TableName=environment["ERASURES_TABLE"])["Count"] > 1


def test_restored_tables_have_what_the_template_gives_them(functions: Functions, template: dict[str, Any]) -> None:
    told = ran(*(word for name in NAMES for word in ("--table", name)))
    dynamodb = moto_stack.client("dynamodb")
    for name, kind in KINDS.items():
        properties, table = template["Resources"][NAMES[name]]["Properties"], f"{NAMES[name]}-drill"
        described = dynamodb.describe_table(TableName=table)["Table"]
        assert described["KeySchema"] == properties["KeySchema"]
        stream = properties.get("StreamSpecification", {}).get("StreamViewType")
        assert kind.stream == stream
        assert described.get("StreamSpecification", {}).get("StreamViewType") == stream
        if kind.stream_parameter:
            assert told["parameters"][kind.stream_parameter] == described["LatestStreamArn"]
        expiry = dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
        wanted = properties.get("TimeToLiveSpecification")
        assert kind.ttl == (wanted["AttributeName"] if wanted else None)
        assert expiry.get("AttributeName") == kind.ttl
        backups = dynamodb.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
        status = backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"]
        assert kind.recovers == ("PointInTimeRecoverySpecification" in properties) == (status == "ENABLED")
        indexes = [index["IndexName"] for index in described.get("GlobalSecondaryIndexes", ())]
        assert indexes == [index["IndexName"] for index in properties.get("GlobalSecondaryIndexes", ())]
        tags = dynamodb.list_tags_of_resource(ResourceArn=described["TableArn"])["Tags"]
        assert tags == [{"Key": "application", "Value": "endcap"}]
    assert set(told["parameters"]) <= set(template["Parameters"])


def test_a_table_that_was_deleted_comes_from_the_backup_that_it_left(functions: Functions) -> None:
    functions.invoke("update_profile", sent(view("ann", "lamp")))
    dynamodb = moto_stack.client("dynamodb")
    dynamodb.create_backup(TableName=moto_stack.PROFILES, BackupName="last")  # DynamoDB makes one by itself
    lose(moto_stack.PROFILES)
    ran("--table", "profiles")
    assert dynamodb.scan(TableName=f"{moto_stack.PROFILES}-drill")["Count"] == 1
    with pytest.raises(NotFoundError):
        restore(dynamodb, KINDS["items"], "never", "new", None, no_sleep)


def test_a_restore_that_was_cut_off_goes_on(functions: Functions) -> None:
    assert ran("--table", "items") == ran("--table", "items")


def no_sleep(_: float) -> None:
    pytest.fail("nothing to wait for")


def test_a_table_is_not_restored_into_itself() -> None:
    with pytest.raises(InvalidInputError):
        restore(object(), KINDS["items"], "t", "t", None, no_sleep)


def test_a_restore_is_waited_for_and_not_for_ever() -> None:
    class Creating:
        polls = 0
        ready = 4

        def describe_table(self, TableName: str) -> Any:
            self.polls += TableName == "new"
            if TableName == "new" and self.polls == 1:
                raise ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "DescribeTable")
            status = "ACTIVE" if TableName == "old" or self.polls >= self.ready else "CREATING"
            return {"Table": {"TableStatus": status, "TableArn": f"arn:{TableName}"}}

        def __getattr__(self, name: str) -> Any:
            return lambda **arguments: {"Tags": [], "TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}}

    waits: list[float] = []
    found = restore(Creating(), KINDS["erasures"], "old", "new", datetime(2026, 1, 1, tzinfo=UTC), waits.append)
    assert found == {"RestoredErasuresTable": "arn:new"}
    assert waits == [20.0, 20.0]
    stuck = Creating()
    stuck.ready = 10**9
    with pytest.raises(ConflictError):
        restore(stuck, KINDS["erasures"], "old", "new", None, waits.append)
    assert sum(waits) > LONGEST_S


@pytest.mark.parametrize("wrong", [["--table", "queues"], ["--at", "yesterday"], ["--at", "2026-01-01T00:00:00"]])
def test_what_can_not_be_meant_is_refused(wrong: list[str]) -> None:
    assert CliRunner().invoke(app, ["restore", "--stack", "shop", *wrong]).exit_code == 2
