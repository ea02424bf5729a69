"""The packaged templates, deployed with everything that is optional: what a service for CloudFormation makes of them.

SAM is expanded here, by its own translator, as the emulator does it in no nested template. The emulator checks names,
references and values as AWS does, and makes resources that can be asked for. What it can't make stands in
`tests/data/not_deployed.json` with the reason; what it learns to make has to leave that list.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from endcap_local.template.intrinsics import Resolver
from endcap_local.template.template import expand
from tests.fakes.emulator import (
    ACCOUNT,
    ARTIFACTS,
    LIST,
    PYTHON,
    REGION,
    ROOT,
    Aws,
    deploy,
    emulator,
    left_out,
    packaged,
    settled,
)

pytestmark = pytest.mark.skipif(not PYTHON.exists(), reason="MiniStack is not installed (make test installs it)")

STACK = "shop"
MAIN = "template.yaml"
RECIPES: Mapping[str, Mapping[str, str]] = {
    "infra/athena.yaml": {"DataBucket": "shop-data"},
    "infra/waf.yaml": {},
    "infra/pipes.yaml": {
        "EventsQueueArn": "arn:aws:sqs:us-east-1:123456789012:shop",
        "StreamFailuresQueueArn": "arn:aws:sqs:us-east-1:123456789012:commercetools",
        "OrdersStreamArn": "arn:aws:dynamodb:us-east-1:123456789012:table/orders/stream/2026-11-30T00:00:00.000",
        "ClusterArn": "arn:aws:kafka:us-east-1:123456789012:cluster/shop/0a1b",
    },
    "infra/studio.yaml": {
        "ApiDomain": "0a1b2c3d4e.execute-api.us-east-1.amazonaws.com",
        "AuthorizeUrl": "https://shop.auth.us-east-1.amazoncognito.com/oauth2/authorize",
        "TokenUrl": "https://shop.auth.us-east-1.amazoncognito.com/oauth2/token",
        "TokenOrigin": "https://shop.auth.us-east-1.amazoncognito.com",
        "ClientId": "studio",
    },
}
"""Templates that are deployed by themselves, beside a stack."""


def arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"


EVERYTHING = {
    "StorefrontStreamArn": arn("kinesis", "stream/shop"),
    "StorefrontQueueArn": arn("sqs", "shop"),
    "StorefrontEventBusName": "shop",
    "AlarmTopicArn": arn("sns", "ops"),
    "Storefront": "on",
    "StorefrontSecret": "of-the-tests-0123456789-0123456789",
    "StorefrontOrigins": "https://shop.example,https://m.shop.example",
    "StorefrontFrontKey": "of-the-tests-0123456789-0123456789",
    "StorefrontConcurrency": "5",
    "RecommendConcurrency": "5",
    "ProvisionedConcurrency": "1",
    "ShopifySecretArn": arn("secretsmanager", "secret:shopify-AbCdEf"),
    "WooCommerceSecretArn": arn("secretsmanager", "secret:woocommerce-AbCdEf"),
    "CommercetoolsQueueArn": arn("sqs", "commercetools"),
    "CommercetoolsEventBusName": "commercetools",
    "FileInbox": "on",
    "ItemWriter": "bedrock",
    "ItemWriterModel": "small-1",
    "ItemWriterPrice": "0.1,0.2",
    "Rebuild": "on",
    "EnrichmentBatches": "on",
    "Canary": "on",
    "Monitoring": "on",
    "RouteMetrics": "on",
    "Tracing": "Active",
    "SnapshotSignature": "require",
    "Pseudonyms": "on",
}


@dataclass(frozen=True)
class Deployed:
    """The stack and those within it: template -> name of a resource -> what `DescribeStackResources` says of it."""

    aws: Aws
    stack: Mapping[str, Any]
    made: Mapping[str, Mapping[str, Mapping[str, Any]]]
    parameters: Mapping[str, Mapping[str, str]]

    def physical(self, logical_id: str) -> str:
        """What a resource of the main template is called."""
        return str(self.made[MAIN][logical_id]["PhysicalResourceId"])

    def resolved(self, kind: str) -> dict[str, dict[str, Any]]:
        """Properties of the main template's resources of a type, as the template says."""
        template = expand(ROOT / MAIN)[1]
        resolver = Resolver(template, self.parameters[MAIN], "http://127.0.0.1:9")
        return {
            name: resolver.resolve(resource.get("Properties", {}))
            for name, resource in template["Resources"].items()
            if resource["Type"] == kind and name in self.made[MAIN]
        }


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    with emulator() as made:
        made("s3").create_bucket(Bucket=ARTIFACTS)
        made("kinesis").create_stream(StreamName="shop", ShardCount=1)
        for queue in ("shop", "commercetools"):
            made("sqs").create_queue(QueueName=queue)
        for bus in ("shop", "commercetools"):
            made("events").create_event_bus(Name=bus)
        made("sns").create_topic(Name="ops")
        yield made


@pytest.fixture(scope="module")
def deployed(aws: Aws) -> Deployed:
    stack = deploy(aws, STACK, packaged(aws, MAIN), EVERYTHING)
    assert stack["StackStatus"] == "CREATE_COMPLETE", why(aws, STACK)
    made, parameters = {}, {MAIN: dict(EVERYTHING)}
    nested = {
        name: resource["Properties"]["TemplateURL"]
        for name, resource in expand(ROOT / MAIN)[1]["Resources"].items()
        if resource["Type"] == "AWS::CloudFormation::Stack"
    }
    made[MAIN] = resources(aws, STACK)
    for name, template in nested.items():
        child = made[MAIN][name]["PhysicalResourceId"]
        made[template] = resources(aws, child)
        (told,) = aws("cloudformation").describe_stacks(StackName=child)["Stacks"]
        parameters[template] = {p["ParameterKey"]: p["ParameterValue"] for p in told["Parameters"]}
    return Deployed(aws, stack, made, parameters)


def resources(aws: Aws, stack: str) -> dict[str, Mapping[str, Any]]:
    found = aws("cloudformation").describe_stack_resources(StackName=stack)["StackResources"]
    return {one["LogicalResourceId"]: one for one in found}


def why(aws: Aws, stack: str) -> list[str]:
    events = aws("cloudformation").describe_stack_events(StackName=stack)["StackEvents"]
    return [
        f"{e['LogicalResourceId']}: {e.get('ResourceStatusReason')}" for e in events if "FAILED" in e["ResourceStatus"]
    ]


def wanted(template: str, parameters: Mapping[str, str]) -> dict[str, str]:
    """Name -> type of the resources that a template has under some parameters."""
    document = expand(ROOT / template)[1]
    resolver = Resolver(document, parameters, "http://127.0.0.1:9")
    return {
        name: resource["Type"]
        for name, resource in document["Resources"].items()
        if "Condition" not in resource or resolver.holds(resource["Condition"])
    }


def test_everything_is_made_but_for_what_the_list_names(deployed: Deployed) -> None:
    for template, made in deployed.made.items():
        expected = wanted(template, deployed.parameters[template])
        listed = left_out().get(template, {})
        assert listed.keys() <= expected.keys(), template
        assert {name: one["ResourceType"] for name, one in made.items()} == {
            name: kind for name, kind in expected.items() if name not in listed
        }


@pytest.mark.parametrize(("template", "parameters"), RECIPES.items())
def test_recipes_are_made(template: str, parameters: Mapping[str, str], aws: Aws) -> None:
    name = re.sub(r"\W", "-", template)
    stack = deploy(aws, name, packaged(aws, template), parameters)
    assert stack["StackStatus"] == "CREATE_COMPLETE", why(aws, name)
    listed = left_out().get(template, {})
    assert resources(aws, name).keys() | listed.keys() == wanted(template, parameters).keys()


def test_what_the_list_names_can_not_be_made(deployed: Deployed, aws: Aws) -> None:
    cloudformation, parameters = aws("cloudformation"), {**RECIPES, **deployed.parameters}
    for template, names in left_out().items():
        document = expand(ROOT / template)[1]
        resolver = Resolver(document, parameters[template], "http://127.0.0.1:9")
        for name in names:
            resource = document["Resources"][name]
            alone = {"Type": resource["Type"], "Properties": resolver.resolve(resource.get("Properties", {}))}
            body = json.dumps({"Resources": {name: alone}})
            stack = f"{name}-alone"
            try:
                cloudformation.create_stack(StackName=stack, TemplateBody=body)
            except cloudformation.exceptions.ClientError:
                continue  # refused at once, as a type that it does not know
            ended = settled(aws, stack)["StackStatus"]
            assert ended != "CREATE_COMPLETE", f"{template}: {name} can be made now: take it off {LIST.name}"


def test_the_emulator_is_the_one_that_is_installed() -> None:
    pinned = json.loads(LIST.read_text())["emulator"]
    assert f"EMULATOR := {pinned}#" in (ROOT / "Makefile").read_text()


def test_every_output_is_there(deployed: Deployed) -> None:
    outputs = {one["OutputKey"]: one["OutputValue"] for one in deployed.stack["Outputs"]}
    assert outputs.keys() == expand(ROOT / MAIN)[1]["Outputs"].keys()
    assert not [name for name, value in outputs.items() if not value or "${" in value]
    assert outputs["DataBucketName"] == deployed.physical("DataBucket")


def test_tables_are_as_the_template_says(deployed: Deployed) -> None:
    dynamodb = deployed.aws("dynamodb")
    for name, said in deployed.resolved("AWS::DynamoDB::Table").items():
        table = dynamodb.describe_table(TableName=deployed.physical(name))["Table"]
        assert table["KeySchema"] == said["KeySchema"], name
        assert [index["IndexName"] for index in table.get("GlobalSecondaryIndexes", ())] == [
            index["IndexName"] for index in said.get("GlobalSecondaryIndexes", ())
        ], name
        view = said.get("StreamSpecification", {}).get("StreamViewType")
        assert table.get("StreamSpecification", {}).get("StreamViewType") == view, name


def test_queues_lead_to_where_their_messages_end(deployed: Deployed) -> None:
    sqs = deployed.aws("sqs")
    for name, said in deployed.resolved("AWS::SQS::Queue").items():
        found = sqs.get_queue_attributes(QueueUrl=deployed.physical(name), AttributeNames=["All"])["Attributes"]
        redrive = json.loads(found.get("RedrivePolicy", "{}"))
        assert redrive.get("maxReceiveCount") == said.get("RedrivePolicy", {}).get("maxReceiveCount"), name
        if redrive:
            assert (
                redrive["deadLetterTargetArn"].endswith(deployed.physical("EventsDeadLetterQueue").rpartition("/")[2])
                or name == "InboxQueue"
            )
        for attribute in ("VisibilityTimeout", "MessageRetentionPeriod"):
            if attribute in said:
                assert found[attribute] == str(said[attribute]), name


def test_bucket_keeps_versions_and_lets_in_nobody(deployed: Deployed) -> None:
    s3, bucket = deployed.aws("s3"), deployed.physical("DataBucket")
    (said,) = deployed.resolved("AWS::S3::Bucket").values()
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == said["VersioningConfiguration"]["Status"]
    assert (
        s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
        == said["PublicAccessBlockConfiguration"]
    )


def test_functions_know_the_names_of_what_they_use(deployed: Deployed) -> None:
    functions = deployed.aws("lambda")
    for name, said in deployed.resolved("AWS::Lambda::Function").items():
        found = functions.get_function_configuration(FunctionName=deployed.physical(name))
        variables = found["Environment"]["Variables"]
        assert variables.keys() == said["Environment"]["Variables"].keys(), name
        assert not [key for key, value in variables.items() if "${" in value or value == "None"], name
        assert (found["Timeout"], found["MemorySize"]) == (int(said["Timeout"]), int(said["MemorySize"])), name
        assert len(found.get("Layers", ())) == len(said["Layers"]), name
    bucket = {c["Environment"]["Variables"].get("DATA_BUCKET") for c in functions.list_functions()["Functions"]}
    assert bucket - {None} == {deployed.physical("DataBucket")}


def test_streams_and_queues_are_read_by_the_functions_that_the_template_names(deployed: Deployed) -> None:
    found = deployed.aws("lambda").list_event_source_mappings()["EventSourceMappings"]
    said = deployed.resolved("AWS::Lambda::EventSourceMapping")
    assert len(found) == len(said)
    assert sorted(int(one["BatchSize"]) for one in found) == sorted(int(one["BatchSize"]) for one in said.values())


def rows_expire(deployed: Deployed) -> bool:
    table = deployed.physical("ProfilesTable")
    told = deployed.aws("dynamodb").describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    return bool(told["TimeToLiveStatus"] != "DISABLED")


def objects_expire(deployed: Deployed) -> bool:
    s3 = deployed.aws("s3")
    try:
        return bool(s3.get_bucket_lifecycle_configuration(Bucket=deployed.physical("DataBucket"))["Rules"])
    except s3.exceptions.ClientError:
        return False


def has_routes(deployed: Deployed) -> bool:
    return bool(deployed.aws("apigatewayv2").get_routes(ApiId=deployed.physical("Api"))["Items"])


LOOKS: Mapping[str, Callable[[Deployed], bool]] = {
    "AWS::ApiGatewayV2::Api Body": has_routes,
    "AWS::DynamoDB::Table TimeToLiveSpecification": rows_expire,
    "AWS::S3::Bucket LifecycleConfiguration": objects_expire,
}


def test_properties_that_it_passes_over_are_those_of_the_list(deployed: Deployed) -> None:
    passed_over = {name for name, made in LOOKS.items() if not made(deployed)}
    assert passed_over == set(json.loads(LIST.read_text())["properties"])


def test_the_api_is_there_and_its_stage_logs_where_it_may(deployed: Deployed) -> None:
    gateway, api = deployed.aws("apigatewayv2"), deployed.physical("Api")
    (stage,) = gateway.get_stages(ApiId=api)["Items"]
    assert stage["StageName"] == "$default"
    assert ":log-group:/aws/vendedlogs/" in stage["AccessLogSettings"]["DestinationArn"]
