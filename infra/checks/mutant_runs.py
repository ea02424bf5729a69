"""Tests run again and again on changed code, each time in a fork of a process that has loaded all that stays as it is.

    python -m infra.checks.mutant_runs TREE EMPTY

Reads a task for each line of its input, as JSON, and answers each with a line; files of tests go to the folder `EMPTY`.
`{"survey": [tests], "of": [files]}` runs them all while following those files, and answers `{"failed": [...],
"tests": [tests], "reach": {file: {line: [tests]}}, "everywhere": [tests], "loaded": {"outside": [modules], "inside":
{module: file}}}`: tests that reach a line, tests that start processes, where nobody follows them, and what was loaded.
`{"loaded": ...}` loads that again, where a survey is known from before, and answers `{}`. `{"run": [tests], "of": file,
"limit_s": s}` runs these in this order up to the first that fails, and answers `{"failed": test, "seconds": {test:
s}}`, `failed` null where all pass. What they load from outside of `TREE` is loaded beforehand, and so is what is in it,
but for `file` and all that imports it.
"""

from __future__ import annotations

import ast
import gc
import importlib
import json
import os
import select
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import pytest

from infra.checks.mutant_survey import Survey, Taken, waited_s

COLLECTING, ENDED, LATE = "while tests were collected", "the process ended", "took too long"
OPTIONS = (
    *("-q", "-x", "--tb=no", "--hypothesis-profile=mutate", "-m", "not prove and not training"),
    *("-p", "no:cacheprovider", "-p", "no:randomly", "-p", "no:xdist"),
)


class Chosen:
    """Only some tests, in an order of their own; tells which was the first to fail."""

    def __init__(self, order: Sequence[str]) -> None:
        self.place = {test: place for place, test in enumerate(order)}
        self.failed: str | None = None

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = sorted((i for i in items if i.nodeid in self.place), key=lambda item: self.place[item.nodeid])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and self.failed is None:
            self.failed = report.nodeid

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed and self.failed is None:
            self.failed = COLLECTING


def survey(tests: Sequence[str], files: Sequence[str], folder: Path) -> dict[str, Any]:
    """All of `tests`, while `files` are followed."""
    found = Survey(files)
    found.start()
    pytest.main([*OPTIONS, "--maxfail=1000", f"--basetemp={folder}", *tests], plugins=[found])
    answer = found.answer()
    outside, inside = loaded(Path.cwd())
    return answer | {"loaded": {"outside": outside, "inside": inside}}


def run(tests: Sequence[str], folder: Path) -> dict[str, Any]:
    """`tests` in their order up to the first that fails."""
    sys.dont_write_bytecode = True  # changed code is gone within seconds, too soon for a file's time to tell
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    chosen, taken = Chosen(tests), Taken()
    files = dict.fromkeys(test.partition("::")[0] for test in tests)
    code = pytest.main([*OPTIONS, f"--basetemp={folder}", *files], plugins=[chosen, taken])
    # A conftest that can't be loaded is a usage error.
    broken = code in (pytest.ExitCode.INTERRUPTED, pytest.ExitCode.USAGE_ERROR)
    return {"failed": COLLECTING if broken and chosen.failed is None else chosen.failed, "seconds": taken.seconds}


def loaded(tree: Path) -> tuple[list[str], dict[str, str]]:
    """The names of modules loaded by now from outside of `tree`; name -> file of those in it, but for tests."""
    outside, inside = [], {}
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        # Parts of a namespace package, such as `tests`, have no file.
        paths = [file] if file else list(getattr(module, "__path__", ()))
        if not any(Path(path).is_relative_to(tree) for path in paths):
            outside.append(name)
        elif file and not Path(file).name.startswith(("test_", "conftest")) and "." in name:
            inside[name] = str(Path(file).relative_to(tree))
    return outside, inside


def importing(file: str, inside: Mapping[str, str], tree: Path) -> set[str]:
    """The modules of `file`, and those that import one of them, themselves or by others, while they are loaded."""
    imports = {name: _loads(name, (tree / path).read_text(encoding="utf-8")) for name, path in inside.items()}
    found = {name for name, path in inside.items() if path == file}
    while more := {name for name, named in imports.items() if name not in found and named & found}:
        found |= more
    return found


def _loads(name: str, source: str) -> set[str]:
    """All that a module may load: what it imports, and the packages that these and itself are in."""
    named = {name, *_imports(source)}
    packages = {one.rsplit(".", depth)[0] for one in named for depth in range(1, one.count(".") + 1)}
    return (named | packages) - {name}


def _imports(source: str) -> Iterator[str]:
    """All that a source may import while it is loaded; what its functions import comes later."""
    waiting: list[ast.AST] = [ast.parse(source)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            waiting += ast.iter_child_nodes(node)


def load(names: Iterable[str]) -> None:
    """Load modules, as far as they can be loaded by their names."""
    for name in names:
        with suppress(Exception):
            importlib.import_module(name)
    gc.collect()
    gc.freeze()


def apart(work: Callable[[], dict[str, Any]], limit_s: float, log: Path) -> dict[str, Any]:
    """`work` in a fork, ended with all that it has started once it has had `limit_s` seconds."""
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        _work(work, reading, writing, log)
    os.close(writing)
    began_s, texts = time.monotonic(), []
    answer: dict[str, Any] = {"failed": ENDED}
    while True:
        if select.select([reading], [], [], 1.0)[0]:
            if text := os.read(reading, 1 << 20):
                texts.append(text)
            else:
                break
        elif time.monotonic() - began_s - waited_s(process) > limit_s:
            answer = {"failed": LATE}
            break
        if texts and texts[-1].endswith(b"\n"):
            break
    with suppress(ProcessLookupError):
        os.killpg(process, signal.SIGKILL)
    os.waitpid(process, 0)
    os.close(reading)
    return json.loads(b"".join(texts)) if texts else answer


def session_of_its_own() -> None:
    """Begin a session, which gives way to others as much as the one before did.

    Linux shares a processor out among sessions, and gives a new one the usual share.
    """
    group = Path("/proc/self/autogroup")
    told = group.read_text(encoding="ascii").split() if group.exists() else []
    os.setsid()
    with suppress(OSError):
        if told:
            group.write_text(told[-1], encoding="ascii")


def _work(work: Callable[[], dict[str, Any]], reading: int, writing: int, log: Path) -> None:
    """The fork's part; it does not come back."""
    try:
        session_of_its_own()
        os.close(reading)
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for number in (1, 2):
            os.dup2(output, number)
        data = json.dumps(work()).encode() + b"\n"
        while data:
            data = data[os.write(writing, data) :]
    finally:
        os._exit(0)


class Ready:
    """A fork that has loaded what does not import one file, and runs tests in forks of its own."""

    def __init__(self, file: str, inside: Mapping[str, str], server: Server) -> None:
        tasks, self._tasks = os.pipe()
        self._answers, answers = os.pipe()
        if os.fork() == 0:
            os.close(self._tasks)
            os.close(self._answers)
            sys.path.insert(0, str(server.tree))  # as pytest does
            changing = importing(file, inside, server.tree)
            load(name for name in inside if name not in changing)
            if any(getattr(module, "__file__", None) == str(server.tree / file) for module in sys.modules.values()):
                print(f"{file} is loaded by something that does not say so", file=sys.stderr, flush=True)
                os._exit(1)  # what has been loaded would be tried, whatever the file says
            server.serve(os.fdopen(tasks), os.fdopen(answers, "w"))
            os._exit(0)
        os.close(tasks)
        os.close(answers)
        self._lines = os.fdopen(self._answers)

    def ask(self, line: str) -> str:
        """Hand on a task, and its answer; empty where the fork has ended."""
        with suppress(BrokenPipeError):
            os.write(self._tasks, line.encode())
        return self._lines.readline()


class Server:
    """Does what lines ask for."""

    def __init__(self, tree: Path, folder: Path) -> None:
        self.tree, self._folder, self._log = tree, folder, folder.with_suffix(".log")
        self._inside: dict[str, str] = {}
        self._ready: dict[str, Ready] = {}

    def serve(self, lines: Iterable[str], answers: IO[str], *, ready: bool = False) -> None:
        """Answer each line.

        Parameters
        ----------
        ready : hand tests of a changed file on to a fork that has loaded the others
        """
        for line in lines:
            task = json.loads(line)
            if ready and task.get("of") and "run" in task:
                answer = self._of(task["of"]).ask(line) or "\n"  # else whoever asked waits for ever
            else:
                answer = json.dumps(self._done(task)) + "\n"
            shutil.rmtree(self._folder, ignore_errors=True)
            answers.write(answer)
            answers.flush()

    def _of(self, file: str) -> Ready:
        if file not in self._ready:
            self._ready[file] = Ready(file, self._inside, self)
        return self._ready[file]

    def _done(self, task: dict[str, Any]) -> dict[str, Any]:
        limit_s = task.get("limit_s", 3600.0)
        if "run" in task:
            return apart(lambda: run(task["run"], self._folder), limit_s, self._log)
        answer = {}
        if "survey" in task:
            answer = apart(lambda: survey(task["survey"], task["of"], self._folder), limit_s, self._log)
        found = answer.get("loaded") or task.get("loaded") or {"outside": (), "inside": {}}
        load(found["outside"])
        self._inside |= found["inside"]
        return answer


def main() -> None:
    """Do what each line of the input asks for."""
    tree, folder = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).absolute()
    os.chdir(tree)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what modules print while they are loaded is no answer
    Server(tree, folder).serve(sys.stdin, answers, ready=True)


if __name__ == "__main__":
    main()
