"""Which tests reach which lines, seen while they run."""

from __future__ import annotations

import inspect
import os
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest

ALL = "*"  # what every test relies on: lines that run while modules are loaded, and fixtures of a session
STARTS = frozenset({"subprocess.Popen", "os.fork", "os.posix_spawn", "os.system"})


def waited_s(process: int) -> float:
    """How long threads of a process were ready and had no core, which is nothing that its code does."""
    total = 0.0
    with suppress(OSError, ValueError, IndexError):
        for task in Path(f"/proc/{process}/task").iterdir():
            total += int((task / "schedstat").read_text().split()[1]) / 1e9
    return total


class Taken:
    """What each test takes, without the time that it waits for a core."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._waited_s = waited_s(os.getpid())

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        before, self._waited_s = self._waited_s, waited_s(os.getpid())
        self.seconds[report.nodeid] += max(0.0, report.duration - (self._waited_s - before))


class Survey:
    """Which tests reach which lines, and which there are.

    What the fixtures of a module run is put down to all tests of the module, what those of a session run, and what
    modules run while they are loaded, to `ALL`: whichever test comes first pays for it, and the others rely on it.
    """

    def __init__(self, files: Sequence[str]) -> None:
        self.files = {str(Path(file).absolute()): file for file in files}
        self.reached: dict[str, set[tuple[str, int]]] = defaultdict(set)
        self.by = ALL
        self.tests: set[str] = set()
        self.everywhere: set[str] = set()
        self.failed: list[str] = []

    def follow(self, frame: FrameType, _event: str, _argument: object) -> Callable[..., Any] | None:
        """Python's trace function."""
        code = frame.f_code
        file = self.files.get(code.co_filename)
        if file is None:
            return None
        loading = not code.co_flags & inspect.CO_OPTIMIZED  # of a module or of a class
        return self._follower(file, ALL if loading else self.by, code)

    def _follower(self, file: str, by: str, code: CodeType) -> Callable[..., Any]:
        lines = self.reached[by]

        def follow(frame: FrameType, _event: str, _argument: object) -> Callable[..., Any]:
            lines.add((file, frame.f_lineno))
            return follow

        lines.add((file, code.co_firstlineno))
        return follow

    def start(self) -> None:
        sys.addaudithook(self._started)
        threading.settrace(self.follow)
        sys.settrace(self.follow)

    def _started(self, event: str, _arguments: object) -> None:
        if event in STARTS:
            self.everywhere.add(self.by)

    @contextmanager
    def _within(self, by: str) -> Iterator[None]:
        before, self.by = self.by, by
        try:
            yield
        finally:
            self.by = before

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        with self._within(item.nodeid):
            yield

    @pytest.hookimpl(hookwrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any, request: Any) -> Iterator[None]:
        of = {"function": request.node.nodeid, "class": self._file(), "module": self._file()}
        with self._within(of.get(fixturedef.scope, ALL)):
            yield

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_teardown(self) -> Iterator[None]:
        with self._within(self._file()):
            yield

    def _file(self) -> str:
        return self.by.partition("::")[0]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.tests.add(report.nodeid)
        if report.failed:
            self.failed.append(report.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.failed.append(report.nodeid)

    def answer(self) -> dict[str, Any]:
        """What was found, each test by its own name."""
        sys.settrace(None)
        threading.settrace(None)
        reach: dict[str, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
        for by, lines in self.reached.items():
            for file, line in lines:
                reach[file][line] |= self._tests(by)
        return {
            "failed": self.failed,
            "tests": sorted(self.tests),
            "reach": {file: {line: sorted(by) for line, by in lines.items()} for file, lines in reach.items()},
            "everywhere": sorted(set().union(*map(self._tests, self.everywhere))),
        }

    def _tests(self, by: str) -> set[str]:
        """The tests that a name stands for: `ALL`, a file's or one."""
        if by in self.tests:
            return {by}
        return {test for test in self.tests if by == ALL or test.partition("::")[0] == by}
