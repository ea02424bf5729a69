"""What shoppers buy again: the scenario `buy_again` against simple rules, on the last orders of a shop.

    python -m tests.benchmarks.buy_again --data DIR [--split validation|test] [--users 100000]

Each shopper's last order is held out (for `validation` the one before it; then the last one is left out altogether).
A snapshot is rebuilt from what is left, profiles are folded as `update_profile` folds them, and the lists are those of
`recommend` at the moment of the order. Asked of the shoppers who bought something again in that order: which of their
earlier things? An order is everything bought at one moment.

Every rule ranks what the profile remembers, but for the one named "whole history". Other models rank what `buy_again`
shows: neither what was bought within the last day nor what was given back. How a purchase's age and number
are weighed was chosen on the validation orders; the test orders were looked at once, for the table in docs/results.md.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import math
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from endcap.events.interaction import Interaction, parse_interaction
from endcap.index.index import ItemIndex, index_of
from endcap.profiles.profile import UserProfile, profile_of
from endcap.ranking.terms.registry import DEFAULT_WEIGHTS, TERMS
from endcap.ranking.terms.repurchase import DAY_MS, due_items, occasions
from endcap.recommend.pipeline import recommend
from endcap.recommend.request import RecommendationRequest
from endcap.snapshot.snapshot import load_snapshot
from endcap_rebuild.data.reading import ReadReport, read_items
from endcap_rebuild.job import rebuild
from endcap_rebuild.metrics.ranking import ndcg_at_k, recall_at_k
from endcap_rebuild.settings import RebuildSettings

K = 10
RESAMPLES = 1_000
SAME = ", of what buy_again shows"
ONLY_DUE = dict.fromkeys(TERMS, 0.0) | {"due": 1.0}
Rule = Callable[[str, Sequence[int], int], float]
"""(item, starts of its purchases in ms, now in ms) -> score."""


@dataclass(frozen=True)
class Case:
    """A shopper before an order: what they had done, when the order came, and what of it they had bought before."""

    history: tuple[Interaction, ...]
    at_ms: int
    again: frozenset[str]


def hold_out(data: Path, folder: Path, split: str) -> list[Case]:
    """Write an import folder without the held-out orders; returns the cases."""
    known = {item.item_id for item in read_items(data, ReadReport())}
    with gzip.open(data / "events.csv.gz", "rt", encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["item_id"] in known]
    by_user: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in rows:
        by_user[row["user_id"]].append(row)
    kept, cases = [], []
    for events in by_user.values():
        orders = sorted({float(row["timestamp"]) for row in events if row["event_type"] == "purchase"})
        if len(orders) < 2:
            kept += events
            continue
        at = orders[-1] if split == "test" else orders[-2]
        before = [row for row in events if float(row["timestamp"]) < at]
        kept += before
        bought = {row["item_id"] for row in before if row["event_type"] == "purchase"}
        again = {row["item_id"] for row in events if float(row["timestamp"]) == at and row["event_type"] == "purchase"}
        if again & bought:
            history = tuple(parse_interaction(row, int(at * 1000)) for row in before)
            cases.append(Case(history, int(at * 1000), frozenset(again & bought)))
    shutil.copy(data / "items.jsonl.gz", folder / "items.jsonl.gz")
    with (folder / "events.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(kept)
    return cases


def starts_of(profile: UserProfile) -> dict[str, list[int]]:
    """Item -> starts of its purchases, as the profile remembers them."""
    times: dict[str, list[int]] = defaultdict(list)
    for entry in {*profile.interactions, *profile.strong}:
        if entry.event_type == "purchase":
            times[entry.item_id].append(entry.timestamp_ms)
    return {item_id: occasions(found) for item_id, found in times.items()}


def rules_of(index: ItemIndex) -> Mapping[str, Rule]:
    """Simple rules, and other models of the same counts."""
    known = index.snapshot.repurchase
    assert known is not None, "the shop has no repurchases"

    def share(item_id: str) -> float:
        return float(known.share[index.snapshot.index[item_id]])

    def usual(item_id: str) -> float:
        return float(known.gap_days[index.snapshot.index[item_id]])

    def poisson_gamma(item_id: str, starts: Sequence[int], now_ms: int) -> float:
        """Modified Poisson-gamma times the share of repurchases (Bhagat et al., KDD 2018)."""
        since, span, gap = (now_ms - starts[-1]) / DAY_MS, (now_ms - starts[0]) / DAY_MS, usual(item_id)
        damped = 2 * abs(gap - since) if since < 2 * gap else 0.0
        return share(item_id) * (len(starts) + 0.5) / (span + damped + 60)

    def newest(item_id: str, starts: Sequence[int], now_ms: int) -> float:
        return starts[-1] / 1e15

    return {
        "most recent": newest,
        "most frequent, then most recent": lambda *asked: len(asked[1]) + newest(*asked),
        f"share of repurchases alone{SAME}": lambda *asked: share(asked[0]) + newest(*asked),
        f"modified Poisson-gamma{SAME}": poisson_gamma,
    }


def ordered(starts: Mapping[str, Sequence[int]], rule: Rule, now_ms: int) -> list[str]:
    """The items by a rule, best first."""
    return sorted(starts, key=lambda item_id: (-rule(item_id, starts[item_id], now_ms), item_id))[:K]


def measured(shown: Sequence[str], again: frozenset[str]) -> tuple[float, float]:
    """NDCG and recall of the first K."""
    ranks = [shown.index(item_id) + 1.0 if item_id in shown else math.inf for item_id in again]
    return ndcg_at_k(ranks, K), recall_at_k(ranks, K)


def interval(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, float]:
    """95 % interval of the mean difference, by resampling shoppers."""
    difference = np.asarray(ours) - np.asarray(theirs)
    chance = np.random.default_rng(0)
    means = [difference[chance.integers(0, len(difference), len(difference))].mean() for _ in range(RESAMPLES)]
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def run(data: Path, folder: Path, options: argparse.Namespace) -> dict[str, list[tuple[float, float]]]:
    """Name -> (NDCG@10, recall@10) of each shopper."""
    source, out = folder / "data", folder / "snapshot"
    source.mkdir()
    cases = hold_out(data, source, options.split)[: options.users]
    rebuild(RebuildSettings(source, out, encoder=options.encoder))
    snapshot = load_snapshot(out)
    index = index_of(snapshot)
    rules = rules_of(index)
    results: dict[str, list[tuple[float, float]]] = defaultdict(list)

    def served(profile: UserProfile, case: Case, weights: Mapping[str, float] | None) -> list[str]:
        request = RecommendationRequest(limit=K, relation="buy_again", explain=False, weights=weights)
        return [item.item_id for item in recommend(snapshot, profile, request, case.at_ms).items]

    for case in cases:
        profile = profile_of(case.history)
        starts = starts_of(profile)
        shown = {index.item_id(row) for row in due_items(index, profile, case.at_ms).rows.tolist()}
        for name, rule in rules.items():
            among = {i: s for i, s in starts.items() if i in shown} if name.endswith(SAME) else starts
            results[name].append(measured(ordered(among, rule, case.at_ms), case.again))
        whole: dict[str, list[int]] = defaultdict(list)
        for event in case.history:
            if event.event_type == "purchase" and event.item_id:
                whole[event.item_id].append(event.timestamp_ms)
        all_starts = {item_id: occasions(times) for item_id, times in whole.items()}
        frequent = rules["most frequent, then most recent"]
        results["most frequent, whole history"].append(measured(ordered(all_starts, frequent, case.at_ms), case.again))
        results["buy_again, term `due` alone"].append(measured(served(profile, case, ONLY_DUE), case.again))
        for weight in options.weights:
            name = f"buy_again, weight of `due` {weight:g}"
            results[name].append(measured(served(profile, case, {"due": weight}), case.again))
        results["buy_again"].append(measured(served(profile, case, None), case.again))
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--split", choices=("validation", "test"), default="test")
    parser.add_argument("--encoder", default="auto")
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--weights", type=float, nargs="*", default=[], help=f"beside {DEFAULT_WEIGHTS['due']:g}")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="endcap-buy-again-") as folder:
        results: dict[str, list[tuple[float, float]]] = run(options.data, Path(folder), options)
    rows: list[tuple[str, Any, Any]] = [(n, *zip(*found, strict=True)) for n, found in results.items()]
    simple = [row for row in rows if row[0].startswith("most")]
    best = max(simple, key=lambda row: float(np.mean(row[1])))
    print(f"{options.data.name}, {options.split} orders of {len(results['buy_again'])} shoppers")
    print("| | NDCG@10 | recall@10 |\n| --- | --- | --- |")
    for name, ndcg, recall in rows:
        print(f"| {name} | {np.mean(ndcg):.4f} | {np.mean(recall):.4f} |")
    low, high = interval(rows[-1][1], best[1])
    gained = float(np.mean(rows[-1][1]) - np.mean(best[1]))
    print(f"buy_again less {best[0]}: {gained:+.4f} NDCG@10 (95 % interval {low:+.4f} to {high:+.4f})")


if __name__ == "__main__":
    main()
