"""What each step of the encoders costs or brings: python -m tests.benchmarks.probes.widths

For each base encoder, top-1 % over both probe sets together: the float32 encoder as it comes, then projected to each
width, then the shipped int8 file; and the cosine of the int8 vectors to their float32 twins.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from endcap.arrays import F32
from endcap.encoders.text import TextEncoder
from endcap_rebuild.base_encoders import ensure_encoder
from endcap_rebuild.base_encoders.fit import fit_projection, fit_vectors, read_source, run_float32
from endcap_rebuild.base_encoders.recipes import RECIPES
from tests.benchmarks.probes import DIRECTIONS, PARTS, load_probes, score_encoder

WIDTHS = (384, 256, 192, 160, 128, 96, 64)


def projected(vectors: F32, rows: F32) -> F32:
    """Unit vectors after a projection as fit_projection writes it."""
    values = (vectors - rows[0]) @ rows[1:].T
    units: F32 = values / np.linalg.norm(values, axis=1, keepdims=True)
    return units


def pooled(encode: Callable[[Sequence[str]], F32]) -> dict[str, float]:
    """Top-1 % by direction over all queries of both parts."""
    parts = [(len(load_probes(part)), score_encoder(encode, load_probes(part))) for part in PARTS]
    total = sum(n for n, _ in parts)
    return {name: 100 * sum(n * scores[name].top1 for n, scores in parts) / total for name in DIRECTIONS}


def main() -> None:
    for name, recipe in RECIPES.items():
        directions = list(DIRECTIONS) if name == "multilingual" else ["en>en"]
        source = read_source(name)
        fitted = fit_vectors(name, source)
        probes = [probe for part in PARTS for probe in load_probes(part)]
        texts = [text for p in probes for text in (p.en, p.zh, p.query_en, p.query_zh)]
        row_of = {text: i for i, text in enumerate(texts)}
        raw = run_float32(source, recipe, texts)[0]

        def rows_of(vectors: F32, batch: Sequence[str], row_of: dict[str, int] = row_of) -> F32:
            chosen: F32 = vectors[[row_of[text] for text in batch]]
            return chosen

        def show(label: str, encode: Callable[[Sequence[str]], F32], shown: list[str] = directions) -> None:
            scores = pooled(encode)
            cells = "".join(f"{scores[d]:>9.1f}" for d in shown)
            print(f"{label:<22}{cells}{np.mean([scores[d] for d in shown]):>9.1f}")

        print(f"\n{name}\n{'':<22}" + "".join(f"{d:>9}" for d in [*directions, "mean"]))
        show("float32, as it comes", partial(rows_of, raw))
        for width in WIDTHS:
            rows = fit_projection(fitted.titles, fitted.wishes, width).astype(np.float32)
            show(f"float32, d_text {width}", partial(rows_of, projected(raw, rows)))
        encoder = TextEncoder.from_dir(ensure_encoder(name))
        show(f"int8, d_text {encoder.d_text}", encoder.encode_many)
        rows = fit_projection(fitted.titles, fitted.wishes, encoder.d_text).astype(np.float32)
        some = texts if name == "multilingual" else [t for p in probes for t in (p.en, p.query_en)]
        cosines = np.sum(encoder.encode_many(some) * rows_of(projected(raw, rows), some), axis=1)
        print(f"cosine of int8 to float32 over {len(some)} texts: mean {cosines.mean():.4f}, least {cosines.min():.4f}")


if __name__ == "__main__":
    main()
