"""Makes the resources of a `StackPlan` on the local engine, by the same API calls that CloudFormation would make."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from typing import Any

from endcap_local.engine.engine import Engine
from endcap_local.template.intrinsics import TemplateError
from endcap_local.template.template import EventMapping, StackPlan

_TABLE_SETTINGS = (
    "AttributeDefinitions",
    "KeySchema",
    "GlobalSecondaryIndexes",
    "LocalSecondaryIndexes",
    "ProvisionedThroughput",
)
_QUEUE_ATTRIBUTES = (
    "VisibilityTimeout",
    "MessageRetentionPeriod",
    "DelaySeconds",
    "MaximumMessageSize",
    "ReceiveMessageWaitTimeSeconds",
)


def create_resources(plan: StackPlan, engine: Engine) -> None:
    """Create tables, queues, buckets, streams, delivery streams, bus rules and secrets.

    An event source that a parameter names but the template does not make (a storefront's own stream or queue) is made
    too, so that it can be tried locally.
    """
    _create_tables(plan.tables, engine)
    _create_buckets(plan.buckets, engine)
    _create_queues(plan, engine)
    _notify_queues(plan.buckets, engine)
    _create_streams(plan, engine)
    _create_delivery_streams(plan.delivery_streams, engine)
    _create_rules(plan.rules, engine)
    _create_secrets(plan.secrets, engine)


def _create_tables(tables: Mapping[str, Mapping[str, Any]], engine: Engine) -> None:
    dynamodb = engine.client("dynamodb")
    for name, properties in tables.items():
        settings = {key: properties[key] for key in _TABLE_SETTINGS if key in properties}
        if "StreamSpecification" in properties:
            settings["StreamSpecification"] = {"StreamEnabled": True, **properties["StreamSpecification"]}
        billing = properties.get("BillingMode", "PROVISIONED")
        dynamodb.create_table(TableName=name, BillingMode=billing, **settings)
        if "TimeToLiveSpecification" in properties:
            ttl = properties["TimeToLiveSpecification"]
            dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification=ttl)


def _create_buckets(buckets: Mapping[str, Mapping[str, Any]], engine: Engine) -> None:
    s3 = engine.client("s3")
    for name, properties in buckets.items():
        s3.create_bucket(Bucket=name)
        if "VersioningConfiguration" in properties:
            s3.put_bucket_versioning(Bucket=name, VersioningConfiguration=properties["VersioningConfiguration"])


def _create_queues(plan: StackPlan, engine: Engine) -> None:
    sqs = engine.client("sqs")
    queues: dict[str, Mapping[str, Any]] = dict(plan.queues)
    queues |= {name: {} for name in _outside(plan, "sqs", plan.queues)}
    # A redrive policy names a queue that must exist, so dead-letter queues come first.
    for name, properties in sorted(queues.items(), key=lambda item: "RedrivePolicy" in item[1]):
        attributes = {key: str(properties[key]) for key in _QUEUE_ATTRIBUTES if key in properties}
        if properties.get("FifoQueue"):
            attributes["FifoQueue"] = "true"
        if "RedrivePolicy" in properties:
            attributes["RedrivePolicy"] = json.dumps(properties["RedrivePolicy"])
        sqs.create_queue(QueueName=name, Attributes=attributes)


def _notify_queues(buckets: Mapping[str, Mapping[str, Any]], engine: Engine) -> None:
    s3 = engine.client("s3")
    for name, properties in buckets.items():
        told = properties.get("NotificationConfiguration", {}).get("QueueConfigurations", ())
        configurations = [
            {
                "QueueArn": one["Queue"],
                "Events": [one["Event"]],
                "Filter": {"Key": {"FilterRules": one["Filter"]["S3Key"]["Rules"]}},
            }
            for one in told
        ]
        if configurations:
            s3.put_bucket_notification_configuration(
                Bucket=name, NotificationConfiguration={"QueueConfigurations": configurations}
            )


def _create_streams(plan: StackPlan, engine: Engine) -> None:
    outside = {source: {"ShardCount": 1} for source in _outside(plan, "kinesis", plan.streams)}
    streams: dict[str, Mapping[str, Any]] = {**plan.streams, **outside}
    kinesis = engine.client("kinesis") if streams else None
    for name, properties in streams.items():
        assert kinesis is not None
        kinesis.create_stream(StreamName=name, ShardCount=int(properties.get("ShardCount", 4)))


def _create_delivery_streams(delivery_streams: Mapping[str, Mapping[str, Any]], engine: Engine) -> None:
    firehose = engine.client("firehose") if delivery_streams else None
    for name, properties in delivery_streams.items():
        assert firehose is not None
        destination = properties.get("ExtendedS3DestinationConfiguration")
        if destination is None:
            raise TemplateError(f"{name}: the local engine delivers to S3 only")
        # moto dates the objects itself (YYYY/MM/DD/HH/) and takes no timestamp expressions.
        prefix = str(destination.get("Prefix", "")).partition("!{")[0]
        firehose.create_delivery_stream(
            DeliveryStreamName=name,
            DeliveryStreamType="DirectPut",
            ExtendedS3DestinationConfiguration={
                "BucketARN": destination["BucketARN"],
                "RoleARN": destination.get("RoleARN", "arn:aws:iam::123456789012:role/local"),
                "Prefix": prefix,
            },
        )


def _create_rules(rules: Mapping[str, Mapping[str, Any]], engine: Engine) -> None:
    events = engine.client("events") if rules else None
    for name, rule in rules.items():
        targets = [_target(target) for target in rule.get("Targets", ()) if ":sqs:" in target["Arn"]]
        if events is None or not targets or "EventPattern" not in rule:
            continue  # schedules and other targets have no local meaning
        bus = str(rule.get("EventBusName", "default"))
        if bus != "default":
            known = {entry["Name"] for entry in events.list_event_buses()["EventBuses"]}
            if bus not in known:
                events.create_event_bus(Name=bus)
        events.put_rule(Name=name, EventBusName=bus, EventPattern=json.dumps(rule["EventPattern"]), State="ENABLED")
        events.put_targets(Rule=name, EventBusName=bus, Targets=targets)


def _create_secrets(made: Mapping[str, Mapping[str, Any]], engine: Engine) -> None:
    secretsmanager = engine.client("secretsmanager") if made else None
    for name, properties in made.items():
        assert secretsmanager is not None
        text, generated = properties.get("SecretString"), properties.get("GenerateSecretString")
        if generated is not None:
            drawn = secrets.token_hex(int(generated.get("PasswordLength", 32)) // 2)
            key = generated.get("GenerateStringKey")
            text = json.dumps({**json.loads(generated["SecretStringTemplate"]), key: drawn}) if key else drawn
        secretsmanager.create_secret(Name=name, SecretString=str(text))


def _target(target: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {"Id": target["Id"], "Arn": target["Arn"]}
    if "InputPath" in target:  # moto knows the transformer but not the path
        made["InputTransformer"] = {"InputPathsMap": {"part": target["InputPath"]}, "InputTemplate": "<part>"}
    elif "InputTransformer" in target:
        made["InputTransformer"] = target["InputTransformer"]
    return made


def _outside(plan: StackPlan, source: str, made: Mapping[str, object]) -> set[str]:
    def is_outside(mapping: EventMapping) -> bool:
        return mapping.source == source and mapping.source_name not in made

    return {mapping.source_name for mapping in plan.mappings if is_outside(mapping)}
