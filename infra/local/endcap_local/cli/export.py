"""`endcap export`: what may leave the shop."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from endcap_local.cli.options import Data, Json, KeysOfPseudonyms, pseudonym_keys, reads_files
from endcap_rebuild.data.options import PLAIN, ReadOptions

export_app = typer.Typer(help="Write what may leave the shop.", no_args_is_help=True)


@export_app.callback()
def export() -> None:
    """Keep `aggregates` a command of its own while there is only one."""


@export_app.command(short_help="Write popularity and pairs, differentially private.")
@reads_files
def aggregates(
    data: Data,
    epsilon: Annotated[float, typer.Option(help="How much the tables may tell of one user; 1 is usual, 0.1 strict.")],
    out: Annotated[Path, typer.Option(help="Folder for popularity.csv, together.csv and release.json.")],
    delta: Annotated[float, typer.Option(help="Chance that a pair of a single user is told.")] = 1e-6,
    most_items: Annotated[int, typer.Option(min=1, help="Items of one user that count.")] = 10,
    most_pairs: Annotated[int, typer.Option(min=1, help="Pairs of one user that count.")] = 2,
    ledger: Annotated[Path | None, typer.Option(help="What was spent; DATA/privacy-ledger.json by default.")] = None,
    dataset: Annotated[str | None, typer.Option(help="Name in the ledger; the folder's by default.")] = None,
    limit: Annotated[float | None, typer.Option(help="Of all epsilons together; set at the first release.")] = None,
    keys: KeysOfPseudonyms = None,
    reading: ReadOptions = PLAIN,
    as_json: Json = False,
) -> None:
    """Write popularity and co-purchase with differential privacy for users."""
    from rich.console import Console

    from endcap_local.console import print_json
    from endcap_rebuild.aggregates.job import export_aggregates
    from endcap_rebuild.aggregates.release import ReleaseSettings

    settings = ReleaseSettings(epsilon, delta, most_items, most_pairs)
    done = export_aggregates(data, out, settings, ledger, dataset, limit, keys=pseudonym_keys(keys), reading=reading)
    if as_json:
        print_json(done)
        return
    console, budget = Console(highlight=False), done["budget"]
    console.print(
        f"{done['items']:,} items and {done['pairs']:,} pairs (of {done['threshold']:,} users or more) in {out}",
        markup=False,
    )
    console.print(
        f"{done['dataset']}: epsilon {budget['epsilon']:g} of {budget['epsilon_limit']:g} and delta "
        f"{budget['delta']:.2g} of {budget['delta_limit']:.2g} are spent",
        markup=False,
    )
