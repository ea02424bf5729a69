"""Queues, streams, tables, the bucket and the alarms of the template."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from endcap.aws.counters import NOTE_SHARDS, NOTES
from endcap.aws.items import CHANGES_INDEX
from endcap.aws.queues import LONGEST_BACKOFF_S
from endcap_local.event_source_mapping.filters import parse_filters, passes
from endcap_local.event_source_mapping.state_machine import Shard, StreamRecord, StreamSettings
from tests.infra.stack import of_type, statements_of

DAY_S = 24 * 3600
STREAM_RETENTION_S = DAY_S
OUTAGE_S = 2 * 3600
"""A service may be away for this long, and nobody has to lend a hand."""


@pytest.fixture(scope="session")
def mappings(everything: dict[str, Any]) -> dict[str, Any]:
    return of_type(everything, "AWS::Lambda::EventSourceMapping")


def test_optional_sources_are_absent_by_default(resolved: Callable[..., dict[str, Any]]) -> None:
    resources = resolved()
    assert set(of_type(resources, "AWS::Lambda::EventSourceMapping")) == {
        "EventsQueueMapping",
        "ItemsStreamMapping",
        "CountersStreamMapping",
    }
    always = {"SnapshotSigner", "BucketNotices", "ExposuresWritten"}
    kinds = {resource["Type"] for name, resource in resources.items() if name not in always}
    assert set(resources["DataBucket"]["NotificationConfiguration"]) == {"EventBridgeConfiguration"}
    assert not kinds & {"AWS::Events::Rule", "AWS::IAM::Policy", "AWS::SQS::QueuePolicy"}


def test_every_mapping_takes_partial_failures(mappings: dict[str, Any]) -> None:
    for name, mapping in mappings.items():
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"], name


def test_a_bad_record_can_not_block_a_stream(mappings: dict[str, Any]) -> None:
    for name in ("StorefrontStreamMapping", "ItemsStreamMapping", "CountersStreamMapping"):
        mapping = mappings[name]
        # Notes of counts are known by the batch that they came in, and what can't be read of them holds up no other.
        assert mapping["BisectBatchOnFunctionError"] is (name != "CountersStreamMapping")
        # By age: what fails for good the functions put aside themselves, and the rest waits for a service.
        assert mapping["MaximumRetryAttempts"] == -1
        assert OUTAGE_S < mapping["MaximumRecordAgeInSeconds"] < STREAM_RETENTION_S
        destination = mapping["DestinationConfig"]["OnFailure"]["Destination"]
        if name == "StorefrontStreamMapping":  # with the records, which nothing else keeps beyond a day
            assert destination == "arn:aws:s3:::endcap-local-databucket"
        else:
            assert destination.endswith("StreamFailuresQueue")


def test_a_writer_that_is_away_holds_up_nobody_for_long(mappings: dict[str, Any]) -> None:
    embedding, describing = mappings["ItemsStreamMapping"], mappings["DescribedItemsMapping"]
    assert describing["EventSourceArn"] == embedding["EventSourceArn"]
    assert describing["FunctionName"] != embedding["FunctionName"]
    assert 0 < describing["MaximumRetryAttempts"] < 10
    assert describing["MaximumRecordAgeInSeconds"] == 3600
    assert describing["DestinationConfig"]["OnFailure"]["Destination"].endswith("DescriptionFailuresQueue")


def test_every_source_may_be_read_and_every_destination_written(
    mappings: dict[str, Any], everything: dict[str, Any]
) -> None:
    reads = {"sqs": "sqs:ReceiveMessage", "kinesis": "kinesis:GetRecords", "dynamodb": "dynamodb:GetRecords"}
    for name, mapping in mappings.items():
        function = mapping["FunctionName"].rsplit("-", 1)[1].removesuffix(":live")
        statements = statements_of(function, everything)
        source = mapping["EventSourceArn"]
        assert any(s.allows(reads[source.split(":")[2]], source) for s in statements), name
        if "DestinationConfig" in mapping:
            destination = mapping["DestinationConfig"]["OnFailure"]["Destination"]
            call = ("sqs:SendMessage", destination)
            if (
                ":s3:" in destination
            ):  # https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
                assert any(s.allows("s3:ListBucket", destination) for s in statements), name
                call = ("s3:PutObject", f"{destination}/aws/lambda/mapping/shard/2026/01/21/record")
            assert any(s.allows(*call) for s in statements), name


def test_the_stream_has_a_batch_size_of_its_own(resolved: Callable[..., dict[str, Any]]) -> None:
    stream = "arn:aws:kinesis:us-east-1:123456789012:stream/shop"
    stack = resolved(StorefrontStreamArn=stream, StreamBatchSize="500", EventBatchSize="5")
    assert int(stack["StorefrontStreamMapping"]["BatchSize"]) == 500
    assert int(stack["EventsQueueMapping"]["BatchSize"]) == 5


def test_queues_are_told_of_files_and_of_what_is_given_up_of_a_stream(everything: dict[str, Any]) -> None:
    told = everything["DataBucket"]["NotificationConfiguration"]["QueueConfigurations"]
    of = {one["Filter"]["S3Key"]["Rules"][0]["Value"]: one["Queue"].rsplit("-", 1)[1] for one in told}
    assert of == {
        "inbox/events/": "InboxQueue",
        "inbox/items/": "InboxQueue",  # and not inbox/reports/, which the function writes itself
        "aws/lambda/": "StreamFailuresQueue",
    }
    (statement,) = everything["BucketNotices"]["PolicyDocument"]["Statement"]
    assert {one["Queue"] for one in told} == set(statement["Resource"])
    assert statement["Principal"] == {"Service": "s3.amazonaws.com"}
    assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": "123456789012"}}


def test_the_inbox_waits_six_timeouts_and_keeps_what_it_gives_up(everything: dict[str, Any]) -> None:
    queue = everything["InboxQueue"]
    assert queue["VisibilityTimeout"] >= 6 * int(everything["LoadFileFunction"]["Timeout"])
    assert queue["RedrivePolicy"]["deadLetterTargetArn"].endswith("InboxDeadLetterQueue")
    assert everything["InboxMapping"]["BatchSize"] == 1  # a file may take all the time that there is


def test_a_function_that_goes_on_by_its_own_queue_is_not_stopped_as_a_loop(everything: dict[str, Any]) -> None:
    allowed = {name for name, of in everything.items() if of.get("RecursiveLoop") == "Allow"}
    assert allowed == {"LoadFileFunction"}


def test_partner_events_go_to_what_takes_webhooks_and_are_kept_where_they_fail(everything: dict[str, Any]) -> None:
    rule = everything["CommercetoolsRule"]
    (target,) = rule["Targets"]
    assert rule["EventPattern"] == {"source": [{"prefix": "aws.partner/commercetools.com/"}]}
    assert target["Arn"].endswith("ReceiveWebhookFunction:live")
    assert target["DeadLetterConfig"]["Arn"].endswith("InvokeFailuresQueue")


def test_queue_waits_six_timeouts_and_outlasts_an_outage(everything: dict[str, Any]) -> None:
    queue = everything["EventsQueue"]
    assert queue["VisibilityTimeout"] >= 6 * int(everything["UpdateProfileFunction"]["Timeout"])
    assert queue["RedrivePolicy"]["deadLetterTargetArn"].endswith("EventsDeadLetterQueue")
    tries = queue["RedrivePolicy"]["maxReceiveCount"]
    assert tries <= 1_000  # SQS's own limit
    # Also where no message can be put off, so that each comes back when the queue's own time is over.
    assert tries * queue["VisibilityTimeout"] > 12 * OUTAGE_S
    # A message that expires is gone; one that is given up lies among the dead letters, for days.
    assert tries * max(LONGEST_BACKOFF_S, queue["VisibilityTimeout"]) < queue["MessageRetentionPeriod"] - 7 * DAY_S


def test_queues_are_encrypted_and_what_was_given_up_stays_longest(everything: dict[str, Any]) -> None:
    for name, queue in of_type(everything, "AWS::SQS::Queue").items():
        assert queue["SqsManagedSseEnabled"] is True, name
    for name in ("EventsDeadLetterQueue", "StreamFailuresQueue", "InvokeFailuresQueue", "InboxDeadLetterQueue"):
        assert everything[name]["MessageRetentionPeriod"] == 14 * 24 * 3600


def test_written_exposures_start_the_count_of_results_and_no_clock_does(everything: dict[str, Any]) -> None:
    rule = of_type(everything, "AWS::Events::Rule")["ExposuresWritten"]
    assert "ScheduleExpression" not in rule
    assert rule["EventPattern"]["detail"]["object"] == {"key": [{"prefix": "exposures/"}]}
    (target,) = rule["Targets"]
    assert target["Arn"].endswith("SummariseResultsFunction:live")
    notifications = everything["DataBucket"]["NotificationConfiguration"]
    assert notifications["EventBridgeConfiguration"] == {"EventBridgeEnabled": True}


def test_the_bus_hands_details_to_the_events_queue_and_keeps_what_fails(everything: dict[str, Any]) -> None:
    rule = everything["StorefrontRule"]
    (target,) = rule["Targets"]
    assert rule["EventBusName"] == "shop"
    assert rule["EventPattern"] == {"source": ["storefront"]}
    assert target["Arn"].endswith(":endcap-local-EventsQueue")
    assert target["InputPath"] == "$.detail"
    assert target["RetryPolicy"] == {"MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 86400}
    assert target["DeadLetterConfig"]["Arn"].endswith("EventsDeadLetterQueue")
    (statement,) = everything["StorefrontRuleAccess"]["PolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    assert statement["Condition"] == {"ArnEquals": {"aws:SourceArn": _arn_of_rule()}}
    assert {target["Arn"], target["DeadLetterConfig"]["Arn"]} == set(statement["Resource"])


def _arn_of_rule() -> str:
    return "arn:aws:events:us-east-1:123456789012:rule/endcap-local-StorefrontRule"


def test_tables_are_on_demand_encrypted_recoverable_and_survive_the_stack(
    everything: dict[str, Any], template: Mapping[str, Any]
) -> None:
    for name, table in of_type(everything, "AWS::DynamoDB::Table").items():
        assert table["BillingMode"] == "PAY_PER_REQUEST"
        assert table["SSESpecification"] == {"SSEEnabled": True}
        if name == "CountersTable":  # approximate counts of a week
            continue
        assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
        assert template["Resources"][name]["DeletionPolicy"] == "Retain"
        assert template["Resources"][name]["UpdateReplacePolicy"] == "Retain"


def test_counts_are_folded_when_there_are_some_and_not_by_a_clock(
    everything: dict[str, Any], mappings: dict[str, Any]
) -> None:
    # Nothing of the stack runs by a clock, but for the purge, as its day was promised, and the rebuild, which has a
    # parameter of its own.
    assert set(of_type(everything, "AWS::Scheduler::Schedule")) == {"PurgeErasedFunctionPurge"}
    rules = [r for r in everything.values() if r["Type"] == "AWS::Events::Rule"]
    assert all("ScheduleExpression" not in rule for rule in rules)
    # The fold is started by new notes alone: rows that expire, or hold sums of versions before, start nothing.
    mapping = mappings["CountersStreamMapping"]
    assert everything["CountersTable"]["StreamSpecification"] == {"StreamViewType": "NEW_IMAGE"}
    filters = parse_filters(mapping["FilterCriteria"])

    def starts(name: str, shard: str) -> bool:
        return passes(filters, {"eventName": name, "dynamodb": {"Keys": {"shard": {"S": shard}}}})

    assert all(starts("INSERT", f"{NOTES}{n}") for n in range(NOTE_SHARDS))
    assert not starts("REMOVE", f"{NOTES}0")
    assert not starts("INSERT", "10m#0")
    # So an hour in which nothing happens but rows that expire brings no call.
    shard = Shard(StreamSettings(batch_size=mapping["BatchSize"], window_ms=15_000))
    for minute in range(60):
        expired = {"eventName": "REMOVE", "dynamodb": {"Keys": {"shard": {"S": f"{NOTES}0"}}}}
        arrived = [expired] if passes(filters, expired) else []
        shard.offer(StreamRecord(str(minute), "key", minute * 60_000, record) for record in arrived)
        assert shard.due_ms() is None
    # And one view brings one, when the wait is over.
    shard.offer([StreamRecord("view", "key", 0, {}, seen_ms=3_600_000)])
    assert shard.due_ms() == 3_600_000 + 15_000


def test_an_event_is_trending_within_a_minute(everything: dict[str, Any], template: Mapping[str, Any]) -> None:
    parameter = template["Parameters"]["LiveCountsSeconds"]
    # Folded after one wait at most, looked at after another; the rest is for the queue, the functions and S3.
    assert 2 * parameter["Default"] <= 30
    assert 2 * parameter["MaxValue"] <= 50
    mapping = everything["CountersStreamMapping"]
    variables = everything["RecommendFunction"]["Environment"]["Variables"]
    assert mapping["MaximumBatchingWindowInSeconds"] == variables["LIVE_COUNTS_SECONDS"]


def test_items_table_orders_changes_and_streams_both_images(everything: dict[str, Any]) -> None:
    table = everything["ItemsTable"]
    (index,) = table["GlobalSecondaryIndexes"]
    assert index["IndexName"] == CHANGES_INDEX
    assert [(k["AttributeName"], k["KeyType"]) for k in index["KeySchema"]] == [
        ("change_shard", "HASH"),
        ("changed_at", "RANGE"),
    ]
    assert index["Projection"] == {"ProjectionType": "ALL"}
    assert table["StreamSpecification"] == {"StreamViewType": "NEW_AND_OLD_IMAGES"}


@pytest.mark.parametrize("table", ["ProfilesTable", "CountersTable"])
def test_profiles_and_counts_expire(table: str, everything: dict[str, Any]) -> None:
    assert everything[table]["TimeToLiveSpecification"] == {"AttributeName": "ttl", "Enabled": True}


def test_bucket_is_private_encrypted_versioned_and_forgets(everything: dict[str, Any]) -> None:
    bucket = everything["DataBucket"]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    rules = {rule.get("Prefix", ""): rule for rule in bucket["LifecycleConfiguration"]["Rules"]}
    assert int(rules["exposures/"]["ExpirationInDays"]) == 90
    assert int(rules["quarantine/"]["ExpirationInDays"]) == 30
    assert int(rules["errors/"]["ExpirationInDays"]) == 30
    assert int(rules["events/"]["ExpirationInDays"]) == 730
    for prefix in ("exposures/", "quarantine/", "errors/", "events/"):  # or they would stay on as old versions
        assert rules[prefix]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 1}
    (statement,) = [
        s for s in everything["DataBucketPolicy"]["PolicyDocument"]["Statement"] if s["Sid"] == "OnlyOverTls"
    ]
    assert (statement["Effect"], statement["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_archive_retention_is_a_parameter(resolved: Callable[..., dict[str, Any]]) -> None:
    rules = resolved(ArchiveRetentionDays="400")["DataBucket"]["LifecycleConfiguration"]["Rules"]
    assert [r["ExpirationInDays"] for r in rules if r.get("Prefix") == "events/"] == ["400"]
    rules = resolved(ArchiveRetentionDays="0")["DataBucket"]["LifecycleConfiguration"]["Rules"]
    assert [r for r in rules if r.get("Prefix") == "events/"] == []
    rules = resolved(QuarantineRetentionDays="7")["DataBucket"]["LifecycleConfiguration"]["Rules"]
    assert [r["ExpirationInDays"] for r in rules if r.get("Prefix") in ("quarantine/", "errors/")] == ["7", "7"]


def test_whatever_holds_something_of_shoppers_is_kept_for_a_stated_time(everything: dict[str, Any]) -> None:
    groups = [r for r in everything.values() if r.get("Type") == "AWS::Logs::LogGroup"]
    assert groups
    assert all(int(group["RetentionInDays"]) <= 30 for group in groups)


def test_keys_of_pseudonyms_are_made_once_outlive_the_stack_and_are_read_by_who_writes_records(
    everything: dict[str, Any], resolved: Callable[..., dict[str, Any]], template: Mapping[str, Any]
) -> None:
    secret = template["Resources"]["PseudonymKeys"]
    assert (secret["DeletionPolicy"], secret["UpdateReplacePolicy"]) == ("Retain", "Retain")
    # CloudFormation would draw another key where any of this changes: what is archived could not be told any more.
    assert secret["Properties"]["GenerateSecretString"] == {
        "SecretStringTemplate": "{}",
        "GenerateStringKey": "1",
        "PasswordLength": 64,
        "ExcludePunctuation": True,
    }
    assert "PseudonymKeys" not in resolved(Pseudonyms="off")
    assert "PseudonymKeys" in resolved(Pseudonyms="read")
    functions = [name for name, r in everything.items() if r.get("Type") == "AWS::Lambda::Function"]
    readers = {
        name
        for name in functions
        if any(
            "secretsmanager:GetSecretValue" in s.actions and any("PseudonymKeys" in r for r in s.resources)
            for s in statements_of(name, everything)
        )
    }
    writers = {"UpdateProfileFunction", "RecommendFunction", "StorefrontFunction"}
    assert readers == writers | {"ManageUsersFunction", "PurgeErasedFunction"}  # who write erasures down, too


@pytest.mark.parametrize(("stream", "prefix"), [("ArchiveStream", "events/"), ("ExposuresStream", "exposures/")])
def test_delivery_streams_write_by_day_in_a_minute_to_five(
    stream: str, prefix: str, everything: dict[str, Any]
) -> None:
    properties = everything[stream]
    destination = properties["ExtendedS3DestinationConfiguration"]
    assert destination["Prefix"] == prefix + "!{timestamp:yyyy/MM/dd}/"
    assert destination["ErrorOutputPrefix"].startswith("errors/" + prefix)
    assert 60 <= int(destination["BufferingHints"]["IntervalInSeconds"]) <= 300
    assert destination["CompressionFormat"] == "GZIP"
    assert destination["CloudWatchLoggingOptions"]["Enabled"] is True
    assert properties["DeliveryStreamEncryptionConfigurationInput"] == {"KeyType": "AWS_OWNED_CMK"}


def test_every_function_and_failure_queue_has_an_alarm(
    monitoring: Mapping[str, Any], everything: dict[str, Any]
) -> None:
    alarms = of_type(monitoring["Resources"], "AWS::CloudWatch::Alarm")
    text = json.dumps(alarms)
    watched = {
        (a["Properties"].get("MetricName"), json.dumps(a["Properties"].get("Dimensions"))) for a in alarms.values()
    }
    metrics = {name for name, _ in watched}
    for function in of_type(everything, "AWS::Lambda::Function"):
        dimensions = json.dumps([{"Name": "FunctionName", "Value": {"Ref": function}}])
        assert ("Errors", dimensions) in watched, function
        assert text.count(json.dumps({"Ref": function})) >= 2, function  # once more among the throttles
    # What replay drains is watched while it is there; what only tells of something, when it arrives, or the alarm would
    # stay on for as long as the queue keeps it. A redrive policy's moves count as no arrivals.
    for queue, metric in (
        ("EventsDeadLetterQueue", "ApproximateNumberOfMessagesVisible"),
        ("StreamFailuresQueue", "NumberOfMessagesSent"),
        ("InvokeFailuresQueue", "NumberOfMessagesSent"),
        ("InboxDeadLetterQueue", "ApproximateNumberOfMessagesVisible"),
        ("DescriptionFailuresQueue", "NumberOfMessagesSent"),
    ):
        dimensions = json.dumps([{"Name": "QueueName", "Value": {"Ref": queue}}])
        assert (metric, dimensions) in watched, queue
    assert {"ApproximateAgeOfOldestMessage", "IteratorAge", "Duration", "DegradedAnswers"} <= metrics


def test_alarms_stay_calm_without_traffic_and_notify_the_topic(monitoring: Mapping[str, Any]) -> None:
    for name, alarm in of_type(monitoring["Resources"], "AWS::CloudWatch::Alarm").items():
        assert alarm["Properties"]["TreatMissingData"] == "notBreaching", name
        assert alarm["Properties"]["AlarmActions"]["Fn::If"][:2] == ["HasAlarmTopic", [{"Ref": "AlarmTopicArn"}]]


def test_dashboard_is_json(monitoring: Mapping[str, Any]) -> None:
    body = monitoring["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    assert len(json.loads(body)["widgets"]) == 4


def test_watching_gets_every_name_that_it_asks_for(monitoring: Mapping[str, Any], everything: dict[str, Any]) -> None:
    assert set(everything["Watching"]["Parameters"]) == set(monitoring["Parameters"])


def test_watching_can_be_switched_off(resolved: Callable[..., dict[str, Any]]) -> None:
    assert "Watching" not in resolved(Monitoring="off")
