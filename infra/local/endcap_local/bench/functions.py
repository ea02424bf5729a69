"""The project's own handlers, loaded in this process with `MemoryAws` and one snapshot, and events to give them."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import sys
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import quote, urlencode

from endcap.errors import EndcapError
from endcap_local.bench.memory_aws import MemoryAws

if TYPE_CHECKING:
    from endcap.following import Changes
    from endcap.snapshot import Snapshot

Thing = TypeVar("Thing")
CONTEXT = SimpleNamespace(
    function_name="bench",
    memory_limit_in_mb=1769,
    invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:bench",
    aws_request_id="bench",
)
_ENVIRONMENT = {
    "POWERTOOLS_SERVICE_NAME": "endcap",
    "POWERTOOLS_METRICS_NAMESPACE": "endcap-bench",
    "POWERTOOLS_TRACE_DISABLED": "1",
    "AWS_XRAY_CONTEXT_MISSING": "IGNORE_ERROR",
    "LOG_LEVEL": "WARN",
}


class BenchError(EndcapError):
    """A handler did not do what was asked, so its time says nothing."""


class Fixed(Generic[Thing]):
    """Stands where `Followed` does, and has always the same."""

    def __init__(self, thing: Thing) -> None:
        self._thing = thing

    def get(self) -> Thing:
        """What it has."""
        return self._thing


class Functions:
    """Handlers by name, each with a runtime of its own, all on one account and one snapshot.

    Parameters
    ----------
    folder : the project's `functions`
    changes : items that changed since the snapshot; none by default
    """

    def __init__(self, folder: Path, aws: MemoryAws, snapshot: Snapshot, changes: Changes | None = None) -> None:
        self._folder, self._aws, self._snapshot, self._changes = folder, aws, snapshot, changes
        self._handlers: dict[str, Any] = {}

    def invoke(self, name: str, event: Mapping[str, Any]) -> Any:
        """The handler's answer to an event."""
        if name not in self._handlers:
            self._handlers[name] = self._load(name)
        return self._handlers[name](event, CONTEXT)

    def _load(self, name: str) -> Any:
        spec = importlib.util.spec_from_file_location(f"endcap_bench_{name}", self._folder / name / "app.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        vars(module.runtime).update(self._adapters())
        return module.handler

    def _adapters(self) -> dict[str, Any]:
        """What a `Runtime` would build from its environment."""
        from endcap.aws.counters import CounterTable
        from endcap.aws.documents import S3Document
        from endcap.aws.items import ItemTable
        from endcap.aws.profiles import ProfileTable
        from endcap.aws.queues import EventQueue, Quarantine, RecordStream
        from endcap.following import LiveCatalogue
        from endcap.runtime import LoadedEncoder
        from endcap.scenarios import KEY, Scenarios
        from endcap.settings import Settings

        aws, encoder = self._aws, self._snapshot.encoder
        names = ("PROFILES_TABLE", "ITEMS_TABLE", "COUNTERS_TABLE", "DATA_BUCKET", "EVENTS_QUEUE_URL")
        streams = ("ARCHIVE_STREAM", "EXPOSURES_STREAM", "CURSOR_SECRET")
        loaded = None if encoder is None else LoadedEncoder(encoder, self._snapshot.catalog_as_of_ms)
        return {
            "settings": Settings.from_env(dict.fromkeys((*names, *streams), "bench")),
            "profiles": ProfileTable(aws, "profiles"),
            "counters": CounterTable(aws, "counters"),
            "queue": EventQueue(aws, "queue"),
            "archive": RecordStream(aws, "archive"),
            "exposures": RecordStream(aws, "exposures"),
            "quarantine": Quarantine(aws, "bucket"),
            "snapshot": Fixed(self._snapshot),
            "encoder": Fixed(loaded),
            "live_catalogue": LiveCatalogue(self._changes or ItemTable(aws, "items")),
            "scenarios": Scenarios(S3Document(aws, "bucket", KEY)),
        }


@contextmanager
def quiet() -> Iterator[None]:
    """What handlers log and count goes nowhere; writing it still costs what it costs."""
    before, out = dict(os.environ), sys.stdout
    os.environ.update(_ENVIRONMENT)
    # Not a file: a descriptor more would be open for as long as Powertools' logger keeps it.
    sys.stdout = _Nowhere()
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "No application metrics to publish")
            yield
    finally:
        sys.stdout = out
        os.environ.clear()
        os.environ.update(before)


class _Nowhere(io.TextIOBase):
    def write(self, text: str) -> int:
        return len(text.encode())


def http_event(method: str, route: str, ids: Mapping[str, str], query: Mapping[str, str], body: object = None) -> Any:
    """An event of payload format 2.0, as API Gateway sends it."""
    path = route
    for name, value in ids.items():
        path = path.replace("{" + name + "}", quote(value, safe=""))
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": f"{method} {route}",
        "rawPath": path,
        "rawQueryString": urlencode(query),
        "headers": {"content-type": "application/json"},
        "requestContext": {"http": {"method": method, "path": path}, "stage": "$default"},
        "isBase64Encoded": False,
    }
    if ids:
        event["pathParameters"] = dict(ids)
    if query:
        event["queryStringParameters"] = dict(query)
    if body is not None:
        event["body"] = json.dumps(body)
    return event


def sqs_event(bodies: Iterable[str]) -> dict[str, Any]:
    """A batch of messages, as Lambda hands it over."""
    sent_ms = str(int(time.time() * 1000))
    return {
        "Records": [
            {
                "messageId": f"message-{k}",
                "receiptHandle": "handle",
                "body": body,
                "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": sent_ms},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:events",
                "awsRegion": "us-east-1",
            }
            for k, body in enumerate(bodies)
        ]
    }
