"""Runs the stack's own handlers in this process, one execution environment per function, as Lambda does.

An environment loads `app.py` under a module name of its own on its first call and serves one invocation at a time. One
that outlives the function's timeout is abandoned and the next call gets a fresh one; a thread can't be killed, so its
work may still finish. Events and answers go through JSON, so nothing passes that would not pass through Lambda.
"""

from __future__ import annotations

import importlib.util
import itertools
import json
import sys
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from endcap_local.lambda_runtime.output import FunctionOutput
from endcap_local.lambda_runtime.reply import Reply
from endcap_local.template.intrinsics import ACCOUNT_ID, REGION
from endcap_local.template.template import LocalFunction

TIMED_OUT = "Sandbox.Timedout"
ENDING_S = 2.0
"""How long the end of a stack waits for an invocation that is running."""
_serial = itertools.count(1)
# Powertools keeps the current HTTP event in a class attribute, so two resolvers of one process must not run at once.
_one_http_handler = threading.RLock()


class LambdaContext:
    """What a handler gets as its second argument."""

    function_version = "$LATEST"
    identity = None
    client_context = None

    def __init__(self, function: LocalFunction, request_id: str) -> None:
        self.function_name = function.name
        self.memory_limit_in_mb = function.memory_mb
        self.invoked_function_arn = f"arn:aws:lambda:{REGION}:{ACCOUNT_ID}:function:{function.name}"
        self.aws_request_id = request_id
        self.log_group_name = f"/aws/lambda/{function.name}"
        self.log_stream_name = "local"
        self._deadline = time.monotonic() + function.timeout_s

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the function's timeout, 0 once it has passed."""
        return max(0, int((self._deadline - time.monotonic()) * 1000))


class Invoker:
    """Invokes functions by name.

    Parameters
    ----------
    functions : from physical name to function
    http_functions : names of the functions behind the HTTP API; their handlers take turns
    output : takes what the handlers print
    """

    def __init__(
        self, functions: Mapping[str, LocalFunction], http_functions: frozenset[str], output: FunctionOutput
    ) -> None:
        self._slots = {
            name: _Slot(function, _one_http_handler if name in http_functions else nullcontext(), output)
            for name, function in functions.items()
        }

    def invoke(self, name: str, event: Mapping[str, Any], patience_s: float | None = None) -> Reply:
        """Invoke a function and wait for its answer.

        Parameters
        ----------
        name : the function's physical name
        event : JSON-able event
        patience_s : how long the caller waits; None for as long as the function may run

        Returns
        -------
        Reply with the payload, or with the error: what the handler raised, or `Sandbox.Timedout`

        Raises
        ------
        TimeoutError : the caller's patience ended before the function did
        KeyError : there is no such function
        """
        return self._slots[name].invoke(json.dumps(event), patience_s)

    def preload(self) -> None:
        """Load all handlers, so that the first requests don't wait for imports."""
        for slot in self._slots.values():
            slot.preload()

    def stop(self) -> None:
        """Let go of all environments."""
        for slot in self._slots.values():
            slot.stop()


class _Slot:
    """The one environment of a function, and who may use it."""

    def __init__(self, function: LocalFunction, turn: AbstractContextManager[Any], output: FunctionOutput) -> None:
        self._function, self._turn, self._output = function, turn, output
        self._free = threading.Lock()
        self._environment: _Environment | None = None

    def invoke(self, event: str, patience_s: float | None) -> Reply:
        started = time.monotonic()
        if not self._free.acquire(timeout=-1 if patience_s is None else patience_s):
            raise TimeoutError(self._function.name)
        try:
            future = self._loaded().submit(event)
            left = None if patience_s is None else max(0.0, patience_s - (time.monotonic() - started))
            try:
                return future.result(timeout=min(self._function.timeout_s, left) if left else self._function.timeout_s)
            except FutureTimeoutError:
                self._abandon()
                if left is not None and left < self._function.timeout_s:
                    raise TimeoutError(self._function.name) from None
                return Reply(error=f"{TIMED_OUT}: no answer within {self._function.timeout_s:g} s")
        finally:
            self._free.release()

    def preload(self) -> None:
        with self._free:
            self._loaded().load()

    def stop(self) -> None:
        # What runs reads the variables of the environment, which are taken away next.
        ended = self._free.acquire(timeout=ENDING_S)
        try:
            self._abandon()
        finally:
            if ended:
                self._free.release()

    def _loaded(self) -> _Environment:
        if self._environment is None:
            self._environment = _Environment(self._function, self._turn, self._output)
        return self._environment

    def _abandon(self) -> None:
        if self._environment is not None:
            self._environment.abandon()
            self._environment = None


class _Environment:
    """One loaded copy of a function's module, with a thread of its own."""

    def __init__(self, function: LocalFunction, turn: AbstractContextManager[Any], output: FunctionOutput) -> None:
        self._function, self._turn = function, turn
        self._handler: Callable[[Any, LambdaContext], Any] | None = None
        self._module_name = f"endcap_function_{function.logical_id}_{next(_serial)}"
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=function.logical_id, initializer=output.adopt_thread)

    def submit(self, event: str) -> Future[Reply]:
        return self._thread.submit(self._run, event)

    def load(self) -> None:
        """Load the module and wait for it; what it raises comes back on the first invocation."""
        self._thread.submit(self._prepare).exception()

    def abandon(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)
        sys.modules.pop(self._module_name, None)

    def _run(self, event: str) -> Reply:
        with self._turn:
            try:
                handler = self._prepare()
                context = LambdaContext(self._function, str(uuid.uuid4()))
                answer = handler(json.loads(event), context)
            except Exception as exc:  # whatever a handler raises is its answer
                print(json.dumps({"function": self._function.name, "error": traceback.format_exc()}))
                return Reply(error=f"{type(exc).__name__}: {exc}")
        try:
            return Reply(json.loads(json.dumps(answer)))
        except (TypeError, ValueError) as exc:
            return Reply(error=f"Runtime.MarshalError: {exc}")

    def _prepare(self) -> Callable[[Any, LambdaContext], Any]:
        if self._handler is None:
            self._handler = self._load()
        return self._handler

    def _load(self) -> Callable[[Any, LambdaContext], Any]:
        file, _, attribute = self._function.handler.rpartition(".")
        path = self._function.code_dir / f"{file}.py"
        spec = importlib.util.spec_from_file_location(self._module_name, path)
        if spec is None or spec.loader is None or not path.is_file():
            raise ImportError(f"Runtime.ImportModuleError: no module at {path}")
        module = importlib.util.module_from_spec(spec)
        sys.modules[self._module_name] = module  # dataclasses and pydantic look their module up by name
        spec.loader.exec_module(module)
        handler = getattr(module, attribute)
        if not callable(handler):
            raise TypeError(f"Runtime.HandlerNotFound: {self._function.handler}")
        return handler  # type: ignore[no-any-return]
