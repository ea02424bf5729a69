"""moto as one WSGI application, with what it leaves open closed in front of it.

Requests that change something run one after the other, because moto loses conditional updates and queue messages under
threads; each change wakes who waits for it, so that event sources need no busy polling; and requests go to their
service by a header, where moto's own dispatcher lists folders and tries hundreds of patterns.
"""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from endcap_local.engine.deliveries import Deliveries
from endcap_local.engine.kms import TARGET_PREFIX, Keys, KmsApp
from endcap_local.engine.queues import count_once
from endcap_local.engine.ranges import answer_part, asks_for_part
from endcap_local.engine.stack_calls import INVOCATIONS, STATES, StackCalls
from endcap_local.template.intrinsics import ACCOUNT_ID, REGION

TOKEN_HEADER = "X-Endcap-Exclusive"  # nosec B105 # the name of a header
_READ_ONLY = ("Get", "Describe", "List", "Query", "Scan", "BatchGet", "Receive", "DeleteMessage")
_SERVICES: Mapping[str, str] = {
    "AmazonSQS": "sqs",
    "DynamoDB_20120810": "dynamodb",
    "DynamoDBStreams_20120810": "dynamodbstreams",
    "Kinesis_20131202": "kinesis",
    "Firehose_20150804": "firehose",
    "AWSEvents": "events",
    TARGET_PREFIX: "kms",
    STATES: "states",
    "secretsmanager": "secretsmanager",
}
_WAKES: Mapping[str, str] = {
    "sqs": "sqs",
    "dynamodb": "dynamodb",
    "kinesis": "kinesis",
    "events": "sqs",
    "firehose": "firehose",
}

_NOTIFIED = ("/inbox/", "/aws/lambda/")
"""Prefixes of the bucket that a queue is told of; other objects are written every few seconds."""

NAMESPACE = "POWERTOOLS_METRICS_NAMESPACE"

Counted = Callable[[], Iterable[dict[str, Any]]]
WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Activity:
    """Counts changes per service, and lets a thread sleep until the next one."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._counts: dict[str, int] = {}

    def signal(self, service: str) -> None:
        """Record a change and wake all who wait for this service."""
        with self._changed:
            self._counts[service] = self._counts.get(service, 0) + 1
            self._changed.notify_all()

    def count(self, *services: str) -> int:
        """Changes of these services so far; read it before looking for work, hand it to `wait` after finding none."""
        with self._changed:
            return sum(self._counts.get(service, 0) for service in services)

    def wait(self, seen: int, timeout_s: float, *services: str) -> None:
        """Return when there were more changes than `seen`, at the latest after `timeout_s`."""
        with self._changed:
            self._changed.wait_for(lambda: self.count(*services) != seen, timeout_s)


class AwsApp:
    """The WSGI application.

    Parameters
    ----------
    keys : folder that keeps the keys of KMS; None for memory alone

    Attributes
    ----------
    activity : signalled with "sqs", "dynamodb", "kinesis" or "firehose" after each change
    calls : what functions ask of other functions and of rebuilds
    counted : metrics that functions have reported since it was asked last; None while nobody knows
    """

    def __init__(self, keys: Path | None = None) -> None:
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

        count_once()
        self.activity = Activity()
        self._lock = threading.Lock()
        self._token: str | None = None
        self._wakes = dict(_WAKES)
        self._apps: dict[str, WsgiApp] = {
            service: create_backend_app(service) for service in {*_SERVICES.values(), "s3"} - {"kms", "states"}
        }
        self.calls = StackCalls()
        self.counted: Counted | None = None
        self._apps["kms"] = KmsApp(Keys(keys))
        self._others: WsgiApp = DomainDispatcherApplication(create_backend_app)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        prefix, _, operation = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")
        service = _SERVICES.get(prefix, "")
        if "/s3/aws4_request" in environ.get("HTTP_AUTHORIZATION", ""):
            service = "s3"
        if service == "states" or INVOCATIONS.fullmatch(environ.get("PATH_INFO", "")):
            return self.calls(environ, start_response)  # what they run calls back
        if "/monitoring/aws4_request" in environ.get("HTTP_AUTHORIZATION", ""):
            self._count()
        app = self._apps.get(service, self._others)
        if service == "s3" and asks_for_part(environ):
            return answer_part(app, environ, start_response)
        only_reads = service == "s3" and environ["REQUEST_METHOD"] in ("GET", "HEAD")
        if only_reads or operation == "ReceiveMessage" or self._is_exclusive(environ):
            return app(environ, start_response)  # reads, may wait for seconds, or holds the lock already
        with self._lock:
            body = app(environ, start_response)
        if service in self._wakes and not operation.startswith(_READ_ONLY):
            self.activity.signal(self._wakes[service])
        elif service == "s3" and any(prefix in environ.get("PATH_INFO", "") for prefix in _NOTIFIED):
            self.activity.signal("sqs")
        return body

    def _count(self) -> None:
        """Give moto what functions have counted since somebody looked last."""
        from moto.backends import get_backend

        if self.counted is not None:
            backend = get_backend("cloudwatch")[ACCOUNT_ID][REGION]
            backend.put_metric_data(os.environ.get(NAMESPACE, "endcap"), list(self.counted()))

    def hold_back(self, every_s: float) -> Deliveries:
        """Let delivery streams hold records back; who waits for them is woken when they are written."""
        del self._wakes["firehose"]
        return Deliveries(every_s, self._lock, lambda: self.activity.signal("firehose"))

    @contextmanager
    def exclusive(self) -> Iterator[str]:
        """Keep all other changes waiting; yields the token that lets a request through."""
        with self._lock:
            self._token = secrets.token_hex(8)
            try:
                yield self._token
            finally:
                self._token = None
        for service in set(self._wakes.values()):
            self.activity.signal(service)

    def _is_exclusive(self, environ: Mapping[str, Any]) -> bool:
        return self._token is not None and environ.get("HTTP_X_ENDCAP_EXCLUSIVE") == self._token
