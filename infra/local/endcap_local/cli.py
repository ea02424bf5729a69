"""The command line `endcap`. Each command loads what it needs when it runs, so that `--help` stays quick."""

from __future__ import annotations

import json
import signal
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from endcap.errors import EndcapError

if TYPE_CHECKING:
    from endcap_local.stack import LocalStack

DEFAULT_PORT = 8787
app = typer.Typer(
    name="endcap",
    help="Real-time personalisation that a storefront owns.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Run `endcap`; what went wrong on purpose is one line on stderr and exit code 1."""
    from endcap_local.intrinsics import TemplateError

    try:
        app()
    except (EndcapError, TemplateError, OSError) as exc:
        typer.secho(f"endcap: {exc}", fg=typer.colors.RED, err=True)
        sys.exit(1)


@app.callback()
def _root() -> None:
    """Keeps `endcap COMMAND` a group even while it has one command."""


Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of prose.")]


@app.command()
def local(
    port: Annotated[int, typer.Option(help="Port of the API on 127.0.0.1.")] = DEFAULT_PORT,
    template: Annotated[Path | None, typer.Option(help="The SAM template.", show_default="template.yaml")] = None,
    persist: Annotated[Path | None, typer.Option(help="Keep tables and buckets in this folder.")] = None,
    param: Annotated[list[str] | None, typer.Option(help="Template parameter as NAME=VALUE; repeatable.")] = None,
    verbose: Annotated[bool, typer.Option(help="Functions' logs to stderr, not to a file.")] = False,
    as_json: Json = False,
) -> None:
    """Run the whole stack from template.yaml in this process, until Ctrl-C."""
    _require_free(port)
    started = time.monotonic()
    from endcap_local.stack import LocalStack

    parameters = _parameters(param or [])
    with (
        suppress(KeyboardInterrupt),
        _interrupted_by_sigterm(),
        LocalStack(
            find_template(template), port=port, parameters=parameters, persist=persist, verbose=verbose
        ) as stack,
    ):
        _announce(stack, time.monotonic() - started, as_json)
        while True:
            time.sleep(3600)


def _announce(stack: LocalStack, seconds: float, as_json: bool) -> None:
    log = str(stack.log_path) if stack.log_path else None
    if as_json:
        facts = {"url": stack.url, "aws_endpoint_url": stack.engine.endpoint, "log": log, "started_in_s": seconds}
        print(json.dumps(facts), flush=True)
        return
    print(f"The API answers on {stack.url} (ready after {seconds:.1f} s; Ctrl-C stops it)")
    print(f"AWS_ENDPOINT_URL={stack.engine.endpoint} leads AWS tools to its tables, queues and buckets")
    print(f"Functions log to {log or 'stderr'}", flush=True)


def find_template(given: Path | None) -> Path:
    """The template to run: the one named, the one here, or the project's own."""
    candidates = [given] if given else [Path("template.yaml"), Path(__file__).parents[3] / "template.yaml"]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise typer.BadParameter(f"no template at {candidates[0]}", param_hint="--template")


def _parameters(pairs: Sequence[str]) -> dict[str, str]:
    parameters = {}
    for pair in pairs:
        name, separator, value = pair.partition("=")
        if not separator or not name:
            raise typer.BadParameter(f"{pair!r} is not NAME=VALUE", param_hint="--param")
        parameters[name] = value
    return parameters


def _require_free(port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise typer.BadParameter(f"port {port} is in use; choose another", param_hint="--port") from None


@contextmanager
def _interrupted_by_sigterm() -> Iterator[None]:
    # An exception, not an event that the handler sets: `Event.set` in a handler can wait for the very thread it is in.
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
