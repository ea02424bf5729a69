"""Cold starts of this checkout beside another one's: `endcap bench cold-start` of both in turns, and the ratios.

    git worktree add ../before COMMIT
    python -m tests.benchmarks.cold_starts --before ../before [--times 20] [--function recommend ...] [--snapshot DIR]

Each checkout makes a snapshot of its own bundled data first, as an older one can't read what a newer one writes, unless
one is given that both can read. A
ratio is this checkout's figure over the other's in the same turn; printed are the medians, and the middle 95 % of
medians of turns drawn anew.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.checkouts import NOW, endcap, middle

FUNCTIONS = ("collect", "update_profile", "recommend", "manage_items", "manage_users", "embed_item")
"""Those that the first versions had, too."""


def starts(checkout: Path, snapshot: Path, functions: list[str], out: Path) -> dict[str, dict[str, float]]:
    """Milliseconds of the starts of each function: processor time, and by the clock."""
    named = [word for function in functions for word in ("--function", function)]
    endcap(checkout, "bench", "cold-start", "--snapshot", str(snapshot), "--runs", "1", "--json", str(out), *named)
    found: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    return {
        row["function"]: {"cpu": row["total"]["cpu_p50_ms"], "clock": row["total"]["p50_ms"]}
        for row in found["functions"]
    }


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path, required=True, help="a checkout of the commit to compare with")
    parser.add_argument("--times", type=int, default=20, help="turns")
    parser.add_argument("--function", action="append", help=f"default: {', '.join(FUNCTIONS)}")
    parser.add_argument("--snapshot", type=Path, help="that both read, in place of one that each makes")
    options = parser.parse_args()
    functions = options.function or list(FUNCTIONS)
    checkouts = {"before": options.before.resolve(), "now": NOW}
    took: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    with tempfile.TemporaryDirectory(prefix="endcap-starts-") as folder:
        snapshots = {name: Path(folder) / name for name in checkouts}
        if options.snapshot:
            snapshots = dict.fromkeys(checkouts, options.snapshot.resolve())
        for name, checkout in checkouts.items() if not options.snapshot else ():
            data = checkout / "infra/local/endcap_local/demo_data"
            endcap(checkout, "rebuild", "--data", str(data), "--out", str(snapshots[name]))
        for turn in range(options.times):
            for name in ("before", "now") if turn % 2 else ("now", "before"):
                found = starts(checkouts[name], snapshots[name], functions, Path(folder) / "report.json")
                for function, figures in found.items():
                    for kind, ms in figures.items():
                        took[function, kind][name].append(ms)
    print("| function | processor time, ms: before | now | ratio (95 %) | by the clock: ratio (95 %) |")
    print("| --- | --- | --- | --- | --- |")
    for function in functions:
        ratios = {}
        for kind in ("cpu", "clock"):
            pairs = zip(took[function, kind]["before"], took[function, kind]["now"], strict=True)
            ratios[kind] = "{:.2f} ({:.2f} to {:.2f})".format(*middle([now / before for before, now in pairs]))
        before, now = (np.median(took[function, "cpu"][name]) for name in ("before", "now"))
        print(f"| {function} | {before:.0f} | {now:.0f} | {ratios['cpu']} | {ratios['clock']} |")


if __name__ == "__main__":
    main()
