"""The command line `endcap`. Each command loads what it needs when it runs, so that `--help` stays quick."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from endcap.errors import EndcapError
from endcap_local.cli.options import (
    DEFAULT_PORT,
    Encoder,
    Json,
    Port,
    Template,
    find_template,
    require_free,
    serve_until_interrupted,
    template_parameters,
    until_interrupted,
)
from endcap_local.cli.snapshots import register

if TYPE_CHECKING:
    from endcap_local.import_data import Imported
    from endcap_local.stack import LocalStack

app = typer.Typer(
    name="endcap",
    help="Real-time personalisation that a storefront owns.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
register(app)


def main() -> None:
    """Run `endcap`; what went wrong on purpose is one line on stderr and exit code 1."""
    from endcap_local.template.intrinsics import TemplateError

    try:
        app()
    except Exception as exc:
        if not isinstance(exc, (EndcapError, TemplateError, OSError)) and not _is_of_aws_setup(exc):
            raise
        typer.secho(f"endcap: {exc}", fg=typer.colors.RED, err=True)
        sys.exit(1)


def _is_of_aws_setup(error: Exception) -> bool:
    """Whether boto3 lacks a region, a profile or credentials; most commands never import it."""
    botocore = sys.modules.get("botocore.exceptions")
    return botocore is not None and isinstance(error, botocore.BotoCoreError)


@app.command()
def local(
    data: Annotated[Path | None, typer.Option(help="Import this folder, rebuild and promote before serving.")] = None,
    port: Port = DEFAULT_PORT,
    template: Template = None,
    persist: Annotated[Path | None, typer.Option(help="Keep tables and buckets in this folder.")] = None,
    encoder: Encoder = "auto",
    param: Annotated[list[str] | None, typer.Option(help="Template parameter as NAME=VALUE; repeatable.")] = None,
    auth: Annotated[bool, typer.Option("--auth", help="Let in only whom the template's AuthMode lets in.")] = False,
    verbose: Annotated[bool, typer.Option(help="Functions' logs to stderr, not to a file.")] = False,
    as_json: Json = False,
) -> None:
    """Run the whole stack from template.yaml in this process, until Ctrl-C."""
    require_free(port)
    parameters, path = template_parameters(param or []), find_template(template)
    started = time.monotonic()
    from endcap_local.stack import LocalStack

    with (
        until_interrupted(),
        LocalStack(path, port=port, parameters=parameters, persist=persist, verbose=verbose, auth=auth) as up,
    ):
        imported = _load(up, data, encoder) if data else None
        _announce(up, imported, time.monotonic() - started, as_json)
        serve_until_interrupted()


def _load(stack: LocalStack, data: Path, encoder: str) -> Imported:
    from rich.console import Console

    from endcap_local.console import progress_bar
    from endcap_local.import_data import load_folder

    with progress_bar(Console(stderr=True)) as progress:
        return load_folder(stack, data, progress, encoder)


def _announce(stack: LocalStack, imported: Imported | None, seconds: float, as_json: bool) -> None:
    from dataclasses import asdict

    from rich.console import Console

    from endcap_local.console import print_read

    log = str(stack.log_path) if stack.log_path else None
    if as_json:
        facts: dict[str, Any] = {
            "url": stack.url,
            "aws_endpoint_url": stack.engine.endpoint,
            "log": log,
            "started_in_s": seconds,
        }
        facts |= {"imported": asdict(imported)} if imported else {}
        facts |= {"auth": stack.access.facts()} if stack.access else {}
        print(json.dumps(facts), flush=True)
        return
    if imported:
        print_read(Console(highlight=False), asdict(imported.read))
        print(f"Snapshot {imported.version} is current")
    print(f"The API answers on {stack.url} (ready after {seconds:.1f} s; Ctrl-C stops it)")
    for line in stack.access.told() if stack.access else ():
        print(line)
    print(f"AWS_ENDPOINT_URL={stack.engine.endpoint} leads AWS tools to its tables, queues and buckets")
    print(f"Functions log to {log or 'stderr'}", flush=True)
