"""`endcap evaluate`: measure Endcap beside simpler models, and print, write or draw the result."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from endcap_local.cli.options import (
    Data,
    Encoder,
    KeysOfPseudonyms,
    Student,
    Target,
    Teacher,
    TeacherPrompt,
    pseudonym_keys,
    reads_files,
)
from endcap_rebuild.data.options import PLAIN, ReadOptions

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

Columns = tuple[tuple[str, str, str], ...]

RANKING: Columns = (
    ("NDCG\n@10", "ndcg_at_10", ".4f"),
    ("recall\n@10", "recall_at_10", ".4f"),
    ("MRR", "mrr", ".4f"),
    ("warm\nNDCG", "ndcg_warm", ".4f"),
    ("cold\nrecall", "recall_cold", ".4f"),
    ("cold\nonly", "recall_among_left_out", ".4f"),
)
"""Heading, name of the figure, format; a figure that no model has is left out."""
GRADES: Columns = (("MAE", "mae", ".3f"), ("RMSE", "rmse", ".3f"))
LISTS: Columns = (
    ("prec.", "precision_at_10", ".4f"),
    ("F1", "f1_at_10", ".4f"),
    ("AUC", "auc", ".3f"),
    ("cover", "coverage_at_10", ".2f"),
    ("novel", "novelty_at_10", ".1f"),
    ("alike", "intra_list_similarity", ".2f"),
)
FAIRNESS: Columns = (
    ("exposure\nGini", "exposure_gini", ".3f"),
    ("cover", "coverage", ".3f"),
    ("pop.\nlift", "popularity_lift", "+.2f"),
    ("miscal.", "miscalibration", ".3f"),
)
_MOST_GROUPS = 5


@reads_files
def evaluate(
    data: Data,
    protocol: Annotated[
        Literal["temporal", "leave-one-out", "cold"], typer.Option(help="What is known, and what is asked.")
    ] = "temporal",
    budget: Annotated[Literal["fast", "full"], typer.Option(help="Of Endcap's rebuild.")] = "fast",
    seed: Annotated[list[int] | None, typer.Option(help="Of the rebuild and of cold items; repeatable.")] = None,
    repeats: Annotated[bool, typer.Option("--repeats", help="Ask for next orders; items may come again.")] = False,
    max_cases: Annotated[int | None, typer.Option(min=1, help="Most test questions; all by default.")] = None,
    ignore_attribute: Annotated[
        list[str] | None, typer.Option(help="Attribute of items that no model may see; repeatable.")
    ] = None,
    target: Target = "next",
    encoder: Encoder = "auto",
    student: Student = False,
    teacher: Teacher = "",
    teacher_prompt: TeacherPrompt = None,
    device: Annotated[
        Literal["auto", "cpu", "cuda"],
        typer.Option(
            help="Where Endcap's own models are trained. SASRec of --budget full takes CUDA where there is one."
        ),
    ] = "auto",
    provider_attribute: Annotated[
        str | None, typer.Option(help="Attribute of items that says who sells them; provider, seller, … by default.")
    ] = None,
    users: Annotated[
        Path | None,
        typer.Option(help="CSV with user_id and attributes, for figures by group; DATA/users.csv by default."),
    ] = None,
    peers: Annotated[
        bool, typer.Option("--peers", help="Also ask models of implicit, which the extra 'peers' installs.")
    ] = False,
    keys: KeysOfPseudonyms = None,
    reading: ReadOptions = PLAIN,
    work: Annotated[Path | None, typer.Option(help="Keep finished models here; by default in the cache.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the report as JSON; - for stdout.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write the report as one HTML file with plots.")] = None,
) -> None:
    """Measure ranking quality beside simpler models."""
    from rich.console import Console

    from endcap_local.cli.reading import stopped_by_data
    from endcap_local.console import progress_bar
    from endcap_rebuild.evaluation.bench import EvaluationSettings
    from endcap_rebuild.evaluation.evaluate import evaluate as run
    from endcap_rebuild.evaluation.report_html import html_of

    console = Console(highlight=False, stderr=str(json_file) == "-")
    settings = EvaluationSettings(
        data,
        protocol=protocol,
        budget=budget,
        seeds=tuple(dict.fromkeys(seed or [0])),
        repeats=repeats,
        target=target,
        peers=peers,
        max_cases=max_cases,
        ignored_attributes=tuple(ignore_attribute or ()),
        keys=pseudonym_keys(keys),
        encoder=encoder,
        student=student,
        teacher=teacher,
        teacher_prompt=teacher_prompt,
        device=device,
        work=work,
        provider=provider_attribute,
        users=users,
        reading=reading,
    )
    with stopped_by_data(console, str(json_file) == "-"), progress_bar(console) as progress:
        report = run(settings, progress)
    if json_file is not None:
        _write_json(json_file, report)
    if html is not None:
        html.write_text(html_of(report), encoding="utf-8")
    _print(console, report)


def _write_json(file: Path, report: dict[str, Any]) -> None:
    text = json.dumps(report, ensure_ascii=False, indent=1, sort_keys=True)
    if str(file) == "-":
        print(text, flush=True)
    else:
        file.write_text(text + "\n", encoding="utf-8")


def _print(console: Console, report: dict[str, Any]) -> None:
    asked = report["questions"]
    console.print(_title(report), style="bold")
    for columns in (RANKING, LISTS):
        console.print(_table(report["models"], columns))
    console.print(
        f"{asked['asked']:,} questions of {asked['users']:,} users, {asked['cold_answers']:,} of {asked['answers']:,} "
        f"answers cold; settings chosen on {asked['validation']:,} earlier ones; {report['seconds']:.0f} s"
    )
    _print_comparison(console, report)
    if report["ratings"]:
        console.print(f"Predicted grades, {report['ratings']['grades']:,} of them", style="bold")
        console.print(_table(report["ratings"]["models"], GRADES))
    _print_fairness(console, report)
    for name, reason in report["skipped"].items():
        console.print(f"{name} was not run: {reason}")


def _table(models: list[dict[str, Any]], columns: Columns) -> Table:
    from rich import box
    from rich.table import Table

    known = {name for model in models for name in model}
    columns = tuple(column for column in columns if column[1] in known)
    table = Table(box=box.SIMPLE, padding=(0, 1), pad_edge=False)
    table.add_column("model", no_wrap=True)
    for heading, _, _ in columns:
        table.add_column(heading, justify="right", no_wrap=True)
    for model in models:
        cells = [format(model[name], spec) if name in model else "" for _, name, spec in columns]
        table.add_row(model["label"], *cells, style="bold" if model["name"] == "endcap" else None)
    return table


def _print_fairness(console: Console, report: dict[str, Any]) -> None:
    """What the lists do to the catalogue, of every model; to brands, sellers and groups, of Endcap."""
    models = report["fairness"]["models"]
    rows = [
        {**model, **{name: own[name]["value"] for _, name, _ in FAIRNESS if own.get(name)}}
        for model in report["models"]
        for own in [models[model["name"]]]
    ]
    console.print("What the lists show", style="bold")
    console.print(_table(rows, FAIRNESS))
    own = models["endcap"]
    console.print("Endcap's NDCG@10 by events of the history: " + _by(own["by_activity"], "events"))
    for field, groups in own["by_user_group"].items():
        if groups:
            console.print(f"by {field}: " + _by(groups, "group"), markup=False)
    for field, groups in own["exposure"].items():
        shares = (
            f"{row['group']} {row['exposure_share']['value']:.0%} ({row['catalogue_share']:.0%})"
            for row in groups[:_MOST_GROUPS]
        )
        console.print(f"Endcap's exposure by {field} (share of the catalogue): " + ", ".join(shares), markup=False)


def _by(rows: list[dict[str, Any]], name: str) -> str:
    figures = ((row[name], row["ndcg_at_10"]) for row in rows)
    return ", ".join(f"{label} {own['value']:.4f} ({own['low']:.4f} to {own['high']:.4f})" for label, own in figures)


def _title(report: dict[str, Any]) -> str:
    what = ", next orders with repeats" if report["repeats"] else ""
    what += ", target liked" if report["target"] == "liked" else ""
    return f"{report['data']}, {report['protocol']}{what}, budget {report['budget']}"


def _print_comparison(console: Console, report: dict[str, Any]) -> None:
    found, pipeline = report["comparison"], report["pipeline"]
    labels = {model["name"]: model["label"] for model in report["models"]}
    if found:
        console.print(
            f"NDCG@10 of Endcap less {labels[found['best_baseline']]}: {found['difference']:+.4f} "
            f"({found['relative']:+.0%}), 95 % interval {found['low']:+.4f} to {found['high']:+.4f}, users drawn"
        )
    gains, likeness = pipeline["ndcg_at_10"], pipeline["intra_list_similarity"]
    varied = str(pipeline["diversity"])
    console.print(
        f"neutral pipeline: {pipeline['same_order']} of {pipeline['questions']} lists in the order of the score alone; "
        f"diversity {varied}: NDCG@10 {gains['0.0']:.4f} to {gains[varied]:.4f}, "
        f"similarity within a list {likeness['0.0']:.2f} to {likeness[varied]:.2f}"
    )
