"""Measures text encoders: python -m tests.benchmarks.probes [--json FILE] [FOLDER...]

Without a folder, both base encoders are measured (built first if need be). Search quality on both probe sets, then
size, load time and encode latency on one thread.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from endcap.encoders.text import MODEL_FILE, TOKENIZER_FILE, TextEncoder
from endcap_rebuild.base_encoders import ensure_encoder
from endcap_rebuild.base_encoders.recipes import RECIPES
from tests.benchmarks.probes import PARTS, load_probes, score_encoder

TOKENS = (8, 32)
RUNS = 200
LOADS = 5


def measure(folder: Path) -> dict[str, Any]:
    """Everything that is printed about one encoder."""
    TextEncoder.from_dir(folder)  # imports onnxruntime and tokenizers, so it isn't timed
    loads = timed(lambda: TextEncoder.from_dir(folder), LOADS)  # none is kept, so each is made anew
    encoder = TextEncoder.from_dir(folder)
    row: dict[str, Any] = {
        "encoder": encoder.config.name,
        "d_text": encoder.d_text,
        "graph_mb": (folder / MODEL_FILE).stat().st_size / 1e6,
        "tokenizer_mb": (folder / TOKENIZER_FILE).stat().st_size / 1e6,
        "load_ms": loads,
        "encode_ms": {str(n): latency(encoder, n) for n in TOKENS},
    }
    for part in PARTS:
        row[part] = {k: asdict(v) for k, v in score_encoder(encoder.encode_many, load_probes(part)).items()}
    return row


def latency(encoder: TextEncoder, n_tokens: int) -> dict[str, float]:
    """Times of encoding a text of exactly n_tokens tokens, prefix and special tokens included."""
    text = "tea"
    while encoder.count_tokens(text) < n_tokens:
        text += " tea"
    return timed(lambda: encoder.encode(text), RUNS)


def timed(call: Callable[[], object], runs: int) -> dict[str, float]:
    """Milliseconds: wall min and p50, and p50 of the thread's CPU time, which other jobs disturb less."""
    wall, cpu = [], []
    for _ in range(runs):
        start, start_cpu = time.perf_counter(), time.thread_time()
        call()
        wall.append(1e3 * (time.perf_counter() - start))
        cpu.append(1e3 * (time.thread_time() - start_cpu))
    return {"min": min(wall), "p50": float(np.median(wall)), "cpu": float(np.median(cpu))}


def print_tables(rows: list[dict[str, Any]]) -> None:
    for part in PARTS:
        print(f"\n{part}: {len(load_probes(part))} items and queries, top-1 % / MRR")
        names = list(rows[0][part])
        print(f"{'encoder':<34}" + "".join(f"{name:>12}" for name in names))
        for row in rows:
            scores = (row[part][name] for name in names)
            print(
                f"{row['encoder']:<34}" + "".join(f"{100 * s['top1']:.0f} / {s['mrr']:.2f}".rjust(12) for s in scores)
            )
    print("\none thread, milliseconds: wall min / wall p50 / CPU p50")
    columns = ["d_text", "graph MB", "tok. MB", "load", *(f"{n} tokens" for n in TOKENS)]
    print(f"{'encoder':<34}{columns[0]:>7}{columns[1]:>9}{columns[2]:>8}" + "".join(f"{c:>23}" for c in columns[3:]))
    for row in rows:
        times = [row["load_ms"], *(row["encode_ms"][str(n)] for n in TOKENS)]
        cells = "".join(f"{t['min']:.1f} / {t['p50']:.1f} / {t['cpu']:.1f}".rjust(23) for t in times)
        sizes = f"{row['d_text']:>7}{row['graph_mb']:>9.1f}{row['tokenizer_mb']:>8.1f}"
        print(f"{row['encoder']:<34}{sizes}{cells}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.probes", description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path, help="encoders to measure instead of the base ones")
    parser.add_argument("--json", type=Path, help="also write the numbers to this file")
    arguments = parser.parse_args()
    rows = [measure(folder) for folder in arguments.folders or [ensure_encoder(name) for name in RECIPES]]
    print_tables(rows)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
