"""The proxy between a client and a small server, on the loopback interface; what is waited for is always an event."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from endcap_local.bench.soak.proxy import FaultProxy
from endcap_local.bench.soak.schedule import Fault, Mode

LONG_S = 30.0


class Upstream:
    """Answers with what it was sent; `bodies` are those that came, `go_on` lets it write the second half of `/half`."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.go_on, self.wrote = threading.Event(), threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self._body()
                outer.bodies.append(body)
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                half = len(body) // 2 if self.path == "/half" else len(body)
                self.wfile.write(body[:half])
                if self.path == "/half":
                    outer.go_on.wait(LONG_S)
                    self.wfile.write(body[half:])
                    outer.wrote.set()

            do_GET = do_POST

            def log_message(self, *_: object) -> None:
                """Nothing."""

            def _body(self) -> bytes:
                if self.headers.get("Transfer-Encoding") != "chunked":
                    return self.rfile.read(int(self.headers.get("Content-Length", 0)))
                body = b""
                while size := int(self.rfile.readline(), 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return body

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    made = Upstream()
    yield made
    made.go_on.set()
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def proxy(upstream: Upstream) -> Iterator[FaultProxy]:
    made = FaultProxy("s3", upstream.url)
    yield made
    made.stop()


def fault(mode: Mode, delay_s: float = 0.0) -> Fault:
    return Fault("s3", mode, 0, 1, delay_s)


def connect(proxy: FaultProxy) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(proxy.url.removeprefix("http://"), timeout=LONG_S)


def ask(connection: http.client.HTTPConnection, body: Any = b"hello", path: str = "/") -> bytes:
    connection.request("POST", path, body)
    return connection.getresponse().read()


def aside(call: Callable[[], object]) -> tuple[threading.Thread, list[object]]:
    """`call` in a thread; what it returned or raised is in the list once the thread has ended."""
    results: list[object] = []

    def run() -> None:
        try:
            results.append(call())
        except (OSError, http.client.HTTPException) as exc:
            results.append(exc)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, results


def wait_until(condition: Callable[[], bool]) -> None:
    waited = threading.Event()
    for _ in range(10_000):
        if condition():
            return
        waited.wait(0.002)
    raise AssertionError("it never happened")


def aws(service: str, proxy: FaultProxy) -> Any:
    config = Config(retries={"total_max_attempts": 1}, proxies={})
    return boto3.client(
        service,
        endpoint_url=proxy.url,
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=config,
    )


def test_requests_of_a_kept_connection_go_through_whole(proxy: FaultProxy) -> None:
    connection = connect(proxy)
    assert [ask(connection, body) for body in (b"a", b"", b"x" * 300_000)] == [b"a", b"", b"x" * 300_000]
    assert ask(connection, iter([b"in ", b"pieces"])) == b"in pieces"
    assert proxy.met == {"pass": 4}


def test_hanging_answers_nobody_and_those_who_hung_never(proxy: FaultProxy, upstream: Upstream) -> None:
    kept = connect(proxy)
    assert ask(kept) == b"hello"
    proxy.set(fault(Mode.HANG))
    old, old_results = aside(lambda: ask(kept))
    new, new_results = aside(lambda: ask(connect(proxy)))
    wait_until(lambda: proxy.met["hang"] == 2)
    proxy.set(None)
    assert ask(connect(proxy), b"later") == b"later"
    assert upstream.bodies == [b"hello", b"later"]
    assert (old_results, new_results) == ([], [])
    proxy.set(fault(Mode.RESET))  # nothing but an end of the connection comes to them
    for thread, results in ((old, old_results), (new, new_results)):
        thread.join(LONG_S)
        assert isinstance(results[0], OSError | http.client.HTTPException)


def test_what_hangs_in_the_middle_of_an_answer_leaves_half_of_it(proxy: FaultProxy, upstream: Upstream) -> None:
    connection = connect(proxy)
    connection.request("POST", "/half", b"abcd")
    answer = connection.getresponse()
    assert answer.read(2) == b"ab"
    proxy.set(fault(Mode.HANG))
    upstream.go_on.set()
    assert upstream.wrote.wait(LONG_S)
    thread, results = aside(answer.read)
    proxy.set(fault(Mode.RESET))
    thread.join(LONG_S)
    assert isinstance(results[0], OSError | http.client.IncompleteRead)


def test_resetting_breaks_connections_that_are_open_and_new_ones(proxy: FaultProxy, upstream: Upstream) -> None:
    kept = connect(proxy)
    assert ask(kept) == b"hello"
    proxy.set(fault(Mode.RESET))
    for connection in (kept, connect(proxy)):
        with pytest.raises((ConnectionResetError, BrokenPipeError, http.client.RemoteDisconnected)):
            ask(connection)
    assert upstream.bodies == [b"hello"]
    proxy.set(None)
    assert ask(connect(proxy)) == b"hello"


@pytest.mark.parametrize("call", ["get_object", "put_object", "head_object"])
def test_s3_throttles_in_its_own_words(proxy: FaultProxy, upstream: Upstream, call: str) -> None:
    proxy.set(fault(Mode.THROTTLE))
    body = {"Body": b"x" * 100_000} if call == "put_object" else {}
    with pytest.raises(ClientError) as raised:
        getattr(aws("s3", proxy), call)(Bucket="bucket", Key="key", **body)
    response = raised.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 503
    assert response["Error"]["Code"] == ("503" if call == "head_object" else "SlowDown")
    assert upstream.bodies == []


def test_dynamodb_throttles_in_its_own_words(upstream: Upstream) -> None:
    proxy = FaultProxy("dynamodb", upstream.url)
    try:
        proxy.set(fault(Mode.THROTTLE))
        with pytest.raises(ClientError) as raised:
            aws("dynamodb", proxy).get_item(TableName="table", Key={"k": {"S": "v"}})
    finally:
        proxy.stop()
    assert raised.value.response["Error"]["Code"] == "ProvisionedThroughputExceededException"
    assert upstream.bodies == []


def test_a_slow_service_waits_before_each_request(upstream: Upstream) -> None:
    waited: list[tuple[float, int]] = []

    async def sleep(seconds: float) -> None:
        waited.append((seconds, len(upstream.bodies)))

    proxy = FaultProxy("s3", upstream.url, sleep)
    try:
        proxy.set(fault(Mode.SLOW, 0.9))
        connection = connect(proxy)
        assert ask(connection) == ask(connection) == b"hello"
    finally:
        proxy.stop()
    assert waited == [(0.9, 0), (0.9, 1)]


def test_stopping_ends_connections_that_hang(upstream: Upstream) -> None:
    proxy = FaultProxy("s3", upstream.url)
    proxy.set(fault(Mode.HANG))
    thread, results = aside(lambda: ask(connect(proxy)))
    wait_until(lambda: proxy.met["hang"] == 1)
    proxy.stop()
    thread.join(LONG_S)
    assert isinstance(results[0], OSError | http.client.HTTPException)
