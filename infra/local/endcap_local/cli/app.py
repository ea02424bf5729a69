"""The command line `endcap`. Each command loads what it needs when it runs, so that `--help` stays quick."""

from __future__ import annotations

import sys

import typer

from endcap.errors import EndcapError
from endcap_local.cli.batch_recommend import batch_recommend
from endcap_local.cli.bench import bench_app
from endcap_local.cli.cost import cost
from endcap_local.cli.demo import demo
from endcap_local.cli.evaluate import evaluate
from endcap_local.cli.experiments import experiments_app
from endcap_local.cli.export import export_app
from endcap_local.cli.import_data import import_folder
from endcap_local.cli.local import local
from endcap_local.cli.rebuild import rebuild
from endcap_local.cli.replay import replay
from endcap_local.cli.snapshots import snapshot_app

app = typer.Typer(
    name="endcap",
    help="Real-time personalisation that a storefront owns.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(local)
app.command()(rebuild)
app.command(name="batch-recommend")(batch_recommend)
app.command()(evaluate)
app.command(name="import")(import_folder)
app.command()(demo)
app.command()(replay)
app.command()(cost)
app.add_typer(snapshot_app, name="snapshot")
app.add_typer(experiments_app, name="experiments")
app.add_typer(bench_app, name="bench")
app.add_typer(export_app, name="export")


def main() -> None:
    """Run `endcap`; what went wrong on purpose is one line on stderr and exit code 1."""
    from endcap_local.template.intrinsics import TemplateError

    try:
        app()
    except Exception as exc:
        if not isinstance(exc, (EndcapError, TemplateError, OSError)) and not _is_of_aws_setup(exc):
            raise
        typer.secho(f"endcap: {exc}", fg=typer.colors.RED, err=True)
        sys.exit(1)


def _is_of_aws_setup(error: Exception) -> bool:
    """Whether boto3 lacks a region, a profile or credentials; most commands never import it."""
    botocore = sys.modules.get("botocore.exceptions")
    return botocore is not None and isinstance(error, botocore.BotoCoreError)
