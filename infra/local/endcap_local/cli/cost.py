"""`endcap cost`: what a month would cost, from public prices."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from endcap_local.cli.options import Json, Template, template_parameters
from endcap_local.serving import find_template

if TYPE_CHECKING:
    from endcap.cost.estimate import Estimate
    from endcap.cost.month import Deployment, Usage
    from endcap.cost.prices import Price
    from endcap.cost.rebuilds import RebuildWay

Count = Annotated[int, typer.Option(min=0)]
SHOPS = (
    (1_000, 50_000),
    (5_000, 500_000),
    (17_000, 450_000),
    (25_000, 2_000_000),
    (50_000, 2_000_000),
    (100_000, 4_000_000),
    (250_000, 10_000_000),
)
"""Items and archived events."""
MOST_FILES = 5_000
"""Objects of an archive that is compacted now and then."""
WAYS = {"lambda": "Lambda", "sagemaker": "SageMaker, ml.m5.2xlarge", "image": "SageMaker, ml.g5.xlarge, own image"}
WATCHING = (("monitoring.yaml", "Watch"), ("canaries.yaml", "ShiftSlowly"), ("rebuild.yaml", "HasRebuild"))
"""Nested templates that have alarms, and the conditions under which they are there."""
LONGEST_MS = 900_000
"""The most that Lambda lets a call take."""


def cost(
    events_per_month: Count = 3_000_000,
    requests_per_month: Count = 1_000_000,
    items: Count = 10_000,
    users: Count = 100_000,
    rebuilds_per_month: Count = 30,
    item_changes_per_month: Annotated[
        int | None, typer.Option(min=0, help="Items put or changed.", show_default="--items")
    ] = None,
    webhooks_per_month: Count = 0,
    file_rows_per_month: Count = 0,
    events_per_call: Annotated[float, typer.Option(min=1, help="Events in one POST /events.")] = 1,
    recommend_ms: Annotated[float, typer.Option(min=1, max=LONGEST_MS, help="Billed time of an answer.")] = 60,
    update_ms: Annotated[float, typer.Option(min=1, max=LONGEST_MS, help="Billed time of a batch of events.")] = 60,
    rebuild_minutes: Annotated[float, typer.Option(min=0, help="Of one rebuild on an image of your own.")] = 30,
    rebuild_sizes: Annotated[
        bool, typer.Option("--rebuild-sizes", help="Only say where rebuilds of other shops run, and what one costs.")
    ] = False,
    free_tier: Annotated[bool, typer.Option("--free-tier", help="Take off what AWS gives every account.")] = False,
    prices: Annotated[Path | None, typer.Option(help="JSON object of prices that differ, by name.")] = None,
    param: Annotated[list[str] | None, typer.Option(help="Template parameter as NAME=VALUE; repeatable.")] = None,
    template: Template = None,
    as_json: Json = False,
) -> None:
    """Estimate a month's bill from public prices, beside Amazon Personalize's.

    Arithmetic, not a quote: prices of us-east-1 and assumptions that --json lists, each with its source.
    """
    from endcap.cost.estimate import estimate, personalize_estimate
    from endcap.cost.month import Assumptions, Usage
    from endcap.cost.quantities import rebuild_way

    changes = items if item_changes_per_month is None else item_changes_per_month
    usage = Usage(
        events_per_month,
        requests_per_month,
        items,
        users,
        rebuilds_per_month,
        changes,
        webhooks_per_month,
        file_rows_per_month,
    )
    assumed = replace(
        Assumptions(),
        events_per_call=events_per_call,
        recommend_ms=recommend_ms,
        update_ms=update_ms,
        rebuild_hours=rebuild_minutes / 60,
    )
    table = _prices(prices)
    deployment = deployment_of(find_template(template), template_parameters(param or []))
    if rebuild_sizes:
        _print_rebuilds(_rebuilds_by_size(usage, deployment, table), as_json)
        return
    bill = estimate(usage, deployment, assumed, table, free_tier)
    idle = estimate(usage.idle, deployment, assumed, table, free_tier)
    rival = personalize_estimate(usage, assumed, table)
    rival_idle = personalize_estimate(usage.idle, assumed, table)
    if as_json:
        from endcap.cost.prices import AS_OF, REGION
        from endcap_local.console import print_json

        print_json(
            {
                "usage": asdict(usage),
                "deployment": asdict(deployment),
                "assumptions": asdict(assumed),
                "free_tier": free_tier,
                "rebuild": asdict(rebuild_way(usage, deployment, assumed)),
                "prices": {"region": REGION, "as_of": AS_OF, "usd": {name: asdict(p) for name, p in table.items()}},
                "endcap": _document(bill),
                "endcap_idle": _document(idle),
                "personalize": _document(rival),
                "personalize_idle": _document(rival_idle),
            }
        )
    else:
        _print(usage, bill, idle, rival, rival_idle, free_tier)


def deployment_of(template: Path, parameters: Mapping[str, str]) -> Deployment:
    """Memory, processor and tracing of the functions, and the alarms, as the template has them.

    Raises
    ------
    TemplateError : the template, or a parameter, can't be used
    """
    from endcap.cost.month import Deployment
    from endcap.cost.prices import PRICES
    from endcap_local.template.intrinsics import Resolver, TemplateError
    from endcap_local.template.template import expand, plan_of

    source, expanded = expand(template)
    resolver = Resolver(expanded, parameters, "http://localhost")
    plan = plan_of(source, expanded, resolver, template.resolve().parent)
    functions = {f.code_dir.name: f for f in plan.functions.values()}
    recommend = expanded["Resources"][functions["recommend"].logical_id]["Properties"]
    (architecture,) = resolver.resolve(recommend["Architectures"])
    if f"lambda_{architecture}" not in PRICES:
        raise TemplateError(f"Lambda has no price for the processor {architecture}")
    holds = {
        **{name: resolver.holds(name) for name in ("HasStorefront", "HasShopSystems", "HasInbox", "DescribesItems")},
        "HasReceiveWebhook": resolver.holds("HasShopSystems"),
        "WatchAge": str(resolver.resolve({"Ref": "SnapshotMaxAgeDays"})) != "0",
        **{name: resolver.holds(name) for name in ("Watch", "ShiftSlowly")},
        "WatchSchedule": resolver.holds("Watch") and bool(resolver.resolve({"Ref": "RebuildSchedule"})),
    }
    watching = [
        resource
        for file, condition in WATCHING
        if resolver.holds(condition)
        for resource in expand(template.resolve().parent / "infra" / file)[1]["Resources"].values()
        if holds.get(resource.get("Condition"), True)
    ]
    alarms = [r for r in watching if r["Type"] == "AWS::CloudWatch::Alarm"]
    return Deployment(
        architecture,
        {name: f.memory_mb for name, f in functions.items()},
        # By the metrics that alarms look at: one over several metrics is billed for each of them.
        alarms=json.dumps(alarms).count('"MetricName": '),
        traces=resolver.resolve(recommend["TracingConfig"])["Mode"] == "Active",
        secrets=len(plan.secrets),
        keys=int(resolver.holds("Signs")),
        archive_buffer_s=float(resolver.resolve({"Ref": "ArchiveBufferSeconds"})),
        dashboards=sum(resource["Type"] == "AWS::CloudWatch::Dashboard" for resource in watching),
        routes=len(plan.routes) if resolver.holds("MeasureRoutes") else 0,
        live_counts_s=float(functions["recommend"].environment["LIVE_COUNTS_SECONDS"]),
        rebuild_mb=int(resolver.resolve({"Ref": "RebuildMemory"})),
        rebuild_image=bool(resolver.resolve({"Ref": "RebuildImageUri"})),
    )


def _rebuilds_by_size(
    usage: Usage, deployment: Deployment, prices: Mapping[str, Price]
) -> list[tuple[int, int, RebuildWay, float]]:
    """Items, archived events, the way and US dollars of one rebuild, for shops of several sizes."""
    from endcap.cost.estimate import estimate
    from endcap.cost.month import Assumptions
    from endcap.cost.quantities import rebuild_way

    rows = []
    for n_items, n_events in SHOPS:
        shop = replace(usage, items=n_items, events=n_events, users=n_events // 10, rebuilds=1, item_changes=0)
        assumed = Assumptions(months=1, events_per_call=max(1.0, n_events / MOST_FILES))
        bill = estimate(shop, deployment, assumed, prices)
        usd = sum(line.usd for line in bill.lines if "rebuild" in line.what)
        rows.append((n_items, n_events, rebuild_way(shop, deployment, assumed), usd))
    return rows


def _print_rebuilds(rows: list[tuple[int, int, RebuildWay, float]], as_json: bool) -> None:
    if as_json:
        from endcap_local.console import print_json

        names = ("items", "events", "way", "minutes", "usd")
        told = [(items, events, way.way, round(way.seconds / 60, 1), round(usd, 4)) for items, events, way, usd in rows]
        print_json({"rebuilds": [dict(zip(names, row, strict=True)) for row in told]})
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table("items", "events", "way", "minutes", "US dollars", box=box.SIMPLE, padding=(0, 1), pad_edge=False)
    for column in (0, 1, 3, 4):
        table.columns[column].justify = "right"
    for items, events, way, usd in rows:
        table.add_row(f"{items:,}", f"{events:,}", WAYS[way.way], f"{way.seconds / 60:.0f}", f"{usd:.2f}")
    Console(highlight=False).print(table)


def _prices(file: Path | None) -> Mapping[str, Any]:
    from endcap.cost.prices import with_prices
    from endcap.errors import InvalidInputError

    if file is None:
        return with_prices({})
    try:
        changes = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as exc:
        raise InvalidInputError(f"{file} is no JSON: {exc}") from None
    if not isinstance(changes, dict):
        raise InvalidInputError(f"{file} must hold an object of prices by name")
    return with_prices(changes)


def _document(bill: Estimate) -> dict[str, Any]:
    return {"usd": round(bill.usd, 4), "lines": [asdict(line) for line in bill.lines]}


def _print(
    usage: Usage, bill: Estimate, idle: Estimate, rival: Estimate, rival_idle: Estimate, free_tier: bool
) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from endcap.cost.prices import AS_OF, REGION

    console = Console(highlight=False)
    table = Table(box=box.SIMPLE, padding=(0, 1), pad_edge=False)
    table.add_column("US dollars a month", no_wrap=True)
    for heading in ("with traffic", "idle"):
        table.add_column(heading, justify="right", no_wrap=True)
    resting = idle.by_service()
    for service, usd in bill.by_service().items():
        table.add_row(service, f"{usd:,.2f}", f"{resting[service]:,.2f}")
    table.add_section()
    table.add_row("together", f"{bill.usd:,.2f}", f"{idle.usd:,.2f}", style="bold")
    table.add_row("Amazon Personalize, one campaign", f"{rival.usd:,.2f}", f"{rival_idle.usd:,.2f}")
    console.print(table)
    dearest = sorted(bill.lines, key=lambda line: -line.usd)[:3]
    console.print("dearest: " + ", ".join(f"{line.service} {line.what} {line.usd:,.2f}" for line in dearest))
    console.print("Personalize: " + ", ".join(f"{line.what.lower()} {line.usd:,.2f}" for line in rival.lines))
    console.print(
        f"{usage.events:,} events, {usage.requests:,} requests, {usage.items:,} items, {usage.users:,} users, "
        f"{usage.rebuilds:,} rebuilds a month; {REGION}, public prices as of {AS_OF}, "
        f"{'less' if free_tier else 'without'} the free tier. "
        "An estimate: --json has every line, assumption and source."
    )
