"""Functions start functions and rebuilds without waiting for them."""

from __future__ import annotations

import io
import json
import threading
from typing import Any

from endcap_local.engine.stack_calls import StackCalls


def asked(calls: StackCalls, path: str, body: object, target: str = "") -> tuple[str, Any]:
    data, told = json.dumps(body).encode(), dict[str, str]()
    environ = {
        "PATH_INFO": path,
        "HTTP_X_AMZ_TARGET": target,
        "CONTENT_LENGTH": str(len(data)),
        "wsgi.input": io.BytesIO(data),
    }
    answer = b"".join(calls(environ, lambda status, _: told.update(status=status)))
    return told["status"], json.loads(answer) if answer else None


def test_a_function_is_started_by_its_name() -> None:
    calls, done, seen = StackCalls(), threading.Event(), list[Any]()

    def invoke(name: str, event: Any) -> None:
        seen.append((name, event))
        done.set()

    path = "/2015-03-31/functions/arn%3Aaws%3Alambda%3Ax%3A1%3Afunction%3Apromote/invocations"
    assert asked(calls, path, {})[0].startswith("404")
    calls.invoke = invoke
    assert asked(calls, path, {"version": "v"})[0].startswith("202")
    assert done.wait(5)
    assert seen == [("promote", {"version": "v"})]


def test_a_rebuild_is_listed_while_it_runs() -> None:
    calls, may_end, ended = StackCalls(), threading.Event(), threading.Event()
    start = "AWSStepFunctions.StartExecution"
    machine = {"stateMachineArn": "arn"}
    assert asked(calls, "/", machine, start)[0].startswith("400")

    def rebuild() -> None:
        may_end.wait(5)
        ended.set()

    calls.rebuild = rebuild
    assert asked(calls, "/", machine | {"name": "mine"}, start)[0].startswith("200")
    listed = asked(calls, "/", machine, "AWSStepFunctions.ListExecutions")[1]["executions"]
    assert [one["name"] for one in listed] == ["mine"]
    may_end.set()
    assert ended.wait(5)
    for thread in threading.enumerate():
        if thread.name == "mine":
            thread.join(5)
    assert asked(calls, "/", machine, "AWSStepFunctions.ListExecutions")[1]["executions"] == []
