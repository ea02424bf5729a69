"""What the gate finds of the text encoders that suit a shop: python -m tests.benchmarks.encoder_gate --data NAME...

Only the gate runs, and the training of a student where one is asked for, no rebuild: `endcap rebuild` asks the same
questions with `--encoder auto` and `--student`.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

from endcap_rebuild.data.dataset import read_shop
from endcap_rebuild.language.enrich import queries_of
from endcap_rebuild.settings import RebuildSettings, no_progress
from endcap_rebuild.text_encoder.choose import choose_encoder

SHARED = Path(os.environ.get("ENDCAP_SHARED_DATA", "../shared/data"))
TOLD = ("teacher_steps", "teacher_loss", "student_steps", "student_loss", "pieces", "int8_cosine", "bytes")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", nargs="+", default=["amazon-beauty", "amazon-scientific", "movielens-small"])
    parser.add_argument("--encoder", default="auto")
    parser.add_argument("--student", action="store_true")
    parser.add_argument("--teacher", default="")
    parser.add_argument("--enrichment", type=Path, help="queries of a writer, for the student to learn from")
    parser.add_argument("--work", type=Path, help="keep finished steps here, to resume after a stop")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    for name in chosen.data:
        folder = Path(name) if Path(name).is_dir() else SHARED / name
        shop = read_shop(folder, int(time.time() * 1000), chosen.seed, {})
        started, worked = time.monotonic(), time.process_time()
        settings = RebuildSettings(
            folder,
            Path(os.devnull),
            encoder=chosen.encoder,
            seed=chosen.seed,
            student=chosen.student,
            teacher=chosen.teacher,
            work=chosen.work,
        )
        written = queries_of(chosen.enrichment, shop.items) if chosen.enrichment else ()
        loaded = choose_encoder(settings, shop, no_progress, written=written)
        print(f"{folder.name}: {loaded.encoder.config.name} ({loaded.choice.get('reason', 'named')}), ", end="")
        print(f"{time.monotonic() - started:.0f} s, {time.process_time() - worked:.0f} s of it on the processor")
        report(loaded.choice.get("measured", ()), loaded.choice.get("compared", ()))
        if student := loaded.choice.get("student"):
            print(f"  student {'' if student['shipped'] else 'not '}shipped: {student['reason']}")
            report(student.get("measured", ()), [student["compared"]] if "compared" in student else [])
            for part, found in student.get("generated_pairs", {}).get("parts", {}).items():
                print(f"  generated pairs, {part}: {found}")
            for label in TOLD if "training" in student else ():
                print(f"    {label} {student['training'][label]}")


def report(measured: Any, compared: Any) -> None:
    """Print figures and comparisons."""
    for row in measured:
        parts = [row[part] for part in ("cold_items", "search") if part in row]
        figures = "  ".join(f"{p['ndcg_at_10']:.4f} / {p['recall_at_10']:.4f} ({p['questions']})" for p in parts)
        print(f"  {row['name']:<38} {figures}")
    for row in compared:
        for part, (mean, low, high) in row["differences"].items():
            print(f"    {row['name']}, {part}: {mean:+.4f} [{low:+.4f}, {high:+.4f}]")
        print(f"    together {100 * row['relative']:+.1f} %: {'wins' if row['wins'] else 'does not win'}")


if __name__ == "__main__":
    main()
