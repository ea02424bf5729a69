"""Serving on this machine: the template, a free port, an orderly end."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import typer

DEFAULT_PORT = 8787


def find_template(given: Path | None) -> Path:
    """The template to run: the one named, the one here, or the project's own."""
    candidates = [given] if given else [Path("template.yaml"), Path(__file__).parents[3] / "template.yaml"]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise typer.BadParameter(f"no template at {candidates[0]}", param_hint="--template")


def require_free(port: int) -> None:
    """End with a clear message, and exit code 2, where the port is taken."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise typer.BadParameter(f"port {port} is in use; choose another", param_hint="--port") from None


def serve_until_interrupted() -> NoReturn:
    """Wait for Ctrl-C or SIGTERM."""
    while True:
        # Short, because a signal that another thread happens to take does not end the main thread's sleep.
        time.sleep(0.5)


@contextmanager
def until_interrupted() -> Iterator[None]:
    """A block that Ctrl-C or SIGTERM ends without a trace."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    except KeyboardInterrupt:
        pass
    finally:
        signal.signal(signal.SIGTERM, before)
