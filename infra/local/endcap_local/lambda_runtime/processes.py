"""Runs functions as processes of their own, as Lambda does: several of each, frozen between calls, killed when late.

An environment that has ended is replaced at the next call, which waits for the start. Unlike on Lambda, a function has
no more environments than it is given here: further calls wait for one.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from endcap_local.lambda_runtime.reply import Reply
from endcap_local.lambda_runtime.runtime_api import ExecutionEnvironment, FunctionEndedError, FunctionError
from endcap_local.template.template import LocalFunction


class Environment(Protocol):
    """What `ExecutionEnvironment` is to a pool."""

    @property
    def pid(self) -> int: ...

    def wait_until_ready(self) -> None: ...

    def invoke(self, event: object) -> Any: ...

    def close(self) -> None: ...


Start = Callable[[LocalFunction, str], Environment]
"""Starts an environment of a function under a name, such as `recommend-1`."""


@dataclass(frozen=True, slots=True)
class Restart:
    """An environment that had to be replaced: when it ended on the monotonic clock, and why."""

    function: str
    environment: str
    at_s: float
    reason: str


class ProcessInvoker:
    """Invokes functions by name; stands where `Invoker` does.

    Parameters
    ----------
    functions : from physical name to function
    sizes : most environments of a function, by the name of its folder
    start : starts one

    Attributes
    ----------
    restarts : what ended before its time, in order
    """

    def __init__(self, functions: Mapping[str, LocalFunction], sizes: Mapping[str, int], start: Start) -> None:
        self.restarts: list[Restart] = []
        self._pools = {
            name: _Pool(function, sizes.get(function.code_dir.name, 1), start, self.restarts.append)
            for name, function in functions.items()
        }

    def invoke(self, name: str, event: Mapping[str, Any], patience_s: float | None = None) -> Reply:
        """Invoke a function and wait for its answer.

        Parameters
        ----------
        patience_s : how long the caller waits for an environment to be free; None for as long as it takes

        Raises
        ------
        TimeoutError : the caller's patience has ended
        KeyError : there is no such function
        """
        return self._pools[name].invoke(event, patience_s)

    def preload(self) -> None:
        """Start all environments, and wait until their code is loaded.

        Raises
        ------
        FunctionEndedError : one did not come up
        """
        environments = [environment for pool in self._pools.values() for environment in pool.fill()]
        for environment in environments:
            environment.wait_until_ready()

    def invoke_each(self, name: str, event: Mapping[str, Any]) -> list[Reply]:
        """The answers of all environments of a function that run, each called once; call it while nobody else calls.

        Raises
        ------
        KeyError : there is no such function
        """
        return self._pools[name].invoke_each(event)

    def processes(self) -> dict[str, int]:
        """Process ids by the names of the environments that run."""
        return {name: pid for pool in self._pools.values() for name, pid in pool.processes().items()}

    def stop(self) -> None:
        """End all processes."""
        for pool in self._pools.values():
            pool.stop()


class _Pool:
    """The environments of one function; the one that was used last is used next, as the others may go."""

    def __init__(self, function: LocalFunction, size: int, start: Start, restarted: Callable[[Restart], None]) -> None:
        self._function, self._size, self._start, self._restarted = function, size, start, restarted
        self._changed = threading.Condition()
        self._all: dict[str, Environment] = {}
        self._free: list[str] = []
        self._serial = itertools.count(1)
        self._taken = 0

    def invoke(self, event: Mapping[str, Any], patience_s: float | None) -> Reply:
        began = time.monotonic()
        with self._changed:
            if not self._changed.wait_for(lambda: self._taken < self._size, patience_s):
                raise TimeoutError(self._function.name)
            self._taken += 1
            name = self._free.pop() if self._free else None
        try:
            if name is None:
                name, _ = self._new()
            reply = self._run(name, event)
        finally:
            with self._changed:
                self._taken -= 1
                if name in self._all:
                    self._free.append(name)
                self._changed.notify()
        if patience_s is not None and time.monotonic() - began > patience_s:
            raise TimeoutError(self._function.name)
        return reply

    def invoke_each(self, event: Mapping[str, Any]) -> list[Reply]:
        with ThreadPoolExecutor(self._size) as callers:
            return list(callers.map(lambda name: self._run(name, event), list(self._free)))

    def fill(self) -> Sequence[Environment]:
        made = [self._new() for _ in range(self._size - len(self._all))]
        with self._changed:
            self._free += [name for name, _ in made]
        return [environment for _, environment in made]

    def processes(self) -> dict[str, int]:
        with self._changed:
            return {name: environment.pid for name, environment in self._all.items()}

    def stop(self) -> None:
        with self._changed:
            environments, self._all, self._free = list(self._all.values()), {}, []
        for environment in environments:
            environment.close()

    def _run(self, name: str, event: Mapping[str, Any]) -> Reply:
        environment = self._all[name]
        try:
            return Reply(environment.invoke(event))
        except FunctionEndedError as exc:
            self._restarted(Restart(self._function.code_dir.name, name, time.monotonic(), str(exc)))
            with self._changed:
                del self._all[name]
            environment.close()
            return Reply(error=str(exc))
        except FunctionError as exc:
            return Reply(error=str(exc.args[0]))

    def _new(self) -> tuple[str, Environment]:
        name = f"{self._function.code_dir.name}-{next(self._serial)}"
        environment = self._start(self._function, name)
        with self._changed:
            self._all[name] = environment
        return name, environment


def process_of(
    function: LocalFunction, name: str, python: str, path: Sequence[Path], environment: Mapping[str, str], folder: Path
) -> ExecutionEnvironment:
    """An environment with a folder for what it downloads and one for its log, both under `folder`."""
    own = folder / name
    own.mkdir()
    variables = {**environment, "SNAPSHOT_CACHE": str(own / "snapshots"), "TMPDIR": str(own)}
    return ExecutionEnvironment(
        python, function.code_dir, function.handler, path, variables, function.timeout_s, own / "log.jsonl", True
    )
