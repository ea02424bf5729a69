"""What every command that serves needs: options, the template, a free port, an orderly end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

FOLDER = "Folder with items.jsonl[.gz] and events.csv[.gz]."
Data = Annotated[Path, typer.Option(help=FOLDER)]

Bucket = Annotated[str | None, typer.Option(help="The stack's data bucket.", envvar="DATA_BUCKET")]

PromoteFunction = Annotated[
    str | None,
    typer.Option(
        "--function",
        envvar="PROMOTE_FUNCTION",
        help="The stack's promote function, which alone may sign: let it do this.",
    ),
]
SnapshotKey = Annotated[
    str | None,
    typer.Option("--key", envvar="SNAPSHOT_KEY", help="ARN of the key to sign with here, as on a local stack."),
]

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of prose.")]
Port = Annotated[int, typer.Option(help="Port of the API on 127.0.0.1; 0 for a free one.")]
Template = Annotated[Path | None, typer.Option(help="The SAM template.", show_default="template.yaml")]
Encoder = Annotated[
    str, typer.Option(help="auto (measured where there are events), multilingual, english, or a folder.")
]

LedgerPlace = Annotated[
    str | None, typer.Option("--ledger", help="Whom to leave out: a copy of erasures/, or s3://BUCKET that holds it.")
]
WithoutLedger = Annotated[
    bool, typer.Option("--without-ledger", help="Read an archive that has no ledger, the erased included.")
]

Student = Annotated[
    bool, typer.Option("--student", help="Train a text encoder on the events; shipped if it is better. Needs torch.")
]
Teacher = Annotated[str, typer.Option(help="Of the student: a folder, a hub name, or the name of a base encoder.")]
TeacherPrompt = Annotated[str | None, typer.Option(help="Put before each text that the teacher reads.")]


def template_parameters(pairs: Sequence[str]) -> dict[str, str]:
    """NAME=VALUE texts as a mapping."""
    parameters = {}
    for pair in pairs:
        name, separator, value = pair.partition("=")
        if not separator or not name:
            raise typer.BadParameter(f"{pair!r} is not NAME=VALUE", param_hint="--param")
        parameters[name] = value
    return parameters
