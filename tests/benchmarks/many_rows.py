"""How long a dry run of many rows of events takes, and how much memory: reading, checking and reporting.

    python -m tests.benchmarks.many_rows [--rows 5000000] [--items 50000] [--seed 0] [--keep FOLDER]

The goal is 60 s and 1.5 GB for five million rows on two cores. The command runs in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import numpy as np

GOAL_S, GOAL_BYTES, GOAL_ROWS = 60.0, 1_500_000_000, 5_000_000
TYPES: Final = ("view", "view", "view", "view", "add_to_cart", "purchase")
END_S: Final = 1_790_000_000
SPAN_S: Final = 365 * 86_400
_PART: Final = 100_000
COMMAND: Final = "from endcap_local.cli.app import main; main()"


def write_rows(folder: Path, n_rows: int, n_items: int, seed: int) -> None:
    """Write items.jsonl and events.csv: some rows say nothing of value, some name unknown items, some can't be used."""
    chance = np.random.default_rng(seed)
    with (folder / "items.jsonl").open("w", encoding="utf-8") as file:
        for item in range(n_items):
            file.write(f'{{"item_id": "i{item:06d}", "title": "thing {item}", "price": {item % 90 + 1}}}\n')
    with (folder / "events.csv").open("w", encoding="utf-8") as file:
        file.write("user_id,item_id,event_type,value,timestamp,text,session_id\n")
        for start in range(0, n_rows, _PART):
            size = min(_PART, n_rows - start)
            users = chance.integers(0, max(n_rows // 20, 1), size).tolist()
            items = (chance.zipf(1.3, size) % (n_items + n_items // 100)).tolist()
            types = chance.integers(0, len(TYPES), size).tolist()
            times = (END_S - chance.integers(0, SPAN_S, size)).tolist()
            rows = zip(users, items, types, times, strict=True)
            file.writelines(
                f"u{user},i{item:06d},{TYPES[kind]},{item % 90 + 1 if kind == 5 else ''},{at},,s{user}-{at // 86_400}\n"
                for user, item, kind, at in rows
            )
            file.write(f"u1,i000001,beam,,{END_S},,\n")


def measure(folder: Path) -> dict[str, float]:
    """The dry run's seconds of wall and processor time, its largest resident set, and what it counted."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-c", COMMAND, "import", "--data", str(folder), "--dry-run", "--json"]
    began = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment) as process:
        assert process.stdout is not None
        told = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.monotonic() - began
    if process.returncode:
        raise SystemExit(f"the dry run ended with {process.returncode}")
    report = json.loads(told)
    unit = 1 if sys.platform == "darwin" else 1024
    return {
        "rows": report["events"] + report["refused_rows"],
        "refused": report["refused_rows"],
        "wall_s": round(wall, 1),
        "cpu_s": round(used.ru_utime + used.ru_stime, 1),
        "peak_mb": round(used.ru_maxrss * unit / 1e6),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure a dry run of many rows of events.")
    parser.add_argument("--rows", type=int, default=GOAL_ROWS)
    parser.add_argument("--items", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="folder for the files, kept for another run")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "events.csv").exists():
            write_rows(folder, options.rows, options.items, options.seed)
        found = measure(folder)
    print(", ".join(f"{name} {value:,}" for name, value in found.items()), f"; {platform.machine()}")
    met = found["wall_s"] <= GOAL_S and found["peak_mb"] * 1e6 <= GOAL_BYTES
    print(f"goal {GOAL_S:g} s and {GOAL_BYTES / 1e6:,.0f} MB: {'met' if met else 'missed'}")
    return 0 if met or options.rows != GOAL_ROWS else 1


if __name__ == "__main__":
    sys.exit(main())
