"""`endcap import`: a folder's items and events to a stack."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from endcap_local.cli.options import Bucket, Data, Encoder, Json, PromoteFunction, SnapshotKey


def import_folder(
    data: Data,
    endpoint: Annotated[str, typer.Option(help="The stack's API.")] = "http://127.0.0.1:8787",
    bucket: Bucket = None,
    no_rebuild: Annotated[bool, typer.Option("--no-rebuild", help="Only items and events, no snapshot.")] = False,
    encoder: Encoder = "auto",
    function: PromoteFunction = None,
    key: SnapshotKey = None,
    as_json: Json = False,
) -> None:
    """Send a folder's items and events to a stack; then rebuild and promote.

    Requests carry the token of ENDCAP_TOKEN, or are signed with AWS credentials where the API is one of API Gateway's.
    """
    from rich.console import Console

    from endcap_local.console import print_json, print_read, progress_bar
    from endcap_local.http_client import HttpClient
    from endcap_local.import_data import import_over_http

    if not no_rebuild and bucket is None:
        raise typer.BadParameter("a rebuild needs --bucket (or DATA_BUCKET); --no-rebuild does without", param_hint="")
    console = Console(highlight=False, stderr=as_json)
    with progress_bar(console) as progress:
        bucket = None if no_rebuild else bucket
        result = import_over_http(data, HttpClient(endpoint), progress, bucket, encoder, function, key)
    if as_json:
        print_json(asdict(result))
        return
    print_read(console, asdict(result.read))
    console.print(f"{result.items:,} items and {result.events:,} events are in, {result.refused:,} were refused")
    if result.version:
        console.print(f"snapshot {result.version} is current")
