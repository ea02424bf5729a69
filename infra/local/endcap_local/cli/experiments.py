"""`endcap experiments`: check what is about to be configured, and report what experiments showed."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from endcap_local.cli.options import Json, KeysOfPseudonyms, pseudonym_keys

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

experiments_app = typer.Typer(help="Check the configuration of experiments, and report them.", no_args_is_help=True)

_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_LABELS: Final = {"conversion": "conversion", "ctr": "CTR", "revenue": "revenue"}


@experiments_app.command()
def check(file: Annotated[Path, typer.Argument(help="experiments.json")], as_json: Json = False) -> None:
    """Read a configuration as the functions do, before it is uploaded."""
    from dataclasses import asdict

    from rich.console import Console

    from endcap.experiments.config import read_experiments
    from endcap_local.console import print_json

    experiments = read_experiments(file.read_bytes())
    if as_json:
        told = [asdict(experiment) | {"surfaces": sorted(experiment.surfaces)} for experiment in experiments]
        print_json({"experiments": told})
        return
    console = Console(highlight=False)
    for experiment in experiments:
        shares = ", ".join(f"{variant.name} {variant.share:.0%}" for variant in experiment.variants)
        console.print(f"{experiment.name}: {shares}; on {', '.join(sorted(experiment.surfaces))}", markup=False)
    console.print(f"{len(experiments)} experiments, no mistake found")


@experiments_app.command()
def report(
    data: Annotated[str, typer.Option(help="Folder or s3://BUCKET[/PREFIX] with exposures/ and events/.")],
    experiment: Annotated[str | None, typer.Option(help="Its name; needed where there are several.")] = None,
    config: Annotated[
        Path | None, typer.Option(help="experiments.json.", show_default="config/experiments.json of the archive")
    ] = None,
    within: Annotated[str, typer.Option(help="How long after a list an event counts: 30m, 12h, 7d.")] = "7d",
    alpha: Annotated[float, typer.Option(min=1e-6, max=0.5, help="Chance of a false alarm, for each metric.")] = 0.05,
    effect: Annotated[
        float, typer.Option(min=0.001, max=10, help="Relative difference that always-valid intervals are tuned for.")
    ] = 0.1,
    metric: Annotated[Literal["conversion", "ctr", "revenue"], typer.Option(help="Names the winner.")] = "conversion",
    control: Annotated[
        str | None, typer.Option(help="Variant to compare with.", show_default="the first configured")
    ] = None,
    click: Annotated[
        list[str] | None, typer.Option(help="Event type that is a click; repeatable.", show_default="click, view")
    ] = None,
    goal: Annotated[
        list[str] | None, typer.Option(help="Event type that is a conversion; repeatable.", show_default="purchase")
    ] = None,
    attribution: Annotated[
        Literal["recommendation", "user"],
        typer.Option(help="Conversions by the list's id on the event, or all of the shopper's after the first list."),
    ] = "recommendation",
    currency: Annotated[
        str | None, typer.Option(help="Whose amounts count as revenue, as EUR; needed where goals are in several.")
    ] = None,
    keys: KeysOfPseudonyms = None,
    as_json: Json = False,
) -> None:
    """Compare the variants of an experiment by what shoppers did."""
    from rich.console import Console

    from endcap_local.console import print_json, progress_bar
    from endcap_local.experiments.archive import archive_at
    from endcap_local.experiments.joining import Counting
    from endcap_local.experiments.report import ReportSettings, configured
    from endcap_local.experiments.report import report as run

    usual = Counting()
    counting = Counting(
        frozenset(click) if click else usual.clicks,
        frozenset(goal) if goal else usual.goals,
        _milliseconds(within),
        attribution,
        None if currency is None else _currency(currency),
    )
    console = Console(highlight=False, stderr=as_json)
    archive = archive_at(data)
    experiments = configured(archive, None if config is None else config.read_bytes())
    settings = ReportSettings(experiment, counting, alpha, effect, metric, control)
    with progress_bar(console) as progress:
        found = run(archive, experiments, settings, progress, pseudonym_keys(keys))
    if as_json:
        print_json(found)
    else:
        _print(console, found)


def _currency(name: str) -> str:
    from endcap.results.money import currency_of

    code = currency_of({"currency": name})
    if not code:
        raise typer.BadParameter(f"{name!r} is no currency such as EUR", param_hint="--currency")
    return code


def _milliseconds(duration: str) -> int:
    matched = _DURATION.fullmatch(duration)
    if matched is None:
        raise typer.BadParameter(f"{duration!r} is no duration such as 30m, 12h or 7d", param_hint="--within")
    return round(float(matched[1]) * _SECONDS[matched[2]] * 1000)


def _print(console: Console, found: dict[str, Any]) -> None:
    settings = found["settings"]
    console.print(f"{found['experiment']}, {found['from']} to {found['to']}", style="bold", markup=False)
    console.print(_variants(found))
    _print_currencies(console, found)
    _print_sample_ratio(console, found)
    console.print(_comparisons(found))
    console.print(
        f"Intervals at {1 - settings['alpha'] / (len(found['variants']) - 1):.4g}. Fixed holds for one look, at an end "
        "planned before; always valid holds at every look."
    )
    _print_losses(console, found)
    _print_winner(console, found)


def _variants(found: dict[str, Any]) -> Table:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=box.SIMPLE, padding=(0, 1), pad_edge=False)
    table.add_column("variant")
    for heading in ("share", "shoppers", "lists", "CTR", "goals", "conversion", "revenue"):
        table.add_column(heading, justify="right", no_wrap=True)
    for variant in found["variants"]:
        table.add_row(
            escape(variant["name"]),
            "" if variant["share"] is None else f"{variant['share']:.0%}",
            *(
                _untold(name, found) if variant[name] is None else form.format(variant[name])
                for name, form in (
                    ("units", "{:,}"),
                    ("lists", "{:,}"),
                    ("ctr", "{:.2%}"),
                    ("converted_units", "{:,}"),
                    ("conversion", "{:.2%}"),
                    ("revenue", "{:,.2f}"),
                )
            ),
        )
    return table


def _untold(name: str, found: dict[str, Any]) -> str:
    """What stands for a figure that is not told."""
    several = len(found["events"]["currencies"]) > 1 and found["settings"]["currency"] is None
    return "several" if name == "revenue" and several else "few"


def _comparisons(found: dict[str, Any]) -> Table:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=box.SIMPLE, padding=(0, 1), pad_edge=False)
    table.add_column(escape(f"less {found['settings']['control']}"))
    for heading in ("diff.", "rel."):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("test", no_wrap=True)
    for heading in ("interval", "p"):
        table.add_column(heading, justify="right", no_wrap=True)
    for one in found["comparisons"]:
        shown = ("{:+.3f}" if one["metric"] == "revenue" else "{:+.2%}").format
        relative = "" if one["relative"] is None else f"{one['relative']:+.1%}"
        difference = "few" if one["difference"] is None else shown(one["difference"])
        head = (escape(f"{one['variant']}, {_LABELS[one['metric']]}"), difference, relative)
        for name, test in (("fixed", one["fixed_horizon"]), ("always valid", one["always_valid"])):
            table.add_row(*head, name, *_test(test, shown))
            head = ("", "", "")
    return table


def _test(test: dict[str, Any] | None, shown: Callable[[float], str]) -> tuple[str, str]:
    if test is None:
        return "too few", ""
    low, high, p_value = test["low"], test["high"], test["p_value"]
    interval = "none yet" if low is None else f"{shown(low)} to {shown(high)}"
    return interval, "<.001" if p_value < 0.001 else f"{p_value:.3f}"


def _print_currencies(console: Console, found: dict[str, Any]) -> None:
    there, asked = found["events"]["currencies"], found["settings"]["currency"]
    goals = ", ".join(f"{name or 'none named'} {count:,}" for name, count in sorted(there.items()))
    if asked is not None:
        console.print(f"Revenue is in {asked}; goals by currency: {goals or 'none'}.", markup=False)
    elif len(there) > 1:
        console.print(
            f"Goals are in several currencies ({goals}), which are not added up: --currency names one of them.",
            style="yellow",
            markup=False,
        )
    elif named := "".join(there):
        console.print(f"Revenue is in {named}.", markup=False)


def _print_sample_ratio(console: Console, found: dict[str, Any]) -> None:
    ratio = found["sample_ratio"]
    if ratio is None:
        why = "not all of its variants are configured" if found["configured"] else "it is not configured"
        console.print(f"Sample ratio: not checked, as {why}; --config names the configuration.", style="yellow")
    elif ratio["mismatch"]:
        console.print(
            f"Sample ratio mismatch (p = {ratio['p_value']:.2g}): shoppers are not split as configured. Shares changed "
            "while it ran, or a variant loses exposures. Nothing below can be believed, and no winner is named.",
            style="bold red",
        )
    else:
        console.print(f"Sample ratio: as configured (p = {ratio['p_value']:.3f}).")


def _print_losses(console: Console, found: dict[str, Any]) -> None:
    for count, what in (
        (found["events"]["repeated"], "events came more than once and count once"),
        (found["events"]["other_item"], "events name an item that their list did not show"),
        (found["events"]["out_of_time"], "events lie outside the window"),
        (found["units_in_several_variants"], "shoppers got several variants and are left out"),
        (found["read"]["bad_lines"], "lines of the archive are no JSON objects"),
        *((count, f"lists were made without their variant: {reason}") for reason, count in found["not_served"].items()),
    ):
        if count:
            console.print(f"{count:,} {what}", markup=False)
    for name in found["read"]["bad_files"]:
        console.print(f"{name} is damaged, and was read up to there", style="yellow", markup=False)


def _print_winner(console: Console, found: dict[str, Any]) -> None:
    label, winner = _LABELS[found["settings"]["metric"]], found["winner"]
    if found["sample_ratio"] is not None and found["sample_ratio"]["mismatch"]:
        return
    if winner is None:
        console.print(f"No winner by {label}: no difference is shown yet, whenever one looks.", markup=False)
    else:
        console.print(f"Winner by {label}: {winner}", style="bold", markup=False)
