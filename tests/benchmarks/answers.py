"""Answers of this checkout beside another one's: `endcap bench serve` of both in turns, and the ratios.

    git worktree add ../before COMMIT
    python -m tests.benchmarks.answers --before ../before [--times 20] [--items 10000] [--requests 60]

Each checkout makes a random catalogue of its own code first, with equal seeds. What is compared is the processor time
of a thread, the median of the requests of one turn; a ratio is this checkout's over the other's in the same turn.
Printed are the medians of both, of the ratios, and the middle 95 % of medians of turns drawn anew.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import defaultdict
from pathlib import Path

import numpy as np

from tests.benchmarks.checkouts import NOW, endcap, middle, run_python

KINDS = ("handler_known", "handler_unexplained", "handler_unknown", "rerank_100", "filtered", "search")
_CATALOGUE = """
import sys
from pathlib import Path
from endcap_local.bench.shops import random_snapshot
from endcap_rebuild.base_encoders import ensure_encoder
folder = Path(sys.argv[1])
folder.mkdir()
random_snapshot(folder, int(sys.argv[2]), encoder=ensure_encoder("english"))
"""


def answers(checkout: Path, snapshot: Path, requests: int, out: Path) -> dict[str, float]:
    """Milliseconds of processor time for each kind of request."""
    endcap(
        checkout,
        "bench",
        "serve",
        "--snapshot",
        str(snapshot),
        "--requests",
        str(requests),
        "--memory-requests",
        "0",
        "--no-peer",
        "--json",
        str(out),
    )
    (found,) = json.loads(out.read_text(encoding="utf-8"))["catalogues"]
    return {kind: found[kind]["cpu_p50_ms"] for kind in KINDS if kind in found}


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path, required=True, help="a checkout of the commit to compare with")
    parser.add_argument("--times", type=int, default=20, help="turns")
    parser.add_argument("--items", type=int, default=10_000, help="of the catalogue")
    parser.add_argument("--requests", type=int, default=60, help="of each kind in each turn")
    options = parser.parse_args()
    checkouts = {"before": options.before.resolve(), "now": NOW}
    took: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    with tempfile.TemporaryDirectory(prefix="endcap-answers-") as folder:
        snapshots = {name: Path(folder) / name for name in checkouts}
        for name, checkout in checkouts.items():
            run_python(checkout, _CATALOGUE, str(snapshots[name]), str(options.items))
        for turn in range(options.times):
            for name in ("before", "now") if turn % 2 else ("now", "before"):
                found = answers(checkouts[name], snapshots[name], options.requests, Path(folder) / "report.json")
                for kind, ms in found.items():
                    took[kind][name].append(ms)
    print("| kind | processor time, ms: before | now | ratio (95 %) |")
    print("| --- | --- | --- | --- |")
    for kind in KINDS:
        if took[kind].keys() == checkouts.keys():
            ratio = middle([now / before for before, now in zip(took[kind]["before"], took[kind]["now"], strict=True)])
            before, now = (np.median(took[kind][name]) for name in ("before", "now"))
            print("| {} | {:.2f} | {:.2f} | {:.2f} ({:.2f} to {:.2f}) |".format(kind, before, now, *ratio))


if __name__ == "__main__":
    main()
