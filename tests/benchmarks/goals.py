"""What `endcap evaluate` finds on public sets, beside the best single baseline of the same run.

    python -m tests.benchmarks.goals --data-root DIR [--budget fast|full] [--only NAME]... [--seeds N]

DIR holds the sets in the import format, one folder each. Prints one row for each set and protocol as soon as it is
there; finished models are kept by `endcap evaluate`, so that a run that was stopped goes on. The first two columns have
NDCG@10 / recall@10, of Endcap as means over the seeds; the last says what `diversity=0.3` costs and brings.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from endcap_rebuild.evaluation.bench import EvaluationSettings
from endcap_rebuild.evaluation.evaluate import evaluate


@dataclass(frozen=True)
class Row:
    """One set under one protocol; `seeds` of the rebuild (and, for cold items, of the items left out)."""

    name: str
    data: str
    protocol: str
    seeds: int = 1
    max_cases: int | None = None
    repeats: bool = False
    ignored: tuple[str, ...] = ()


ROWS: Final = (
    Row("beauty-temporal", "amazon-beauty", "temporal", seeds=3, max_cases=4000),
    Row("beauty-leave-one-out", "amazon-beauty", "leave-one-out", max_cases=4000),
    Row("scientific-leave-one-out", "amazon-scientific", "leave-one-out", seeds=3),
    Row("scientific-cold", "amazon-scientific", "cold"),
    # Tags were counted from the whole log, so that they would tell of the future.
    Row("movielens-temporal", "movielens-small", "temporal", ignored=("user_tags",)),
    Row("movielens-leave-one-out", "movielens-small", "leave-one-out", ignored=("user_tags",)),
    Row("retail-next-order", "online-retail", "temporal", repeats=True),
)
HEAD: Final = (
    "| set, protocol | Endcap | best baseline | difference, 95 % | cold recall | warm NDCG | variety: NDCG, likeness |",
    "| --- | --- | --- | --- | --- | --- | --- |",
)


def line_of(row: Row, report: Mapping[str, Any]) -> str:
    """One row of the table."""
    models = {model["name"]: model for model in report["models"]}
    endcap, comparison = models["endcap"], report["comparison"]
    best = models[comparison["best_baseline"]]
    gap = f"{comparison['difference']:+.4f} ({comparison['relative']:+.0%}), "
    gap += f"{comparison['low']:+.4f} to {comparison['high']:+.4f}"
    cold = f"{endcap['recall_cold']:.4f}" if endcap.get("recall_cold") is not None else ""
    if endcap.get("recall_among_left_out") is not None:
        cold += f", {endcap['recall_among_left_out']:.4f} among themselves"
    warm = f"{endcap['ndcg_warm']:.4f}" if endcap.get("ndcg_warm") is not None else ""
    seeds = ", ".join(f"{value:.4f}" for value in endcap["by_seed"].values())
    shown = f"{endcap['ndcg_at_10']:.4f} / {endcap['recall_at_10']:.4f}" + (f" ({seeds})" if row.seeds > 1 else "")
    pipeline = report["pipeline"]
    ndcg, alike = pipeline["ndcg_at_10"], pipeline["intra_list_similarity"]
    key = str(pipeline["diversity"])
    varied = f"{ndcg[key] / ndcg['0.0'] - 1:+.1%}, {alike[key] / alike['0.0'] - 1:+.0%}"
    floor = f"{best['label']} {best['ndcg_at_10']:.4f} / {best['recall_at_10']:.4f}"
    return f"| {row.name} | {shown} | {floor} | {gap} | {cold} | {warm} | {varied} |"


def main() -> None:
    """Evaluate the rows that were asked for and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", type=Path, required=True)
    parser.add_argument("--budget", default="fast", choices=("fast", "full"))
    parser.add_argument("--only", action="append", choices=[row.name for row in ROWS])
    parser.add_argument("--seeds", type=int, help="instead of each row's own number")
    args = parser.parse_args()
    print("\n".join(HEAD), flush=True)
    for row in ROWS:
        if args.only and row.name not in args.only:
            continue
        settings = EvaluationSettings(
            data=args.data_root / row.data,
            protocol=row.protocol,
            budget=args.budget,
            seeds=tuple(range(args.seeds or row.seeds)),
            repeats=row.repeats,
            max_cases=row.max_cases,
            ignored_attributes=row.ignored,
        )
        report = evaluate(settings)
        print(line_of(row, report), flush=True)
        print(f"{row.name}: {report['seconds']} s on {report['machine']}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
