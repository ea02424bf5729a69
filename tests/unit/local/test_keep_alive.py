"""Connections are kept from answer to answer, and end where nobody could answer on them any more."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from endcap_local.keep_alive import KeepAliveServer

PATIENCE_S = 30


class App:
    """Answers by path, and notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.begun, self.go_on = threading.Event(), threading.Event()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        self.asked.append(path)
        if path == "/fails":
            raise LookupError("what went wrong")
        if path == "/slow":
            self.begun.set()
            assert self.go_on.wait(PATIENCE_S)
        if path == "/nothing":
            start_response("204 No Content", [])
            return []
        if path == "/parts":
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [b"one ", b"", b"two"]
        if path == "/refused":
            start_response("413 Content Too Large", [("Content-Length", "0"), ("Connection", "close")])
            return []
        body = environ["wsgi.input"].read() if path == "/echo" else b"answer"
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body]


@pytest.fixture
def app() -> App:
    return App()


@pytest.fixture
def server(app: App) -> Iterator[KeepAliveServer]:
    serving = KeepAliveServer(0, app)
    thread = threading.Thread(target=serving.serve_forever, args=(0.01,))
    thread.start()
    yield serving
    serving.shutdown()
    thread.join(PATIENCE_S)
    serving.server_close()


@pytest.fixture
def client(server: KeepAliveServer) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=PATIENCE_S)
    connection.connect()
    yield connection
    connection.close()


def answer(client: http.client.HTTPConnection, method: str, path: str, **options: Any) -> tuple[int, bytes]:
    client.request(method, path, **options)
    response = client.getresponse()
    return response.status, response.read()


def one_connection(client: http.client.HTTPConnection) -> Any:
    """What stays the same while no other connection is opened."""
    assert client.sock is not None
    return client.sock.getsockname()


def test_answers_of_all_kinds_leave_the_connection_open(client):
    port = one_connection(client)
    assert answer(client, "GET", "/") == (200, b"answer")
    assert answer(client, "POST", "/echo", body=b"x" * 200_000) == (200, b"x" * 200_000)
    assert answer(client, "GET", "/nothing") == (204, b"")
    assert answer(client, "GET", "/parts") == (200, b"one two")
    assert answer(client, "HEAD", "/parts") == (200, b"")
    assert answer(client, "GET", "/") == (200, b"answer")
    assert one_connection(client) == port


@pytest.mark.parametrize("chunked", [False, True], ids=["of a length", "in chunks"])
def test_a_body_that_nobody_reads_is_not_taken_for_the_next_request(app, client, chunked):
    port, body = one_connection(client), b"GET /smuggled HTTP/1.1\r\n\r\n" * 10_000
    given = {"body": iter([body]), "encode_chunked": True, "headers": {"Transfer-Encoding": "chunked"}}
    assert answer(client, "POST", "/", **(given if chunked else {"body": body})) == (200, b"answer")
    assert answer(client, "GET", "/") == (200, b"answer")
    assert app.asked == ["/", "/"]
    assert one_connection(client) == port


@pytest.mark.parametrize("head", ["Connection: close", "Content-Length: some"])
def test_a_connection_ends_where_the_client_wants_it_or_its_body_has_no_end(app, server, head):
    with socket.create_connection(("127.0.0.1", server.server_port), PATIENCE_S) as raw:
        request = f"GET / HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
        raw.sendall(request.encode())
        answered = b"".join(iter(lambda: raw.recv(4096), b""))
    assert answered.startswith(b"HTTP/1.1 200 OK")
    assert app.asked == ["/"]


def test_a_refusal_reaches_a_client_that_still_sends(client):
    assert answer(client, "POST", "/refused", body=b"x" * 20_000_000) == (413, b"")
    assert client.sock is None


def test_a_body_that_waits_to_be_asked_for_is_asked_for(server):
    with socket.create_connection(("127.0.0.1", server.server_port), PATIENCE_S) as raw:
        raw.sendall(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        assert raw.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"
        raw.sendall(b"abc")
        assert raw.recv(4096).endswith(b"abc")


def test_an_application_that_fails_answers_500_without_saying_why(client, caplog):
    status, body = answer(client, "GET", "/fails")
    assert (status, b"what went wrong" in body) == (500, False)
    assert client.sock is None
    assert "what went wrong" in caplog.text


def test_a_closed_server_ends_connections_that_wait(server, client):
    assert answer(client, "GET", "/") == (200, b"answer")
    server.shutdown()
    server.server_close()
    assert client.sock is not None
    assert client.sock.recv(1) == b""


def test_a_closed_server_ends_a_connection_after_the_answer_under_way(app, server, client):
    client.request("GET", "/slow")
    assert app.begun.wait(PATIENCE_S)
    server.shutdown()
    server.server_close()
    app.go_on.set()
    connection = client.sock
    assert connection is not None
    response = client.getresponse()
    assert (response.status, response.read()) == (200, b"answer")
    assert connection.recv(1) == b""
