"""Leave-one-out through the product's own commands: rebuild without each user's last item, then look for it.

    python -m tests.benchmarks.holdout --data DIR [--repeats] [--encoder NAME] [--min-length 5]

Events of one time are put into a random order with a fixed seed, since a file's order within a day leaks. Nothing is
tuned on these targets: the rebuild chooses its weights on a window of the events that it is given. With `--repeats` a
user may choose an item again, and seen items stay in the lists.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import json
import random
import shutil
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from endcap_rebuild.batch_recommend import batch_recommend
from endcap_rebuild.data.reading import ReadReport, read_items
from endcap_rebuild.job import rebuild
from endcap_rebuild.metrics.ranking import coverage_at_k, ndcg_at_k, recall_at_k
from endcap_rebuild.settings import RebuildSettings

KINDS = ("purchase", "rating", "review")
SEED = 0


def hold_out(data: Path, folder: Path, min_length: int, repeats: bool) -> dict[str, str]:
    """Write an import folder without each user's last item; returns user -> that item.

    Without `repeats` a user's sequence keeps the first time that each item was chosen, as published protocols do.
    """
    known = {item.item_id for item in read_items(data, ReadReport())}
    with gzip.open(data / "events.csv.gz", "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    shuffle = random.Random(SEED)
    by_user: dict[str, list[tuple[float, float, int]]] = defaultdict(list)
    for number, row in enumerate(rows):
        if row["event_type"] in KINDS and row["item_id"] in known:
            by_user[row["user_id"]].append((float(row["timestamp"]), shuffle.random(), number))
    targets: dict[str, str] = {}
    dropped: set[int] = set()
    for user_id, events in by_user.items():
        items = [rows[number]["item_id"] for _, _, number in sorted(events)]
        sequence = items if repeats else list(dict.fromkeys(items))
        if len(sequence) < min_length:
            continue
        targets[user_id] = sequence[-1]
        last = max(events)
        dropped |= {last[2]} if repeats else {n for _, _, n in events if rows[n]["item_id"] == sequence[-1]}
    shutil.copy(data / "items.jsonl.gz", folder / "items.jsonl.gz")
    with (folder / "events.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(row for number, row in enumerate(rows) if number not in dropped)
    (folder / "users.csv").write_text("user_id\n" + "".join(f"{user_id}\n" for user_id in targets), encoding="utf-8")
    return targets


def lists_of(recommended: Path, targets: Mapping[str, str]) -> dict[str, list[str]]:
    """User -> items of their list, best first, of a file of `endcap batch-recommend`."""
    lists: dict[str, list[str]] = {user_id: [] for user_id in targets}
    with gzip.open(recommended) as raw:
        for row in csv.DictReader(io.TextIOWrapper(raw, encoding="utf-8", newline="")):
            lists[row["user_id"]].append(row["item_id"])
    return lists


def ranks_of(lists: Mapping[str, list[str]], targets: Mapping[str, str]) -> list[float]:
    """The place of each user's target, from 1 on; infinite where their list is without it."""
    return [
        lists[user_id].index(target) + 1.0 if target in lists[user_id] else float("inf")
        for user_id, target in targets.items()
    ]


def measure(recommended: Path, targets: Mapping[str, str], n_items: int) -> dict[str, float]:
    """Metrics of the lists in a file against one target per user."""
    lists = lists_of(recommended, targets)
    ranks = ranks_of(lists, targets)
    rows = {item_id: row for row, item_id in enumerate({i for items in lists.values() for i in items})}
    shown = [[rows[item_id] for item_id in items] for items in lists.values()]
    return {
        "users": len(targets),
        "ndcg_at_10": sum(ndcg_at_k([rank], 10) for rank in ranks) / len(ranks),
        "hit_rate_at_10": sum(recall_at_k([rank], 10) for rank in ranks) / len(ranks),
        "mrr_at_10": sum(1 / rank for rank in ranks) / len(ranks),
        "coverage_at_10": coverage_at_k(shown, n_items, 10),
    }


def run(data: Path, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Hold out, rebuild, recommend, measure."""
    source, snapshot = folder / "data", folder / "snapshot"
    source.mkdir()
    targets = hold_out(data, source, options.min_length, options.repeats)
    start = time.perf_counter()
    settings = RebuildSettings(
        source, snapshot, encoder=options.encoder, seed=options.seed, max_cases=options.max_cases
    )
    manifest = rebuild(settings, _progress)
    rebuilt = time.perf_counter()
    recommended = folder / "recommended.csv.gz"
    batch_recommend(
        snapshot,
        source / "events.csv",
        source / "users.csv",
        10,
        recommended,
        include_seen=options.repeats,
        progress=_progress,
    )
    return {
        "data": data.name,
        **measure(recommended, targets, int(manifest["counts"]["items"])),
        "rebuild_s": rebuilt - start,
        "recommend_s": time.perf_counter() - rebuilt,
        "validation": manifest["metrics"]["validation"],
        "weights": json.loads((snapshot / "weights.json").read_bytes())["terms"],
        "selection": manifest["metrics"]["selection"],
    }


def _progress(step: str, done: int, total: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{step} {done}/{total}".ljust(60), end="", file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--repeats", action="store_true")
    parser.add_argument("--encoder", default="auto")
    parser.add_argument("--min-length", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--max-cases", type=int, default=RebuildSettings.max_cases)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="endcap-holdout-") as folder:
        result = run(options.data, Path(folder), options)
    if options.json:
        options.json.write_text(json.dumps(result, indent=1))
    print(
        f"{result['data']}: {result['users']} users, NDCG@10 {result['ndcg_at_10']:.4f}, "
        f"HR@10 {result['hit_rate_at_10']:.4f}, MRR@10 {result['mrr_at_10']:.4f}, "
        f"coverage {result['coverage_at_10']:.3f} "
        f"(rebuild {result['rebuild_s']:.0f} s, recommend {result['recommend_s']:.0f} s)"
    )


if __name__ == "__main__":
    main()
