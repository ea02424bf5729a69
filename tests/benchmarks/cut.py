"""Cut a data set down to a small shop: so many items drawn by a seed, and what users did with them.

    python -m tests.benchmarks.cut --data DIR --out DIR [--items 300] [--seed 101]

Items are drawn without replacement, each with a chance in proportion to its events: drawn evenly, most users of a large
catalogue would have a single item of the cut, and no small shop sells what nobody wants. Everything else of the data
stays as it is; users without an item of the cut are gone with their events.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
from collections import Counter
from pathlib import Path
from typing import IO, Final

import numpy as np

ITEMS: Final = 300


def chosen_items(counts: Counter[str], n_items: int, seed: int) -> set[str]:
    """So many of the items, each with a chance in proportion to its count; all of them where there are no more."""
    names = sorted(counts)
    if len(names) <= n_items:
        return set(names)
    share = np.array([counts[name] for name in names], dtype=np.float64)
    drawn = np.random.default_rng([seed, 23]).choice(len(names), n_items, replace=False, p=share / share.sum())
    return {names[row] for row in drawn.tolist()}


def cut(data: Path, out: Path, n_items: int = ITEMS, seed: int = 101) -> Path:
    """Write the cut of a folder that has `items.jsonl.gz` and `events.csv.gz` as the folder `out`; returns it."""
    with _open(data / "events.csv.gz") as file:
        counts = Counter(row["item_id"] for row in csv.DictReader(file))
    with _open(data / "items.jsonl.gz") as file:
        lines = [(json.loads(line)["id"], line) for line in file]
    kept = chosen_items(Counter({name: counts[name] for name, _ in lines if counts[name]}), n_items, seed)
    out.mkdir(parents=True, exist_ok=True)
    with (out / "items.jsonl").open("w", encoding="utf-8") as written:
        written.writelines(line for name, line in lines if name in kept)
    with _open(data / "events.csv.gz") as file, (out / "events.csv").open("w", encoding="utf-8", newline="") as to:
        rows = csv.DictReader(file)
        writer = csv.DictWriter(to, fieldnames=list(rows.fieldnames or ()))
        writer.writeheader()
        writer.writerows(row for row in rows if row["item_id"] in kept)
    return out


def _open(path: Path) -> IO[str]:
    return gzip.open(path, "rt", encoding="utf-8", newline="")


def main() -> None:
    """Cut one folder and say what is left of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--items", type=int, default=ITEMS)
    parser.add_argument("--seed", type=int, default=101)
    options = parser.parse_args()
    folder = cut(options.data, options.out, options.items, options.seed)
    with (folder / "events.csv").open(encoding="utf-8", newline="") as file:
        users = Counter(row["user_id"] for row in csv.DictReader(file))
    print(f"{folder}: {options.items} items, {users.total():,} events of {len(users):,} users")


if __name__ == "__main__":
    main()
