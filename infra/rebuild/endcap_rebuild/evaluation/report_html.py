"""The report as one HTML file: tables and plots, nothing loaded from elsewhere, readable in light and dark."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from endcap.ranking.terms.registry import ASKED
from endcap_rebuild.evaluation.plots import Bar, Dot, Line, bars, grouped_bars, lines, scatter

Report = Mapping[str, Any]
FAIRNESS: Final = (
    ("exposure Gini", "exposure_gini", "{:.3f}"),
    ("coverage", "coverage", "{:.3f}"),
    ("popularity lift", "popularity_lift", "{:+.2f}"),
    ("miscalibration", "miscalibration", "{:.3f}"),
)
"""Heading, name of the figure in `fairness`, format."""

_MOST_LINES: Final = 5
COLUMNS: Final = (
    ("NDCG@10", "ndcg_at_10", "{:.4f}"),
    ("recall@10", "recall_at_10", "{:.4f}"),
    ("MRR", "mrr", "{:.4f}"),
    ("precision@10", "precision_at_10", "{:.4f}"),
    ("F1@10", "f1_at_10", "{:.4f}"),
    ("AUC", "auc", "{:.3f}"),
    ("warm NDCG", "ndcg_warm", "{:.4f}"),
    ("cold NDCG", "ndcg_cold", "{:.4f}"),
    ("cold recall", "recall_cold", "{:.4f}"),
    ("cold among cold", "recall_among_left_out", "{:.4f}"),
    ("coverage", "coverage_at_10", "{:.3f}"),
    ("novelty, bits", "novelty_at_10", "{:.1f}"),
    ("likeness in a list", "intra_list_similarity", "{:.2f}"),
)


def html_of(report: Report) -> str:
    """A whole page; `report` is that of `report.report_of`."""
    pages = Environment(
        loader=PackageLoader("endcap_rebuild.evaluation", ""), autoescape=True, undefined=StrictUndefined
    )
    plots = {
        "quality": _quality(report),
        "warm_and_cold": _warm_and_cold(report),
        "by_history": _by_history(report),
        "lists": _lists(report),
        "weights": _weights(report),
        "training": _training(report),
    }
    known = {name for model in report["models"] for name in model}
    return pages.get_template("report.html.jinja").render(
        report,
        plots={name: Markup(plot) for name, plot in plots.items()},  # nosec B704 # SVG of our own
        labels={model["name"]: model["label"] for model in report["models"]},
        columns=[column for column in COLUMNS if column[1] in known],
        fairness_columns=FAIRNESS,
    )


def _quality(report: Report) -> str:
    rows = [
        Bar(m["label"], m["ndcg_at_10"], m["interval"][0], m["interval"][1], m["name"] == "endcap")
        for m in report["models"]
    ]
    return bars(rows, "NDCG@10 of each model, with 95 % intervals")


def _warm_and_cold(report: Report) -> str:
    rows = [(m["label"], [m.get("recall_warm"), m.get("recall_cold")]) for m in report["models"]]
    return grouped_bars(rows, ["warm items", "cold items"], "Recall@10 of warm and of cold items")


def _by_history(report: Report) -> str:
    models = sorted(report["models"], key=lambda model: model["name"] != "endcap")[:_MOST_LINES]
    series = [Line(m["label"], [(row["events"], row["mean"]) for row in m["by_history_length"]]) for m in models]
    if not any(line.points for line in series):
        return ""
    return lines(series, "NDCG@10 by history length", "events before")


def _lists(report: Report) -> str:
    dots = [
        Dot(m["label"], m["coverage_at_10"], m["novelty_at_10"], strong=m["name"] == "endcap") for m in report["models"]
    ]
    return scatter(dots, "Coverage and novelty", "coverage: share of the catalogue shown", "novelty, bits")


def _weights(report: Report) -> str:
    weights = [(name, value) for name, value in report["weights"].items() if name not in ASKED]
    weights.sort(key=lambda pair: -pair[1])
    return bars([Bar(name, value) for name, value in weights], "Weights of the terms of the score", ".3g")


def _training(report: Report) -> str:
    losses = report["training_loss"]
    if not losses:
        return ""
    points = [(str(epoch + 1), value) for epoch, value in enumerate(losses)]
    return lines([Line("loss", points)], "Loss by epoch", "epoch")
