"""`endcap import`: a folder's items and events to a stack."""

from __future__ import annotations

from dataclasses import asdict
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
    stack: Annotated[
        str | None,
        typer.Option(
            help="A stack of CloudFormation, whose outputs say API, bucket and function; also asks for a first list."
        ),
    ] = None,
    endpoint: Annotated[str | None, typer.Option(help="The stack's API.", show_default="http://127.0.0.1:8787")] = None,
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
    """Send a folder's items and events to a stack; then rebuild from the folder, here, and promote.

    --stack stands for --endpoint, --bucket and --function; without it a rebuild needs --bucket. Region and profile come
    from the environment (AWS_DEFAULT_REGION, AWS_PROFILE). Requests carry the token of ENDCAP_TOKEN, or are signed with
    AWS credentials where the API is one of API Gateway's.
    """
    from rich.console import Console

    from endcap.aws.clients import BACKGROUND, client
    from endcap_local.cli.reading import dry_run_of, stopped_by_data
    from endcap_local.console import print_json, print_read, progress_bar
    from endcap_local.data_import.over_http import import_over_http
    from endcap_local.first_answer import first_answer, stage_encoders
    from endcap_local.http_client import HttpClient
    from endcap_local.stack_names import names_of
    from endcap_rebuild.base_encoders import default_cache

    console = Console(highlight=False, stderr=as_json)
    if dry_run:
        dry_run_of(data, reading, console, as_json)
        return
    names = None
    if stack is not None:
        names = names_of(client("cloudformation", BACKGROUND), stack)
        endpoint, bucket, function = endpoint or names.api, bucket or names.bucket, function or names.promote
    if not no_rebuild and bucket is None:
        raise typer.BadParameter("a rebuild needs --stack, or --bucket (or DATA_BUCKET); --no-rebuild does without")
    rebuilt_in = None if no_rebuild else bucket
    api = HttpClient(endpoint or "http://127.0.0.1:8787")
    with stopped_by_data(console, as_json), progress_bar(console) as progress:
        result = import_over_http(data, api, progress, rebuilt_in, encoder, function, key, reading, target)
    answer = None
    if names is not None and result.version:
        if names.rebuilds:
            stage_encoders(client("s3", BACKGROUND), names.bucket, default_cache())
        answer = first_answer(api, result.version)
    if as_json:
        print_json(result.document() | ({"first_answer": asdict(answer)} if answer else {}))
        return
    print_read(console, result.read)
    console.print(f"{result.items:,} items and {result.events:,} events are in, the API refused {result.refused:,}")
    if result.version:
        console.print(f"snapshot {result.version} is current")
    if answer:
        console.print(f"and the first list is {', '.join(answer.titles)}. The same again:", markup=False)
        if answer.before:
            print(f"{answer.before}   # where the keys are a profile's, or of a sign-on (SSO)")
        print(answer.command)  # in one line, however wide the terminal is
