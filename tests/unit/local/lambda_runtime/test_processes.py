from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from endcap_local.lambda_runtime.processes import ProcessInvoker
from endcap_local.lambda_runtime.reply import Reply
from endcap_local.lambda_runtime.runtime_api import FunctionEndedError, FunctionError
from endcap_local.template.template import LocalFunction

FUNCTION = LocalFunction("Rank", "stack-rank", Path("functions/rank"), "app.handler", {}, 10, 512)
LONG_S = 30.0


class FakeEnvironment:
    def __init__(self, name: str, answer: Callable[[Any], Any]) -> None:
        self.name, self._answer = name, answer
        self.pid, self.ready, self.closed = hash(name), False, 0

    def wait_until_ready(self) -> None:
        self.ready = True

    def invoke(self, event: object) -> Any:
        assert not self.closed
        return {"by": self.name, "answer": self._answer(event)}

    def close(self) -> None:
        self.closed += 1


class Started:
    """Starts fake environments, and knows them."""

    def __init__(self, answer: Callable[[Any], Any] = lambda event: event) -> None:
        self._answer = answer
        self.environments: list[FakeEnvironment] = []

    def __call__(self, function: LocalFunction, name: str) -> FakeEnvironment:
        self.environments.append(FakeEnvironment(name, self._answer))
        return self.environments[-1]


def invoker(started: Started, size: int = 2) -> ProcessInvoker:
    return ProcessInvoker({FUNCTION.name: FUNCTION}, {"rank": size}, started)


def failing(error: Exception) -> Callable[[Any], Any]:
    def answer(event: Any) -> Any:
        if event.get("fails"):
            raise error
        return event

    return answer


def test_calls_one_after_the_other_need_one_environment() -> None:
    started = Started()
    made = invoker(started)
    assert [made.invoke("stack-rank", {"n": n}).payload for n in (1, 2)] == [
        {"by": "rank-1", "answer": {"n": n}} for n in (1, 2)
    ]
    assert list(made.processes()) == ["rank-1"]


def test_a_function_that_is_not_there_is_named() -> None:
    with pytest.raises(KeyError):
        invoker(Started()).invoke("other", {})


def test_what_a_handler_raises_is_its_answer_and_its_environment_goes_on() -> None:
    started = Started(failing(FunctionError("ValueError: no")))
    made = invoker(started)
    assert made.invoke("stack-rank", {"fails": True}) == Reply(error="ValueError: no")
    assert made.invoke("stack-rank", {}).error is None
    assert (len(started.environments), made.restarts) == (1, [])


def test_an_environment_that_has_ended_is_counted_and_replaced_at_the_next_call() -> None:
    started = Started(failing(FunctionEndedError("no answer within 10 s")))
    made = invoker(started)
    assert made.invoke("stack-rank", {"fails": True}).error == "no answer within 10 s"
    assert [(r.function, r.environment, r.reason) for r in made.restarts] == [
        ("rank", "rank-1", "no answer within 10 s")
    ]
    assert [e.closed for e in started.environments] == [1]
    assert made.invoke("stack-rank", {}).payload == {"by": "rank-2", "answer": {}}
    assert list(made.processes()) == ["rank-2"]


def test_a_caller_waits_for_an_environment_as_long_as_their_patience_lasts() -> None:
    inside, leave = threading.Event(), threading.Event()

    def answer(event: Any) -> Any:
        inside.set()
        assert leave.wait(LONG_S)
        return event

    made = invoker(Started(answer), size=1)
    replies: list[Reply] = []
    callers = [threading.Thread(target=lambda: replies.append(made.invoke("stack-rank", {}))) for _ in range(2)]
    callers[0].start()
    assert inside.wait(LONG_S)
    with pytest.raises(TimeoutError):
        made.invoke("stack-rank", {}, patience_s=0)
    callers[1].start()
    leave.set()
    for caller in callers:
        caller.join(LONG_S)
    assert [reply.payload for reply in replies] == [{"by": "rank-1", "answer": {}}] * 2


def test_as_many_calls_at_once_as_there_may_be_environments() -> None:
    together = threading.Barrier(3, timeout=LONG_S)
    made = invoker(Started(lambda event: together.wait() >= 0), size=3)
    callers = [threading.Thread(target=made.invoke, args=("stack-rank", {})) for _ in range(3)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(LONG_S)
    assert len(made.processes()) == 3


def test_preloading_starts_all_and_each_can_be_called() -> None:
    started = Started()
    made = invoker(started, size=3)
    made.preload()
    assert [e.ready for e in started.environments] == [True] * 3
    by = [reply.payload for reply in made.invoke_each("stack-rank", {})]
    assert sorted(payload["by"] for payload in by) == ["rank-1", "rank-2", "rank-3"]  # type: ignore[call-overload, index]
    made.stop()
    assert [e.closed for e in started.environments] == [1] * 3
    assert made.processes() == {}
