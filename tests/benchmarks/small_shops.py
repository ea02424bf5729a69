"""Endcap beside the single models on small cuts of data sets: is it ever below the best of them?

    python -m tests.benchmarks.small_shops --data-root DIR [--set NAME]... [--protocol NAME]... [--seed N]...

Each set is cut to 300 items by each seed (`tests.benchmarks.cut`) and put through each protocol of `endcap evaluate`.
The single model of a cut is the one whose settings did best on its validation questions, as a shop would name it; the
one that is best on the test questions is printed beside it. Rules are developed on the seeds 101 to 105 and judged
once on seeds that nobody has looked at: 1 to 5, 6 to 10, then 11 to 15.

Differences are paired and drawn by user; over all cuts they are corrected by Holm's method, and the pooled ratio is the
mean over the cuts of Endcap's NDCG@10 over that of the single model, with users drawn anew within each cut.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from statsmodels.stats.multitest import multipletests

from endcap.arrays import F64
from endcap.snapshot.snapshot import load_snapshot
from endcap_rebuild.evaluation.bench import Bench, EvaluationSettings
from endcap_rebuild.evaluation.data import read_data, write_known
from endcap_rebuild.evaluation.evaluate import BASELINES, baseline_result
from endcap_rebuild.evaluation.models import Baseline, rank
from endcap_rebuild.evaluation.protocols import Split
from endcap_rebuild.evaluation.serving import Shelf, rank_served
from endcap_rebuild.job import rebuild
from endcap_rebuild.metrics.bootstrap import drawn_times
from endcap_rebuild.metrics.ranks import per_question
from endcap_rebuild.settings import RebuildSettings, cache_folder
from endcap_rebuild.text.encoders import load_encoder
from tests.benchmarks.cut import cut

SETS: Final = ("online-retail", "movielens-small", "amazon-beauty", "amazon-scientific")
PROTOCOLS: Final = ("temporal", "leave-one-out", "cold")
DEVELOPED_ON: Final = (101, 102, 103, 104, 105)
# A set without a clock has no moment to divide it by.
NO_CLOCK: Final = frozenset({"amazon-scientific"})
# Tags were counted from the whole log, so that they would tell of the future.
IGNORED: Final = ("user_tags",)
MOST_CASES: Final = 1_000
DRAWS: Final = 2_000


@dataclass(frozen=True)
class Judged:
    """One cut under one protocol.

    gains : NDCG@10 of each question by model, `endcap` among them; users : whose question each is
    windows : NDCG@10 on the validation questions by baseline
    seconds : of the rebuild's processor time
    """

    name: str
    protocol: str
    seed: int
    gains: Mapping[str, F64]
    users: F64
    windows: Mapping[str, float]
    weights: Mapping[str, float]
    evidence: Mapping[str, Any]
    seconds: float

    @property
    def named(self) -> str:
        """The single model that the validation questions name."""
        return max(self.windows, key=lambda name: self.windows[name])

    @property
    def best(self) -> str:
        """The single model that is best on the test questions."""
        return max(self.windows, key=lambda name: float(self.gains[name].mean()))

    def totals(self, model: str) -> tuple[F64, F64]:
        """Of each user the sum of the gains and the number of questions."""
        _, owner = np.unique(self.users, return_inverse=True)
        return np.bincount(owner, self.gains[model]), np.bincount(owner).astype(np.float64)


def judge(data: Path, name: str, protocol: str, seed: int, encoder: str, budget: str) -> Judged:
    """Put one cut through one protocol."""
    with tempfile.TemporaryDirectory(prefix="endcap-small-") as scratch:
        folder = cut(data / name, Path(scratch) / "cut", seed=seed)
        settings = EvaluationSettings(folder, protocol, budget, max_cases=MOST_CASES, encoder=encoder)
        shop = read_data(folder, int(time.time() * 1000), IGNORED)
        bench = Bench(settings, shop, load_encoder(encoder, cache_folder()), lambda *_: None)
        divided = bench.split(seed)
        gains, windows = {}, {}
        known = bench.known(divided.test)
        for baseline in BASELINES:
            if baseline.unfit is not None and baseline.unfit(known) is not None:
                continue
            result = baseline_result(bench, baseline, divided, known, seed)
            known.memo.clear()
            tried = result.notes["tried"] or [{"ndcg_at_10": _on_the_window(bench, baseline, divided)}]
            windows[baseline.name] = max(row["ndcg_at_10"] for row in tried)
            gains[baseline.name] = per_question(result.ranked)["ndcg_at_10"]
        write_known(shop, divided.test.known, divided.test.cutoff_ms, Path(scratch) / "known")
        started = time.process_time()
        snapshot = Path(scratch) / "snapshot"
        rebuild(RebuildSettings(Path(scratch) / "known", snapshot, encoder=encoder, budget=budget, seed=0))
        seconds = time.process_time() - started
        shelf = Shelf(load_snapshot(snapshot), shop, bench.cache)
        ranked = rank_served(shelf, divided.test.questions, divided.left_out, lambda *_: None)
        gains["endcap"] = per_question(ranked)["ndcg_at_10"]
        terms = {term: row.weight for term, row in shelf.snapshot.weights.terms.items()}
        evidence = shelf.snapshot.weights.evidence
    return Judged(name, protocol, seed, gains, divided.test.questions.users, windows, terms, evidence, seconds)


def _on_the_window(bench: Bench, baseline: Baseline, divided: Split) -> float:
    """NDCG@10 on the validation questions of a model that has no settings to choose by them."""
    trial, nobody = bench.known(divided.validation), np.zeros_like(divided.left_out)
    alone = rank(baseline.fit(trial, {}), divided.validation, trial, nobody, listed=False)
    return float(per_question(alone)["ndcg_at_10"].mean())


def drawn(judged: Judged, model: str) -> F64:
    """float64 (draws, 2): NDCG@10 of Endcap and of a model, users drawn anew."""
    own, count = judged.totals("endcap")
    other, _ = judged.totals(model)
    times = drawn_times(len(count), DRAWS, judged.seed)
    return np.stack([times @ own, times @ other], axis=1) / (times @ count)[:, None]


def summary(found: Sequence[Judged]) -> dict[str, Any]:
    """Which cuts are surely below the model that the window names, and the pooled ratio with its lower bound."""
    tables = [drawn(judged, judged.named) for judged in found]
    chances = [(1 + np.count_nonzero(table[:, 0] >= table[:, 1])) / (1 + DRAWS) for table in tables]
    below = multipletests(chances, method="holm")[0]
    ratios = [judged.gains["endcap"].mean() / judged.gains[judged.named].mean() for judged in found]
    to_best = [judged.gains["endcap"].mean() / judged.gains[judged.best].mean() for judged in found]
    pooled = np.mean([table[:, 0] / np.maximum(table[:, 1], 1e-9) for table in tables], axis=0)
    return {
        "cuts": len(found),
        "surely_below": [f"{f.name} {f.protocol} {f.seed}" for f, b in zip(found, below, strict=True) if b],
        "mean_ratio": float(np.mean(ratios)),
        "lower_95": float(np.quantile(pooled, 0.05)),
        "mean_ratio_to_test_best": float(np.mean(to_best)),
        "below_named": int(np.sum(np.array(ratios) < 1)),
    }


def main() -> None:
    """Judge the cuts that were asked for and print a row for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", type=Path, required=True)
    parser.add_argument("--set", action="append", choices=SETS)
    parser.add_argument("--protocol", action="append", choices=PROTOCOLS)
    parser.add_argument("--seed", type=int, action="append")
    parser.add_argument("--encoder", default="multilingual")
    parser.add_argument("--budget", default="fast", choices=("fast", "full"))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found = []
    print("| set, protocol, seed | questions | Endcap | named by the window | best on the test | processor time |")
    print("| --- | --- | --- | --- | --- | --- |", flush=True)
    for name in options.set or SETS:
        for protocol in options.protocol or PROTOCOLS:
            if protocol == "temporal" and name in NO_CLOCK:
                continue
            for seed in options.seed or DEVELOPED_ON:
                judged = judge(options.data_root, name, protocol, seed, options.encoder, options.budget)
                found.append(judged)
                own = float(judged.gains["endcap"].mean())
                named, best = (f"{m} {judged.gains[m].mean():.4f}" for m in (judged.named, judged.best))
                print(
                    f"| {name} {protocol} {seed} | {len(judged.users)} | {own:.4f} | {named} "
                    f"({own / judged.gains[judged.named].mean() - 1:+.1%}) | {best} | {judged.seconds:.0f} s |",
                    flush=True,
                )
    print(json.dumps(summary(found), indent=1))
    if options.json:
        rows = [
            {
                "set": f.name,
                "protocol": f.protocol,
                "seed": f.seed,
                "ndcg_at_10": {model: float(gain.mean()) for model, gain in f.gains.items()},
                "windows": dict(f.windows),
                "weights": dict(f.weights),
                "evidence": dict(f.evidence),
                "seconds": f.seconds,
            }
            for f in found
        ]
        options.json.write_text(json.dumps({"summary": summary(found), "cuts": rows}, indent=1))


if __name__ == "__main__":
    sys.exit(main())
