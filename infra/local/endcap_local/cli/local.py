"""`endcap local`: the whole stack in this process."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from endcap_local.cli.options import (
    Encoder,
    Json,
    Port,
    Template,
    reads_files,
    template_parameters,
)
from endcap_local.serving import DEFAULT_PORT, find_template, require_free, serve_until_interrupted, until_interrupted
from endcap_rebuild.data.options import PLAIN, ReadOptions

if TYPE_CHECKING:
    from endcap_local.data_import.imported import Imported
    from endcap_local.stack import LocalStack

REBUILDS = "/local/rebuilds"


@reads_files
def local(
    data: Annotated[Path | None, typer.Option(help="Import this folder, rebuild and promote before serving.")] = None,
    port: Port = DEFAULT_PORT,
    template: Template = None,
    persist: Annotated[Path | None, typer.Option(help="Keep tables and buckets in this folder.")] = None,
    encoder: Encoder = "auto",
    param: Annotated[list[str] | None, typer.Option(help="Template parameter as NAME=VALUE; repeatable.")] = None,
    auth: Annotated[bool, typer.Option("--auth", help="Let in only whom the template's AuthMode lets in.")] = False,
    verbose: Annotated[bool, typer.Option(help="Functions' logs to stderr, not to a file.")] = False,
    reading: ReadOptions = PLAIN,
    as_json: Json = False,
) -> None:
    """Run the whole stack from template.yaml in this process, until Ctrl-C."""
    require_free(port)
    parameters, path = template_parameters(param or []), find_template(template)
    if template is None:  # nobody but this machine comes to the door here, and the pages at /shop/ need it
        parameters.setdefault("Storefront", "on")
    started = time.monotonic()
    if not as_json:
        what = "import, a rebuild and a start" if data else "a start"
        print(
            f"Starting the stack on port {port or 'that is free'} ({what}: seconds to minutes) …",
            file=sys.stderr,
            flush=True,
        )
    from endcap_local.stack import LocalStack

    with (
        until_interrupted(),
        LocalStack(path, port=port, parameters=parameters, persist=persist, verbose=verbose, auth=auth) as up,
    ):
        from endcap_local.rebuilding import Rebuilder

        imported = _load(up, data, encoder, reading, as_json) if data else None
        rebuilder = Rebuilder(up, encoder)
        empty = data is None and rebuilder.start_empty() is not None
        up.offer(REBUILDS, lambda: rebuilder.rebuild())
        up.rebuild_by(lambda entered: rebuilder.rebuild(entered=entered))
        _announce(up, imported, time.monotonic() - started, as_json, empty=empty)
        serve_until_interrupted()


def _load(stack: LocalStack, data: Path, encoder: str, options: ReadOptions, as_json: bool) -> Imported:
    from rich.console import Console

    from endcap_local.cli.reading import stopped_by_data
    from endcap_local.console import progress_bar
    from endcap_local.data_import.into_local import load_folder

    console = Console(stderr=True, highlight=False)
    with stopped_by_data(console, as_json), progress_bar(console) as progress:
        return load_folder(stack, data, progress, encoder, options=options)


def _announce(stack: LocalStack, imported: Imported | None, seconds: float, as_json: bool, *, empty: bool) -> None:
    from dataclasses import asdict

    from rich.console import Console

    from endcap_local.console import print_read

    log = str(stack.log_path) if stack.log_path else None
    rebuild = f"{stack.url}{REBUILDS}?start={stack.start_token}"
    buckets = list(stack.plan.buckets)
    if as_json:
        facts: dict[str, Any] = {
            "url": stack.url,
            "aws_endpoint_url": stack.engine.endpoint,
            "buckets": buckets,
            "empty": empty,
            "rebuild_url": rebuild,
            "snapshot_key": stack.snapshot_key,
            "log": log,
            "started_in_s": seconds,
            "start_token": stack.start_token,
            "studio_url": stack.studio_url,
            **({"storefront_secret": stack.storefront_secret} if stack.storefront_secret else {}),
        }
        facts |= {"imported": asdict(imported)} if imported else {}
        facts |= {"auth": stack.access.facts()} if stack.access else {}
        print(json.dumps(facts), flush=True)
        return
    if imported:
        print_read(Console(highlight=False), imported.read)
        print(f"Snapshot {imported.version} is current")
    print(f"The API answers on {stack.url} (ready after {seconds:.1f} s; Ctrl-C stops it)")
    print(f"The studio is at {stack.studio_url}")
    if stack.storefront_secret:
        print(f"A shop that shows what this does in a browser: {stack.url}/shop/?start={stack.start_token}")
    for line in stack.access.told() if stack.access else ():
        print(line)
    if empty:
        let_in = f"curl {stack.access.curl_options}".rstrip() if stack.access else "curl"
        print("The shop is empty: send it items, as")
        print(f'  {let_in} -X PUT {stack.url}/items/mug-1 -d \'{{"title": "A mug"}}\'')
    if stack.storefront_secret:
        print(f"The storefront door is open; it takes shoppers' tokens signed with {stack.storefront_secret}")
    print(f"AWS_ENDPOINT_URL={stack.engine.endpoint} leads AWS tools to its tables, queues and {', '.join(buckets)}")
    print(f"SNAPSHOT_KEY={stack.snapshot_key} lets `endcap snapshot` sign there")
    print(f"endcap rebuild --running '{rebuild}' learns from what it holds by then")
    print(f"Functions log to {log or 'stderr'}", flush=True)
