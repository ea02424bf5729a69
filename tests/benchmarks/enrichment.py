"""What a writer makes of a small shop, and what the gate says of it.

    python -m tests.benchmarks.enrichment SHOP --model MODEL.gguf [--encoder multilingual] [--facts FACTS.csv]
        [--seeds 0 1 2]
    python -m tests.benchmarks.enrichment SHOP --labelled FACTS.csv

SHOP is a folder as `tests.benchmarks.cut` makes them; what is written lies in SHOP/enrichment, and a run that was
stopped goes on. FACTS.csv gets 200 phrases, drawn from those that were kept and those that were thrown away, with the
title of their item. Whoever reads them writes into the column `label` whether the title says so (`said`), it is a fair
guess from it (`likely`), or the title says nothing of the kind (`absent`). Each seed hides other items and halves other
shoppers; a rebuild has the first.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import time
from collections import Counter
from pathlib import Path

from endcap.describing.prompt import SMALL
from endcap.text.mentions import mentions
from endcap_rebuild.data.dataset import Shop, read_shop
from endcap_rebuild.data.options import ReadOptions
from endcap_rebuild.data.reading import read_items
from endcap_rebuild.data.report import ReadReport
from endcap_rebuild.language.enrich import EnrichSettings, enrich, facts_of, queries_of
from endcap_rebuild.language.gguf import GgufWriter
from endcap_rebuild.language.step import DESCRIBED_STEP, enrichment_key, report_of
from endcap_rebuild.settings import RebuildSettings, no_progress
from endcap_rebuild.steps.fast import FAST_STEPS, FastJob
from endcap_rebuild.steps.runner import run_steps
from endcap_rebuild.text.encoders import load_encoder

FACTS = 200
LABELS = ("said", "likely", "absent")


def gate(folder: Path, encoder: str, seed: int) -> dict[str, object]:
    """What the gate of a rebuild says."""
    settings = RebuildSettings(folder, folder / "none", encoder, seed=seed, enrichment=folder / "enrichment")
    shop: Shop = read_shop(folder, int(time.time() * 1000), settings.seed, {})
    job = FastJob(settings, shop, load_encoder(encoder, settings.cache), no_progress)
    reads = {name: getattr(settings, name) for name in ("seed", "dim", "max_cases", "target")}
    steps = (*FAST_STEPS[:2], DESCRIBED_STEP)
    outputs = run_steps(steps, job, reads | {"enrichment": enrichment_key(settings)}, shop.key, None, no_progress)
    return report_of(outputs["described"])


def draw(folder: Path, out: Path) -> None:
    """Phrases for somebody to label."""
    items = list(read_items(folder, ReadReport(), ReadOptions()))
    facts = sorted(facts_of(folder / "enrichment", items), key=lambda one: hashlib.sha256(repr(one).encode()).digest())
    with out.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["item_id", "title", "field", "phrase", "dropped", "label"])
        table.writerows([*fact, ""] for fact in facts[:FACTS])


def counted(labelled: Path) -> None:
    """Print the shares of the labels, of what was kept and of what was thrown away."""
    with labelled.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for name, chosen in (
        ("kept", [r for r in rows if not r["dropped"]]),
        ("dropped", [r for r in rows if r["dropped"]]),
    ):
        labels = Counter(row["label"] for row in chosen)
        shares = ", ".join(f"{label} {labels[label]} ({labels[label] / max(1, len(chosen)):.0%})" for label in LABELS)
        print(f"{name}: {len(chosen)} facts: {shares}")
        for field in sorted({row["field"] for row in chosen}):
            own = Counter(row["label"] for row in chosen if row["field"] == field)
            print(f"  {field}: " + ", ".join(f"{label} {own[label]}" for label in LABELS))


def overlaps(folder: Path) -> Counter[str]:
    """Searches that were made up, by the share of their words that their item's title has, in singular or plural."""
    items = list(read_items(folder, ReadReport(), ReadOptions()))
    found: Counter[str] = Counter()
    for query, row in queries_of(folder / "enrichment", items):
        words = query.split()
        share = sum(mentions(items[row].title, word) for word in words) / max(1, len(words))
        found["none" if not share else "up to half" if share <= 1 / 2 else "more" if share < 1 else "all"] += 1
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shop", type=Path)
    parser.add_argument("--model", type=Path, help="a GGUF file")
    parser.add_argument("--encoder", default="multilingual")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--facts", type=Path)
    parser.add_argument("--labelled", type=Path)
    chosen = parser.parse_args()
    if chosen.labelled:
        counted(chosen.labelled)
        return
    if chosen.model:
        started, worked = time.monotonic(), time.process_time()
        settings = EnrichSettings(chosen.shop, chosen.shop / "enrichment", prompt=SMALL)
        print(json.dumps(enrich(settings, GgufWriter(chosen.model)), indent=1))
        print(f"{time.monotonic() - started:.0f} s, {time.process_time() - worked:.0f} s of it on the processor")
    if chosen.facts:
        draw(chosen.shop, chosen.facts)
    print("words of the searches that the titles have:", dict(overlaps(chosen.shop)))
    for seed in chosen.seeds:
        print(f"seed {seed}:", json.dumps(gate(chosen.shop, chosen.encoder, seed), indent=1))


if __name__ == "__main__":
    main()
