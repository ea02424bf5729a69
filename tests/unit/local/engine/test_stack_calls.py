"""Functions start functions and rebuilds, and wait for what they ask."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import boto3
import pytest
from botocore.config import Config
from werkzeug.serving import make_server

from endcap.aws.work import Rebuilds
from endcap.errors import InvalidInputError
from endcap_local.engine.stack_calls import StackCalls
from endcap_local.lambda_runtime.reply import Reply

MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:local"


def asked(calls: StackCalls, path: str, body: object, target: str = "", kind: str = "Event") -> tuple[str, Any]:
    data, told = json.dumps(body).encode(), dict[str, str]()
    environ = {
        "PATH_INFO": path,
        "HTTP_X_AMZ_TARGET": target,
        "HTTP_X_AMZ_INVOCATION_TYPE": kind,
        "CONTENT_LENGTH": str(len(data)),
        "wsgi.input": io.BytesIO(data),
    }
    answer = b"".join(calls(environ, lambda status, _: told.update(status=status)))
    return told["status"], json.loads(answer) if answer else None


def wait_for(name: str) -> None:
    for thread in threading.enumerate():
        if thread.name == name:
            thread.join(60)


@contextmanager
def boto_of(calls: StackCalls) -> Iterator[Any]:
    """A client of Step Functions whose calls are answered here."""
    server = make_server("127.0.0.1", 0, calls, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.server_port}"
        keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": "us-east-1"}
        yield boto3.client("stepfunctions", endpoint_url=url, **keys, config=Config(inject_host_prefix=False))
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("named", ["promote", "promote:live", "arn:aws:lambda:x:1:function:promote:live"])
def test_a_function_is_started_by_its_name(named: str) -> None:
    calls, done, seen = StackCalls(), threading.Event(), list[Any]()

    def invoke(name: str, event: Any) -> Reply:
        seen.append((name, event))
        done.set()
        return Reply()

    path = f"/2015-03-31/functions/{quote(named, safe='')}/invocations"
    assert asked(calls, path, {})[0].startswith("404")
    calls.invoke = invoke
    assert asked(calls, path, {"version": "v"})[0].startswith("202")
    assert done.wait(60)
    assert seen == [("promote", {"version": "v"})]


def test_who_asks_for_an_answer_waits_for_it() -> None:
    calls, path = StackCalls(), "/2015-03-31/functions/promote/invocations"
    calls.invoke = lambda _, event: Reply(event) if event else Reply(error="nothing was said")
    assert asked(calls, path, {"version": "v"}, kind="RequestResponse") == ("200 OK", {"version": "v"})
    assert asked(calls, path, {}, kind="RequestResponse") == ("200 OK", {"errorMessage": "nothing was said"})


def test_a_rebuild_is_listed_while_it_runs() -> None:
    calls, begun, may_end, ended = StackCalls(), threading.Event(), threading.Event(), threading.Event()
    start = "AWSStepFunctions.StartExecution"
    machine = {"stateMachineArn": "arn"}
    assert asked(calls, "/", machine, start)[0].startswith("400")

    def rebuild(entered: Callable[[str], None]) -> None:
        entered("Train")
        begun.set()
        may_end.wait(60)
        ended.set()

    calls.rebuild = rebuild
    assert asked(calls, "/", machine | {"name": "mine"}, start)[0].startswith("200")
    listed = asked(calls, "/", machine, "AWSStepFunctions.ListExecutions")[1]["executions"]
    assert [one["name"] for one in listed] == ["mine"]
    assert begun.wait(60)
    with boto_of(calls) as states:
        (running,) = Rebuilds(states, MACHINE).running()
    assert (running.name, running.step) == ("mine", "learn")
    may_end.set()
    assert ended.wait(60)
    wait_for("mine")
    finished = machine | {"statusFilter": "RUNNING"}
    assert asked(calls, "/", finished, "AWSStepFunctions.ListExecutions")[1]["executions"] == []


def test_a_rebuild_that_has_ended_says_how_and_the_latest_stands_first() -> None:
    calls, outcomes = StackCalls(), iter([None, InvalidInputError("there is no item")])

    def rebuild(entered: Callable[[str], None]) -> None:
        if (outcome := next(outcomes)) is not None:
            raise outcome

    calls.rebuild = rebuild
    with boto_of(calls) as states:
        rebuilds = Rebuilds(states, MACHINE)
        assert rebuilds.last_ended() is None
        for name, failure in (("good", ""), ("bad", "InvalidInputError: there is no item")):
            rebuilds.start(name)
            wait_for(name)
            ended = rebuilds.last_ended()
            assert ended is not None
            assert (ended.name, ended.failure) == (name, failure)
            assert 0 < ended.began_ms <= ended.ended_ms
        assert rebuilds.running() == []
