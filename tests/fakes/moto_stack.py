"""The stack's tables, bucket, queue and streams in moto, with the key schemas of template.yaml."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import boto3
import yaml
from botocore.config import Config
from botocore.hooks import EventAliaser
from moto import backend_index, mock_aws
from moto.core.base_backend import BaseBackend
from moto.dynamodb.responses import DynamoHandler
from moto.s3 import urls as s3_urls
from moto.s3.models import S3Backend

from endcap.aws import clients

TEMPLATE = Path(__file__).parents[2] / "template.yaml"
REGION = "us-east-1"
BUCKET, QUEUE, ARCHIVE, EXPOSURES = "data-bucket", "events", "archive", "exposures"
STREAM_FAILURES = "stream-failures"
INBOX = "inbox"
SHOP_SECRET = "a secret of the shop system's"
PROFILES, ITEMS, COUNTERS, ERASURES = "ProfilesTable", "ItemsTable", "CountersTable", "ErasuresTable"
ENVIRONMENT = {
    "PROFILES_TABLE": PROFILES,
    "ITEMS_TABLE": ITEMS,
    "COUNTERS_TABLE": COUNTERS,
    "ERASURES_TABLE": ERASURES,
    "DATA_BUCKET": BUCKET,
    "EVENTS_QUEUE_URL": f"https://sqs.{REGION}.amazonaws.com/123456789012/{QUEUE}",
    "STREAM_FAILURES_QUEUE_URL": f"https://sqs.{REGION}.amazonaws.com/123456789012/{STREAM_FAILURES}",
    "INBOX_QUEUE_URL": f"https://sqs.{REGION}.amazonaws.com/123456789012/{INBOX}",
    "SHOPIFY_SECRET": "shop-system",
    "WOOCOMMERCE_SECRET": "shop-system",
    "ARCHIVE_STREAM": ARCHIVE,
    "EXPOSURES_STREAM": EXPOSURES,
    "PROFILE_TTL_DAYS": "0",
    "ANONYMOUS_MIGRATION_DAYS": "30",
    "EVENT_WEIGHTS": "{}",
    "READ_PATIENCE_SECONDS": "30",  # moto may be slow where the machine is busy; what hangs is tested in virtual time
    "CURSOR_SECRET": "secret",
    "STOREFRONT_SECRETS": "a secret of the storefront's door".replace(" ", "-"),
    "STOREFRONT_ORIGINS": "https://shop.example https://m.shop.example",
    "POWERTOOLS_SERVICE_NAME": "endcap",
    "POWERTOOLS_METRICS_NAMESPACE": "endcap",
    "POWERTOOLS_TRACE_DISABLED": "true",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
}
_TABLE_PROPERTIES = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")


_CALLED = frozenset(
    {"dynamodb", "dynamodbstreams", "firehose", "kinesis", "kms", "s3", "secretsmanager", "sqs", "stepfunctions"}
)
_PATTERNS = sorted(backend_index.backend_url_patterns, key=lambda row: row[0] not in _CALLED)
"""With each call moto goes through those of all services, one after the other: ours first."""
_made_urls = BaseBackend.urls.fget
_urls: dict[type[BaseBackend], Any] = {}


def _urls_of(backend: BaseBackend) -> Any:
    """What moto makes anew with each call, of some fifty patterns for S3."""
    kind = type(backend)
    if kind not in _urls:
        _urls[kind] = _made_urls(backend)
    return _urls[kind]


@contextmanager
def _handlers_end() -> Iterator[None]:
    """Take back what runtimes register with the clients, which all tests share: else every later call asks them all."""
    registered: list[tuple[EventAliaser, str, Callable[..., Any]]] = []
    register = EventAliaser.register_first

    def noting(events: EventAliaser, name: str, handler: Callable[..., Any], *rest: Any, **options: Any) -> None:
        register(events, name, handler, *rest, **options)
        if handler.__module__ == clients.__name__:
            registered.append((events, name, handler))

    with patch.object(EventAliaser, "register_first", noting):
        try:
            yield
        finally:
            for events, name, handler in registered:
                events.unregister(name, handler)


@contextmanager
def stack() -> Iterator[None]:
    """A fresh account with the stack in it, inside which boto3 talks to moto only."""
    call, lock = DynamoHandler.call_action, threading.RLock()

    def one_at_a_time(handler: DynamoHandler) -> Any:
        # moto's conditional writes are not atomic between threads, DynamoDB's are.
        with lock:
            return call(handler)

    with (
        patch.dict(os.environ, ENVIRONMENT),
        patch.object(DynamoHandler, "call_action", one_at_a_time),
        # moto loads its URLs of S3 anew with each call, should the environment have changed.
        patch.object(S3Backend, "_url_module", s3_urls),
        patch.object(BaseBackend, "urls", property(_urls_of)),
        patch.object(backend_index, "backend_url_patterns", _PATTERNS),
        _handlers_end(),
        mock_aws(),
    ):
        dynamodb = client("dynamodb")
        for name in (PROFILES, ITEMS, COUNTERS, ERASURES):
            dynamodb.create_table(TableName=name, **_table(name))
        client("s3").create_bucket(Bucket=BUCKET)
        client("secretsmanager").create_secret(Name="shop-system", SecretString=SHOP_SECRET)
        for queue in (QUEUE, STREAM_FAILURES, INBOX):
            client("sqs").create_queue(QueueName=queue)
        for name, prefix in ((ARCHIVE, "events/"), (EXPOSURES, "exposures/")):
            client("firehose").create_delivery_stream(
                DeliveryStreamName=name,
                ExtendedS3DestinationConfiguration={
                    "BucketARN": f"arn:aws:s3:::{BUCKET}",
                    "RoleARN": "arn:aws:iam::123456789012:role/delivery",
                    "Prefix": prefix,
                },
            )
        yield


@cache
def client(service: str) -> Any:
    """A boto3 client that fails at once rather than trying again; one for all tests, as making it takes long."""
    return boto3.client(
        service,
        region_name=REGION,
        aws_access_key_id=ENVIRONMENT["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=ENVIRONMENT["AWS_SECRET_ACCESS_KEY"],
        config=Config(retries={"total_max_attempts": 1}),
    )


def objects(prefix: str) -> dict[str, bytes]:
    """Key -> contents of everything in the bucket under `prefix`."""
    s3 = client("s3")
    keys = [o["Key"] for o in s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", ())]
    return {key: s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys}


@cache
def _template() -> dict[str, Any]:
    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        """Reads intrinsic functions as nothing; tables have none in their keys."""

    Loader.add_multi_constructor("!", lambda loader, suffix, node: None)
    document: dict[str, Any] = yaml.load(TEMPLATE.read_text(), Loader)
    return document


def _table(name: str) -> dict[str, Any]:
    properties = _template()["Resources"][name]["Properties"]
    return {key: properties[key] for key in _TABLE_PROPERTIES if key in properties}


def drop_messages(queue: str) -> None:
    """Empty a queue without a call that anybody could watch."""
    from moto.backends import get_backend

    get_backend("sqs")["123456789012"][REGION].get_queue(queue)._messages.clear()
