"""A Lambda execution environment as a process: AWS's own runtime client against a small Runtime API server.

The server speaks what https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html describes, for one environment and
one invocation at a time, on the loopback interface.
"""

from __future__ import annotations

import json
import queue
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

START_LIMIT_S = 60.0
"""Lambda gives 10 s, and starts once more within the first call's time; machines that do other work need longer."""
PREFIX = "/2018-06-01/runtime/"
_ENDED = "ended"


class FunctionError(Exception):
    """The handler raised, or the function could not start; holds what the runtime client reported."""


class FunctionEndedError(FunctionError):
    """The process ended, by itself or because its time was over; the environment is of no more use."""


@dataclass(frozen=True)
class Report:
    """What the runtime client sent back: `kind` is response, error or init; or that the process has ended."""

    kind: str
    body: Any


class ExecutionEnvironment:
    """One process of one function.

    Parameters
    ----------
    python : interpreter; started without its site-packages, so only `path` and the standard library are importable
    code : folder of the function
    handler : such as `app.handler`
    path : folders to import from, in order, after the code itself
    environment : the whole environment of the process, but for what Lambda itself sets
    timeout_s : how long a call may take before the process is killed
    log : file that takes the process's output
    freezes : whether the process is stopped between calls, threads and all, as Lambda does
    """

    def __init__(
        self,
        python: str,
        code: Path,
        handler: str,
        path: Sequence[Path],
        environment: Mapping[str, str],
        timeout_s: float,
        log: Path,
        freezes: bool = False,
    ) -> None:
        self._calls: queue.Queue[bytes | None] = queue.Queue()
        self._reports: queue.Queue[Report] = queue.Queue()
        self._ready = threading.Event()
        self._timeout_s, self._freezes = timeout_s, freezes
        self._server = _Server(("127.0.0.1", 0), _handler_class(self._next, self._reports.put, timeout_s))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        self._log = log.open("ab")
        self._process = subprocess.Popen(
            [python, "-S", "-s", "-m", "awslambdaric", handler],
            cwd=code,
            env={
                **environment,
                "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._server.server_address[1]}",
                "AWS_LAMBDA_FUNCTION_NAME": code.name,
                "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
                "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
                "AWS_LAMBDA_LOG_FORMAT": "JSON",
                "AWS_LAMBDA_LOG_LEVEL": "INFO",
                "LAMBDA_TASK_ROOT": str(code),
                "_HANDLER": handler,
                "TZ": ":UTC",
                "PYTHONDONTWRITEBYTECODE": "1",
                "PYTHONPATH": ":".join(str(p) for p in (code, *path)),
            },
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()

    @property
    def pid(self) -> int:
        """The process's."""
        return self._process.pid

    def wait_until_ready(self, limit_s: float = START_LIMIT_S) -> None:
        """Return when the function's code is loaded.

        Raises
        ------
        FunctionEndedError : it ended before, or did not load in time
        """
        if not self._ready.wait(limit_s):
            self._process.kill()
            raise FunctionEndedError(f"did not start within {limit_s:g} s")
        if self._process.poll() is not None:
            raise FunctionEndedError(f"the process ended with {self._process.returncode}: {self._last_report()}")

    def invoke(self, event: object) -> Any:
        """The handler's answer; its time begins when the process has loaded its code.

        Raises
        ------
        FunctionEndedError : it did not finish in time and was killed, or the process ended
        FunctionError : the handler raised
        """
        self.wait_until_ready()
        self._calls.put(json.dumps(event).encode())
        try:
            report = self._reports.get(timeout=self._timeout_s)
        except queue.Empty:
            self._process.kill()
            raise FunctionEndedError(f"no answer within {self._timeout_s:g} s") from None
        if report.kind == _ENDED:
            raise FunctionEndedError(f"the process ended with {report.body}")
        if report.kind != "response":
            raise FunctionError(f"{report.body.get('errorType')}: {report.body.get('errorMessage')}", report.body)
        return report.body

    def close(self) -> None:
        """End the process and the server."""
        self._process.kill()
        self._watcher.join()
        self._calls.put(None)
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._log.close()

    def _next(self) -> bytes | None:
        """The next event, when there is one; the process waits for it, frozen where that was asked for."""
        self._ready.set()
        with suppress(queue.Empty):
            return self._calls.get_nowait()
        self._send(signal.SIGSTOP)
        try:
            return self._calls.get()
        finally:
            self._send(signal.SIGCONT)

    def _send(self, number: int) -> None:
        if self._freezes:
            self._process.send_signal(number)

    def _watch(self) -> None:
        code = self._process.wait()
        self._reports.put(Report(_ENDED, code))
        self._ready.set()

    def _last_report(self) -> Any:
        """What the client said before it ended, such as which module it could not import."""
        with suppress(queue.Empty):
            return self._reports.get_nowait().body
        return None


class _Server(ThreadingHTTPServer):
    """Says nothing of connections that end with the process at their other end."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


def _handler_class(
    next_event: Callable[[], bytes | None], report: Callable[[Report], None], timeout_s: float
) -> type[BaseHTTPRequestHandler]:
    class RuntimeApi(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Header and body in one packet, sent at once: otherwise each call waits for two delayed acknowledgements.
        wbufsize = 64 * 1024
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            event = next_event() if self.path == f"{PREFIX}invocation/next" else None
            if event is None:
                self._answer(410, b"{}")
                return
            trace = f"Root=1-{int(time.time()):08x}-{uuid.uuid4().hex[:24]};Parent={uuid.uuid4().hex[:16]};Sampled=1"
            headers = {
                "Lambda-Runtime-Aws-Request-Id": str(uuid.uuid4()),
                "Lambda-Runtime-Deadline-Ms": str(int((time.time() + timeout_s) * 1000)),
                "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:123456789012:function:local",
                "Lambda-Runtime-Trace-Id": trace,
            }
            self._answer(200, event, headers)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self._answer(202, b"{}")
            kind = "init" if self.path.endswith("init/error") else self.path.rpartition("/")[2]
            report(Report(kind, json.loads(body) if body else None))

        def log_message(self, *_: object) -> None:
            """Say nothing: requests are not news."""

        def _answer(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
            with suppress(OSError):  # who has been killed takes no answer
                self.send_response(status)
                for name, value in {**(headers or {}), "Content-Type": "application/json"}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
                self.wfile.flush()

    return RuntimeApi
