"""What the gate finds of the text encoders that suit a shop: python -m tests.benchmarks.encoder_gate --data NAME...

Only the gate runs, no rebuild: `endcap rebuild --encoder auto` asks the same questions.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

from endcap_rebuild.encoder_choice.choosing import choose_encoder
from endcap_rebuild.settings import RebuildSettings, no_progress
from endcap_rebuild.shop import read_shop

SHARED = Path(os.environ.get("ENDCAP_SHARED_DATA", "../shared/data"))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", nargs="+", default=["amazon-beauty", "amazon-scientific", "movielens-small"])
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    for name in chosen.data:
        folder = Path(name) if Path(name).is_dir() else SHARED / name
        shop = read_shop(folder, int(time.time() * 1000), chosen.seed, {})
        started = time.monotonic()
        loaded = choose_encoder(RebuildSettings(folder, Path(os.devnull), seed=chosen.seed), shop, no_progress)
        print(f"{folder.name}: {loaded.encoder.config.name} ({loaded.choice['reason']}), ", end="")
        print(f"{time.monotonic() - started:.0f} s")
        report(loaded.choice)


def report(choice: Any) -> None:
    """Print figures and comparisons."""
    for row in choice.get("measured", ()):
        parts = [row[part] for part in ("cold_items", "search") if part in row]
        figures = "  ".join(f"{p['ndcg_at_10']:.4f} / {p['recall_at_10']:.4f} ({p['questions']})" for p in parts)
        print(f"  {row['name']:<38} {figures}")
    for row in choice.get("compared", ()):
        for part, (mean, low, high) in row["differences"].items():
            print(f"    {row['name']}, {part}: {mean:+.4f} [{low:+.4f}, {high:+.4f}]")
        print(f"    together {100 * row['relative']:+.1f} %: {'wins' if row['wins'] else 'does not win'}")


if __name__ == "__main__":
    main()
