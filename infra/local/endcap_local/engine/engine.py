"""The embedded AWS engine: moto behind a loopback HTTP server in this process.

moto keeps its state per process, so one engine can run at a time; each starts empty.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from endcap_local.engine.aws_app import TOKEN_HEADER, Activity, AwsApp, Counted
from endcap_local.engine.stack_calls import StackCalls
from endcap_local.keep_alive import KeepAliveHandler, KeepAliveServer
from endcap_local.template.intrinsics import REGION

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}  # nosec B105 # opens nothing
_CONFIG = Config(retries={"total_max_attempts": 1}, proxies={}, max_pool_connections=32)
_running = threading.Lock()


def environment_of(endpoint: str) -> dict[str, str]:
    """Environment variables that lead AWS SDKs to `endpoint` and away from any real account."""
    return {
        **CREDENTIALS,
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
    }


class Engine:
    """moto on a loopback port; port 0 takes a free one.

    Parameters
    ----------
    keys : folder that keeps the keys of KMS; None for memory alone
    deliver_every_s : how long delivery streams hold records back, to write them together; None for not at all

    Attributes
    ----------
    endpoint : base URL for AWS clients
    activity : signalled with "sqs", "dynamodb", "kinesis" or "firehose" after each change
    calls : what functions ask of other functions and of rebuilds, which the stack fills in
    """

    def __init__(self, port: int = 0, keys: Path | None = None, deliver_every_s: float | None = None) -> None:
        if not _running.acquire(blocking=False):
            raise RuntimeError("another local engine runs in this process; moto's state can't be shared")
        try:
            self._start(port, keys, deliver_every_s)
        except BaseException:
            _running.release()
            raise

    def environment(self) -> dict[str, str]:
        """Environment variables that lead AWS SDKs to this engine and away from any real account."""
        return environment_of(self.endpoint)

    def client(self, service: str) -> Any:
        """The boto3 client of a service for this engine, whatever the environment says."""
        with self._session_lock:
            if service not in self._clients:
                self._clients[service] = self._new_client(service)
            return self._clients[service]

    def count_by(self, counted: Counted) -> None:
        """Let CloudWatch tell of what `counted` gives whenever somebody looks."""
        self._app.counted = counted

    @contextmanager
    def exclusive(self, service: str) -> Iterator[Any]:
        """A client that works while all other changes wait, so that what it has read stays true until it writes.

        Keep it short: functions give up on a call after a second.
        """
        with self._session_lock:
            if (client := self._exclusive_clients.get(service)) is None:
                client = self._exclusive_clients[service] = self._new_client(service)
                client.meta.events.register("before-send", self._add_token)
        with self._app.exclusive() as token:
            self._token = token
            yield client

    def deliver(self) -> None:
        """Write what delivery streams hold back."""
        if self._deliveries is not None:
            self._deliveries.deliver()

    def stop(self) -> None:
        """Stop serving; the state is gone."""
        if self._deliveries is not None:
            self._deliveries.stop()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        _running.release()

    def _start(self, port: int, keys: Path | None, deliver_every_s: float | None) -> None:
        from moto.backends import get_backend
        from moto.moto_api._internal import moto_api_backend
        from moto.moto_server.werkzeug_app import MotoRequestHandler

        class Handler(KeepAliveHandler, MotoRequestHandler):  # type: ignore[misc]
            """Reads a request as moto does, and keeps the connection."""

        services = (
            "dynamodb",
            "dynamodbstreams",
            "sqs",
            "s3",
            "firehose",
            "kinesis",
            "events",
            "secretsmanager",
            "cloudwatch",
        )
        for service in services:
            get_backend(service)
        moto_api_backend.reset()
        self._app = AwsApp(keys)
        self._deliveries = None if deliver_every_s is None else self._app.hold_back(deliver_every_s)
        self.activity: Activity = self._app.activity
        self.calls: StackCalls = self._app.calls
        self._session = boto3.session.Session("local", "local", region_name=REGION)
        self._session_lock = threading.Lock()  # a session is not thread-safe, its clients are
        self._clients: dict[str, Any] = {}
        self._exclusive_clients: dict[str, Any] = {}
        self._token = ""  # nosec B105 # none yet
        self._server = KeepAliveServer(port, self._app, Handler)
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="engine", daemon=True)
        self._thread.start()

    def _new_client(self, service: str) -> Any:
        return self._session.client(service, endpoint_url=self.endpoint, config=_CONFIG)  # type: ignore[call-overload]

    def _add_token(self, request: Any, **_: object) -> None:
        request.headers[TOKEN_HEADER] = self._token
