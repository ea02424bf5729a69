"""The embedded AWS engine: moto behind a loopback HTTP server in this process.

What moto leaves open is closed here, in front of it: requests that change something run one after the other, because
moto loses conditional updates and queue messages under threads; and each change wakes who waits for it, so that event
sources need no busy polling. moto keeps its state per process, so one engine can run at a time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import boto3
from botocore.config import Config
from werkzeug.serving import BaseWSGIServer, make_server

from endcap_local.intrinsics import REGION

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
_READ_ONLY = ("Get", "Describe", "List", "Query", "Scan", "BatchGet", "Receive", "DeleteMessage")
_CONFIG = Config(retries={"total_max_attempts": 1}, proxies={}, max_pool_connections=32)
_running = threading.Lock()


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


class Engine:
    """moto on a free loopback port.

    Attributes
    ----------
    endpoint : base URL for AWS clients
    activity : signalled with "sqs", "dynamodb" or "kinesis" after each change
    """

    def __init__(self, port: int = 0) -> None:
        if not _running.acquire(blocking=False):
            raise RuntimeError("another local engine runs in this process; moto's state can't be shared")
        self.activity = Activity()
        self._session = boto3.session.Session("local", "local", region_name=REGION)
        self._clients: dict[str, Any] = {}
        self._session_lock = threading.Lock()  # a session is not thread-safe, its clients are
        try:
            self._server = _serve(port, self.activity)
        except BaseException:
            _running.release()
            raise
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="engine", daemon=True)
        self._thread.start()

    def environment(self) -> dict[str, str]:
        """Environment variables that lead AWS SDKs to this engine and away from any real account."""
        return {
            **CREDENTIALS,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": "127.0.0.1,localhost",
            "no_proxy": "127.0.0.1,localhost",
        }

    def client(self, service: str) -> Any:
        """A boto3 client for this engine, whatever the environment says."""
        session = boto3.session.Session(aws_access_key_id="local", aws_secret_access_key="local", region_name=REGION)
        config = Config(retries={"total_max_attempts": 1}, proxies={}, max_pool_connections=32)
        return session.client(service, endpoint_url=self.endpoint, config=config)  # type: ignore[call-overload]

    def stop(self) -> None:
        """Stop serving; the state is gone."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        _running.release()


def _serve(port: int, activity: Activity) -> BaseWSGIServer:
    from moto.backends import get_backend
    from moto.moto_api._internal import moto_api_backend
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app

    class Handler(MotoRequestHandler):  # type: ignore[misc]
        protocol_version = "HTTP/1.1"  # keep connections: three times as fast as one connection per call
        disable_nagle_algorithm = True  # otherwise header and body in two packets cost a delayed acknowledgement

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Say nothing: the engine's requests are not the user's."""

    for service in ("dynamodb", "dynamodbstreams", "sqs", "s3", "firehose", "kinesis", "events"):
        get_backend(service)
    moto_api_backend.reset()
    return make_server(
        "127.0.0.1",
        port,
        _Serialised(DomainDispatcherApplication(create_backend_app), activity),
        threaded=True,
        request_handler=Handler,
    )


class _Serialised:
    """WSGI middleware: one change at a time, and a signal after each."""

    def __init__(self, app: Callable[..., Iterable[bytes]], activity: Activity) -> None:
        self._app, self._activity = app, activity
        self._lock = threading.RLock()  # re-entrant: Firehose and EventBridge write to S3 and SQS inside a call

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        target = environ.get("HTTP_X_AMZ_TARGET", "")
        operation = target.rpartition(".")[2]
        if operation == "ReceiveMessage" or (not target and environ["REQUEST_METHOD"] in ("GET", "HEAD")):
            return self._app(environ, start_response)  # may wait for seconds, or only reads
        with self._lock:
            body = self._app(environ, start_response)
        if target and not operation.startswith(_READ_ONLY):
            for prefix, services in _SIGNALS.items():
                if target.startswith(prefix):
                    for service in services:
                        self._activity.signal(service)
        return body


_SIGNALS: Mapping[str, tuple[str, ...]] = {
    "AmazonSQS.": ("sqs",),
    "DynamoDB_": ("dynamodb",),
    "Kinesis_": ("kinesis",),
    "AWSEvents.": ("sqs",),
}
