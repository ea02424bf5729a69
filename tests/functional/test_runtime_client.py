"""Every handler under AWS's own runtime client, fed the samples of events/, with only the project's layers to import.

Runs on the newest CPython of 3.11 to 3.13 that the machine has, and in `make prove` on the others. Tables, queues and
buckets are made from template.yaml, on moto in a process of its own, which also writes down each AWS call, so that
roles can be compared with what is called.
"""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.config import Config

from endcap.pseudonyms import PseudonymKeys
from endcap_local.engine.resources import create_resources
from endcap_local.lambda_runtime.runtime_api import ExecutionEnvironment, FunctionError
from endcap_local.template.intrinsics import Resolver
from endcap_local.template.template import StackPlan, expand, plan_of
from tests.fakes.notes import stream_of
from tests.fakes.queues import drain
from tests.fakes.toy_snapshot import build_toy_snapshot
from tests.functional.lambda_layers import ROOT, VERSIONS, Runtime, find_python, newest_version, runtime_for
from tests.infra.stack import folder_of, statements_of

SAMPLES = {
    f"{p.parent.name}/{p.stem}": p
    for p in sorted(ROOT.glob("events/*/*.json"))
    if p.parent.name != "pipes"  # which lead to a queue, and to no function
}
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_DEFAULT_REGION": "us-east-1"}

REGIONAL = {"region_name": "us-east-1", "aws_access_key_id": "local", "aws_secret_access_key": "local"}
SHOP_SECRET = "secret-of-the-samples"

PATIENCE_S = 120
"""A busy machine starts functions far more slowly than Lambda does; what limits do is tested elsewhere."""

# Written before the first test, so that each sample finds what it asks for, whichever runs first.
STORY = (
    "manage_items/http-put-item",
    "manage_items/http-bulk",
    "collect/http-events",
    "update_profile/sqs-one-purchase",
    "update_profile/sqs-identify",
    "update_profile/sqs-many-devices",
)

# Granted to the role for Lambda's own pollers and destinations, not for the code.
FOR_LAMBDA_ITSELF = {
    "sqs:ReceiveMessage",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "dynamodb:DescribeStream",
    "dynamodb:GetRecords",
    "dynamodb:GetShardIterator",
    "dynamodb:ListStreams",
}
# s3:ListBucket is what makes S3 answer 404 for a missing key.
NEVER_CALLED = FOR_LAMBDA_ITSELF | {"s3:ListBucket"}


BUSY_S = 60.0
"""How long a machine may be so busy that a list does not get in time what it is made of."""


def lacks_something(answer: Any) -> bool:
    """Whether it is a list that was made of less than it should be, and says so."""
    body = str(answer.get("body")) if isinstance(answer, dict) else ""
    return body.startswith('{"recommendation_id":') and "degraded" in json.loads(body)


@dataclass
class Stack:
    """The functions of the template in one CPython, and the resources around them."""

    runtime: Runtime
    plan: StackPlan
    resources: dict[str, Any]
    endpoint: str
    calls: Path
    scratch: Path
    snapshot_version: str = ""
    ran: set[str] = field(default_factory=set)
    environments: dict[str, ExecutionEnvironment] = field(default_factory=dict)

    def invoke(self, function: str, event: object) -> Any:
        if function not in self.environments:
            self.environments[function] = self.start(function)
        if function == "load_file":  # it waits for what is before it in the queue, which nobody reads here
            drain(self.client("sqs"), self.queue)
        return self.environments[function].invoke(event)

    def run(self, sample: str) -> Any:
        """Invoke a function with one of its samples."""
        event = json.loads(SAMPLES[sample].read_text())
        if sample.startswith("promote/"):
            event["version"] = self.snapshot_version  # named by its content, so no sample can know it
        self.ran.add(sample)
        answer, until_s = self.invoke(sample.split("/")[0], event), time.monotonic() + BUSY_S
        while lacks_something(answer) and time.monotonic() < until_s:
            answer = self.invoke(sample.split("/")[0], event)
        return answer

    @property
    def queue(self) -> str:
        """The name of the events queue."""
        return str(self.resources["EventsQueueMapping"]["EventSourceArn"].rpartition(":")[2])

    def client(self, service: str) -> Any:
        return _client(service, self.endpoint)

    def keys(self, prefix: str) -> list[str]:
        bucket = self.resources["DataBucket"]["_name"]
        answer = self.client("s3").list_objects_v2(Bucket=bucket, Prefix=prefix)
        return [entry["Key"] for entry in answer.get("Contents", ())]

    def lines(self, prefix: str) -> list[dict[str, Any]]:
        """What a delivery stream has written under a prefix."""
        s3, bucket = self.client("s3"), self.resources["DataBucket"]["_name"]
        bodies = [s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in self.keys(prefix)]
        return [json.loads(line) for body in bodies for line in body.splitlines()]

    def made_calls(self) -> set[tuple[str, str, str]]:
        """(function, action, arn) of every AWS call so far."""
        lines = [json.loads(line) for line in self.calls.read_text().splitlines()]
        return {(line["function"], line["action"], line["arn"]) for line in lines}

    def log(self, function: str) -> str:
        return (self.scratch / f"{function}.log").read_text(errors="replace")

    def close(self) -> None:
        for environment in self.environments.values():
            environment.close()

    def start(self, function: str, **changes: str) -> ExecutionEnvironment:
        """A new environment of a function, with some variables changed."""
        (local,) = (f for f in self.plan.functions.values() if f.code_dir.name == function)
        layers = self.resources[local.logical_id]["Layers"]
        inference = any("InferenceLayer" in layer for layer in layers)
        temporary = self.scratch / f"{function}-tmp"
        temporary.mkdir(exist_ok=True)
        environment = {
            **local.environment,
            **CREDENTIALS,
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_SDK_UA_APP_ID": function,
            "AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:9",  # UDP to nobody, as nothing listens there
            "AWS_EXECUTION_ENV": f"AWS_Lambda_python{self.runtime.version}",
            "CLIENT_RATES": "",  # all samples come from one client, one right after the other
            "NO_PROXY": "127.0.0.1",
            "PATH": os.defpath,
            "TMPDIR": str(temporary),
            **changes,
        }
        return ExecutionEnvironment(
            self.runtime.python,
            local.code_dir,
            local.handler,
            self.runtime.path(inference=inference),
            environment,
            max(local.timeout_s, PATIENCE_S),
            self.scratch / f"{function}.log",
        )


@cache
def _client(service: str, endpoint: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(proxies={}),
    )


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """moto's endpoint, and the file that its calls are written to."""
    calls = tmp_path_factory.mktemp("engine") / "calls.jsonl"
    command = [sys.executable, "-m", "tests.functional.recorded_engine", str(calls)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield process.stdout.readline().strip(), calls
        process.stdin.close()


@pytest.fixture(
    scope="module",
    params=[pytest.param(v, marks=() if v == newest_version() else pytest.mark.prove) for v in VERSIONS],
)
def stack(
    request: pytest.FixtureRequest, engine: tuple[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    python = find_python(request.param)
    if python is None:
        pytest.skip(f"this machine has no CPython {request.param}")
    runtime = runtime_for(request.param, python)
    endpoint, calls = engine
    calls.write_text("")
    source, expanded = expand(ROOT / "template.yaml")
    _reset(endpoint)
    secrets = boto3.client("secretsmanager", endpoint_url=endpoint, **REGIONAL)
    signed = {
        parameter: secrets.create_secret(Name=parameter, SecretString=SHOP_SECRET)["ARN"]
        for parameter in ("ShopifySecretArn", "WooCommerceSecretArn")
    }
    parameters = {
        **signed,
        "CommercetoolsQueueArn": "arn:aws:sqs:us-east-1:123456789012:commercetools",
        "CommercetoolsEventBusName": "aws.partner/commercetools.com/lamps-and-mugs/endcap",
        "FileInbox": "on",
        "ItemWriter": "rules",
        "Tracing": "Active",  # the mode in which the functions do more
        "Storefront": "on",
        "StorefrontSecret": "of-the-tests-0123456789-0123456789",
        "StorefrontOrigins": "https://shop.example",
    }
    resolver = Resolver(expanded, parameters, endpoint)
    plan = plan_of(source, expanded, resolver, ROOT)
    resources = {
        name: {"Type": resource["Type"], "_name": resolver.name(name), **resolver.resolve(resource["Properties"])}
        for name, resource in expanded["Resources"].items()
        if "Condition" not in resource or resolver.holds(resource["Condition"])
    }
    stack = Stack(runtime, plan, resources, endpoint, calls, tmp_path_factory.mktemp(f"python{request.param}"))
    create_resources(plan, SimpleNamespace(client=stack.client))  # type: ignore[arg-type]
    stack.snapshot_version = _upload_snapshot(stack)
    _upload_files(stack)
    scenarios = {"home": {"filter": "price < 20", "limit": 3, "fields": ["price"]}}
    stack.client("s3").put_object(
        Bucket=stack.resources["DataBucket"]["_name"], Key="config/scenarios.json", Body=json.dumps(scenarios).encode()
    )
    for sample in STORY:
        stack.run(sample)
    stack.invoke("update_profile", _purchases_just_now())
    rows = stack.client("dynamodb").scan(TableName=stack.resources["CountersTable"]["_name"])["Items"]
    assert stack.invoke("fold_counts", {"Records": stream_of(rows)}) == {"batchItemFailures": []}
    yield stack
    stack.close()


def _purchases_just_now() -> dict[str, Any]:
    """Live counts are of the last week, and the samples are older."""
    event: dict[str, Any] = json.loads(SAMPLES["update_profile/sqs-one-purchase"].read_text())
    (record,) = event["Records"]
    record["attributes"]["SentTimestamp"] = str(int(time.time() * 1000))
    bought = [*["item-9"] * 5, "item-8"]
    record["body"] = json.dumps(
        {"events": [{"user_id": f"u-live-{n}", "event_type": "purchase", "item_id": i} for n, i in enumerate(bought)]}
    )
    return event


def _upload_files(stack: Stack) -> None:
    for name, key in (("feed.xml", "inbox/items/feed.xml"), ("day.csv", "inbox/events/day of sales.csv")):
        body = (ROOT / "events" / "load_file" / name).read_bytes()
        stack.client("s3").put_object(Bucket=stack.resources["DataBucket"]["_name"], Key=key, Body=body)


def _reset(endpoint: str) -> None:
    urllib.request.urlopen(urllib.request.Request(f"{endpoint}/moto-api/reset", method="POST")).close()


def _upload_snapshot(stack: Stack) -> str:
    folder = stack.scratch / "snapshot"
    version = build_toy_snapshot(folder).version
    s3, bucket = stack.client("s3"), stack.resources["DataBucket"]["_name"]
    for path in folder.iterdir():
        s3.upload_file(str(path), bucket, f"snapshots/{version}/{path.name}")
    promoted = stack.invoke("promote", {"version": version})
    assert promoted["version"] == version
    return version


def http(status: int, check: Callable[[Any], bool] = lambda _: True) -> Callable[[Any], None]:
    """An HTTP answer of this status whose body passes `check`."""

    def verify(answer: Any) -> None:
        body = json.loads(answer["body"]) if answer.get("body") else None
        assert answer["statusCode"] == status, body
        content_type = answer.get("headers", {}).get("Content-Type") or "".join(
            answer.get("multiValueHeaders", {}).get("Content-Type", ())
        )
        if status >= 400:
            assert content_type == "application/problem+json"
            assert body["status"] == status
        assert check(body), body

    return verify


def done(answer: Any) -> None:
    """A batch without failed items."""
    assert answer == {"batchItemFailures": []}


def items_of(count: int) -> Callable[[Any], bool]:
    """A list of `count` ranked items."""
    return lambda body: [item["rank"] for item in body["items"]] == list(range(1, count + 1))


EXPECTED: dict[str, Callable[[Any], None]] = {
    "collect/http-events": http(202, lambda b: (b["accepted"], b["rejected"]) == (3, [])),
    "collect/http-events-with-context": http(202, lambda b: (b["accepted"], b["rejected"]) == (3, [])),
    "collect/http-events-without-id-or-time": http(202, lambda b: b["accepted"] == 1),
    "collect/http-events-base64": http(202, lambda b: b["accepted"] == 1),
    "collect/http-ga4-names": http(202, lambda b: b["accepted"] == 3),
    "collect/http-ga4-payload": http(
        202,
        lambda b: (b["accepted"], b["ignored"], b["rejected"]) == (3, 1, []),
    ),
    "collect/http-segment-batch": http(202, lambda b: (b["accepted"], b["rejected"]) == (3, [])),
    "collect/http-cloudevents-batch": http(202, lambda b: (b["accepted"], b["rejected"]) == (2, [])),
    "collect/http-openapi": http(200, lambda b: b["openapi"] == "3.1.0" and "/events" in b["paths"]),
    "collect/http-personalize-events": http(200, lambda b: b is None),
    "collect/http-personalize-id-too-long": lambda answer: _invalid_input(answer),
    "collect/http-partly-invalid": http(
        202,
        lambda b: (
            b["accepted"] == 1 and [(r["index"], r["retryable"]) for r in b["rejected"]] == [(1, False), (2, False)]
        ),
    ),
    "collect/http-anonymous": http(202, lambda b: (b["accepted"], [r["index"] for r in b["rejected"]]) == (1, [1, 2])),
    "collect/http-none-usable": http(400, lambda b: [r["index"] for r in b["rejected"]] == [0]),
    "collect/http-not-json": http(400),
    "collect/http-unknown-path": http(404),
    "collect/http-wrong-method": http(405),
    "update_profile/sqs-one-purchase": done,
    "update_profile/sqs-many-users": done,
    "update_profile/sqs-poisoned-in-the-middle": done,  # what can never be applied is quarantined, not redelivered
    "update_profile/sqs-one-event-of-a-message-invalid": done,
    "update_profile/sqs-repeated-event": done,
    "update_profile/sqs-from-event-bus": done,
    "update_profile/sqs-identify": done,
    "update_profile/sqs-many-devices": done,
    "update_profile/sqs-review-without-a-grade": done,
    "update_profile/sqs-segment-order": done,
    "fold_counts/dynamodb-damaged-in-the-middle": done,
    "fold_counts/dynamodb-notes": done,
    "update_profile/kinesis-cloudevent-with-ga4": done,
    "update_profile/kinesis-one-purchase": done,
    "update_profile/kinesis-poisoned-in-the-middle": done,
    "recommend/http-known-user": http(200, lambda b: items_of(5)(b) and b["profile_version"] > 0),
    "recommend/http-anonymous": http(200, items_of(5)),
    "recommend/http-cold-user": http(200, lambda b: items_of(5)(b) and b["profile_version"] == 0),
    "recommend/http-cold-user-in-context": http(200, lambda b: items_of(5)(b) and b["source"] == "popular"),
    "recommend/http-limit-out-of-range": http(400, lambda b: b["errors"][0]["field"] == "limit"),
    "recommend/http-running-session": http(
        200, lambda b: items_of(5)(b) and not {"item-3", "item-4"} & {item["item_id"] for item in b["items"]}
    ),
    "recommend/http-rank-candidates": http(
        200, lambda b: {item["item_id"] for item in b["items"]} == {"item-20", "item-21", "item-22"}
    ),
    "recommend/http-search": http(200, items_of(5)),
    "recommend/http-trending": http(
        200,
        lambda b: (
            [i["item_id"] for i in b["items"]] == ["item-9", "item-8"]
            and b["items"][0]["reasons"][0]["text"] == "Chosen about 5 times in the last hour."
        ),
    ),
    "recommend/http-merchandised": http(
        200,
        lambda b: (
            items_of(8)(b)
            and [i["item_id"] for i in b["items"]].index("item-12") == 1
            and [i["rank"] for i in b["items"] if i.get("promotion") == "kitchen-week"] == [4, 8]
            and all(i["price"] <= 35 and i["item_id"] != "item-0" for i in b["items"])
        ),
    ),
    "recommend/http-cart-complements": http(
        200, lambda b: items_of(4)(b) and {i["item_id"] for i in b["items"][:2]} == {"item-21", "item-31"}
    ),
    "recommend/http-several-lists": http(
        200,
        lambda b: (
            [len(answer["items"]) for answer in b["lists"]] == [4, 4, 4]
            and len({i["item_id"] for answer in b["lists"] for i in answer["items"]}) == 12
        ),
    ),
    "recommend/http-buy-again": http(200, lambda b: [i["item_id"] for i in b["items"]] == ["item-3", "item-8"]),
    "recommend/http-scenario": http(200, lambda b: items_of(3)(b) and all(i["price"] < 20 for i in b["items"])),
    "recommend/http-broken-filter": http(
        400,
        lambda b: (
            b["errors"][0]["field"] == "filter"
            and b["errors"][0]["message"].startswith("at position 9: expected a value")
        ),
    ),
    "recommend/http-forged-cursor": http(400, lambda b: b["errors"][0]["field"] == "cursor"),
    "recommend/http-conversation": http(
        200,
        lambda b: (
            items_of(3)(b)
            and all(i["price"] <= 30 and "red" in i["title"] for i in b["items"])
            and [c["about"] for c in b["constraints"]["filters"]] == ["price_to", "colour"]
        ),
    ),
    "recommend/http-conversation-goes-on": http(
        200,
        lambda b: (
            items_of(3)(b)
            and all(i["price"] < 21 and i.get("brand") != "Acme" for i in b["items"])
            and b["constraints"]["search"] == "mug"
        ),
    ),
    "recommend/http-rank-given-items": http(
        200,
        lambda b: (
            items_of(4)(b)
            and {i["item_id"] for i in b["items"] if i["known"]} == {"item-20", "item-21", "item-22"}
            and b["items"][3]["item_id"] == "no-such-item"
        ),
    ),
    "recommend/http-similar": http(200, lambda b: items_of(5)(b) and "item-20" not in str(b["items"][0]["item_id"])),
    "recommend/http-together": http(200, lambda b: items_of(5)(b) and b["items"][0]["item_id"] == "item-21"),
    "recommend/http-similar-to-nothing": http(404),
    "recommend/http-parameters": http(
        200, lambda b: "home" in b["scenario_defaults"] and {"next", "text"} <= {term["name"] for term in b["terms"]}
    ),
    "recommend/http-personalize-recommendations": http(200, lambda b: len(b["itemList"]) == 5),
    "recommend/http-personalize-ranking": http(
        200, lambda b: [i["itemId"] for i in b["personalizedRanking"]][2] == "no-such-item"
    ),
    "recommend/http-health": http(200, lambda b: b["status"] == "ok"),
    "storefront/http-events": http(202, lambda b: b["accepted"] == 2 and [r["index"] for r in b["rejected"]] == [2]),
    "storefront/http-events-as-somebody-else": http(202, lambda b: b == {"accepted": 1, "rejected": []}),
    "storefront/http-recommendations": http(200, lambda b: items_of(3)(b) and len(b["visitor"]) == 60),
    "storefront/http-recommendations-for-nobody": http(
        200, lambda b: items_of(4)(b) and "visitor" not in b and "item-20" not in [i["item_id"] for i in b["items"]]
    ),
    "storefront/http-recommendations-with-a-filter": http(400, lambda b: b["errors"][0]["field"] == "filter"),
    "storefront/http-conversation": http(
        200, lambda b: items_of(3)(b) and all(i["price"] <= 30 for i in b["items"]) and len(b["visitor"]) == 60
    ),
    "storefront/http-search": http(200, lambda b: items_of(5)(b) and "title" in b["items"][0]),
    "storefront/http-similar": http(200, items_of(5)),
    "storefront/http-trending": http(200, lambda b: [i["item_id"] for i in b["items"]] == ["item-9", "item-8"]),
    "storefront/http-forged-shopper": http(401),
    "storefront/http-foreign-page": http(403),
    "storefront/http-preflight": lambda answer: _preflight_allowed(answer),
    "manage_items/http-put-item": http(200, lambda b: b["item_id"] == "lamp-1"),
    "manage_items/http-put-item-without-title": http(400, lambda b: b["errors"][0]["field"] == "title"),
    "manage_items/http-put-item-with-odd-fields": http(
        200, lambda b: [w["field"] for w in b["warnings"]] == ["colour", "prise", "price"]
    ),
    "manage_items/http-patch-item": http(200, lambda b: b == {"item_id": "mug-1", "changed": True}),
    "manage_items/http-get-item": http(200, lambda b: b["brand"] == "Acme"),
    "manage_items/http-get-unknown-item": http(404),
    "manage_items/http-bulk": http(200, lambda b: b["accepted"] == 2 and [r["index"] for r in b["rejected"]] == [2]),
    "manage_items/http-delete-item": http(204),
    "manage_users/http-put-preferences": http(200, lambda b: b["profile_version"] > 0),
    "manage_users/http-refuse": http(200, lambda b: b["not_stored"] == ["preferences"]),
    "manage_users/http-profile": http(200, lambda b: b["user_id"] == "u-1001"),
    "manage_users/http-export": http(200, lambda b: b["user_id"] == "u-1001"),
    "manage_users/http-export-anonymous": http(200, lambda b: b["anonymous_id"] == "anon-77"),
    "manage_users/http-erase-many-devices": http(200, lambda b: b["user_id"] == "u-1020"),
    "update_profile/sqs-erasure": done,  # of what the one before has left for the background
    "manage_users/http-erase": http(200, lambda b: b["user_id"] == "u-1009"),
    **{f"describe_item/dynamodb-{kind}": done for kind in ("new-item", "item-deleted", "poisoned-in-the-middle")},
    "embed_item/dynamodb-new-item": done,
    "embed_item/dynamodb-price-changed": done,
    "embed_item/dynamodb-item-deleted": done,
    "embed_item/dynamodb-poisoned-in-the-middle": done,  # the item is named in the queue of stream failures
    "receive_webhook/http-shopify-order-created": http(200, lambda b: (b["events"], b["erasures"]) == (3, 0)),
    "receive_webhook/http-shopify-order-refunded": http(200, lambda b: b["events"] == 4),
    "receive_webhook/http-shopify-refund-created": http(
        200, lambda b: b["events"] == 0 and b["warnings"][0]["field"] == "customer"
    ),
    "receive_webhook/http-shopify-product-updated": http(200, lambda b: b["items_changed"] in (0, 2)),
    "receive_webhook/http-shopify-product-deleted": http(200, lambda b: b["items_changed"] == 0),
    "receive_webhook/http-shopify-customer-redacted": http(200, lambda b: b["erasures"] == 1),
    "receive_webhook/http-shopify-data-requested": http(200, lambda b: b["erasures"] == 0),
    "receive_webhook/http-shopify-unknown-topic": http(202, lambda b: b == {"ignored": "themes/publish"}),
    "receive_webhook/http-shopify-forged": http(401),
    "receive_webhook/http-shopify-unusable-body": http(400, lambda b: b["errors"][0]["field"] == "id"),
    "receive_webhook/http-woocommerce-ping": http(200, lambda b: b == {"ping": True}),
    "receive_webhook/http-woocommerce-order-created": http(200, lambda b: b["events"] == 2),
    "receive_webhook/http-woocommerce-order-refunded": http(200, lambda b: b["events"] == 4),
    "receive_webhook/http-woocommerce-product-updated": http(200, lambda b: b["items_changed"] in (0, 1)),
    "receive_webhook/http-woocommerce-product-deleted": http(200, lambda b: b["items_changed"] == 0),
    "receive_webhook/http-woocommerce-customer-deleted": http(200, lambda b: b["erasures"] == 1),
    "receive_webhook/sqs-commercetools-order-created": done,
    "receive_webhook/sqs-commercetools-poisoned-in-the-middle": done,  # which is quarantined
    "receive_webhook/eventbridge-commercetools-order-imported": lambda answer: _nothing(answer),
    "receive_webhook/eventbridge-commercetools-return-info": lambda answer: _nothing(answer),
    "load_file/sqs-catalogue-feed": done,
    "load_file/sqs-events-of-a-day": done,
    "load_file/sqs-gone-on-with": done,
    "load_file/sqs-test-of-s3": done,
    "purge_erased/invoke-scheduled": lambda answer: _purged(answer),
    "purge_erased/invoke-begin": lambda answer: _purged(answer),
    "admin/http-overview": http(200, lambda b: b["items"] > 0 and b["rebuild"] == "not_configured"),
    "admin/http-scenarios": http(200, lambda b: b["scenarios"][0]["name"] == "*"),
    "admin/http-scenario": http(200, lambda b: b["document"] == {"relation": "buy_again"}),
    "admin/http-put-scenario": http(200, lambda b: len(b["ending"]) == 2 and b["etag"]),
    "admin/http-delete-unknown-scenario": http(404),
    "admin/http-history": http(200, lambda b: b["name"] == "buy_again"),
    "admin/http-check-filter": http(200, lambda b: b["valid"] and len(b["sample"]) == min(5, b["count"])),
    "admin/http-check-broken-filter": http(200, lambda b: not b["valid"] and "position" in b["errors"][0]["message"]),
    "admin/http-items": http(200, lambda b: len(b["items"]) == 5 and b["cursor"]),
    "admin/http-diagnosis": http(200, lambda b: b["item_id"] == "item-20" and (b["shown"] or b["findings"])),
    "admin/http-experiments": http(200, lambda b: b["etag"] != ""),
    "admin/http-put-experiments": http(200, lambda b: b["experiments"][0]["state"] == "over"),
    "admin/http-report-of-nothing": http(404),
    "admin/http-snapshots": http(200, lambda b: b["current"] == b["snapshots"][0]["version"]),
    "admin/http-rollback": http(404),
    "admin/http-promote": http(404),
    "admin/http-compare": http(404),
    "admin/http-rebuild": http(409),
    "admin/http-quarantine": http(200, lambda b: b["strays"] == [] or b["reasons"]),
    "admin/http-replay": http(200, lambda b: b["sent"] == b["found"]),
    "admin/http-tail": http(200, lambda b: b["cursor"]),
    "admin/http-results": http(200, lambda b: b["by"] == ["scenario", "surface"]),
    "admin/http-audit": http(200, lambda b: b["records"] == [] or b["records"][0]["who"]),
    "recommend/http-preview": http(200, lambda b: b["recommendation_id"].startswith("preview-")),
    "summarise_results/eventbridge-object-created": lambda answer: _counted(answer),
    "promote/invoke-version": lambda answer: _same_version_again(answer),
    "promote/invoke-rollback": lambda answer: _same_version_again(answer),
    "promote/invoke-approve": lambda answer: _signed_by_the_stacks_key(answer),
}


def _nothing(answer: Any) -> None:
    assert answer is None


def _invalid_input(answer: Any) -> None:
    assert answer["statusCode"] == 400
    assert "itemId" in json.loads(answer["body"])["message"]
    assert "InvalidInputException" in str(answer["headers"] | answer.get("multiValueHeaders", {}))


def _preflight_allowed(answer: Any) -> None:
    assert answer["statusCode"] == 204
    assert answer["headers"]["Access-Control-Allow-Origin"] == "https://shop.example"


def _counted(answer: Any) -> None:
    assert answer["left"] == 0


def _purged(answer: Any) -> None:
    assert answer["status"] in ("done", "idle")
    assert answer["late"] == 0


def _same_version_again(answer: Any) -> None:
    assert answer["version"]
    assert answer["previous"] is None  # it was current before, and the first


def _signed_by_the_stacks_key(answer: Any) -> None:
    assert answer["key_id"] == "arn:aws:kms:us-east-1:123456789012:key/endcap-local-SnapshotKey"
    assert re.fullmatch("[0-9a-f]{64}", answer["manifest_sha256"])


def test_every_sample_is_expected_to_do_something() -> None:
    assert set(EXPECTED) == set(SAMPLES)


@pytest.mark.parametrize("sample", sorted(EXPECTED))
def test_handler_answers_sample(sample: str, stack: Stack) -> None:
    try:
        EXPECTED[sample](stack.run(sample))
    except FunctionError:
        print(stack.log(sample.split("/")[0])[-4000:])
        raise


def test_poisoned_records_end_in_quarantine_with_their_reason(stack: Stack) -> None:
    stack.run("update_profile/sqs-poisoned-in-the-middle")
    stack.run("update_profile/kinesis-poisoned-in-the-middle")
    s3, bucket = stack.client("s3"), stack.resources["DataBucket"]["_name"]
    payloads = {}
    for key in stack.keys("quarantine/"):
        document = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
        assert document["errors"]
        payloads[key.split("/")[1]] = document["payload"]
    assert payloads["sqs"] == "not JSON at all"
    assert "kinesis" in payloads


def test_foreign_events_of_streams_are_archived_as_our_own(stack: Stack) -> None:
    stack.run("update_profile/sqs-segment-order")
    stack.run("update_profile/kinesis-cloudevent-with-ga4")
    secret = stack.client("secretsmanager").get_secret_value(SecretId=stack.resources["PseudonymKeys"]["_name"])
    pseudonym = PseudonymKeys.read(secret["SecretString"]).of("u-1011")
    lines = [line for line in stack.lines("events/") if line.get("pseudonym") == pseudonym]
    found = {(line["event_type"], line.get("item_id")) for line in lines}
    assert {("purchase", item) for item in ("item-8", "item-9", "item-20", "item-31")} <= found
    assert {("impression", item) for item in ("item-20", "item-31")} <= found
    given_back = [(line["order_id"], line.get("item_id")) for line in lines if line["event_type"] == "return"]
    assert ("T-77", None) in given_back  # the whole order


def test_repeated_batch_leaves_the_profile_unchanged(stack: Stack) -> None:
    def profile() -> dict[str, Any]:
        table = stack.resources["ProfilesTable"]["_name"]
        return dict(stack.client("dynamodb").get_item(TableName=table, Key={"user_id": {"S": "u-1003"}})["Item"])

    stack.run("update_profile/sqs-many-users")
    before = profile()
    stack.run("update_profile/sqs-many-users")
    assert profile() == before


def test_new_item_is_recommended_for_its_text_at_once(stack: Stack) -> None:
    stack.run("embed_item/dynamodb-new-item")
    event = json.loads(SAMPLES["recommend/http-rank-candidates"].read_text())
    event["body"] = json.dumps({"candidates": ["lamp-1", "item-0"], "limit": 2})
    answer = json.loads(stack.invoke("recommend", event)["body"])
    assert {item["item_id"] for item in answer["items"]} == {"lamp-1", "item-0"}


@pytest.mark.parametrize(
    ("function", "sample"),
    [("recommend", "recommend/http-known-user"), ("storefront", "storefront/http-recommendations")],
)
def test_without_a_snapshot_the_list_of_the_last_promotion_is_shown(stack: Stack, function: str, sample: str) -> None:
    environment = stack.start(function, SNAPSHOT_CACHE=f"{os.devnull}/nowhere")  # there is no room for one
    event = json.loads(SAMPLES[sample].read_text())
    try:
        answer = environment.invoke(event)
        for _ in range(9):
            if answer["statusCode"] != 503:  # as where DynamoDB takes longer than a request waits, on a busy machine
                break
            answer = environment.invoke(event)
    finally:
        environment.close()
    body = json.loads(answer["body"])
    assert (answer["statusCode"], body["snapshot_version"]) == (200, stack.snapshot_version)
    assert body["degraded"]["reason"] == "snapshot_unavailable"


def test_a_handler_that_raises_is_reported_not_lost(stack: Stack) -> None:
    with pytest.raises(FunctionError, match="InvalidRequestError"):
        stack.invoke("promote", {})


def test_events_are_archived_and_answers_recorded_as_lines_of_json(stack: Stack) -> None:
    stack.run("update_profile/kinesis-one-purchase")
    answer = json.loads(stack.run("recommend/http-known-user")["body"])
    assert "e-31" in {line["event_id"] for line in stack.lines("events/")}
    assert answer["recommendation_id"] in {line["recommendation_id"] for line in stack.lines("exposures/")}


def test_logs_and_metrics_hold_no_user_id(stack: Stack) -> None:
    for sample in ("collect/http-events", "recommend/http-known-user", "manage_users/http-export"):
        stack.run(sample)
    for function in ("collect", "update_profile", "recommend", "manage_users"):
        assert "u-1001" not in stack.log(function)


def test_metrics_are_written_where_the_alarms_look(stack: Stack) -> None:
    stack.run("recommend/http-cold-user")
    lines = [json.loads(line) for line in stack.log("recommend").splitlines() if line.startswith("{")]
    metrics = [line["_aws"]["CloudWatchMetrics"][0] for line in lines if "_aws" in line]
    assert {(m["Namespace"], tuple(m["Dimensions"][0])) for m in metrics} >= {("endcap-local", ("service",))}
    assert {line["service"] for line in lines if "_aws" in line} == {"endcap"}


def test_roles_allow_every_call_and_grant_nothing_unused(stack: Stack) -> None:
    for sample in EXPECTED:
        if sample not in stack.ran:  # calls are written down from the start, whichever test made them
            stack.run(sample)
    _run_without_archive(stack, "update_profile/sqs-one-purchase")
    _purge_what_came_back(stack)
    _load_file_again(stack)
    _forget_a_variant(stack)
    _steer(stack)
    for function, sample in (
        ("recommend", "recommend/http-known-user"),
        ("storefront", "storefront/http-recommendations"),
    ):
        test_without_a_snapshot_the_list_of_the_last_promotion_is_shown(stack, function, sample)
    made = stack.made_calls()
    for local in stack.plan.functions.values():
        function = folder_of(local.logical_id)
        statements = statements_of(local.logical_id, stack.resources)
        calls = {(action, arn) for caller, action, arn in made if caller == function}
        refused = {call for call in calls if not any(s.allows(*call) for s in statements)}
        assert not refused, f"{function} may not make {refused}"
        granted = {action for s in statements for action in s.actions} - NEVER_CALLED
        if function in ("update_profile", "fold_counts", "promote"):
            granted.discard("sqs:SendMessage")  # Lambda sends what failed
        if function == "load_file":
            granted.discard("s3:GetObjectVersion")  # the samples are of a bucket without versions
        if function == "describe_item":  # the snapshot here has no descriptions, so it asks nobody and writes nothing
            granted -= {"dynamodb:UpdateItem", "s3:PutObject", "sqs:SendMessage"}
        unused = granted - {action for action, _ in calls}
        assert not unused, f"{function} never uses {unused}"


def _purge_what_came_back(stack: Stack) -> None:
    """What a restored table and a file of several people ask for."""
    table, bucket = stack.resources["ProfilesTable"]["_name"], stack.resources["DataBucket"]["_name"]
    dynamodb = stack.client("dynamodb")
    row = dynamodb.get_item(TableName=table, Key={"user_id": {"S": "u-1003"}})["Item"]
    stack.run("manage_users/http-erase")
    dynamodb.put_item(TableName=table, Item={**row, "user_id": {"S": "u-1009"}})
    view = {"event_type": "view", "item_id": "item-3", "timestamp": 1_760_000_000}
    lines = [json.dumps({**view, "event_id": "x", "user_id": name}) + "\n" for name in ("u-1009", "u-1003")]
    for name, some in (("both", lines), ("one", lines[:1])):
        stack.client("s3").put_object(Bucket=bucket, Key=f"events/import/{name}.jsonl", Body="".join(some).encode())
    assert stack.run("purge_erased/invoke-begin")["removed"]["archive"] >= 2
    assert dynamodb.get_item(TableName=table, Key={"user_id": {"S": "u-1009"}}).get("Item") is None


def _load_file_again(stack: Stack) -> None:
    """What only a file does that says little of items, and that has to wait for a service."""
    bucket, key = stack.resources["DataBucket"]["_name"], "inbox/items/stock.csv"
    s3 = stack.client("s3")
    etag = s3.put_object(Bucket=bucket, Key=key, Body=b"id,stock\nMUG-9,3\n")["ETag"].strip('"')
    event = json.loads(SAMPLES["load_file/sqs-gone-on-with"].read_text())
    (record,) = event["Records"]
    task = {"key": key, "etag": etag, "at_ms": 1_768_989_600_000}
    record["body"] = json.dumps({"continue": task})
    assert stack.invoke("load_file", event) == {"batchItemFailures": []}
    table = stack.resources["ItemsTable"]["_name"]
    row = stack.client("dynamodb").get_item(TableName=table, Key={"item_id": {"S": "MUG-9"}})["Item"]
    assert '"available":true' in row["document"]["S"]
    record["body"] = json.dumps({"continue": {**task, "etag": None}})
    record["eventSourceARN"] = stack.resources["InboxMapping"]["EventSourceArn"]
    assert stack.invoke("load_file", event)["batchItemFailures"]


def _forget_a_variant(stack: Stack) -> None:
    assert stack.run("receive_webhook/http-shopify-product-updated")["statusCode"] == 200


def _steer(stack: Stack) -> None:
    """What operators do with a snapshot that is there, and with what lies in quarantine."""

    def answer(sample: str, version: str = "", **body: Any) -> tuple[int, Any]:
        event = json.loads(SAMPLES[f"admin/{sample}"].read_text())
        if version:
            event["rawPath"] = event["rawPath"].replace(event["pathParameters"]["version"], version)
            event["pathParameters"]["version"] = version
        event["body"] = json.dumps(body)
        found = stack.invoke("admin", event)
        return found["statusCode"], json.loads(found["body"])

    assert answer("http-compare", stack.snapshot_version, user_ids=["u-1001"], limit=5)[0] == 200
    status, _ = answer("http-promote", stack.snapshot_version)
    assert status != 202  # there is no function here to invoke, but it was called
    status, sent = answer("http-replay", keys=stack.keys("quarantine/"))
    assert status == 200, sent
    assert sent["sent"] == sent["found"] > 0, sent
    environment = stack.start("admin", SNAPSHOT_CACHE=f"{os.devnull}/nowhere")  # the list of the last promotion is read
    try:
        found = environment.invoke(json.loads(SAMPLES["admin/http-diagnosis"].read_text()))
    finally:
        environment.close()
    assert found["statusCode"] in (200, 503), found["body"]


def _run_without_archive(stack: Stack, sample: str) -> None:
    """What only a failure calls for."""
    firehose, name = stack.client("firehose"), stack.resources["ArchiveStream"]["_name"]
    firehose.delete_delivery_stream(DeliveryStreamName=name)
    event = json.loads(SAMPLES[sample].read_text())
    for record in event["Records"]:
        record["eventSourceARN"] = stack.resources["EventsQueueMapping"]["EventSourceArn"]
    assert stack.invoke(sample.split("/")[0], event)["batchItemFailures"]
    destination = {
        key: stack.resources["ArchiveStream"]["ExtendedS3DestinationConfiguration"][key]
        for key in ("BucketARN", "RoleARN")
    }
    firehose.create_delivery_stream(
        DeliveryStreamName=name, ExtendedS3DestinationConfiguration={**destination, "Prefix": "events/"}
    )


def test_kinesis_sample_of_a_record_that_is_no_text_is_what_it_says() -> None:
    records = json.loads(SAMPLES["update_profile/kinesis-poisoned-in-the-middle"].read_text())["Records"]
    with pytest.raises(UnicodeDecodeError):
        base64.b64decode(records[1]["kinesis"]["data"]).decode()
