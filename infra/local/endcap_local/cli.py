"""The command line `endcap`. Each command loads what it needs when it runs, so that `--help` stays quick."""

from __future__ import annotations

import json
import signal
import socket
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from endcap.errors import EndcapError

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

    stopped = _stop_signal()
    with LocalStack(
        find_template(template), port=port, parameters=_parameters(param or []), persist=persist, verbose=verbose
    ) as stack:
        facts: dict[str, Any] = {
            "url": stack.url,
            "aws_endpoint_url": stack.engine.endpoint,
            "log": str(stack.log_path) if stack.log_path else None,
            "started_in_s": round(time.monotonic() - started, 2),
        }
        if as_json:
            print(json.dumps(facts), flush=True)
        else:
            print(f"The API answers on {stack.url} (ready after {facts['started_in_s']} s; Ctrl-C stops it)")
            print(f"AWS_ENDPOINT_URL={stack.engine.endpoint} leads AWS tools to its tables, queues and buckets")
            if stack.log_path:
                print(f"Functions log to {stack.log_path}", flush=True)
        stopped.wait()


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


def _stop_signal() -> threading.Event:
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    return stopped
