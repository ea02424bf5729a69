"""`endcap batch-recommend`: a list of recommendations for each user."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from endcap_local.cli.options import (
    Json,
    KeysOfPseudonyms,
    LedgerPlace,
    WithoutLedger,
    pseudonym_keys,
    reads_files,
)
from endcap_rebuild.data.options import PLAIN, ReadOptions


@reads_files
def batch_recommend(
    snapshot: Annotated[Path, typer.Option(help="Folder of the snapshot.")],
    events: Annotated[Path, typer.Option(help="events.csv[.gz], or a folder that holds it.")],
    users: Annotated[Path, typer.Option(help="CSV file with a column user_id.")],
    out: Annotated[Path, typer.Option(help="CSV file to write; gzipped where it ends in .gz.")],
    limit: Annotated[int, typer.Option(min=1, max=500, help="Items per user.")] = 10,
    items: Annotated[Path | None, typer.Option(help="items.jsonl[.gz] with items new to the snapshot.")] = None,
    include_seen: Annotated[bool, typer.Option(help="Also items of the user's own events.")] = False,
    as_of: Annotated[str, typer.Option(help="last-event (each user's own), ISO 8601 or unix time.")] = "last-event",
    reading: ReadOptions = PLAIN,
    ledger: LedgerPlace = None,
    without_ledger: WithoutLedger = False,
    keys: KeysOfPseudonyms = None,
    as_json: Json = False,
) -> None:
    """Write a list of recommendations for each user."""
    from rich.console import Console

    from endcap_local.console import print_json, print_read, progress_bar
    from endcap_rebuild.batch_recommend import batch_recommend as run
    from endcap_rebuild.data.erasures import ledger_at

    console = Console(highlight=False, stderr=as_json)
    with progress_bar(console) as progress:
        result = run(
            snapshot,
            events,
            users,
            limit,
            out,
            items,
            include_seen,
            as_of,
            progress,
            ledger=ledger_at(ledger) if ledger else None,
            without_ledger=without_ledger,
            keys=pseudonym_keys(keys),
            reading=reading,
        )
    if as_json:
        print_json(result)
        return
    print_read(console, result["read"])
    unknown = f", {result['users_without_events']:,} of them without events" if result["users_without_events"] else ""
    console.print(f"{result['rows']:,} rows for {result['users']:,} users{unknown} in {out}")
