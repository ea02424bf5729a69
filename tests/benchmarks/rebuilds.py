"""Rebuilds of this checkout beside another one's: what they take, and how well their snapshots rank.

    git worktree add ../before COMMIT
    python -m tests.benchmarks.rebuilds --before ../before --data DIR [--times 5] [--repeats] [--texts-anew]

Each user's last item is held out (`tests.benchmarks.holdout`), and both rebuild from the rest in turns, each with a
cache of its own. A first rebuild of each fills it and is not counted; with `--texts-anew` its texts are emptied before
every turn. Processor time is that of the command on one thread, a ratio that of one turn; printed are the medians, and
the middle 95 % of medians of turns drawn anew. Both are then asked for lists, once: the difference of NDCG@10 is
paired, and its interval draws users anew.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import tempfile
from collections import defaultdict
from pathlib import Path

import numpy as np

from endcap_rebuild.base_encoders import ensure_encoder
from endcap_rebuild.metrics.bootstrap import interval
from endcap_rebuild.metrics.ranking import ndcg_at_k
from endcap_rebuild.settings import RebuildSettings, cache_folder
from tests.benchmarks.checkouts import NOW, endcap, middle
from tests.benchmarks.holdout import hold_out, lists_of, ranks_of


def processor_s(checkout: Path, cache: Path, *arguments: str) -> float:
    """Seconds of processor time of a checkout's command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    endcap(checkout, *arguments, environment={"ENDCAP_CACHE": str(cache)})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)


def main() -> None:
    """Measure, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path, required=True, help="a checkout of the commit to compare with")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--times", type=int, default=5, help="turns that are counted; 0: lists alone are compared")
    parser.add_argument("--repeats", action="store_true", help="items that a user has had before are asked for, too")
    parser.add_argument("--texts-anew", action="store_true", help="begin each turn without vectors of texts")
    parser.add_argument("--encoder", default=RebuildSettings.encoder)
    parser.add_argument("--budget", default=RebuildSettings.budget)
    parser.add_argument("--min-length", type=int, default=5, help="events of a user who is asked")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    checkouts = {"before": options.before.resolve(), "now": NOW}
    took: dict[str, list[float]] = defaultdict(list)
    gains: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="endcap-rebuilds-") as scratch:
        source = Path(scratch) / "data"
        source.mkdir()
        targets = hold_out(options.data, source, options.min_length, options.repeats)
        caches = {name: Path(scratch) / f"cache-{name}" for name in checkouts}
        for cache in caches.values():
            give_encoders(cache)

        def rebuilt(name: str) -> float:
            out = Path(scratch) / name
            shutil.rmtree(out, ignore_errors=True)
            how = ("--encoder", options.encoder, "--budget", options.budget, "--seed", "0")
            return processor_s(checkouts[name], caches[name], "rebuild", "--data", str(source), "--out", str(out), *how)

        for name, checkout in checkouts.items():
            rebuilt(name)
            lists = Path(scratch) / f"{name}.csv.gz"
            asked = (
                "--snapshot",
                str(Path(scratch) / name),
                "--events",
                str(source),
                "--users",
                str(source / "users.csv"),
            )
            seen = ("--include-seen",) if options.repeats else ()
            processor_s(checkout, caches[name], "batch-recommend", *asked, "--out", str(lists), *seen)
            gains[name] = [ndcg_at_k([rank], 10) for rank in ranks_of(lists_of(lists, targets), targets)]
        for turn in range(options.times):
            for name in ("before", "now") if turn % 2 else ("now", "before"):
                if options.texts_anew:
                    shutil.rmtree(caches[name] / "texts", ignore_errors=True)
                took[name].append(rebuilt(name))
    difference = np.asarray(gains["now"]) - np.asarray(gains["before"])
    low, high = interval(difference, np.arange(len(difference)))
    before, now = (float(np.mean(gains[name])) for name in ("before", "now"))
    print(
        f"{options.data.name}: {len(targets)} users, NDCG@10 before {before:.4f}, now {now:.4f}, "
        f"{difference.mean():+.4f} (95 % {low:+.4f} to {high:+.4f})"
    )
    if took:
        ratio = middle([now_s / before_s for before_s, now_s in zip(took["before"], took["now"], strict=True)])
        texts = "encoded anew" if options.texts_anew else "encoded before"
        print(
            f"processor time of a rebuild, texts {texts}: before {np.median(took['before']):.0f} s, "
            f"now {np.median(took['now']):.0f} s, ratio {ratio[0]:.2f} ({ratio[1]:.2f} to {ratio[2]:.2f})"
        )
    if options.json:
        options.json.write_text(json.dumps({"gains": gains, "seconds": took}, indent=1), encoding="utf-8")


def give_encoders(cache: Path) -> None:
    """Put the packaged encoders into a new cache, so that no checkout builds them."""
    for name in ("english", "multilingual"):
        ensure_encoder(name)
    cache.mkdir(parents=True)
    shutil.copytree(cache_folder() / "encoders", cache / "encoders")


if __name__ == "__main__":
    main()
