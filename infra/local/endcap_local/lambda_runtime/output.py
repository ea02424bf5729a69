"""Keeps what functions print (JSON logs, EMF metrics) out of the terminal, as CloudWatch Logs does."""

from __future__ import annotations

import io
import sys
import threading
from pathlib import Path
from typing import IO

from endcap_local.lambda_runtime.metrics import Counted


class FunctionOutput(io.TextIOBase):
    """Stands in for `sys.stdout`: threads that run functions write to a log, all others to the real one.

    Parameters
    ----------
    path : the log file; None sends functions' output to stderr instead

    Attributes
    ----------
    counted : the metrics that functions have printed
    """

    def __init__(self, path: Path | None) -> None:
        self._log: IO[str] = path.open("a", encoding="utf-8", buffering=1) if path else sys.stderr
        self._owns_log = path is not None
        self._terminal = sys.stdout
        self._threads: set[int] = set()
        self.counted = Counted()

    def install(self) -> None:
        """Take the place of `sys.stdout`."""
        self._terminal = sys.stdout
        sys.stdout = self

    def uninstall(self) -> None:
        """Give `sys.stdout` back, and close the log."""
        if sys.stdout is self:
            sys.stdout = self._terminal
        if self._owns_log:
            self._log.close()

    def adopt_thread(self) -> None:
        """Send what the calling thread prints to the log from now on."""
        self._threads.add(threading.get_ident())

    def writable(self) -> bool:
        """Always, as a text stream must say."""
        return True

    def write(self, text: str) -> int:
        """Write to the log or to the terminal, by thread; a log that is closed swallows late output."""
        of_function = threading.get_ident() in self._threads
        if of_function:
            self.counted.read(text)
        stream = self._log if of_function else self._terminal
        return 0 if stream.closed else stream.write(text)

    def flush(self) -> None:
        """Flush the stream of the calling thread."""
        stream = self._log if threading.get_ident() in self._threads else self._terminal
        if not stream.closed:
            stream.flush()
