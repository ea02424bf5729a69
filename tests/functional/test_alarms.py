"""Each alarm goes off once, by what it is for: the metric that a function really reports, or one that AWS documents."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from endcap.aws.counters import CounterTable
from endcap.aws.inbox import Inbox
from endcap.aws.profiles import ProfileTable
from endcap.aws.queues import EventQueue
from endcap.errors import DependencyError
from endcap.index import overlay
from endcap.live.snapshot import Followed
from endcap.observability import metrics
from endcap.shops.signatures import signature
from endcap.snapshot.snapshot import Snapshot
from endcap_local.template.template import expand
from tests.fakes import moto_stack
from tests.fakes.alarms import DAYS, NAMESPACE, ROOT, Datum, alarms, emitted, goes_off, logged
from tests.fakes.faulty_aws import error_500
from tests.fakes.functions import context, load_app
from tests.fakes.toy_snapshot import CUTOFF_MS, build_toy_snapshot, toy_items
from tests.functional.test_faults import CHANGES, COUNTERS, EXPOSURE, POINTER, PROFILE, World

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics")
LAMBDA = ("CollectFunction", "UpdateProfileFunction", "RecommendFunction", "ManageItemsFunction", "ManageUsersFunction")
LAMBDA += ("EmbedItemFunction", "FoldCountsFunction", "PromoteFunction", "PurgeErasedFunction")
LAMBDA += ("AdminFunction", "SummariseResultsFunction")
DEPLOYED = (*LAMBDA, "StorefrontFunction", "ReceiveWebhookFunction", "LoadFileFunction", "DescribeItemFunction")
MISSING = {"experiments": [{"name": "b", "variants": [{"name": "o", "share": 1.0, "snapshot": "not-uploaded"}]}]}


def of_lambda(metric: str, function: str, value: float = 1.0) -> Datum:
    return Datum("AWS/Lambda", metric, {"FunctionName": function}, value)


def of_version(function: str) -> Datum:
    """An error of a call by the alias, of the version that is being deployed."""
    dimensions = {"FunctionName": function, "Resource": f"{function}:live"}
    version = {"ExecutedVersion": f"{function.removesuffix('Function')}Version"}
    return Datum("AWS/Lambda", "Errors", dimensions | version, 1)


def of_queue(metric: str, queue: str, value: float = 1.0) -> Datum:
    return Datum("AWS/SQS", metric, {"QueueName": queue}, value)


# Names and dimensions by AWS's own pages:
# https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
# https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-metrics.html
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/metrics-dimensions.html
# https://docs.aws.amazon.com/firehose/latest/dev/monitoring-with-cloudwatch-metrics.html
# https://docs.aws.amazon.com/scheduler/latest/UserGuide/monitoring-cloudwatch.html
# https://docs.aws.amazon.com/step-functions/latest/dg/procedure-cw-metrics.html
OF_AWS: dict[str, list[Datum]] = {
    **{f"{name.removesuffix('Function')}ErrorsAlarm": [of_lambda("Errors", name)] for name in DEPLOYED},
    "ThrottlesAlarm": [of_lambda("Throttles", "FoldCountsFunction")],
    "OperatorsThrottlesAlarm": [of_lambda("Throttles", "SummariseResultsFunction")],
    "StorefrontThrottlesAlarm": [of_lambda("Throttles", "StorefrontFunction")],
    "ReceiveWebhookThrottlesAlarm": [of_lambda("Throttles", "ReceiveWebhookFunction")],
    "LoadFileThrottlesAlarm": [of_lambda("Throttles", "LoadFileFunction")],
    "DescribeItemThrottlesAlarm": [of_lambda("Throttles", "DescribeItemFunction")],
    "DescriptionFailuresAlarm": [of_queue("NumberOfMessagesSent", "DescriptionFailuresQueue")],
    "InboxDeadLetterAlarm": [of_queue("ApproximateNumberOfMessagesVisible", "InboxDeadLetterQueue")],
    "EmbedItemIteratorAgeAlarm": [of_lambda("IteratorAge", "EmbedItemFunction", 300_001)],
    "UpdateProfileIteratorAgeAlarm": [of_lambda("IteratorAge", "UpdateProfileFunction", 300_001)],
    "FoldCountsIteratorAgeAlarm": [of_lambda("IteratorAge", "FoldCountsFunction", 300_001)],
    "RecommendLatencyAlarm": [of_lambda("Duration", "RecommendFunction", 501)],
    "EventsDeadLetterAlarm": [of_queue("ApproximateNumberOfMessagesVisible", "EventsDeadLetterQueue")],
    "EventsQueueAgeAlarm": [of_queue("ApproximateAgeOfOldestMessage", "EventsQueue", 301)],
    "StreamFailuresAlarm": [of_queue("NumberOfMessagesSent", "StreamFailuresQueue")],
    "InvokeFailuresAlarm": [of_queue("NumberOfMessagesSent", "InvokeFailuresQueue")],
    "ServerErrorsAlarm": [Datum("AWS/ApiGateway", "5xx", {"ApiId": "Api"}, 6)],
    "TablesThrottledAlarm": [Datum("AWS/DynamoDB", "WriteThrottleEvents", {"TableName": "CountersTable"}, 1)],
    "DeliveryThrottledAlarm": [Datum("AWS/Firehose", "ThrottledRecords", {"DeliveryStreamName": "ExposuresStream"}, 1)],
    "DeliveryLateAlarm": [
        Datum("AWS/Firehose", "DeliveryToS3.DataFreshness", {"DeliveryStreamName": "ArchiveStream"}, 1801)
    ],
    "ScheduleAlarm": [Datum("AWS/Scheduler", "TargetErrorCount", {"ScheduleGroup": "ScheduleGroup"}, 1)],
    **{
        f"{name.removesuffix('Function')}VersionAlarm": [of_version(name)]
        for name in (*DEPLOYED, "RebuildSnapshotFunction")
    },
    "ShiftStreamFailuresAlarm": [of_queue("NumberOfMessagesSent", "StreamFailuresQueue")],
    "ShiftEventsQueueAgeAlarm": [of_queue("ApproximateAgeOfOldestMessage", "EventsQueue", 121)],
    "ShiftEmbedItemAgeAlarm": [of_lambda("IteratorAge", "EmbedItemFunction", 120_001)],
    "ShiftFoldCountsAgeAlarm": [of_lambda("IteratorAge", "FoldCountsFunction", 120_001)],
    "AnswersAlarm": [Datum("AWS/ApiGateway", "5xx", {"ApiId": "Api"}, 6)],
    "RebuildTimeoutAlarm": [Datum("AWS/States", "ExecutionsTimedOut", {"StateMachineArn": "StateMachine"}, 1)],
}


@pytest.mark.parametrize("alarm", OF_AWS)
def test_what_aws_reports_sets_it_off(alarm: str) -> None:
    assert not goes_off(alarm, [])
    assert goes_off(alarm, OF_AWS[alarm])
    calm = [Datum(d.namespace, d.metric, d.dimensions, 0) for d in OF_AWS[alarm]]
    assert not goes_off(alarm, calm)  # nothing latches: it is calm again when what it is for is over
    others = [Datum(d.namespace, d.metric, dict.fromkeys(d.dimensions, "another"), d.value) for d in OF_AWS[alarm]]
    assert not goes_off(alarm, others)


def test_names_handed_to_the_alarms_are_those_of_what_they_stand_for() -> None:
    given = expand(ROOT / "template.yaml")[1]["Resources"]["Watching"]["Properties"]["Parameters"]
    for name, value in given.items():
        match value:
            case {"Ref": other}:
                assert other == ("AWS::StackName" if name == "MetricsNamespace" else name)
            case {"Fn::GetAtt": [other, "QueueName"]}:
                assert other == name
            case {"Fn::If": ["HasStorefront" | "HasShopSystems" | "HasInbox" | "DescribesItems", {"Ref": other}, ""]}:
                assert other == name
            case {"Fn::If": ["HasInbox" | "DescribesItems", {"Fn::GetAtt": [other, "QueueName"]}, "none"]}:
                assert other == name
            case {"Fn::If": [_, {"Ref": other}, _]} if name.endswith("Table"):
                assert other == name
            case _:
                pytest.fail(f"{name} is {value}")


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return build_toy_snapshot(tmp_path_factory.mktemp("toy"))


@pytest.fixture
def world(toy: Snapshot, tmp_path: Path) -> Iterator[World]:
    environment = {**moto_stack.ENVIRONMENT, "SNAPSHOT_CACHE": str(tmp_path / "snapshots")}
    with (
        patch.dict("os.environ", environment),
        patch.multiple(metrics.provider, namespace=NAMESPACE, service="endcap"),
    ):
        yield World(toy)


def without(call: str) -> Callable[[World], None]:
    def cause(world: World) -> None:
        world.aws.faults = {call: error_500}

    return cause


def a_document(key: str, text: str) -> Callable[[World], None]:
    def cause(world: World) -> None:
        world.aws.objects[key] = text.encode()

    return cause


SERVING: dict[str, tuple[Callable[[World], None], int]] = {
    "DegradedAnswersAlarm": (without(PROFILE), 11),
    "ExposuresLostAlarm": (without(EXPOSURE), 1),
    "LiveCountsReadAlarm": (without(COUNTERS), 12),
    "ChangesReadAlarm": (without(CHANGES), 12),
    "SnapshotLoadAlarm": (without(POINTER), 2),
    "ScenariosAlarm": (a_document("config/scenarios.json", "{"), 2),
    "ExperimentsAlarm": (a_document("config/experiments.json", "{"), 2),
    "SynonymsAlarm": (a_document("config/synonyms.json", "{"), 2),  # which searches look at alone
    "ExperimentSnapshotAlarm": (a_document("config/experiments.json", json.dumps(MISSING)), 3),
}
"""What is wrong, and how many answers it takes in one period."""


@pytest.mark.parametrize("alarm", SERVING)
def test_what_answers_report_sets_it_off(alarm: str, world: World, capsys: pytest.CaptureFixture[str]) -> None:
    cause, answers = SERVING[alarm]

    def reported() -> list[Datum]:
        for _ in range(answers):
            world.ask({"q": "mug"} if alarm == "SynonymsAlarm" else None)
            world.clock.spend(60)
        return emitted(capsys.readouterr().out)

    assert not goes_off(alarm, reported())
    world.fresh()
    cause(world)
    assert goes_off(alarm, reported())


def test_too_many_changes_set_it_off(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    with patch.object(overlay, "MAX_CHANGED", 1):
        for item in toy_items()[2:5]:
            world.aws.put_item(item, CUTOFF_MS + 2)
        world.ask()
    assert goes_off("ChangesOverflowAlarm", emitted(capsys.readouterr().out))


def test_an_old_snapshot_sets_it_off(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    day_s = 86_400
    for days, off in ((DAYS - 1, False), (DAYS + 1, True)):
        with patch("endcap.serving.answers.time.time", lambda days=days: CUTOFF_MS / 1000 + days * day_s):
            world.ask()
        assert goes_off("SnapshotAgeAlarm", emitted(capsys.readouterr().out)) is off


CONTEXT = context(10)


@pytest.mark.parametrize(
    ("alarm", "times"),
    [("QuarantineAlarm", 1), ("CountsLostAlarm", 1), ("ShiftQuarantineAlarm", 6), ("ShiftCountsLostAlarm", 1)],
)
def test_what_a_batch_reports_sets_it_off(alarm: str, times: int, capsys: pytest.CaptureFixture[str]) -> None:
    with moto_stack.stack(), patch.multiple(metrics.provider, namespace=NAMESPACE, service="endcap"):
        app = load_app("update_profile")
        app.handler(message({"user_id": "u", "event_type": "view", "item_id": "i"}), CONTEXT)
        assert not goes_off(alarm, emitted(capsys.readouterr().out))
        if "Quarantine" in alarm:
            for _ in range(times):
                app.handler(message("no event"), CONTEXT)
        else:
            with patch.object(CounterTable, "add", side_effect=DependencyError("down")):
                app.handler(message({"user_id": "v", "event_type": "view", "item_id": "i"}), CONTEXT)
        assert goes_off(alarm, emitted(capsys.readouterr().out))


@pytest.mark.parametrize(
    ("function", "failing"),
    [
        ("update_profile", (ProfileTable, "update")),
        ("embed_item", (Followed, "get")),
        ("load_file", (Inbox, "fetched")),
        ("receive_webhook", (EventQueue, "send")),
    ],
)
def test_records_that_come_again_set_it_off_without_an_error_of_the_function(
    function: str, failing: tuple[type, str], capsys: pytest.CaptureFixture[str]
) -> None:
    with moto_stack.stack(), patch.multiple(metrics.provider, namespace=NAMESPACE, service="endcap"):
        app = load_app(function)
        event = COMING_AGAIN[function]()
        with patch.object(*failing, side_effect=DependencyError("down")):
            for _ in range(5):
                assert app.handler(event, CONTEXT)["batchItemFailures"]
            five = capsys.readouterr().out
            assert not goes_off("ShiftRecordsFailedAlarm", emitted(five))
            app.handler(event, CONTEXT)
        assert goes_off("ShiftRecordsFailedAlarm", emitted(five + capsys.readouterr().out))


def message(body: object) -> dict[str, Any]:
    now = {"ApproximateReceiveCount": "1", "SentTimestamp": str(int(time.time() * 1000))}
    record = {"messageId": "m", "receiptHandle": "h", "body": json.dumps(body), "attributes": now}
    arn = "arn:aws:sqs:us-east-1:123456789012:events"
    return {"Records": [{**record, "messageAttributes": {}, "eventSource": "aws:sqs", "eventSourceARN": arn}]}


def of_events(path: str) -> dict[str, Any]:
    """A sample of the project's."""
    return dict(json.loads((ROOT / "events" / f"{path}.json").read_text()))


COMING_AGAIN: dict[str, Callable[[], dict[str, Any]]] = {
    "update_profile": lambda: message({"user_id": "u", "event_type": "view", "item_id": "i"}),
    "embed_item": lambda: of_events("embed_item/dynamodb-new-item"),
    "load_file": lambda: message({"continue": {"key": "inbox/items/a", "etag": "b", "at_ms": 0}}),
    "receive_webhook": lambda: of_events("receive_webhook/sqs-commercetools-order-created"),
}
"""One record for each function that tells by itself which of its records failed."""


def test_a_note_that_can_not_be_read_is_told_of_as_lost(capsys: pytest.CaptureFixture[str]) -> None:
    event = json.loads((ROOT / "events/fold_counts/dynamodb-damaged-in-the-middle.json").read_text())
    with moto_stack.stack(), patch.multiple(metrics.provider, namespace=NAMESPACE, service="endcap"):
        assert load_app("fold_counts").handler(event, CONTEXT) == {"batchItemFailures": []}
    assert goes_off("CountsLostAlarm", emitted(capsys.readouterr().out))


def test_what_nobody_can_read_of_the_erased_sets_it_off(capsys: pytest.CaptureFixture[str]) -> None:
    with moto_stack.stack(), patch.multiple(metrics.provider, namespace=NAMESPACE, service="endcap"):
        app = load_app("purge_erased")
        app.runtime.erasures.put("u", int(time.time() * 1000) - 30 * 86_400_000)
        app.handler({"begin": True}, CONTEXT)
        assert not goes_off("ErasuresLateAlarm", emitted(capsys.readouterr().out))
        row = {"user_id": {"S": "u"}, "profile": {"B": b"damaged"}, "version": {"N": "1"}}
        moto_stack.client("dynamodb").put_item(TableName=moto_stack.ENVIRONMENT["PROFILES_TABLE"], Item=row)
        app.handler({"begin": True}, CONTEXT)
    assert goes_off("ErasuresLateAlarm", emitted(capsys.readouterr().out))


def webhook(topic: str, body: object, *, forged: bool = False) -> dict[str, Any]:
    sent = json.dumps(body).encode()
    given = signature(b"another" if forged else moto_stack.SHOP_SECRET.encode(), sent)
    path = "/webhooks/shopify"
    return {
        "routeKey": f"POST {path}",
        "rawPath": path,
        "headers": {"x-shopify-topic": topic, "x-shopify-hmac-sha256": given},
        "requestContext": {"http": {"method": "POST", "path": path}, "stage": "$default"},
        "body": sent.decode(),
        "isBase64Encoded": False,
    }


@pytest.mark.parametrize(
    ("alarm", "event", "times"),
    [
        ("WebhooksRefusedAlarm", webhook("orders/create", {"id": 1}, forged=True), 11),
        (
            "PrivacyRequestsAlarm",
            webhook("customers/data_request", {"customer": {"id": 1}, "data_request": {"id": 9}}),
            1,
        ),
    ],
)
def test_what_shop_systems_send_sets_it_off(
    alarm: str, event: dict[str, Any], times: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with moto_stack.stack(), patch.multiple(metrics.provider, namespace=NAMESPACE, service="endcap"):
        app = load_app("receive_webhook")
        for _ in range(times):
            app.handler(event, CONTEXT)
        assert goes_off(alarm, emitted(capsys.readouterr().out))
        app.handler(webhook("themes/publish", {}), CONTEXT)
        assert not goes_off(alarm, emitted(capsys.readouterr().out))


def test_a_file_that_can_not_be_read_sets_it_off(capsys: pytest.CaptureFixture[str]) -> None:
    with moto_stack.stack(), patch.multiple(metrics.provider, namespace=NAMESPACE, service="endcap"):
        app = load_app("load_file")
        for name, body, failed in (("good", b"id,title\n1,Lamp\n", False), ("bad", b"<!DOCTYPE x><x/>", True)):
            key = f"inbox/items/{name}"
            put = moto_stack.client("s3").put_object(Bucket=moto_stack.BUCKET, Key=key, Body=body)
            task = {"key": key, "etag": put["ETag"].strip('"'), "at_ms": 0}
            app.handler(message({"continue": task}), CONTEXT)
            reported = emitted(capsys.readouterr().out)
            assert goes_off("FilesFailedAlarm", reported) == goes_off("ShiftFilesFailedAlarm", reported) == failed


def test_refusals_set_it_off_by_the_lines_of_the_access_log() -> None:
    (stage,) = [
        r["Properties"]
        for r in expand(ROOT / "template.yaml")[1]["Resources"].values()
        if r["Type"] == "AWS::ApiGatewayV2::Stage"
    ]
    line = re.sub(r"\$context\.\w+", "429", stage["AccessLogSettings"]["Format"])
    assert goes_off("TooManyRequestsAlarm", logged(line) * 101)
    assert not goes_off("TooManyRequestsAlarm", logged(line) * 100)
    assert logged(line.replace("429", "200")) == []


def test_every_alarm_is_set_off_here_and_stands_in_the_runbook() -> None:
    here = {*OF_AWS, *SERVING, "ChangesOverflowAlarm", "SnapshotAgeAlarm", "QuarantineAlarm", "CountsLostAlarm"}
    here |= {"WebhooksRefusedAlarm", "PrivacyRequestsAlarm", "FilesFailedAlarm", "ShiftFilesFailedAlarm"}
    here |= {"ShiftQuarantineAlarm", "ShiftCountsLostAlarm", "ShiftRecordsFailedAlarm"}
    assert here | {"TooManyRequestsAlarm", "ErasuresLateAlarm"} == set(alarms())
    lines = (ROOT / "docs" / "operations.md").read_text().splitlines()
    for name in alarms():
        (row,) = [line for line in lines if line.startswith(f"| `{name}`")]
        assert len(row.split("|")) == 5, name  # what it means, and what to do
