"""`endcap enrich`: a catalogue described by a writer."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from endcap_local.cli.options import Data, Json

if TYPE_CHECKING:
    from endcap.describing.writer import Price, Writer


def enrich(
    data: Data,
    writer: Annotated[
        Literal["none", "rules", "bedrock", "openai", "gguf"],
        typer.Option(
            help="rules: no model; bedrock: of the account; openai: any server with that API; gguf: a model's file."
        ),
    ] = "none",
    out: Annotated[Path | None, typer.Option(help="Folder of what is written; DATA/enrichment by default.")] = None,
    model: Annotated[str, typer.Option(help="Id or name of the model; gguf: its file.")] = "",
    base_url: Annotated[str, typer.Option(help="Of an openai server, with /v1. Key: OPENAI_API_KEY.")] = "",
    budget: Annotated[float, typer.Option(min=0, help="US dollars, of all runs into that folder together.")] = 0.0,
    price: Annotated[
        str, typer.Option(help="US dollars for a million tokens, read and written: 0.035,0.14. Nothing: it is free.")
    ] = "",
    batch: Annotated[
        str, typer.Option(help="bedrock, by batch jobs at half the price: BUCKET,ROLE, the stack's and its output.")
    ] = "",
    prompt: Annotated[
        str,
        typer.Option(
            help="enrich-1; enrich-small-1 for models below a billion weights, as gguf has it; enrich-blurb-1 for a "
            "sentence to show as well."
        ),
    ] = "",
    threads: Annotated[int, typer.Option(min=1, help="That a gguf model may use.")] = 1,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many items.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Ask nobody; say what it would cost at most.")] = False,
    as_json: Json = False,
) -> None:
    """Have a writer describe the items: what they are, what and whom they are for. Nothing is paid for twice."""
    from rich.console import Console

    from endcap.describing.prompt import DEFAULT, SMALL
    from endcap_local.console import print_json, progress_bar
    from endcap_rebuild.language.enrich import EnrichSettings
    from endcap_rebuild.language.enrich import enrich as described

    console = Console(highlight=False, stderr=as_json)
    if writer == "none":
        raise typer.BadParameter("name who is to write: rules, bedrock, openai or gguf", param_hint="--writer")
    prices, folder = _price(price, writer, base_url), out or data / "enrichment"
    settings = EnrichSettings(data, folder, prices, budget, dry_run, limit)
    settings = replace(settings, prompt=prompt or (SMALL if writer == "gguf" else DEFAULT))
    if batch and writer != "bedrock":
        raise typer.BadParameter("batch jobs are bedrock's", param_hint="--batch")
    who = _batches(model, batch, folder) if batch else _writer(writer, model, base_url, threads)
    with progress_bar(console) as progress:
        report = described(settings, who, progress)
    if as_json:
        print_json(report)
        return
    if dry_run:
        console.print(
            f"{report['requests']:,} of {report['items']:,} items would be asked about: ${report['most_usd']:g} at most"
        )
        return
    console.print(
        f"{report['described']:,} of {report['items']:,} items described; {report['grounded']:.0%} of "
        f"{report['phrases']:,} phrases kept; ${report['spent_usd']:g} spent"
    )
    for reason, count in report["dropped"].items():
        console.print(f"thrown away: {count:,} ({reason})", markup=False)
    if report["out_of_budget"]:
        console.print("the budget was too small for the rest; a larger one goes on from here", style="yellow")
    console.print(f"a sample to look through: {settings.out / 'review.csv'}", markup=False)


def _price(text: str, writer: str, base_url: str) -> Price:
    from endcap.describing.openai import is_local
    from endcap.describing.writer import Price, price_of

    if not text:
        if writer in ("rules", "gguf") or (writer == "openai" and is_local(base_url)):
            return Price()
        raise typer.BadParameter(
            "what does it cost? READ,WRITTEN per million tokens; 0,0 if nothing", param_hint="--price"
        )
    return price_of(text)


def _batches(model: str, batch: str, folder: Path) -> Writer:
    from endcap.aws.converse import Converse
    from endcap.describing.bedrock import BedrockWriter
    from endcap_rebuild.language.bedrock_batch import BatchPlace, BedrockBatchWriter

    bucket, _, role = batch.partition(",")
    if not model or not bucket or not role.startswith("arn:"):
        raise typer.BadParameter("needs BUCKET,ROLE with the role's ARN, and --model", param_hint="--batch")
    return BedrockBatchWriter(model, BatchPlace(bucket, role), folder, BedrockWriter(model, Converse()))


def _writer(kind: str, model: str, base_url: str, threads: int) -> Writer:
    from endcap.aws.converse import Converse
    from endcap.describing.bedrock import BedrockWriter
    from endcap.describing.openai import OpenAiWriter
    from endcap.describing.rules import RulesWriter

    if kind == "rules":
        return RulesWriter()
    if kind == "gguf" and model:
        from endcap_rebuild.language.gguf import GgufWriter

        return GgufWriter(Path(model), threads)
    if not model:
        raise typer.BadParameter(f"{kind} needs one", param_hint="--model")
    if kind == "bedrock":
        return BedrockWriter(model, Converse())
    if not base_url:
        raise typer.BadParameter("openai needs one, such as http://127.0.0.1:8080/v1", param_hint="--base-url")
    return OpenAiWriter(base_url, model, os.environ.get("OPENAI_API_KEY"))
