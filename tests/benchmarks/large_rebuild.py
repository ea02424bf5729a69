"""How long a rebuild takes for a shop of a stated size, made up from clusters of items that shoppers stay in.

    python -m tests.benchmarks.large_rebuild [--items 17000] [--events 450000] [--budget full] [--seed 0]

It says nothing about quality: it is there for the time, the memory and the size of what comes out.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import tempfile
import time
from pathlib import Path
from typing import Final

import numpy as np

from endcap_rebuild.job import rebuild
from endcap_rebuild.settings import RebuildSettings, cache_folder

# fmt: off
KINDS: Final = [
    "kettle", "mug", "bowl", "plate", "lamp", "candle", "vase", "cushion", "blanket", "towel", "basket", "clock",
    "mirror", "frame", "shelf", "stool", "tray", "jug", "teapot", "notebook", "pen", "ruler", "backpack", "wallet",
    "scarf", "glove", "hat", "sock", "shirt", "jacket", "trouser", "dress", "sandal", "boot", "ring", "bracelet",
]
LOOKS: Final = [
    "red", "blue", "green", "white", "black", "grey", "golden", "silver", "small", "large", "tall", "round",
    "square", "soft", "light", "heavy", "classic", "modern", "rustic", "vintage", "floral", "striped", "plain",
    "ceramic", "wooden", "cotton", "linen", "steel", "glass", "leather", "bamboo", "recycled", "foldable",
    "portable",
]
USES: Final = [
    "kitchen", "bathroom", "garden", "office", "travel", "picnic", "bedroom", "nursery", "party", "wedding",
    "winter", "summer", "everyday", "gift", "camping", "reading", "cooking", "baking", "storage", "hiking", "school",
]
# fmt: on
EVENTS_PER_USER: Final = 10
STAY: Final = 0.85  # share of steps that stay within a cluster
CLUSTER: Final = 40
DAYS: Final = 3 * 365
END_S: Final = 1_760_000_000


def write_shop(folder: Path, n_items: int, n_events: int, seed: int) -> None:
    """Write items.jsonl and events.csv."""
    chance = np.random.default_rng(seed)
    clusters = np.arange(n_items) // CLUSTER
    with (folder / "items.jsonl").open("w", encoding="utf-8") as file:
        for item, cluster in enumerate(clusters.tolist()):
            kind, use = KINDS[cluster % len(KINDS)], USES[cluster // len(KINDS) % len(USES)]
            looks = " ".join(chance.choice(LOOKS, 4, replace=False).tolist())
            row = {
                "item_id": f"i{item:06d}",
                "title": f"{looks} {kind} for {use} no {item}",
                "categories": [use, kind],
                "brand": f"brand {cluster % 97}",
                "price": round(float(chance.lognormal(3, 0.6)), 2),
            }
            file.write(json.dumps(row) + "\n")
    n_users = n_events // EVENTS_PER_USER
    rank = chance.zipf(1.3, n_events) % CLUSTER
    cluster_of = chance.integers(clusters[-1] + 1, size=n_events)
    stays = chance.random(n_events) < STAY
    times = np.sort(chance.integers(DAYS * 86_400, size=(n_users, EVENTS_PER_USER)), axis=1) + END_S - DAYS * 86_400
    with (folder / "events.csv").open("w", encoding="utf-8") as file:
        file.write("user_id,item_id,event_type,value,timestamp\n")
        for user in range(n_users):
            cluster = int(cluster_of[user * EVENTS_PER_USER])
            for step in range(EVENTS_PER_USER):
                row = user * EVENTS_PER_USER + step
                cluster = cluster if stays[row] else int(cluster_of[row])
                item = min(cluster * CLUSTER + int(rank[row]), n_items - 1)
                file.write(f"u{user},i{item:06d},purchase,,{times[user, step]}\n")


def main() -> None:
    """Make the shop up, rebuild, print one line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=17_000)
    parser.add_argument("--events", type=int, default=450_000)
    parser.add_argument("--budget", default="full", choices=("fast", "full"))
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="endcap-large-") as scratch:
        folder = Path(scratch)
        write_shop(folder, args.items, args.events, args.seed)
        wall, cpu = time.monotonic(), time.process_time()
        cache = folder / "cache"  # texts are encoded anew; the base encoders are not part of a rebuild
        cache.mkdir()
        (cache_folder() / "encoders").mkdir(parents=True, exist_ok=True)
        (cache / "encoders").symlink_to(cache_folder() / "encoders")
        settings = RebuildSettings(folder, folder / "snapshot", budget=args.budget, seed=args.seed, cache=cache)
        manifest = rebuild(settings)
        wall, cpu = time.monotonic() - wall, time.process_time() - cpu
    size = sum(file["bytes"] for name, file in manifest["files"].items() if not name.startswith(("text_enc", "token")))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{args.items} items, {args.events} events, {args.budget}: {wall:.0f} s, {cpu:.0f} s of CPU time, "
        f"{memory:.0f} MiB at most, snapshot {size / 1e6:.1f} MB without the text encoder; "
        f"{platform.machine()}, Python {platform.python_version()}"
    )


if __name__ == "__main__":
    main()
