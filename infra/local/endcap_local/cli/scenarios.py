"""`endcap scenarios`: check what is about to be configured."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from endcap_local.cli.options import Json

scenarios_app = typer.Typer(help="Check the configuration of scenarios.", no_args_is_help=True)


@scenarios_app.callback()
def _scenarios() -> None:
    """Check the configuration of scenarios."""


@scenarios_app.command()
def check(file: Annotated[Path, typer.Argument(help="scenarios.json")], as_json: Json = False) -> None:
    """Read a configuration as the functions do, before it is uploaded."""
    from rich.console import Console

    from endcap.api.scenarios import read_scenarios
    from endcap_local.console import print_json

    scenarios = read_scenarios(file.read_bytes())
    if as_json:
        print_json({"scenarios": scenarios})
        return
    console = Console(highlight=False)
    for name, sets in scenarios.items():
        console.print(f"{name}: {', '.join(sets) or 'nothing but a name'}", markup=False)
    console.print(f"{len(scenarios)} scenarios, no mistake found")
