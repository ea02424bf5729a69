"""A Lambda execution environment on this machine: AWS's own runtime client against a small Runtime API server.

The server speaks what https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html describes, for one environment and
one invocation at a time, on the loopback interface.
"""

from __future__ import annotations

import json
import queue
import subprocess
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

START_LIMIT_S = 60.0
PREFIX = "/2018-06-01/runtime/"


class FunctionError(Exception):
    """The handler raised, or the function could not start; holds what the runtime client reported."""


@dataclass(frozen=True)
class Report:
    """What the runtime client sent back: `kind` is response, error or init."""

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
    ) -> None:
        self._calls: queue.Queue[bytes | None] = queue.Queue()
        self._reports: queue.Queue[Report] = queue.Queue()
        self._timeout_s = timeout_s
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_class(self._calls, self._reports, timeout_s))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
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

    def invoke(self, event: object) -> Any:
        """The handler's answer.

        Raises
        ------
        FunctionError : the handler raised, did not finish in time, or could not be imported
        """
        self._calls.put(json.dumps(event).encode())
        limit = time.monotonic() + START_LIMIT_S + self._timeout_s
        while True:
            try:
                report = self._reports.get(timeout=0.5)
                break
            except queue.Empty:
                if self._process.poll() is not None:
                    raise FunctionError(f"the process ended with {self._process.returncode}") from None
                if time.monotonic() > limit:
                    self._process.kill()
                    raise FunctionError("the call did not end in time") from None
        if report.kind != "response":
            raise FunctionError(f"{report.body.get('errorType')}: {report.body.get('errorMessage')}", report.body)
        return report.body

    def close(self) -> None:
        """End the process and the server."""
        self._process.kill()
        self._process.wait()
        self._calls.put(None)
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._log.close()


def _handler_class(
    calls: queue.Queue[bytes | None], reports: queue.Queue[Report], timeout_s: float
) -> type[BaseHTTPRequestHandler]:
    class RuntimeApi(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Header and body in one packet, sent at once: otherwise each call waits for two delayed acknowledgements.
        wbufsize = 64 * 1024
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            event = calls.get() if self.path == f"{PREFIX}invocation/next" else None
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
            reports.put(Report(kind, json.loads(body) if body else None))

        def log_message(self, *_: object) -> None:
            """Say nothing: requests are not news."""

        def _answer(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in {**(headers or {}), "Content-Type": "application/json"}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return RuntimeApi
