"""Shards on one machine: processes that the leader starts, and talks to through a pipe each.

A pipe that breaks tells each side at once that the other has died, whatever killed it.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from multiprocessing.connection import Connection
from types import TracebackType
from typing import IO, Any, Final

from endcap_rebuild.parallel.protocol import STEP_TIMEOUT_S, Job, Meeting, Shard, ShardError

_LAST_WORDS: Final = 400  # characters of what a dead shard said last
_GOODBYE_S: Final = 10


class LocalCrew:
    """Shards 1 to `count - 1` on this machine; ends them when it is left."""

    def __init__(self, count: int, timeout_s: float = STEP_TIMEOUT_S) -> None:
        self.count, self._timeout_s = count, timeout_s
        self.kept: dict[str, str] = {}
        self._pipes: list[Connection] = []
        self._processes: list[subprocess.Popen[bytes]] = []
        self._said: list[IO[bytes]] = []
        self._replicas: Any = None

    def __enter__(self) -> LocalCrew:
        for index in range(1, self.count):
            own, other = multiprocessing.Pipe()
            said = tempfile.TemporaryFile()
            command = [sys.executable, "-m", "endcap_rebuild.parallel.local", str(index), str(other.fileno())]
            self._processes.append(
                subprocess.Popen(command, pass_fds=[other.fileno()], stdin=subprocess.DEVNULL, stdout=said, stderr=said)
            )
            other.close()  # so that the pipe breaks when the shard dies
            self._pipes.append(own)
            self._said.append(said)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._replicas is not None:
            self._replicas.leave()
        for pipe in self._pipes:
            with contextlib.suppress(OSError):
                pipe.send(None)
            pipe.close()
        for process, said in zip(self._processes, self._said, strict=True):
            try:
                process.wait(0.5 if error is not None else _GOODBYE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            said.close()

    def send(self, jobs: Sequence[Job]) -> None:
        """Give each shard its job."""
        for index, (pipe, job) in enumerate(zip(self._pipes, jobs, strict=True), start=1):
            try:
                pipe.send(job)
            except OSError as exc:
                raise ShardError(self._epitaph(index)) from exc

    def answers(self) -> list[Any]:
        """What each shard has answered to its last job."""
        found = []
        for index, pipe in enumerate(self._pipes, start=1):
            try:
                if not pipe.poll(self._timeout_s):
                    raise ShardError(f"shard {index} of {self.count} did not answer within {self._timeout_s:g} s")
                found.append(pipe.recv())
            except (EOFError, OSError) as exc:
                raise ShardError(self._epitaph(index)) from exc
        return found

    def meet(self, first: Job) -> Any:
        """The group in which all shards train; each does its `first` job before it joins."""
        if self._replicas is None:
            self.send([first] * (self.count - 1))
            self.answers()  # whoever died of it is known before anybody waits
            from endcap_rebuild.parallel.replicas import Join, Replicas  # needs torch, which only training does

            meeting = Meeting("127.0.0.1", _free_port(), self.count)
            self.send([Join(meeting)] * (self.count - 1))
            self._replicas = Replicas.joined(meeting, 0)
            self.answers()
        return self._replicas

    def _epitaph(self, index: int) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):  # its pipe breaks before it has ended
            self._processes[index - 1].wait(_GOODBYE_S)
        codes = [process.poll() for process in self._processes]
        # One that was killed takes the others with it: it is the one to name.
        killed = [number for number, code in enumerate(codes, start=1) if code is not None and code < 0]
        index = index if index in killed else (*killed, index)[0]
        code, said = codes[index - 1], self._said[index - 1]
        size = said.seek(0, 2)
        said.seek(max(0, size - _LAST_WORDS))
        lines = said.read().decode(errors="replace").strip().splitlines()
        return f"shard {index} of {self.count} ended with status {code}" + (f": {lines[-1]}" if lines else "")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def work(index: int, pipe: Connection) -> None:
    """Do what comes through the pipe until it says None or breaks."""
    shard = Shard(index)
    with contextlib.suppress(EOFError, BrokenPipeError):
        while (job := pipe.recv()) is not None:
            pipe.send(job(shard))
    if shard.replicas is not None:
        shard.replicas.leave()


if __name__ == "__main__":
    work(int(sys.argv[1]), Connection(int(sys.argv[2])))
