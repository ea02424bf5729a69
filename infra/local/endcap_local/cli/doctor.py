"""`endcap doctor`: what is missing here, and what to do about it."""

from __future__ import annotations

from typing import Annotated

import typer

from endcap_local.cli.options import Bucket, Json


def doctor(
    endpoint: Annotated[str | None, typer.Option(help="A stack's API to look at, too.")] = None,
    bucket: Bucket = None,
    stack: Annotated[
        str | None, typer.Option(help="A stack of CloudFormation, whose outputs say --endpoint and --bucket.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Look at this machine, and at a stack; exit with 1 where something can't work."""
    from dataclasses import asdict

    from rich.console import Console

    from endcap_local.console import print_json
    from endcap_local.doctor import examine

    findings = []
    console = Console(highlight=False)
    for finding in examine(endpoint, bucket, stack):
        findings.append(finding)
        if not as_json:
            style = {"ok": "green", "note": "yellow", "wrong": "red"}[finding.state]
            console.print(f"{finding.state:<6}", style=style, end="")
            console.print(f"{finding.what}: {finding.found}", markup=False)
            if finding.todo:
                console.print(f"      → {finding.todo}", markup=False)
    if as_json:
        print_json({"findings": [asdict(finding) for finding in findings]})
    if any(finding.state == "wrong" for finding in findings):
        raise typer.Exit(1)
