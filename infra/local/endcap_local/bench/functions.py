"""The project's own handlers, loaded in this process on `MemoryAws` and one snapshot, and events to give them."""

from __future__ import annotations

import importlib.util
import io
import json
import logging
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import quote, urlencode

from endcap.errors import EndcapError
from endcap.observability import logger
from endcap_local.bench.memory_aws import MemoryAws

if TYPE_CHECKING:
    from endcap.snapshot.snapshot import Snapshot

Thing = TypeVar("Thing")
CONTEXT = SimpleNamespace(
    function_name="bench",
    memory_limit_in_mb=1769,
    invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:bench",
    aws_request_id="bench",
    get_remaining_time_in_millis=lambda: 60_000,
)
_NAMES = (
    "PROFILES_TABLE",
    "ITEMS_TABLE",
    "COUNTERS_TABLE",
    "ERASURES_TABLE",
    "DATA_BUCKET",
    "EVENTS_QUEUE_URL",
    "ARCHIVE_STREAM",
    "EXPOSURES_STREAM",
    "CURSOR_SECRET",
)
_ENVIRONMENT = {
    **dict.fromkeys(_NAMES, "bench"),
    "POWERTOOLS_SERVICE_NAME": "endcap",
    "POWERTOOLS_METRICS_NAMESPACE": "endcap-bench",
    "POWERTOOLS_TRACE_DISABLED": "1",
    "AWS_XRAY_CONTEXT_MISSING": "IGNORE_ERROR",
    "LOG_LEVEL": "WARN",
}
_stages: list[MemoryAws] = []
"""What the clients of every handler reach: that of the innermost `stage`."""


class BenchError(EndcapError):
    """A handler did not do what was asked, so its time says nothing."""


class Fixed(Generic[Thing]):
    """Stands where `Followed` does, and has always the same: what `make` gives when it is first asked for."""

    def __init__(self, make: Callable[[], Thing]) -> None:
        self._make = make

    @cached_property
    def _thing(self) -> Thing:
        return self._make()

    loading = missing = False

    def get(self, _: float = 0.0) -> Thing:
        """What it has."""
        return self._thing


class Functions:
    """Handlers by name, each with a runtime of its own, all on one snapshot; to be used within `stage`.

    Parameters
    ----------
    folder : the project's `functions`
    """

    def __init__(self, folder: Path, snapshot: Snapshot) -> None:
        self._folder, self._snapshot = folder, snapshot
        self._handlers: dict[str, Any] = {}

    def invoke(self, name: str, event: Mapping[str, Any]) -> Any:
        """The handler's answer to an event."""
        if name not in self._handlers:
            self._handlers[name] = self._load(name)
        return self._handlers[name](event, CONTEXT)

    def _load(self, name: str) -> Any:
        module: Any = handler_module(self._folder, name)
        module.runtime = module.runtime.with_clients(lambda *_: _stages[-1])
        vars(module.runtime).update(self._adapters())
        return module.handler

    def _adapters(self) -> dict[str, Any]:
        """What a `Runtime` would have to fetch first; the rest it makes itself, of the clients of `stage`."""
        from endcap.live.snapshot import LoadedEncoder

        snapshot = self._snapshot

        def encoder() -> LoadedEncoder | None:
            text = snapshot.encoder
            return None if text is None else LoadedEncoder(text, snapshot.catalog_as_of_ms, snapshot.text_fields)

        return {"snapshot": Fixed(lambda: snapshot), "encoder": Fixed(encoder)}


def handler_module(folder: Path, name: str) -> ModuleType:
    """A function's `app.py`, imported anew: with a runtime of its own."""
    spec = importlib.util.spec_from_file_location(f"endcap_bench_{name}", folder / name / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@contextmanager
def stage(aws: MemoryAws) -> Iterator[None]:
    """Where handlers run: no adapter reaches beyond `aws`, and what is logged and counted goes nowhere.

    Writing logs and metrics still costs what it costs.
    """
    environment, out = dict(os.environ), sys.stdout
    os.environ.update(_ENVIRONMENT)
    sys.stdout = nowhere = _Nowhere()
    _stages.append(aws)
    log = logger.registered_handler
    stream = log.setStream(nowhere) if isinstance(log, logging.StreamHandler) else None
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "No application metrics to publish")
            yield
    finally:
        if stream is not None and isinstance(log, logging.StreamHandler):
            log.setStream(stream)
        sys.stdout = out
        _stages.pop()
        os.environ.clear()
        os.environ.update(environment)


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
