"""The command line `endcap`. Each command loads what it needs when it runs, so that `--help` stays quick."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from endcap.errors import EndcapError
from endcap_local.cli.batch_recommend import batch_recommend
from endcap_local.cli.bench import bench_app
from endcap_local.cli.cost import cost
from endcap_local.cli.demo import demo
from endcap_local.cli.doctor import doctor
from endcap_local.cli.enrich import enrich
from endcap_local.cli.erasures import erasures_app
from endcap_local.cli.evaluate import evaluate
from endcap_local.cli.experiments import experiments_app
from endcap_local.cli.export import export_app
from endcap_local.cli.import_data import import_folder
from endcap_local.cli.invoke import env_json, invoke
from endcap_local.cli.local import local
from endcap_local.cli.panels import MEASURE, ON_AWS, START, Panelled
from endcap_local.cli.rebuild import rebuild
from endcap_local.cli.replay import replay
from endcap_local.cli.report import report
from endcap_local.cli.restore import restore
from endcap_local.cli.scenarios import scenarios_app
from endcap_local.cli.snapshots import snapshot_app
from endcap_local.cli.studio import studio

app = typer.Typer(
    name="endcap",
    cls=Panelled,
    help="Real-time personalisation that a storefront owns.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # brackets of help texts are brackets: "items.jsonl[.gz]"
)


def _tell_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        print(f"endcap {version('endcap')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Real-time personalisation that a storefront owns."""


# Summaries of their own, where the first sentence of a command's help is longer than a line of 80 columns has room for.
app.command(rich_help_panel=START, short_help="Play a shopper's session on bundled orders.")(demo)
app.command(rich_help_panel=START, short_help="Run the whole stack here, until Ctrl-C.")(local)
app.command(rich_help_panel=START)(rebuild)
app.command(rich_help_panel=START, short_help="Serve the studio on 127.0.0.1.")(studio)
app.command(rich_help_panel=START, short_help="Look at this machine and at a stack: what is missing?")(doctor)
app.command(name="import", rich_help_panel=ON_AWS, short_help="Send a folder to a stack, rebuild, promote.")(
    import_folder
)
app.add_typer(snapshot_app, name="snapshot", rich_help_panel=ON_AWS)
app.add_typer(scenarios_app, name="scenarios", rich_help_panel=ON_AWS)
app.add_typer(experiments_app, name="experiments", rich_help_panel=ON_AWS, short_help="Check and report experiments.")
app.command(rich_help_panel=ON_AWS, short_help="Tell what lists have brought: clicks, carts, sales.")(report)
app.command(rich_help_panel=ON_AWS, short_help="Count what lies in quarantine; --yes sends it again.")(replay)
app.command(rich_help_panel=ON_AWS, short_help="Restore tables under new names, erased people left out.")(restore)
app.add_typer(
    erasures_app, name="erasures", rich_help_panel=ON_AWS, short_help="Status, purge and receipts of erasures."
)
app.add_typer(export_app, name="export", rich_help_panel=ON_AWS)
app.command(name="batch-recommend", rich_help_panel=MEASURE)(batch_recommend)
app.command(rich_help_panel=MEASURE, short_help="Have a writer describe the items.")(enrich)
app.command(rich_help_panel=MEASURE)(evaluate)
app.add_typer(bench_app, name="bench", rich_help_panel=MEASURE)
app.command(rich_help_panel=MEASURE, short_help="Estimate a month's bill from public prices.")(cost)
app.command(rich_help_panel=MEASURE, short_help="Call one function as Lambda would, without Docker.")(invoke)
app.command(name="env-json", rich_help_panel=MEASURE, short_help="Print the functions' variables for SAM.")(env_json)


def main() -> None:
    """Run `endcap`; what went wrong on purpose is a line on stderr for each reason, and the status, mostly 1."""
    from endcap_local.template.intrinsics import TemplateError

    try:
        app()
    except Exception as exc:
        if not isinstance(exc, (EndcapError, TemplateError, OSError)) and not _is_of_aws_setup(exc):
            raise
        from rich.console import Console

        console = Console(stderr=True, highlight=False, soft_wrap=True)
        for line in _in_words(exc).splitlines() or [""]:
            console.print(f"endcap: {line}", style="red", markup=False)
        sys.exit(getattr(exc, "exit_status", 1))


def _in_words(error: Exception) -> str:
    """What went wrong; of a file that can't be opened its name and why, without numbers of the system's errors."""
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror[:1].lower()}{error.strerror[1:]}"
    from endcap_local.aws_setup import in_words

    return in_words(error)


def _is_of_aws_setup(error: Exception) -> bool:
    """Whether boto3 lacks a region, a profile or credentials; most commands never import it."""
    botocore = sys.modules.get("botocore.exceptions")
    return botocore is not None and isinstance(error, botocore.BotoCoreError)
