"""AWS that fails as told, on virtual time: the functions' own clients, with their time limits and retries, on moto.

A call that hangs takes as long as its client's limits let it, and no test waits for it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from types import SimpleNamespace
from typing import Any, Final
from unittest.mock import patch

import boto3
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import ConnectionClosedError, ConnectTimeoutError, ReadTimeoutError
from moto.core.botocore_stubber import BotocoreStubber, MockRawResponse

from tests.fakes.moto_stack import REGION

FAULTS = ("unreachable", "hang", "slow", "reset", "500", "throttle", "half a body", "partial")
"""`conditional` beside them, for calls that have a condition."""
_KEY = "X-Client-Limits"
_THROTTLED = {
    "dynamodb": (400, "ProvisionedThroughputExceededException"),
    "firehose": (500, "ServiceUnavailableException"),
    "sqs": (400, "RequestThrottled"),
    "s3": (503, "SlowDown"),
}
_CONDITIONAL = {"dynamodb": (400, "ConditionalCheckFailedException"), "s3": (412, "PreconditionFailed")}


class FailingCalls:
    """Gives out clients, and says which of their calls fail, and how.

    Attributes
    ----------
    now_s : the virtual time
    calls : (operation, seconds that the try took), in order, each try of a call
    """

    def __init__(self) -> None:
        self.now_s = 0.0
        self.calls: list[tuple[str, float]] = []
        self._faults: dict[str, str] = {}
        self._counts: dict[str, int] = {}
        self._lock = threading.RLock()

    def client(self, service: str, config: Config) -> Any:
        """A client as `endcap.aws.clients.client` makes it, in the test's region."""
        return _client(service, config)

    @contextmanager
    def failing(self, fault: str, *operations: str) -> Iterator[None]:
        """Operations, such as `dynamodb.GetItem`, that fail in this way until the block ends; the first is called."""
        self._faults = dict.fromkeys(operations, fault)
        self._counts = {}
        try:
            yield
            assert self._counts.get(operations[0]), f"{operations[0]} was not called"
        finally:
            self._faults = {}

    def sleep(self, seconds: float) -> None:
        """What waiting is here."""
        self.now_s += seconds

    def context(self, name: str, timeout_s: float) -> SimpleNamespace:
        """Lambda's context of an invocation that begins now."""
        ends_s = self.now_s + timeout_s
        return SimpleNamespace(
            function_name=name,
            memory_limit_in_mb=512,
            invoked_function_arn=f"arn:aws:lambda:{REGION}:123456789012:function:{name}",
            aws_request_id="request",
            get_remaining_time_in_millis=lambda: max(0, int((ends_s - self.now_s) * 1000)),
        )

    @contextmanager
    def installed(self) -> Iterator[None]:
        """In the way of every call to moto."""
        answer = BotocoreStubber.__call__

        def called(stubber: BotocoreStubber, event_name: str, request: Any, **rest: Any) -> Any:
            with self._lock:
                _, service, operation = event_name.split(".")
                limits = _LIMITS.get(_text(request.headers.get(_KEY)))
                if limits is None:  # a client of the test itself
                    return answer(stubber, event_name, request, **rest)
                name, began_s = f"{service}.{operation}", self.now_s
                try:
                    return self._faulty(
                        self._faults.get(name, ""),
                        service,
                        name,
                        request,
                        limits,
                        lambda: answer(stubber, event_name, request, **rest),
                    )
                finally:
                    self.calls.append((name, self.now_s - began_s))

        with patch.object(BotocoreStubber, "__call__", called), patch("time.sleep", self.sleep):
            yield

    def _faulty(self, fault: str, service: str, name: str, request: Any, limits: Any, call: Callable[[], Any]) -> Any:
        self._counts[name] = self._counts.get(name, 0) + 1
        match fault:
            case "unreachable":
                self.now_s += limits.connect_timeout
                raise ConnectTimeoutError(endpoint_url=request.url)
            case "hang":
                self.now_s += limits.connect_timeout + limits.read_timeout
                raise ReadTimeoutError(endpoint_url=request.url)
            case "slow":
                self.now_s += 0.9 * limits.read_timeout
            case "reset":
                raise ConnectionClosedError(endpoint_url=request.url)
            case "500":
                return _refused(request, 500, "InternalFailure")
            case "throttle":
                return _refused(request, *_THROTTLED[service])
            case "conditional":
                return _refused(request, *_CONDITIONAL[service])
            case "half a body":  # what was asked is done, and nobody learns of it
                call()
                raise ConnectionClosedError(endpoint_url=request.url)
            case "partial" if self._counts[name] % 2 or self._counts[name] % 3 == 0:
                raise ConnectionClosedError(endpoint_url=request.url)
        self.now_s += 0.005
        return call()


_LIMITS: Final[dict[str, Config]] = {}


@cache
def _client(service: str, config: Config) -> Any:
    """One for all tests: it keeps no state but its connections, which moto needs none of, and making it takes long."""
    client = boto3.client(service, region_name=REGION, config=config)  # type: ignore[call-overload]
    key = str(len(_LIMITS))
    _LIMITS[key] = config

    def mark(params: dict[str, Any], **_: object) -> None:
        params["headers"][_KEY] = key

    client.meta.events.register("before-call", mark)
    return client


def _refused(request: Any, status: int, code: str) -> AWSResponse:
    if "s3" in request.url.split("/")[2]:
        body = f"<Error><Code>{code}</Code><Message>{code}</Message></Error>"
        kind = "application/xml"
    else:
        body, kind = '{"__type":"' + code + '","message":"' + code + '"}', "application/x-amz-json-1.0"
    headers = {"Content-Type": kind, "x-amzn-errortype": code, "Content-Length": str(len(body))}
    return AWSResponse(request.url, status, headers, MockRawResponse(body))  # type: ignore[arg-type]


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
