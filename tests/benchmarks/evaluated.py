"""What `endcap evaluate` finds with this checkout beside another one, question by question.

    git worktree add ../before COMMIT
    python -m tests.benchmarks.evaluated --before ../before --data-root DIR [--only NAME]... [--seeds N]
    python -m tests.benchmarks.evaluated --before . --budget-before fast --budget full --data-root DIR

The rows are those of `tests.benchmarks.goals`, with all their questions. Both checkouts rebuild from what may be known
and are asked by their own code; what single models make of it is left out. Versions differ in what they take for an
answer, so that those questions count that both ask: of the same shopper, with the same answers. The difference of
NDCG@10 is paired, and its interval draws shoppers anew.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any, Final

import numpy as np

from endcap_rebuild.metrics.bootstrap import interval
from tests.benchmarks.checkouts import NOW, run_python
from tests.benchmarks.goals import ROWS, Row
from tests.benchmarks.rebuilds import give_encoders

_ASK: Final = """
import json, sys
from pathlib import Path
from endcap_rebuild.evaluation import evaluate as module, report
try:
    from endcap_rebuild.evaluation.bench import EvaluationSettings
except ImportError:
    EvaluationSettings = module.EvaluationSettings

def found(about, runs, *_):
    return [
        {
            "users": [run.questions.table.user_ids[user] for user in run.questions.users.tolist()],
            "starts": run.questions.starts.tolist(),
            "items": run.questions.items.tolist(),
            "gains": report.per_question(run.results["endcap"].ranked)["ndcg_at_10"].tolist(),
        }
        for run in runs
    ]

module.baselines_of = lambda *_: ()
module._ratings = lambda *_: None
module.pipeline_check = lambda *_: None
module.report_of = found
told = json.loads(sys.argv[1])
told |= {name: Path(told[name]) for name in ("data", "work")}
told |= {name: tuple(told[name]) for name in ("seeds", "ignored_attributes")}
Path(sys.argv[2]).write_text(json.dumps(module.evaluate(EvaluationSettings(**told))))
"""
"""A program that a checkout's own code runs: what it is asked, and what its lists were worth."""

Asked = dict[tuple[Any, ...], float]


def asked_of(checkout: Path, scratch: Path, row: Row, data_root: Path, budget: str, seeds: int) -> Asked:
    """NDCG@10 by seed, shopper, answers, and the how manieth question of these that it is."""
    told = {
        "data": str(data_root / row.data),
        "protocol": row.protocol,
        "budget": budget,
        "seeds": list(range(seeds)),
        "repeats": row.repeats,
        "ignored_attributes": list(row.ignored),
        "work": str(scratch / "work"),
    }
    out = scratch / "found.json"
    run_python(checkout, _ASK, json.dumps(told), str(out), environment={"ENDCAP_CACHE": str(scratch / "cache")})
    found: Asked = {}
    for seed, run in enumerate(json.loads(out.read_text(encoding="utf-8"))):
        for n, (user, gain) in enumerate(zip(run["users"], run["gains"], strict=True)):
            answers = tuple(sorted(run["items"][run["starts"][n] : run["starts"][n + 1]]))
            again = 0
            while (key := (seed, user, answers, again)) in found:
                again += 1
            found[key] = gain
    return found


def line_of(row: Row, before: Asked, now: Asked) -> str:
    """One row of the table."""
    shared = sorted(before.keys() & now.keys())
    old, new = (np.array([gains[key] for key in shared]) for gains in (before, now))
    users = np.unique([key[1] for key in shared], return_inverse=True)[1]
    low, high = interval(new - old, users)
    counts = f"{len(before)}, {len(now)}, {len(shared)}"
    difference = f"{(new - old).mean():+.4f} ({low:+.4f} to {high:+.4f})"
    return f"| {row.name} | {counts} | {old.mean():.4f} | {new.mean():.4f} | {difference} |"


def main() -> None:
    """Evaluate the rows that were asked for with both, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path, required=True, help="a checkout of the commit to compare with")
    parser.add_argument("--data-root", type=Path, required=True)
    parser.add_argument("--budget", default="fast", choices=("fast", "full"), help="full needs torch")
    parser.add_argument("--budget-before", choices=("fast", "full"), help="of the other checkout; the same by default")
    parser.add_argument("--only", action="append", choices=[row.name for row in ROWS])
    parser.add_argument("--seeds", type=int, help="instead of each row's own number")
    options = parser.parse_args()
    print("| set, protocol | questions: before, now, of both | before | now | difference (95 %) |")
    print("| --- | --- | --- | --- | --- |", flush=True)
    with tempfile.TemporaryDirectory(prefix="endcap-evaluated-") as folder:
        scratch = {"before": Path(folder) / "before", "now": Path(folder) / "now"}
        for place in scratch.values():
            give_encoders(place / "cache")
        checkouts = {"before": options.before.resolve(), "now": NOW}
        budgets = {"before": options.budget_before or options.budget, "now": options.budget}
        for row in ROWS:
            if options.only and row.name not in options.only:
                continue
            seeds = options.seeds or row.seeds
            before, now = (
                asked_of(checkouts[name], scratch[name], row, options.data_root.resolve(), budgets[name], seeds)
                for name in scratch
            )
            print(line_of(row, before, now), flush=True)


if __name__ == "__main__":
    main()
