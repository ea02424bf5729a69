"""Calls of Lambda and Step Functions by which functions start other functions, and rebuilds; moto has neither here.

What is started runs on a thread of its own, and calls back into the engine; a caller that asks for a function's answer
waits for it.
"""

from __future__ import annotations

import json
import re
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final
from urllib.parse import unquote

from endcap.errors import EndcapError
from endcap_local.lambda_runtime.reply import Reply

INVOCATIONS: Final = re.compile(r"/2015-03-31/functions/([^/]+)/invocations")
STATES: Final = "AWSStepFunctions"
KEPT: Final = 10
"""Rebuilds that are remembered, the latest."""

Invoke = Callable[[str, Mapping[str, Any]], Reply]
Entered = Callable[[str], None]
Rebuild = Callable[[Entered], object]


class StackCalls:
    """The WSGI application of both services.

    Attributes
    ----------
    invoke : runs a function by its name; None until the stack has some
    rebuild : rebuilds and promotes, and tells which states of infra/rebuild.asl.yaml it comes to; None where nobody
        offers it
    """

    def __init__(self) -> None:
        self.invoke: Invoke | None = None
        self.rebuild: Rebuild | None = None
        self._rebuilds: dict[str, dict[str, Any]] = {}

    def __call__(self, environ: Mapping[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        named = INVOCATIONS.fullmatch(environ.get("PATH_INFO", ""))
        if named is not None:
            name = unquote(named[1]).rsplit(":function:", 1)[-1].partition(":")[0]  # behind it an alias may stand
            waits = environ.get("HTTP_X_AMZ_INVOCATION_TYPE", "RequestResponse") == "RequestResponse"
            return self._answer(start_response, *self._invoked(name, json.loads(body or b"{}"), waits=waits))
        operation = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
        return self._answer(start_response, *self._of_rebuilds(operation, json.loads(body or b"{}")))

    def _invoked(self, name: str, event: Mapping[str, Any], *, waits: bool) -> tuple[str, Any, bool]:
        invoke = self.invoke
        if invoke is None:
            return "404 Not Found", {"Type": "User", "message": "no function of this name"}, False
        if waits:
            reply = invoke(name, event)
            failed = reply.error is not None
            return "200 OK", {"errorMessage": reply.error} if failed else reply.payload, failed
        threading.Thread(target=invoke, args=(name, event), name=f"start-{name}", daemon=True).start()
        return "202 Accepted", None, False

    def _of_rebuilds(self, operation: str, given: Mapping[str, Any]) -> tuple[str, Any]:
        if operation == "ListExecutions":
            wanted = given.get("statusFilter")
            latest_first = reversed(list(self._rebuilds.values()))
            return "200 OK", {"executions": [one for one in latest_first if wanted in (None, one["status"])]}
        if operation == "DescribeExecution":
            found = self._rebuilds.get(str(given.get("executionArn")))
            return ("200 OK", found) if found else ("400 Bad Request", {"__type": "ExecutionDoesNotExist"})
        if operation == "GetExecutionHistory":
            state = self._rebuilds.get(str(given.get("executionArn")), {}).get("state")
            entered = {"timestamp": 0, "type": "TaskStateEntered", "id": 1, "stateEnteredEventDetails": {"name": state}}
            return "200 OK", {"events": [entered] if state else []}
        rebuild, name = self.rebuild, str(given.get("name", "rebuild"))
        if operation != "StartExecution" or rebuild is None:
            return "400 Bad Request", {"__type": "StateMachineDoesNotExist", "message": "nothing rebuilds here"}
        execution = {
            "executionArn": name,
            "stateMachineArn": given["stateMachineArn"],
            "name": name,
            "status": "RUNNING",
            "startDate": time.time(),
        }
        self._rebuilds.pop(name, None)
        self._rebuilds[name] = execution
        threading.Thread(target=self._run, args=(rebuild, execution), name=name, daemon=True).start()
        return "200 OK", {"executionArn": name, "startDate": execution["startDate"]}

    def _run(self, rebuild: Rebuild, execution: dict[str, Any]) -> None:
        ended = {"status": "FAILED", "error": "RebuildFailed", "cause": "it was stopped"}
        try:
            rebuild(lambda state: execution.update(state=state))
            ended = {"status": "SUCCEEDED"}
        except Exception as exc:
            ended["cause"] = f"{type(exc).__name__}: {exc}"
            if not isinstance(exc, EndcapError):
                traceback.print_exc()
        finally:
            name = execution["name"]
            self._rebuilds[name] = execution | ended | {"stopDate": time.time()}
            for old in list(self._rebuilds)[:-KEPT]:
                del self._rebuilds[old]

    def _answer(
        self, start_response: Callable[..., Any], status: str, body: object, failed: bool = False
    ) -> Iterable[bytes]:
        data = b"" if status.startswith("202") else json.dumps(body).encode()
        headers = [("Content-Type", "application/x-amz-json-1.0"), ("Content-Length", str(len(data)))]
        start_response(status, [*headers, ("X-Amz-Function-Error", "Unhandled")] if failed else headers)
        return [data]
