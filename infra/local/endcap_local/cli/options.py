"""What every command that serves needs: options, the template, a free port, an orderly end."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import typer

DEFAULT_PORT = 8787
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of prose.")]
Port = Annotated[int, typer.Option(help="Port of the API on 127.0.0.1; 0 for a free one.")]
Template = Annotated[Path | None, typer.Option(help="The SAM template.", show_default="template.yaml")]
Encoder = Annotated[
    str, typer.Option(help="auto (measured where there are events), multilingual, english, or a folder.")
]

Student = Annotated[
    bool, typer.Option("--student", help="Train a text encoder on the events; shipped if it is better. Needs torch.")
]
Teacher = Annotated[str, typer.Option(help="Of the student: a folder, a hub name, or the name of a base encoder.")]
TeacherPrompt = Annotated[str | None, typer.Option(help="Put before each text that the teacher reads.")]


def find_template(given: Path | None) -> Path:
    """The template to run: the one named, the one here, or the project's own."""
    candidates = [given] if given else [Path("template.yaml"), Path(__file__).parents[3] / "template.yaml"]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise typer.BadParameter(f"no template at {candidates[0]}", param_hint="--template")


def template_parameters(pairs: Sequence[str]) -> dict[str, str]:
    """NAME=VALUE texts as a mapping."""
    parameters = {}
    for pair in pairs:
        name, separator, value = pair.partition("=")
        if not separator or not name:
            raise typer.BadParameter(f"{pair!r} is not NAME=VALUE", param_hint="--param")
        parameters[name] = value
    return parameters


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
