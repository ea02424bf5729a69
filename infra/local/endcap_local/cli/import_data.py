"""`endcap import`: a folder's items and events to a stack."""

from __future__ import annotations

from typing import Annotated

import typer

from endcap_local.cli.options import (
    Bucket,
    Data,
    DryRun,
    Encoder,
    Json,
    PromoteFunction,
    SnapshotKey,
    Target,
    reads_files,
)
from endcap_rebuild.data.options import PLAIN, ReadOptions


@reads_files
def import_folder(
    data: Data,
    endpoint: Annotated[str, typer.Option(help="The stack's API.")] = "http://127.0.0.1:8787",
    bucket: Bucket = None,
    no_rebuild: Annotated[bool, typer.Option("--no-rebuild", help="Only items and events, no snapshot.")] = False,
    encoder: Encoder = "auto",
    target: Target = "next",
    function: PromoteFunction = None,
    key: SnapshotKey = None,
    reading: ReadOptions = PLAIN,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Send a folder's items and events to a stack; then rebuild and promote.

    Requests carry the token of ENDCAP_TOKEN, or are signed with AWS credentials where the API is one of API Gateway's.
    """
    from rich.console import Console

    from endcap_local.cli.reading import dry_run_of, stopped_by_data
    from endcap_local.console import print_json, print_read, progress_bar
    from endcap_local.http_client import HttpClient
    from endcap_local.import_data import import_over_http

    console = Console(highlight=False, stderr=as_json)
    if dry_run:
        dry_run_of(data, reading, console, as_json)
        return
    if not no_rebuild and bucket is None:
        raise typer.BadParameter("a rebuild needs --bucket (or DATA_BUCKET); --no-rebuild does without", param_hint="")
    rebuilt_in = None if no_rebuild else bucket
    with stopped_by_data(console, as_json), progress_bar(console) as progress:
        result = import_over_http(
            data, HttpClient(endpoint), progress, rebuilt_in, encoder, function, key, reading, target
        )
    if as_json:
        print_json(result.document())
        return
    print_read(console, result.read)
    console.print(f"{result.items:,} items and {result.events:,} events are in, the API refused {result.refused:,}")
    if result.version:
        console.print(f"snapshot {result.version} is current")
