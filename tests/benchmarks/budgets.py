"""Is a rebuild with `--budget full` better than one with `fast`? On small cuts of data sets, each rebuilt both ways.

    python -m tests.benchmarks.budgets --data-root DIR --set NAME --protocol NAME --seed N [--seed N]...

Cuts and questions are those of `tests.benchmarks.small_shops`. Differences of NDCG@10 are paired by question, and their
intervals draw users anew, over all cuts those of each cut. `full` needs torch.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from endcap.arrays import F64
from endcap_rebuild.metrics.bootstrap import interval
from tests.benchmarks.small_shops import PROTOCOLS, SETS, judge


def main() -> None:
    """Rebuild each cut both ways, and print a row for it and one for all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", type=Path, required=True)
    parser.add_argument("--set", required=True, choices=SETS)
    parser.add_argument("--protocol", required=True, choices=PROTOCOLS)
    parser.add_argument("--seed", type=int, action="append", required=True)
    parser.add_argument("--encoder", default="multilingual")
    options = parser.parse_args()
    fast_gains: list[F64] = []
    full_gains: list[F64] = []
    askers: list[F64] = []
    print("| set, protocol, seed | fast | full | difference (95 %) | processor time: fast, full |")
    print("| --- | --- | --- | --- | --- |", flush=True)
    for seed in options.seed:
        fast, full = (
            judge(options.data_root, options.set, options.protocol, seed, options.encoder, budget)
            for budget in ("fast", "full")
        )
        fast_gains.append(fast.gains["endcap"])
        full_gains.append(full.gains["endcap"])
        askers.append(fast.users)
        print(
            f"| {options.set} {options.protocol} {seed} | "
            f"{_difference(fast_gains[-1:], full_gains[-1:], askers[-1:])} | "
            f"{fast.seconds:.0f}, {full.seconds:.0f} s |",
            flush=True,
        )
    print(f"| all | {_difference(fast_gains, full_gains, askers)} | |")


def _difference(fast: list[F64], full: list[F64], askers: list[F64]) -> str:
    users = np.concatenate([1_000_000 * cut + own.astype(np.int64) for cut, own in enumerate(askers)])
    before, after = np.concatenate(fast), np.concatenate(full)
    low, high = interval(after - before, users)
    was, more = before.mean(), (after - before).mean()
    return f"{was:.4f} | {was + more:.4f} | {more / was:+.1%}: {more:+.4f} ({low:+.4f} to {high:+.4f})"


if __name__ == "__main__":
    main()
