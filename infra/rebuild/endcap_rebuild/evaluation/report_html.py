"""The report as one HTML file: tables and plots, nothing loaded from elsewhere, readable in light and dark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

from endcap.ranking.terms.registry import ASKED
from endcap_rebuild.evaluation.plots import Bar, Dot, Line, bars, grouped_bars, lines, scatter

Report = Mapping[str, Any]

_MOST_LINES: Final = 5
COLUMNS: Final = (
    ("NDCG@10", "ndcg_at_10", ".4f"),
    ("recall@10", "recall_at_10", ".4f"),
    ("MRR", "mrr", ".4f"),
    ("precision@10", "precision_at_10", ".4f"),
    ("F1@10", "f1_at_10", ".4f"),
    ("AUC", "auc", ".3f"),
    ("warm NDCG", "ndcg_warm", ".4f"),
    ("cold NDCG", "ndcg_cold", ".4f"),
    ("cold recall", "recall_cold", ".4f"),
    ("cold among cold", "recall_among_left_out", ".4f"),
    ("coverage", "coverage_at_10", ".3f"),
    ("novelty, bits", "novelty_at_10", ".1f"),
    ("likeness in a list", "intra_list_similarity", ".2f"),
)
_STYLE: Final = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1c2430; --grid: #d8dde4; --muted: #9aa7b8; --accent: #1668c7;
  --second: #d9730d; --third: #2f8f5b; --fourth: #8a4fbf; --fifth: #8c8f94; }
@media (prefers-color-scheme: dark) { :root { --paper: #14181f; --ink: #e4e8ee; --grid: #333b47; --muted: #5f6d80;
  --accent: #5aa5ff; --second: #ffa657; --third: #5fce93; --fourth: #c59bf0; --fifth: #8c949e; } }
body { background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto;
  max-width: 60rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
svg { width: 100%; height: auto; max-width: 760px; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 13px; }
th, td { padding: .25rem .55rem; border-bottom: 1px solid var(--grid); text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; } tr.own { font-weight: 600; color: var(--accent); }
code { font-size: 13px; }
"""


def html_of(report: Report) -> str:
    """A whole page; `report` is that of `report.report_of`."""
    sections = [
        _head(report),
        _figures(report),
        _warm_and_cold(report),
        _by_history(report),
        _lists(report),
        _pipeline(report),
        _weights(report),
        _curve(report),
        _grades(report),
        _settings(report),
    ]
    title = escape(f"Endcap on {report['data']}, {report['protocol']}")
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}</title>'
        f"<style>{_STYLE}</style></head>\n<body>{''.join(section for section in sections if section)}</body></html>\n"
    )


def _head(report: Report) -> str:
    asked = report["questions"]
    facts = [
        (
            "data",
            f"{report['data']}: {report['items']:,} items, {report['events']:,} events, {report['users']:,} users",
        ),
        ("protocol", report["protocol"] + (", next orders with repeats" if report["repeats"] else "")),
        (
            "questions",
            f"{asked['asked']:,} of {asked['users']:,} users, {asked['cold_answers']:,} of {asked['answers']:,} "
            f"answers cold; settings chosen on {asked['validation']:,} earlier ones",
        ),
        ("Endcap", f"budget {report['budget']}, encoder {report['encoder']}, seeds {_joined(report['seeds'])}"),
        ("ignored attributes", _joined(report["ignored_attributes"])),
        ("run", f"{report['date']}, {report['machine']}, {report['seconds']:.0f} s"),
    ]
    rows = "".join(f"<tr><td>{escape(name)}</td><td>{escape(value)}</td></tr>" for name, value in facts if value)
    return f"<h1>Endcap on {escape(report['data'])}</h1><table>{rows}</table>"


def _joined(values: Sequence[Any]) -> str:
    return ", ".join(map(str, values))


def _figures(report: Report) -> str:
    models, found = report["models"], report["comparison"]
    labels = {model["name"]: model["label"] for model in models}
    plot = bars(
        [Bar(m["label"], m["ndcg_at_10"], m["interval"][0], m["interval"][1], m["name"] == "endcap") for m in models],
        "NDCG@10 of each model, with 95 % intervals",
    )
    sentence = ""
    if found:
        sentence = (
            f"<p>Endcap less {escape(labels[found['best_baseline']])}, the best of the others: "
            f"{found['difference']:+.4f} ({found['relative']:+.0%}), 95 % interval {found['low']:+.4f} to "
            f"{found['high']:+.4f}, by paired bootstrap over users.</p>"
        )
    skipped = "".join(f"<p>{escape(name)} was not run: {escape(why)}.</p>" for name, why in report["skipped"].items())
    return f"<h2>Ranking quality, NDCG@10</h2>{plot}{sentence}{_table(models, COLUMNS)}{skipped}"


def _table(models: Sequence[Mapping[str, Any]], columns: Sequence[tuple[str, str, str]]) -> str:
    known = {name for model in models for name in model}
    columns = [column for column in columns if column[1] in known]
    head = "".join(f"<th>{escape(heading)}</th>" for heading, _, _ in columns)
    rows = []
    for model in models:
        cells = "".join(f"<td>{format(model[n], spec) if n in model else ''}</td>" for _, n, spec in columns)
        own = ' class="own"' if model["name"] == "endcap" else ""
        rows.append(f"<tr{own}><td>{escape(model['label'])}</td>{cells}</tr>")
    return f'<div class="wide"><table><tr><th>model</th>{head}</tr>{"".join(rows)}</table></div>'


def _warm_and_cold(report: Report) -> str:
    if not report["questions"]["cold_answers"]:
        return ""
    rows = [(m["label"], [m.get("recall_warm"), m.get("recall_cold")]) for m in report["models"]]
    plot = grouped_bars(rows, ["warm items", "cold items"], "Recall@10 of warm and of cold items")
    return (
        "<h2>Warm and cold items, recall@10</h2><p>Cold: nobody whose interactions were known had chosen the item. "
        f"Both are ranked among the whole catalogue.</p>{plot}"
    )


def _by_history(report: Report) -> str:
    models = sorted(report["models"], key=lambda model: model["name"] != "endcap")[:_MOST_LINES]
    series = [Line(m["label"], [(row["events"], row["mean"]) for row in m["by_history_length"]]) for m in models]
    if not any(line.points for line in series):
        return ""
    return "<h2>NDCG@10 by length of the history</h2>" + lines(series, "NDCG@10 by history length", "events before")


def _lists(report: Report) -> str:
    dots = [
        Dot(m["label"], m["coverage_at_10"], m["novelty_at_10"], strong=m["name"] == "endcap") for m in report["models"]
    ]
    return "<h2>What the lists hold</h2>" + scatter(
        dots, "Coverage and novelty", "coverage: share of the catalogue shown", "novelty, bits"
    )


def _pipeline(report: Report) -> str:
    pipeline = report["pipeline"]
    varied = str(pipeline["diversity"])
    gains, likeness = pipeline["ndcg_at_10"], pipeline["intra_list_similarity"]
    return (
        f"<h2>The pipeline</h2><p>With every stage neutral, {pipeline['same_order']:,} of {pipeline['questions']:,} "
        f"lists are in the order of the score alone. Diversity {varied} takes NDCG@10 from {gains['0.0']:.4f} to "
        f"{gains[varied]:.4f} and the likeness within a list from {likeness['0.0']:.2f} to {likeness[varied]:.2f}.</p>"
    )


def _weights(report: Report) -> str:
    weights = [(name, value) for name, value in report["weights"].items() if name not in ASKED]
    weights.sort(key=lambda pair: -pair[1])
    plot = bars([Bar(name, value) for name, value in weights], "Weights of the terms of the score", ".3g")
    return (
        "<h2>Weights of Endcap's terms</h2><p>Each beside the term's own scale, means over the seeds; terms of "
        f"searches and of related items are not asked for here.</p>{plot}"
    )


def _curve(report: Report) -> str:
    losses = report["training_loss"]
    if not losses:
        return ""
    points = [(str(epoch + 1), value) for epoch, value in enumerate(losses)]
    return "<h2>Training of the user encoder</h2>" + lines([Line("loss", points)], "Loss by epoch", "epoch")


def _grades(report: Report) -> str:
    ratings = report["ratings"]
    if not ratings:
        return ""
    table = _table(ratings["models"], (("MAE", "mae", ".3f"), ("RMSE", "rmse", ".3f")))
    return f"<h2>Predicted grades</h2><p>{ratings['grades']:,} grades, users' own earlier grades known.</p>{table}"


def _settings(report: Report) -> str:
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td><code>{escape(str(notes['setting'] or 'none to choose'))}</code></td>"
        f"<td>{len(notes['tried']) or 1}</td></tr>"
        for name, notes in report["tuning"].items()
    )
    return (
        "<h2>Settings of the baselines</h2><p>Chosen on the validation questions alone.</p>"
        f'<div class="wide"><table><tr><th>model</th><th>setting</th><th>tried</th></tr>{rows}</table></div>'
    )
