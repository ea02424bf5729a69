"""An HTTP server for a WSGI application that keeps connections open, where werkzeug's own closes each after its answer.

For one answer of a stack its functions ask what stands in for AWS some three times: to connect, and to start a thread
for it, takes longer than most of these calls.
"""

from __future__ import annotations

import socket
import threading
import traceback
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Final

from werkzeug.exceptions import ClientDisconnected, InternalServerError
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler
from werkzeug.wsgi import LimitedStream

WsgiApp = Callable[..., Iterable[bytes]]
Headers = list[tuple[str, str]]

_LATE_S: Final = 0.01
"""How long a client that is refused gets to send on: one that has not sent all would see a reset, not the refusal."""
_LATE_READS: Final = 10_000
_BLOCK: Final = 64 * 1024


class KeepAliveHandler(WSGIRequestHandler):  # type: ignore[misc]
    """Answers one request after the other on a connection, until the client, the answer or the server ends it."""

    server: KeepAliveServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = _BLOCK  # an answer leaves in one packet: in two, the second would wait until the first is acknowledged

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing: who asks has the answer."""

    def handle_one_request(self) -> None:
        """Wait for a request and answer it; a server that is closed meanwhile ends the wait."""
        if self.server.waits(self.connection):
            super().handle_one_request()
        else:
            self.close_connection = True

    def parse_request(self) -> bool:
        """Read the head of a request, whose first line has come."""
        self.server.answers(self.connection)
        return bool(super().parse_request())

    def handle_expect_100(self) -> bool:
        """Ask for the body at once."""
        asked = bool(super().handle_expect_100())
        self.wfile.flush()
        return asked

    def finish(self) -> None:
        """End the connection."""
        self.server.answers(self.connection)
        super().finish()

    def make_environ(self) -> dict[str, Any]:
        """The request; its body ends where the next request begins."""
        environ: dict[str, Any] = super().make_environ()
        if not environ.get("wsgi.input_terminated"):
            length = environ.get("CONTENT_LENGTH") or "0"
            if not length.isdecimal():
                self.close_connection = True  # where the next request begins, nobody knows
                length = "0"
            environ["wsgi.input"] = LimitedStream(self.rfile, int(length))
        return environ

    def run_wsgi(self) -> None:
        """Answer a request by the application."""
        environ, self._begun = self.make_environ(), False
        try:
            self._run(self.server.app, environ)
            self._read_on(environ["wsgi.input"])
        except (ConnectionError, TimeoutError, ClientDisconnected):  # there is nobody to answer
            self.close_connection = True
        except Exception:
            self.server.log("error", f"Error on request:\n{traceback.format_exc()}")
            self.close_connection = True  # nobody knows how far the answer came
            if not self._begun:
                self._run(InternalServerError(), environ)
                self._read_on(environ["wsgi.input"])

    def _run(self, app: WsgiApp, environ: dict[str, Any]) -> None:
        head: list[tuple[str, Headers]] = []

        def start_response(status: str, headers: Headers, exc_info: object = None) -> None:  # noqa: ARG001 - PEP 3333
            head[:] = [(status, headers)]

        blocks = app(environ, start_response)
        try:
            self._begun = True
            self._send(*head[0], blocks)
        finally:
            if hasattr(blocks, "close"):
                blocks.close()

    def _send(self, status: str, headers: Headers, blocks: Iterable[bytes]) -> None:
        """Head and body; one of unknown length in chunks."""
        code, _, phrase = status.partition(" ")
        names = {name.lower() for name, _ in headers}
        self.send_response(int(code), phrase)
        if self.close_connection and "connection" not in names:
            self.send_header("Connection", "close")
        for name, value in headers:
            self.send_header(name, value)  # "Connection: close" is heeded, too
        no_body = self.command == "HEAD" or code in ("204", "304")
        chunked = not (no_body or "content-length" in names)
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for block in () if no_body else filter(None, blocks):
            self.wfile.write(b"%x\r\n%b\r\n" % (len(block), block) if chunked else block)
            self.wfile.flush()
        if chunked:
            self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()

    def _read_on(self, body: Any) -> None:
        """Pass over what nobody has read of a body."""
        if not self.close_connection:
            while body.read(_BLOCK):
                pass
            return
        self.connection.settimeout(_LATE_S)
        with suppress(TimeoutError):
            for _ in range(_LATE_READS):
                if not self.rfile.read1(_BLOCK):
                    return


class KeepAliveServer(ThreadedWSGIServer):  # type: ignore[misc]
    """Serves on 127.0.0.1, each connection in a thread of its own; port 0 is a free one.

    When it is closed, connections that wait for a request end, and others after the answer that they are at: else
    clients that keep theirs would go on to be answered.
    """

    def __init__(
        self, port: int, app: WsgiApp | None = None, handler: type[WSGIRequestHandler] = KeepAliveHandler
    ) -> None:
        self._lock = threading.Lock()
        self._waiting: set[socket.socket] = set()
        self._closed = False
        super().__init__("127.0.0.1", port, app, handler)

    def waits(self, connection: socket.socket) -> bool:
        """Note that a connection waits for a request; False when there is none to come."""
        with self._lock:
            if not self._closed:
                self._waiting.add(connection)
            return not self._closed

    def answers(self, connection: socket.socket) -> None:
        """Note that a connection waits no more."""
        with self._lock:
            self._waiting.discard(connection)

    def server_close(self) -> None:
        """Free the port, and end connections."""
        super().server_close()
        with self._lock:
            self._closed = True
            for connection in self._waiting:
                with suppress(OSError):  # the client was first
                    connection.shutdown(socket.SHUT_RDWR)
